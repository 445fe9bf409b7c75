//! One payload in; counted outcomes, insights and dead-letter records out. `run` and `replay` drive the same
//! pipeline.
//!
//! Pure except for reading from a `Read`: no Kafka, no clock (wall time comes in as a value), no metrics, no
//! logging.

mod cutoff;
mod tally;

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use cutoff::Cutoff;
use hashbrown::HashSet;
pub use tally::{Outcome, Tally};

use crate::cloudtrail::envelope::{self, DecodeLimits, Sink};
use crate::cloudtrail::event::{AccountId, Category, Event};
use crate::cloudtrail::insight::{Insight, State};
use crate::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};
pub use crate::detect::Gauges;
pub use crate::detect::SeriesView;
use crate::detect::{BackfillResult, Detector, Settings, Verdict};
use crate::rules::{Action, Rules};

/// One record for the dead-letter topic.
#[derive(Clone, Debug)]
pub struct DeadLetterRecord<'a> {
    /// Why: a [`DecodeError`] or [`Limit`] label.
    pub reason: &'static str,
    /// What is wrong and where, for a human reader.
    pub detail: &'a str,
    /// Position among the records and fragments of the payload, from 0.
    pub record_index: u64,
    /// The damaged record alone, or the whole payload if nothing in it could be read. Not cut yet.
    pub raw: &'a [u8],
}

/// What a pipeline needs of the configuration.
#[derive(Clone, Debug)]
pub struct PipelineSettings {
    /// Bounds and knobs of detection.
    pub detect: Settings,
    /// Bounds of decoding. The latest event time is set anew for each payload, from the wall clock.
    pub decode: DecodeLimits,
    /// Seconds that an event time may lie ahead of the wall clock.
    pub future_max_s: i64,
}

/// Receives insights and dead-letter records, in order.
pub trait Output {
    /// An insight starts or ends.
    fn insight(&mut self, insight: Insight);
    /// A record cannot be used.
    fn dead_letter(&mut self, record: DeadLetterRecord<'_>);
}

/// Accounts whose first misrouted record is remembered, so that each is named once.
const MISROUTED_ACCOUNTS_MAX: usize = 10_000;

/// Decodes, counts and scores for one task: in `run` one input partition, in `replay` the whole input.
pub struct Pipeline {
    detector: Detector,
    limits: DecodeLimits,
    future_max_s: i64,
    misrouted: HashSet<AccountId>,
    rules: Arc<Rules>,
    tally: Tally,
    processed: Arc<AtomicU64>,
    /// For a backfill: which records belong to it.
    cutoff: Option<Cutoff>,
}

impl Pipeline {
    /// A pipeline without history.
    pub fn new(settings: impl Into<PipelineSettings>) -> Self {
        let PipelineSettings { detect, decode, future_max_s } = settings.into();
        Self {
            rules: Arc::clone(&detect.rules),
            detector: Detector::new(detect),
            limits: decode,
            future_max_s,
            misrouted: HashSet::new(),
            tally: Tally::default(),
            processed: Arc::default(),
            cutoff: None,
        }
    }

    /// A pipeline for the backfill of all accounts of an input with so many partitions.
    pub fn for_backfill(settings: impl Into<PipelineSettings>, partitions: usize, cutoff: Cutoff) -> Self {
        let mut settings = settings.into();
        settings.detect = settings.detect.times(partitions).for_backfill();
        Self { cutoff: Some(cutoff), ..Self::new(settings) }
    }

    /// Counts the records that it processes in a counter that it shares with others.
    #[must_use]
    pub fn counting(mut self, processed: &Arc<AtomicU64>) -> Self {
        self.processed = Arc::clone(processed);
        self
    }

    /// Records skipped because they belong to no backfill.
    pub fn skipped(&self) -> u64 {
        self.cutoff.as_ref().map_or(0, |cutoff| cutoff.skipped)
    }

    /// The counter of records processed so far, for a progress display.
    pub fn processed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.processed)
    }

    /// Processes one message. `key` is given only on a topic keyed by account: the message's key, or none if
    /// it has none; records of another account count as misrouted. `now` is the wall clock, seconds since
    /// 1970.
    pub fn payload(&mut self, payload: &[u8], key: Option<Option<&[u8]>>, now: i64, out: &mut dyn Output) {
        self.tally.payloads += 1;
        self.tally.payload_bytes += payload.len() as u64;
        self.limits.event_time_max = now.saturating_add(self.future_max_s);
        let limits = self.limits.clone();
        let mut intake = Intake { pipeline: self, out, live: Some(now), routed: key, index: 0 };
        envelope::decode_slice(payload, &limits, &mut intake);
        self.take_events();
    }

    /// Processes one file; `now` is the wall clock, seconds since 1970.
    ///
    /// # Errors
    /// Only those of reading.
    pub fn stream(&mut self, reader: &mut dyn Read, now: i64, out: &mut dyn Output) -> io::Result<()> {
        self.tally.payloads += 1;
        self.limits.event_time_max = now.saturating_add(self.future_max_s);
        let limits = self.limits.clone();
        let mut intake = Intake { pipeline: self, out, live: None, routed: None, index: 0 };
        let read = envelope::decode_stream(reader, &limits, &mut intake);
        self.take_events();
        read
    }

    /// Processes one file in several pipelines whose configurations differ only in the detector's knobs:
    /// decodes it once, and hands each record to each of them. `now` is the wall clock, seconds since 1970.
    ///
    /// # Errors
    /// Only those of reading.
    pub fn stream_to_all(runs: &mut [(Self, &mut dyn Output)], reader: &mut dyn Read, now: i64) -> io::Result<()> {
        let Some((first, _)) = runs.first() else { return Ok(()) };
        let mut limits = first.limits.clone();
        limits.event_time_max = now.saturating_add(first.future_max_s);
        let intake = |(pipeline, out)| Intake { pipeline, out, live: None, routed: None, index: 0 };
        let mut fork = Fork(Vec::with_capacity(runs.len()));
        for (pipeline, out) in runs.iter_mut() {
            pipeline.tally.payloads += 1;
            fork.0.push(intake((pipeline, &mut **out)));
        }
        let read = envelope::decode_stream(reader, &limits, &mut fork);
        runs.iter_mut().for_each(|(pipeline, _)| pipeline.take_events());
        read
    }

    /// Shows each series: [`Detector::each_series`].
    pub fn each_series(&self, show: &mut dyn FnMut(SeriesView<'_>)) {
        self.detector.each_series(show);
    }

    /// The task has reached the end of its partition at wall time `now` (seconds). Clocks idle for
    /// `input.idle_after` advance by the time that has passed (WM-2). Returns whether any clock advanced.
    pub fn caught_up(&mut self, now: i64, out: &mut dyn Output) -> bool {
        let Self { detector, tally, rules, .. } = self;
        detector.caught_up(now, &mut |insight| emit(tally, rules, out, insight))
    }

    /// Records what changes from now on, so that it can be saved and rolled back.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.detector.start_undo();
        self
    }

    /// Continues with a restored detector in place of its own, and records what changes from now on.
    pub fn adopt(&mut self, restored: Detector) {
        self.detector = restored;
        self.detector.start_undo();
    }

    /// Its detector.
    pub fn detector(&mut self) -> &mut Detector {
        &mut self.detector
    }

    /// Ends the files of a backfill.
    pub fn finish_backfill(&mut self) {
        self.detector.finish_backfill();
        self.take_events();
    }

    /// Counts a backfill that came from the backfill topic.
    pub fn add_backfill(&mut self, backfill: BackfillResult) {
        self.tally.backfills.push(backfill);
        self.take_events();
    }

    /// Ends the input of `replay`: applies what is quarantined, and brings every clock to the newest one of
    /// its account.
    pub fn finish(&mut self, out: &mut dyn Output) {
        let Self { detector, tally, rules, .. } = self;
        detector.finish(&mut |insight| emit(tally, rules, out, insight));
        self.take_events();
    }

    /// Takes the counts since the last call.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// What is live now.
    pub fn gauges(&self) -> Gauges {
        self.detector.gauges()
    }

    fn take_events(&mut self) {
        let events = self.detector.take_events();
        self.tally.late += events.late;
        self.tally.attributions_summarized += events.summarized;
        self.tally.dedup_shortened += events.dedup_shortened;
        self.tally.quarantine_overflow += events.quarantine_overflow;
        self.tally.principals_full += events.principals_full;
        self.detector.take_matches(&mut self.tally.rule_records);
    }

    fn note_route(&mut self, account: AccountId, key: Option<&[u8]>) {
        if key.and_then(|key| std::str::from_utf8(key).ok()).and_then(AccountId::parse) == Some(account) {
            return;
        }
        self.tally.misrouted += 1;
        if self.misrouted.len() < MISROUTED_ACCOUNTS_MAX && self.misrouted.insert(account) {
            self.tally.misrouted_accounts.push(account);
        }
    }
}

/// Receives what decoding finds in one payload, hands it to the detector and counts its outcome (CNT-1).
struct Intake<'a> {
    pipeline: &'a mut Pipeline,
    out: &'a mut dyn Output,
    /// Wall clock, when records arrive as they happen.
    live: Option<i64>,
    /// The message's key, on a topic keyed by account.
    routed: Option<Option<&'a [u8]>>,
    index: u64,
}

impl Intake<'_> {
    fn count(&mut self, envelope: Envelope, outcome: Outcome) {
        self.index += 1;
        self.pipeline.processed.fetch_add(1, Ordering::Relaxed);
        self.pipeline.tally.records[envelope as usize][outcome as usize] += 1;
    }

    fn dead_letter(&mut self, reason: &'static str, detail: &str, raw: &[u8]) {
        self.out.dead_letter(DeadLetterRecord { reason, detail, record_index: self.index, raw });
    }
}

impl Sink for Intake<'_> {
    fn event(&mut self, envelope: Envelope, event: &Event<'_>) {
        if self.pipeline.cutoff.as_mut().is_some_and(|cutoff| !cutoff.admits(event)) {
            self.index += 1;
            self.pipeline.processed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Pipeline { detector, tally, rules, .. } = &mut *self.pipeline;
        tally.read_only += u64::from(event.category == Category::Management && event.read_only == Some(true));
        tally.inferred += u64::from(event.inferred);
        if let Some(now) = self.live {
            tally.delays_s.push(u32::try_from((now - event.time).max(0)).unwrap_or(u32::MAX));
        }
        let out = &mut *self.out;
        let outcome = match detector.observe(event, self.live, &mut |insight| emit(tally, rules, out, insight)) {
            Verdict::Counted => Outcome::Counted,
            Verdict::Duplicate => Outcome::Duplicate,
            Verdict::OutOfScope | Verdict::Excluded => Outcome::OutOfScope,
            Verdict::TooLate => Outcome::TooLate,
            Verdict::Shed(limit) => {
                tally.shed[limit as usize] += 1;
                Outcome::Shed
            }
        };
        if let Some(key) = self.routed {
            self.pipeline.note_route(event.account, key);
        }
        self.count(envelope, outcome);
    }

    fn malformed(&mut self, envelope: Envelope, fault: DecodeError, detail: &str, raw: &[u8]) {
        self.dead_letter(fault.label(), detail, raw);
        self.pipeline.tally.malformed[fault as usize] += 1;
        self.count(envelope, Outcome::Malformed);
    }

    fn shed(&mut self, envelope: Envelope, limit: Limit, raw: &[u8]) {
        self.dead_letter(limit.label(), "a limit of the configuration was reached", raw);
        self.pipeline.tally.shed[limit as usize] += 1;
        self.count(envelope, Outcome::Shed);
    }

    fn skipped(&mut self, kind: Skipped) {
        self.pipeline.tally.skipped[kind as usize] += 1;
    }
}

/// Hands what decoding finds to several intakes.
struct Fork<'a>(Vec<Intake<'a>>);

impl Sink for Fork<'_> {
    fn event(&mut self, envelope: Envelope, event: &Event<'_>) {
        self.0.iter_mut().for_each(|intake| intake.event(envelope, event));
    }

    fn malformed(&mut self, envelope: Envelope, fault: DecodeError, detail: &str, raw: &[u8]) {
        self.0.iter_mut().for_each(|intake| intake.malformed(envelope, fault, detail, raw));
    }

    fn shed(&mut self, envelope: Envelope, limit: Limit, raw: &[u8]) {
        self.0.iter_mut().for_each(|intake| intake.shed(envelope, limit, raw));
    }

    fn skipped(&mut self, kind: Skipped) {
        self.0.iter_mut().for_each(|intake| intake.skipped(kind));
    }
}

/// Counts an insight and publishes it, unless a rule drops it.
fn emit(tally: &mut Tally, rules: &Rules, out: &mut dyn Output, insight: Insight) {
    if let Some(position) = insight.finding.rule {
        if insight.state == State::Start {
            tally.rule_insights.resize(rules.iter().len(), 0);
            tally.rule_insights[position as usize] += 1;
        }
        if rules.at(position).action == Action::Drop {
            return;
        }
    }
    tally.insights[insight.kind as usize][insight.state as usize] += 1;
    out.insight(insight);
}
