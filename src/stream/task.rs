//! What a worker does with the records of one partition. A task is a plain state machine: no IO, no clock, no Kafka.

use crate::config::Config;
use crate::pipeline::{Levels, Output, Pipeline, Tally};

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
    /// The partition is read to its end at wall time `now`.
    fn caught_up(&mut self, now: i64, out: &mut dyn Output);
    /// Takes the counts since the last call.
    fn take_tally(&mut self) -> Tally;
    /// What is live now.
    fn levels(&self) -> Levels;
}

/// Router and detector in one ("fused"): the input topic itself is keyed by account, or has one partition.
pub struct DetectorTask {
    pipeline: Pipeline,
    keyed_by_account: bool,
}

impl DetectorTask {
    /// A task without history.
    pub fn new(config: &Config) -> Self {
        Self { pipeline: Pipeline::new(config), keyed_by_account: config.input.keyed_by_account }
    }
}

impl Task for DetectorTask {
    fn apply(&mut self, record: Record<'_>, now: i64, out: &mut dyn Output) {
        let key = self.keyed_by_account.then_some(record.key);
        self.pipeline.payload(record.payload.unwrap_or_default(), key, now, out);
    }

    fn caught_up(&mut self, now: i64, out: &mut dyn Output) {
        self.pipeline.caught_up(now, out);
    }

    fn take_tally(&mut self) -> Tally {
        self.pipeline.take_tally()
    }

    fn levels(&self) -> Levels {
        self.pipeline.levels()
    }
}
