//! The open transaction as the worker sees it: which offsets it will commit and what it will make visible.
//!
//! Nothing in here is shown in a log line or a metric before the commit has succeeded.

use std::collections::BTreeMap;
use std::time::Duration;

use insightd_core::cloudtrail::insight::Insight;

use super::broker::{Position, TopicPartition};

/// The offset to commit once the record at `applied` was applied: that of the next record to read (EO-2).
pub fn next_offset(applied: i64) -> i64 {
    applied + 1
}

/// An insight inside the open transaction.
#[derive(Clone, Debug)]
pub struct Raised {
    /// The partition whose task raised it.
    pub source: TopicPartition,
    /// The insight.
    pub insight: Insight,
    /// Older than `output.max_age` when it was raised.
    pub historic: bool,
}

/// What happened since the last commit.
#[derive(Debug)]
pub struct Transaction {
    /// When its first change came, on the worker's clock.
    pub opened: Duration,
    /// Whether the broker knows of it: a transaction is begun with its first record, or at its commit.
    pub begun: bool,
    /// Somebody waits for it: it holds an insight about the present.
    pub urgent: bool,
    /// Messages applied.
    pub messages: usize,
    /// Insights, in order.
    pub insights: Vec<Raised>,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<&'static str, u64>,
    /// Dead letters that were cut to `dlq.record_bytes_max` or to what the topic takes.
    pub dead_letters_cut: u64,
    /// Insights whose attributions were left out because the topic would have refused the record.
    pub insights_cut: u64,
    /// Records of the changelog.
    pub state_records: u64,
    /// Their bytes, keys and values.
    pub state_bytes: u64,
    next: BTreeMap<TopicPartition, i64>,
    states: BTreeMap<TopicPartition, u64>,
}

impl Transaction {
    /// An empty one.
    pub fn open(now: Duration) -> Self {
        Self {
            opened: now,
            begun: false,
            urgent: false,
            messages: 0,
            insights: Vec::new(),
            dead_letters: BTreeMap::new(),
            dead_letters_cut: 0,
            insights_cut: 0,
            state_records: 0,
            state_bytes: 0,
            next: BTreeMap::new(),
            states: BTreeMap::new(),
        }
    }

    /// Notes that the partition's records below `next` are applied.
    pub fn advance(&mut self, partition: &TopicPartition, next: i64) {
        match self.next.get_mut(partition) {
            Some(noted) => {
                assert!(next >= *noted, "EO-2: offset of {partition} went back from {noted} to {next}");
                *noted = next;
            }
            None => {
                self.next.insert(partition.clone(), next);
            }
        }
    }

    /// Whether the state of each partition that was touched is among its records: a commit was tried.
    pub fn is_saved(&self) -> bool {
        !self.next.is_empty() && self.next.keys().all(|partition| self.states.contains_key(partition))
    }

    /// Notes the number of the state that was saved of a partition.
    pub fn saved(&mut self, partition: &TopicPartition, state: u64) {
        self.states.insert(partition.clone(), state);
    }

    /// Where each partition that was touched shall stand, in order of the partitions.
    pub fn positions(&self) -> Vec<Position> {
        let state = |partition| self.states.get(partition).copied().unwrap_or_default();
        let next = self.next.iter();
        next.map(|(partition, next)| Position { partition: partition.clone(), next: *next, state: state(partition) })
            .collect()
    }

    /// Adds an insight.
    pub fn raise(&mut self, raised: Raised) {
        self.urgent |= !raised.historic;
        self.insights.push(raised);
    }

    /// Whether the partition is one of those.
    pub fn touches(&self, partition: &TopicPartition) -> bool {
        self.next.contains_key(partition)
    }

    /// Whether there is anything to commit.
    pub fn is_changed(&self) -> bool {
        self.begun || !self.next.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_offset_is_the_last_applied_one_plus_one() {
        let (zero, one) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let mut transaction = Transaction::open(Duration::ZERO);
        transaction.advance(&one, next_offset(7));
        transaction.advance(&zero, next_offset(41));
        transaction.advance(&zero, next_offset(44));
        transaction.saved(&zero, 7);
        let position = |partition, next, state| Position { partition, next, state };
        assert_eq!(transaction.positions(), [position(zero, 45, 7), position(one, 8, 0)]);
    }

    #[test]
    #[should_panic(expected = "EO-2")]
    fn an_offset_never_goes_back() {
        let zero = TopicPartition::new("t", 0);
        let mut transaction = Transaction::open(Duration::ZERO);
        transaction.advance(&zero, next_offset(41));
        transaction.advance(&zero, next_offset(40));
    }
}
