//! The records in flight: written to the embedded Kafka and not yet committed by the daemon.
//!
//! The embedded Kafka keeps few bytes of each partition and drops the oldest. So a record is written only if
//! no record in flight has to make room for it. This sets the pace of the history.

use std::collections::VecDeque;

use crate::kafka::embedded::{PARTITION_BATCHES_MAX, PARTITION_BYTES_MAX};
use crate::stream::broker::Outgoing;

/// Most bytes in flight in a partition. The rest is for a batch that is half read, and for the overhead of
/// batches.
const BYTES_MAX: u64 = PARTITION_BYTES_MAX / 5 * 4;
/// Most records in flight in a partition. They fit even if each is a batch of its own.
const RECORDS_MAX: usize = PARTITION_BATCHES_MAX as usize / 2;

/// All partitions of the input topic.
#[derive(Debug)]
pub(crate) struct InFlight {
    partitions: Vec<Partition>,
}

/// The records in flight in one partition.
#[derive(Debug, Default)]
struct Partition {
    /// Offset of the first record in flight; all below it are committed.
    first: i64,
    /// Bytes of each record in flight.
    records: VecDeque<u64>,
    /// Their sum.
    bytes: u64,
}

impl InFlight {
    /// Nothing is in flight.
    pub(crate) fn new(partitions: usize) -> Self {
        Self { partitions: (0..partitions).map(|_| Partition::default()).collect() }
    }

    /// Whether a record of this size may be written now. A record larger than the limit is written alone.
    pub(crate) fn has_room(&self, partition: usize, bytes: u64) -> bool {
        let partition = &self.partitions[partition];
        partition.records.is_empty() || (partition.bytes + bytes <= BYTES_MAX && partition.records.len() < RECORDS_MAX)
    }

    /// A record was written.
    pub(crate) fn written(&mut self, partition: usize, bytes: u64) {
        let partition = &mut self.partitions[partition];
        partition.records.push_back(bytes);
        partition.bytes += bytes;
    }

    /// The daemon has committed the records below offset `next`.
    pub(crate) fn committed(&mut self, partition: usize, next: i64) {
        let partition = &mut self.partitions[partition];
        while partition.first < next
            && let Some(bytes) = partition.records.pop_front()
        {
            partition.bytes -= bytes;
            partition.first += 1;
        }
    }

    /// Number of partitions.
    pub(crate) fn partitions(&self) -> usize {
        self.partitions.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.partitions.iter().all(|partition| partition.records.is_empty())
    }
}

/// Upper bound of the bytes of a record in a partition.
pub(crate) fn size(key: &str, payload: &[u8]) -> u64 {
    let record = Outgoing { topic: "", partition: None, key: Some(key.as_bytes()), value: Some(payload), headers: &[] };
    record.bytes_max() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const THIRD: u64 = BYTES_MAX / 3;

    #[test]
    fn bytes_in_flight_are_limited_and_commits_make_room() {
        let mut in_flight = InFlight::new(2);
        for _ in 0..3 {
            assert!(in_flight.has_room(1, THIRD));
            in_flight.written(1, THIRD);
        }
        assert!(!in_flight.has_room(1, THIRD));
        assert!(in_flight.has_room(0, THIRD), "each partition has its own limit");
        in_flight.committed(1, 0);
        assert!(!in_flight.has_room(1, THIRD), "nothing was committed");
        in_flight.committed(1, 2);
        assert!(in_flight.has_room(1, THIRD));
        assert!(!in_flight.is_empty());
        in_flight.committed(1, 3);
        assert!(in_flight.is_empty());
    }

    #[test]
    fn a_record_larger_than_the_limit_is_written_alone() {
        let mut in_flight = InFlight::new(1);
        assert!(in_flight.has_room(0, BYTES_MAX * 2));
        in_flight.written(0, BYTES_MAX * 2);
        assert!(!in_flight.has_room(0, 1));
        in_flight.committed(0, 1);
        assert!(in_flight.has_room(0, 1));
    }

    #[test]
    fn the_number_of_records_in_flight_is_limited() {
        let mut in_flight = InFlight::new(1);
        (0..RECORDS_MAX).for_each(|_| in_flight.written(0, 1));
        assert!(!in_flight.has_room(0, 1));
    }

    #[test]
    fn a_commit_beyond_the_last_record_commits_all() {
        let mut in_flight = InFlight::new(1);
        in_flight.written(0, 5);
        in_flight.committed(0, 9);
        assert!(in_flight.is_empty());
        assert!(in_flight.has_room(0, BYTES_MAX));
    }
}
