//! `insightd dlq replay`: what can be read now goes through, once.
//!
//! Each letter that is fine is written to the partition it came from, together with its mark, in one transaction. What was marked is left
//! out, so a second replay writes nothing, and one that was killed goes on where it was: what it had not committed was never there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use insightd_core::cloudtrail::envelope::DecodeLimits;

use super::args::DlqReplayArgs;
use super::filter::Filter;
use super::text::print;
use super::verdict::{Fine, Verdict};
use super::{load, probe, replayed, unprobed, wall_clock_millis};
use crate::commands::ExitError;
use crate::config::Config;
use crate::config::decoding_limits;
use crate::kafka::dead_letters::{Reader, Writer, limits};
use crate::stream::dead_letter::{DeadLetter, DeadLetterId, DeadLetterSource};

/// Letters in one transaction.
const BATCH_LETTERS_MAX: u64 = 500;
/// Bytes in one transaction.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A transaction is committed after this part of `kafka.transaction_timeout`.
const BATCH_AGE_PART: u32 = 4;

/// Runs the command.
pub(super) fn run(args: &DlqReplayArgs) -> Result<(), ExitError> {
    let config = load(&args.filter.config)?;
    let topics: BTreeMap<String, usize> =
        probe(&config)?.topics.into_iter().map(|topic| (topic.name, topic.partitions)).collect();
    let millis = wall_clock_millis();
    let filter = Filter::new(&args.filter, millis);
    // The writer comes first: from then on nobody else replays, so what the reader sees of marks stays true.
    let writer = if args.dry_run { None } else { writer(&config, &topics)? };
    let reader = Reader::open(&config, filter.since)?;
    let now = millis.div_euclid(1000);
    let mut replay = Replay {
        config: &config,
        filter,
        limit: args.filter.limit.unwrap_or(u64::MAX),
        topics,
        decoding: decoding_limits(&config, now),
        horizon: now.saturating_sub_unsigned(config.input.dedup_horizon.as_secs()),
        replayed: replayed(&reader, &config.dlq.topic)?,
        writer: writer.as_ref(),
        batch: None,
        counts: Counts::default(),
    };
    let outcome = reader.read(&mut |letter| replay.take(letter)).and_then(|()| replay.commit());
    if outcome.is_err() {
        replay.abort();
    }
    let counts = replay.counts;
    print(&counts.report(&config, args.dry_run))?;
    outcome.map_err(|failure| ExitError {
        message: format!(
            "{}; what was committed is reported above, and running it again goes on from there",
            failure.message
        ),
        ..failure
    })
}

/// The writer for the input topic; none where no topic is read, and nothing can be replayed.
fn writer(config: &Config, topics: &BTreeMap<String, usize>) -> Result<Option<Writer>, ExitError> {
    let Some(input) = topics.keys().next() else { return Ok(None) };
    let limits = limits(config, input).map_err(|error| unprobed(config, error))?;
    Ok(Some(Writer::open(config, limits)?))
}

/// Why a letter that may be fine cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hindrance {
    Cut,
    Empty,
    NoOrigin,
    OtherTopic,
    NoPartition,
    TooLarge,
}

impl Hindrance {
    fn told(self) -> &'static str {
        match self {
            Self::Cut => "were cut to dlq.record_bytes_max or to what the topic takes: the original must be sent again",
            Self::Empty => "hold nothing of what failed",
            Self::NoOrigin => "do not say where they came from: not of this daemon",
            Self::OtherTopic => "came from a topic that input.topics does not name",
            Self::NoPartition => "came from a partition that the topic no longer has",
            Self::TooLarge => "are larger than the input topic takes (its max.message.bytes)",
        }
    }
}

/// The open transaction.
struct Batch {
    begun: Instant,
    bytes: usize,
    /// Counted once it is committed.
    sent: Sent,
}

impl Batch {
    fn is_full(&self, age_max: Duration) -> bool {
        self.sent.letters >= BATCH_LETTERS_MAX || self.bytes >= BATCH_BYTES_MAX || self.begun.elapsed() >= age_max
    }
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    letters: u64,
    records: u64,
    failing: u64,
    old: u64,
}

impl Sent {
    fn add(&mut self, more: Self) {
        self.letters += more.letters;
        self.records += more.records;
        self.failing += more.failing;
        self.old += more.old;
    }
}

struct Replay<'a> {
    config: &'a Config,
    filter: Filter,
    limit: u64,
    /// Input topics with their partitions.
    topics: BTreeMap<String, usize>,
    decoding: DecodeLimits,
    horizon: i64,
    replayed: BTreeSet<DeadLetterId>,
    /// None in a dry run.
    writer: Option<&'a Writer>,
    batch: Option<Batch>,
    counts: Counts,
}

impl Replay<'_> {
    fn take(&mut self, letter: &DeadLetter<'_>) -> Result<ControlFlow<()>, ExitError> {
        if letter.replays.is_some() || !self.filter.takes(letter) {
            return Ok(ControlFlow::Continue(()));
        }
        if self.replayed.contains(&letter.place) {
            self.counts.before += 1;
            return Ok(ControlFlow::Continue(()));
        }
        if self.limit == 0 {
            return Ok(ControlFlow::Break(()));
        }
        match Verdict::of(letter, &self.decoding, self.horizon) {
            Verdict::Fine(fine) => self.fine(letter, fine)?,
            Verdict::Fails(reason) => *self.counts.failing.entry(reason).or_default() += 1,
            Verdict::NoRecords => self.counts.no_records += 1,
            Verdict::Cut => self.counts.hinder(Hindrance::Cut),
            Verdict::Empty => self.counts.hinder(Hindrance::Empty),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn fine(&mut self, letter: &DeadLetter<'_>, fine: Fine) -> Result<(), ExitError> {
        let account = fine.account.to_string();
        // On a topic keyed by account, the record gets the key that the original had.
        let key = self.config.input.keyed_by_account.then_some(account.as_bytes());
        match self.way(letter, key) {
            Ok(origin) => {
                self.limit -= 1;
                let sent = Sent { letters: 1, records: fine.records, failing: fine.failing, old: fine.old };
                self.send(letter, &origin, key, sent)
            }
            Err(hindrance) => {
                self.counts.hinder(hindrance);
                Ok(())
            }
        }
    }

    fn send(
        &mut self,
        letter: &DeadLetter<'_>,
        origin: &DeadLetterSource<'_>,
        key: Option<&[u8]>,
        sent: Sent,
    ) -> Result<(), ExitError> {
        let Some(writer) = self.writer else {
            self.counts.sent.add(sent);
            return Ok(());
        };
        let batch = match &mut self.batch {
            Some(batch) => batch,
            none => {
                writer.begin()?;
                none.insert(Batch { begun: Instant::now(), bytes: 0, sent: Sent::default() })
            }
        };
        writer.replay(letter, origin, key)?;
        batch.bytes += letter.value.len();
        batch.sent.add(sent);
        if batch.is_full(self.config.kafka.transaction_timeout / BATCH_AGE_PART) {
            self.commit()?;
        }
        Ok(())
    }

    /// Where a letter goes: to the partition that it came from. What its key hashes to may be another one, as the original's producer may use
    /// another hash, and an account's records must stay together.
    fn way<'l>(&self, letter: &DeadLetter<'l>, key: Option<&[u8]>) -> Result<DeadLetterSource<'l>, Hindrance> {
        let origin = letter.origin.ok_or(Hindrance::NoOrigin)?;
        let partitions = *self.topics.get(origin.topic).ok_or(Hindrance::OtherTopic)?;
        if usize::try_from(origin.partition).map_or(true, |number| number >= partitions) {
            return Err(Hindrance::NoPartition);
        }
        match self.writer {
            Some(writer) if !writer.fits(letter, &origin, key) => Err(Hindrance::TooLarge),
            _ => Ok(origin),
        }
    }

    fn commit(&mut self) -> Result<(), ExitError> {
        if let (Some(batch), Some(writer)) = (&self.batch, self.writer) {
            writer.commit()?;
            self.counts.sent.add(batch.sent);
            self.batch = None;
        }
        Ok(())
    }

    fn abort(&mut self) {
        if let (Some(_), Some(writer)) = (self.batch.take(), self.writer) {
            writer.abort();
        }
    }
}

/// What became of the letters.
#[derive(Debug, Default)]
struct Counts {
    sent: Sent,
    /// Replayed by an earlier run.
    before: u64,
    failing: BTreeMap<&'static str, u64>,
    no_records: u64,
    hindered: BTreeMap<Hindrance, u64>,
}

impl Counts {
    fn hinder(&mut self, hindrance: Hindrance) {
        *self.hindered.entry(hindrance).or_default() += 1;
    }

    fn report(&self, config: &Config, dry_run: bool) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let mut line = |count: u64, told: &str| {
            let _ = writeln!(text, "{count:>9}  {told}");
        };
        let Sent { letters, records, failing, old } = self.sent;
        let would = if dry_run { "would be replayed" } else { "replayed" };
        line(letters, &format!("{would}: dead letters that are fine now, with {records} records"));
        line(self.before, "were replayed before, and are left out");
        for (reason, count) in &self.failing {
            line(*count, &format!("still fail: {reason}"));
        }
        if self.no_records > 0 {
            line(self.no_records, "hold no records by today's rules, so there is nothing to replay");
        }
        for (hindrance, count) in &self.hindered {
            line(*count, hindrance.told());
        }
        if failing > 0 {
            line(failing, "records beside those that are fine still fail: they become dead letters of their own");
        }
        if old > 0 {
            let horizon = humantime::format_duration(config.input.dedup_horizon);
            line(
                old,
                &format!(
                    "warning: records are older than input.dedup_horizon ({horizon}): the daemon counts them as too_late, unless \
                     nothing newer has come of their account and region"
                ),
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_everything_that_occurred_and_nothing_else() {
        let config = Config::default_config();
        let mut counts = Counts { before: 3, ..Counts::default() };
        let text = counts.report(&config, false);
        assert_eq!(text.lines().count(), 2, "{text}");
        counts.sent = Sent { letters: 2, records: 5, failing: 1, old: 4 };
        counts.failing.insert("not_json", 7);
        counts.no_records = 6;
        counts.hinder(Hindrance::Cut);
        let text = counts.report(&config, true);
        for said in [
            "2  would be replayed",
            "5 records",
            "3  were",
            "7  still fail: not_json",
            "6  hold no",
            "1  were cut",
            "4  warning",
            "3h",
        ] {
            assert!(text.contains(said), "{said}:\n{text}");
        }
        assert_eq!(text.lines().count(), 7, "{text}");
    }
}
