//! How far the daemon has come: the committed offset of each partition, for whoever drives it inside the same process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::stream::broker::{Position, TopicPartition};

/// Offset of the next record of each partition, as last committed.
#[derive(Debug, Default)]
pub(super) struct Committed(Mutex<BTreeMap<TopicPartition, i64>>);

impl Committed {
    /// These offsets are committed.
    pub(super) fn note(&self, positions: Vec<Position>) {
        self.lock().extend(positions.into_iter().map(|position| (position.partition, position.next)));
    }

    /// Offset of the next record of a partition; 0 before the first commit.
    pub(super) fn next(&self, topic: &str, partition: i32) -> i64 {
        self.lock().get(&TopicPartition::new(topic, partition)).copied().unwrap_or(0)
    }

    /// The lock; a panic of another thread leaves numbers, which stay usable.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
