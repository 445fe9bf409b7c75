//! The committed offset of each partition, for a caller that drives the daemon inside the same process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::stream::broker::{Position, TopicPartition};

/// The offset of the next record of each partition, as last committed.
#[derive(Debug, Default)]
pub(crate) struct CommittedOffsets(Mutex<BTreeMap<TopicPartition, i64>>);

impl CommittedOffsets {
    /// Records the positions of a committed transaction.
    pub(crate) fn commit(&self, positions: Vec<Position>) {
        self.lock().extend(positions.into_iter().map(|position| (position.partition, position.next)));
    }

    /// The offset of the next record of a partition; 0 before the first commit.
    pub(crate) fn next(&self, topic: &str, partition: i32) -> i64 {
        self.lock().get(&TopicPartition::new(topic, partition)).copied().unwrap_or(0)
    }

    /// A panic leaves only whole entries behind, so a poisoned lock is still usable.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
