//! What is under way: written to the embedded Kafka and not yet committed by the daemon.
//!
//! The embedded Kafka keeps little of each partition and drops the oldest. So nothing is written that the rest of the partition
//! would have to make room for: this is where the pace of the time lapse comes from.

use std::collections::VecDeque;

use crate::kafka::embedded::{PARTITION_BATCHES_MAX, PARTITION_BYTES_MAX};
use crate::stream::broker::Outgoing;

/// Bytes under way in a partition. The rest is for the batch that is read halfway, and for what batches add.
const BYTES_MAX: u64 = PARTITION_BYTES_MAX / 5 * 4;
/// Records under way in a partition: even if each were a batch of its own.
const RECORDS_MAX: usize = PARTITION_BATCHES_MAX as usize / 2;

/// All partitions of the input topic.
#[derive(Debug)]
pub(super) struct Window {
    partitions: Vec<Flight>,
}

/// One partition.
#[derive(Debug, Default)]
struct Flight {
    /// Offset of the first record under way: what is below it is committed.
    first: i64,
    /// Bytes of each record under way.
    records: VecDeque<u64>,
    bytes: u64,
}

impl Window {
    /// Nothing is under way.
    pub(super) fn new(partitions: usize) -> Self {
        Self { partitions: (0..partitions).map(|_| Flight::default()).collect() }
    }

    /// Whether a record of this size may be written now. One that is larger than the window passes alone.
    pub(super) fn has_room(&self, partition: usize, bytes: u64) -> bool {
        let flight = &self.partitions[partition];
        flight.records.is_empty() || (flight.bytes + bytes <= BYTES_MAX && flight.records.len() < RECORDS_MAX)
    }

    /// A record was written.
    pub(super) fn written(&mut self, partition: usize, bytes: u64) {
        let flight = &mut self.partitions[partition];
        flight.records.push_back(bytes);
        flight.bytes += bytes;
    }

    /// The daemon has committed the records below `next`.
    pub(super) fn committed(&mut self, partition: usize, next: i64) {
        let flight = &mut self.partitions[partition];
        while flight.first < next
            && let Some(bytes) = flight.records.pop_front()
        {
            flight.bytes -= bytes;
            flight.first += 1;
        }
    }

    /// How many partitions.
    pub(super) fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.partitions.iter().all(|flight| flight.records.is_empty())
    }
}

/// What a record takes at most.
pub(super) fn size(key: &str, payload: &[u8]) -> u64 {
    Outgoing { topic: "", partition: None, key: Some(key.as_bytes()), value: Some(payload), headers: &[] }.bytes_max()
        as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const THIRD: u64 = BYTES_MAX / 3;

    #[test]
    fn what_is_under_way_never_exceeds_the_window_and_commits_make_room() {
        let mut window = Window::new(2);
        for _ in 0..3 {
            assert!(window.has_room(1, THIRD));
            window.written(1, THIRD);
        }
        assert!(!window.has_room(1, THIRD));
        assert!(window.has_room(0, THIRD), "partitions are apart");
        window.committed(1, 0);
        assert!(!window.has_room(1, THIRD), "nothing was committed");
        window.committed(1, 2);
        assert!(window.has_room(1, THIRD));
        assert!(!window.is_empty());
        window.committed(1, 3);
        assert!(window.is_empty());
    }

    #[test]
    fn a_record_larger_than_the_window_passes_alone() {
        let mut window = Window::new(1);
        assert!(window.has_room(0, BYTES_MAX * 2));
        window.written(0, BYTES_MAX * 2);
        assert!(!window.has_room(0, 1));
        window.committed(0, 1);
        assert!(window.has_room(0, 1));
    }

    #[test]
    fn as_many_small_records_are_under_way_as_batches_are_kept() {
        let mut window = Window::new(1);
        (0..RECORDS_MAX).for_each(|_| window.written(0, 1));
        assert!(!window.has_room(0, 1));
    }

    #[test]
    fn a_commit_beyond_what_was_written_is_taken_for_all_of_it() {
        let mut window = Window::new(1);
        window.written(0, 5);
        window.committed(0, 9);
        assert!(window.is_empty());
        assert!(window.has_room(0, BYTES_MAX));
    }
}
