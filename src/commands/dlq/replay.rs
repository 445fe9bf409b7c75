//! `insightd dlq replay`: replays the dead-letter records that can be decoded now, each once.
//!
//! A dead-letter record is written to the partition it came from, together with its replay marker, in one
//! transaction. Dead-letter records with a marker are skipped. So a second replay writes nothing, and a
//! replay after a crash continues at the last committed transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use insightd_core::cloudtrail::envelope::DecodeLimits;

use super::args::DlqReplayArgs;
use super::filter::Filter;
use super::report::{Counts, Obstacle, Sent};
use super::verdict::{Decodable, Verdict};
use super::{probe, probe_failed, replayed};
use crate::commands::console::print;
use crate::commands::exit_error::ExitError;
use crate::commands::wall_clock;
use crate::config::{Config, decoding_limits};
use crate::kafka::dead_letters::{Reader, Writer, limits};
use crate::stream::dead_letter::{DeadLetter, DeadLetterId, DeadLetterSource};

/// Dead-letter records in one transaction.
const BATCH_RECORDS_MAX: u64 = 500;
/// Bytes in one transaction.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A transaction is committed after this part of `kafka.transaction_timeout`.
const BATCH_AGE_PART: u32 = 4;

/// Runs the command.
///
/// # Errors
/// Those of [`super::run`].
pub(crate) fn run(args: &DlqReplayArgs) -> Result<(), ExitError> {
    let config = Config::load(Some(&args.filter.config))?;
    let topics: BTreeMap<String, usize> =
        probe(&config)?.topics.into_iter().map(|topic| (topic.name, topic.partitions)).collect();
    let millis = wall_clock::millis();
    let filter = Filter::new(&args.filter, millis);
    // The writer comes first: it fences every other replay, so the markers that the reader sees are complete.
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
    let outcome = reader.read(&mut |dead_letter| replay.add(dead_letter)).and_then(|()| replay.commit());
    if outcome.is_err() {
        replay.abort();
    }
    let counts = replay.counts;
    print(&counts.report(&config, args.dry_run))?;
    outcome.map_err(|error| ExitError {
        message: format!(
            "{}; what was committed is reported above, and running it again goes on from there",
            error.message
        ),
        ..error
    })
}

/// The writer for the input topic; none if no input topic exists, so that nothing can be replayed.
fn writer(config: &Config, topics: &BTreeMap<String, usize>) -> Result<Option<Writer>, ExitError> {
    let Some(input) = topics.keys().next() else { return Ok(None) };
    let limits = limits(config, input).map_err(|error| probe_failed(config, error))?;
    Ok(Some(Writer::open(config, limits)?))
}

/// The open transaction.
struct Batch {
    began: Instant,
    bytes: usize,
    /// Added to the counts when the transaction commits.
    sent: Sent,
}

impl Batch {
    fn is_full(&self, age_max: Duration) -> bool {
        self.sent.dead_letters >= BATCH_RECORDS_MAX || self.bytes >= BATCH_BYTES_MAX || self.began.elapsed() >= age_max
    }
}

/// The replay while the topic is read.
struct Replay<'a> {
    config: &'a Config,
    filter: Filter,
    /// Dead-letter records that may still be sent.
    limit: u64,
    /// Input topics with their partitions.
    topics: BTreeMap<String, usize>,
    decoding: DecodeLimits,
    /// Records dated before this second (since 1970) are beyond the deduplication horizon.
    horizon: i64,
    replayed: BTreeSet<DeadLetterId>,
    /// None in a dry run.
    writer: Option<&'a Writer>,
    batch: Option<Batch>,
    counts: Counts,
}

impl Replay<'_> {
    fn add(&mut self, dead_letter: &DeadLetter<'_>) -> Result<ControlFlow<()>, ExitError> {
        if dead_letter.replays.is_some() || !self.filter.selects(dead_letter) {
            return Ok(ControlFlow::Continue(()));
        }
        if self.replayed.contains(&dead_letter.id) {
            self.counts.replayed_before += 1;
            return Ok(ControlFlow::Continue(()));
        }
        if self.limit == 0 {
            return Ok(ControlFlow::Break(()));
        }
        match Verdict::of(dead_letter, &self.decoding, self.horizon) {
            Verdict::Decodable(decodable) => self.replay(dead_letter, decodable)?,
            Verdict::Fails(reason) => *self.counts.failing.entry(reason).or_default() += 1,
            Verdict::NoRecords => self.counts.no_records += 1,
            Verdict::Cut => self.counts.obstruct(Obstacle::Cut),
            Verdict::Empty => self.counts.obstruct(Obstacle::Empty),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn replay(&mut self, dead_letter: &DeadLetter<'_>, decodable: Decodable) -> Result<(), ExitError> {
        let account = decodable.account.to_string();
        // On a topic keyed by account, the record gets the key of the original.
        let key = self.config.input.keyed_by_account.then_some(account.as_bytes());
        match self.destination(dead_letter, key) {
            Ok(origin) => {
                self.limit -= 1;
                let Decodable { records, failing, old, .. } = decodable;
                let sent = Sent { dead_letters: 1, records, failing, old };
                self.send(dead_letter, &origin, key, sent)
            }
            Err(obstacle) => {
                self.counts.obstruct(obstacle);
                Ok(())
            }
        }
    }

    fn send(
        &mut self,
        dead_letter: &DeadLetter<'_>,
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
                none.insert(Batch { began: Instant::now(), bytes: 0, sent: Sent::default() })
            }
        };
        writer.replay(dead_letter, origin, key)?;
        batch.bytes += dead_letter.value.len();
        batch.sent.add(sent);
        if batch.is_full(self.config.kafka.transaction_timeout / BATCH_AGE_PART) {
            self.commit()?;
        }
        Ok(())
    }

    /// The partition that a dead-letter record came from, whatever its key hashes to. The producer of
    /// the original may use another hash, and all records of an account must stay in one partition.
    fn destination<'l>(
        &self,
        dead_letter: &DeadLetter<'l>,
        key: Option<&[u8]>,
    ) -> Result<DeadLetterSource<'l>, Obstacle> {
        let origin = dead_letter.origin.ok_or(Obstacle::NoOrigin)?;
        let partitions = *self.topics.get(origin.topic).ok_or(Obstacle::OtherTopic)?;
        if usize::try_from(origin.partition).map_or(true, |number| number >= partitions) {
            return Err(Obstacle::NoPartition);
        }
        match self.writer {
            Some(writer) if !writer.fits(dead_letter, &origin, key) => Err(Obstacle::TooLarge),
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
