//! What a worker does with the records of one partition. A task is a plain state machine: no IO, no clock, no Kafka.

use insightd_core::cloudtrail::insight::Insight;
use insightd_core::detect::{Detector, Settings};
use insightd_core::pipeline::{Gauges, Output, Pipeline, Tally};
use insightd_core::state::{CHECKPOINT_KEY, Checkpoint, IdleAdvance, RestoreError, WriteRecord};

use super::backfill::BackfillAssembler;
use crate::config::Config;

/// One record of the task's partition, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value; none is a tombstone.
    pub payload: Option<&'a [u8]>,
}

/// The work on one assigned partition.
pub trait Task {
    /// Takes in one record at wall time `now` (seconds since 1970).
    fn apply(&mut self, record: Record<'_>, now: i64, out: &mut dyn Output);
    /// The partition is read to its end, which is offset `next`, at wall time `now`.
    fn caught_up(&mut self, next: i64, now: i64, out: &mut dyn Output);
    /// Whether anything has changed since the last [`Task::commit`].
    fn is_changed(&mut self) -> bool;
    /// Writes what has changed since the last [`Task::commit`] as records of the changelog; `next` is the offset of the next record. Returns the number of
    /// the state that they make.
    fn save(&mut self, next: i64, write: &mut WriteRecord<'_>) -> u64;
    /// What was saved is committed.
    fn commit(&mut self);
    /// Back to what was committed last.
    fn rollback(&mut self);
    /// Number of the committed state; 0 before the first. It grows with each commit, and no two writers give the same one.
    fn state(&self) -> u64;
    /// Takes in a record of the changelog.
    ///
    /// # Errors
    /// When it cannot be understood.
    fn restore(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), RestoreError>;
    /// The changelog is read to its end. Says where it stands, if it tells, and shows the open insights, each with the clock of its region (seconds since
    /// 1970).
    ///
    /// # Errors
    /// When its records do not fit together.
    fn restored(&mut self, open: &mut dyn FnMut(Insight, i64)) -> Result<Option<Checkpoint>, RestoreError>;
    /// Takes in a message of the history topic, whose next offset is `next`, at wall time `now` (seconds since 1970).
    fn backfill(&mut self, payload: &[u8], next: i64, now: i64);
    /// Offset from which the history topic has to be read.
    fn backfill_next(&self) -> i64;
    /// Takes the counts since the last call.
    fn take_tally(&mut self) -> Tally;
    /// What is live now.
    fn gauges(&self) -> Gauges;
}

/// Bits of a state's number that tell writers apart; the bits above count the commits.
const WRITER_BITS: u32 = 24;

/// Router and detector in one ("fused"): the input topic itself is keyed by account, or has one partition.
pub struct DetectorTask {
    pipeline: Pipeline,
    keyed_by_account: bool,
    writer: u64,
    /// As of the last commit.
    head: Checkpoint,
    /// As it was saved into the open transaction.
    saved: Option<Checkpoint>,
    /// Silences since the last commit.
    idle_advances: Vec<IdleAdvance>,
    /// What the changelog has said of itself so far.
    found: Option<Checkpoint>,
    backfill: BackfillAssembler,
}

impl DetectorTask {
    /// A task without history.
    pub fn new(config: &Config) -> Self {
        Self {
            pipeline: Pipeline::new(config).journaled(),
            keyed_by_account: config.input.keyed_by_account,
            writer: 0,
            head: Checkpoint::default(),
            saved: None,
            idle_advances: Vec::new(),
            found: None,
            backfill: BackfillAssembler::new(Settings::from(config)),
        }
    }

    /// Numbers its states so that they are told from those of other writers: two owners of a partition, one of them a zombie, may come to the same
    /// offset after the same number of commits, and yet at other times.
    pub fn written_by(mut self, writer: u64) -> Self {
        self.writer = writer & ((1 << WRITER_BITS) - 1);
        self
    }

    /// The state behind it.
    pub fn detector(&mut self) -> &mut Detector {
        self.pipeline.detector()
    }
}

impl Task for DetectorTask {
    fn apply(&mut self, record: Record<'_>, now: i64, out: &mut dyn Output) {
        let key = self.keyed_by_account.then_some(record.key);
        self.pipeline.payload(record.payload.unwrap_or_default(), key, now, out);
    }

    fn caught_up(&mut self, next: i64, now: i64, out: &mut dyn Output) {
        if self.pipeline.caught_up(now, out) {
            self.idle_advances.push(IdleAdvance { before: next, wall: now });
        }
    }

    fn is_changed(&mut self) -> bool {
        self.pipeline.detector().is_changed() || self.backfill.next() != self.head.loaded
    }

    fn save(&mut self, next: i64, write: &mut WriteRecord<'_>) -> u64 {
        let state = ((self.head.state >> WRITER_BITS) + 1) << WRITER_BITS | self.writer;
        let head = Checkpoint { state, next, idle_advances: self.idle_advances.clone(), loaded: self.backfill.next() };
        let mut bytes = Vec::new();
        head.write(&mut bytes);
        write(CHECKPOINT_KEY, Some(&bytes));
        self.pipeline.detector().save(write);
        self.saved.insert(head).state
    }

    fn commit(&mut self) {
        if let Some(saved) = self.saved.take() {
            self.head = saved;
            self.idle_advances.clear();
            self.pipeline.detector().commit();
        }
    }

    fn rollback(&mut self) {
        self.saved = None;
        self.idle_advances.clear();
        self.backfill.go_to(self.head.loaded);
        self.pipeline.detector().roll_back();
    }

    fn state(&self) -> u64 {
        self.head.state
    }

    fn restore(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), RestoreError> {
        if key == CHECKPOINT_KEY {
            self.found = value.map(Checkpoint::read).transpose()?;
            return Ok(());
        }
        self.pipeline.detector().restore(key, value)
    }

    fn restored(&mut self, open: &mut dyn FnMut(Insight, i64)) -> Result<Option<Checkpoint>, RestoreError> {
        self.pipeline.detector().restored()?;
        self.pipeline.detector().each_open(open);
        let found = self.found.take();
        if let Some(found) = &found {
            self.head = found.clone();
            self.backfill.go_to(found.loaded);
        }
        Ok(found)
    }

    fn backfill(&mut self, payload: &[u8], next: i64, now: i64) {
        if let Some(loaded) = self.backfill.take(payload, next, now, self.pipeline.detector()) {
            self.pipeline.loaded(loaded);
        }
    }

    fn backfill_next(&self) -> i64 {
        self.backfill.next()
    }

    fn take_tally(&mut self) -> Tally {
        self.pipeline.take_tally()
    }

    fn gauges(&self) -> Gauges {
        self.pipeline.gauges()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(writer: u64, commits: usize) -> u64 {
        let mut task = DetectorTask::new(&Config::default_config()).written_by(writer);
        for _ in 0..commits {
            task.save(7, &mut |_, _| ());
            task.commit();
        }
        task.state()
    }

    /// A zombie came to the same offset as its successor, took the successor's commit for its own, counted it again and kept a memory
    /// that was never committed (simulator, profile rebalance, seed 1).
    #[test]
    fn a_state_that_another_writer_committed_at_the_same_offset_is_not_taken_for_ones_own() {
        assert_ne!(saved(1, 3), saved(2, 3));
        assert!(
            saved(1, 3) < saved(2, 4) && saved(2, 3) < saved(1, 4),
            "numbers grow with the commits, whoever writes"
        );
    }
}
