//! The open transaction as the worker sees it: which offsets it will commit and what it will make visible.
//!
//! Nothing in here reaches a log line or a metric before the commit has succeeded.

use std::collections::BTreeMap;
use std::time::Duration;

use insightd_core::cloudtrail::insight::Insight;
use insightd_core::invariants::{Invariant, Violations, offset_follows};

use super::broker::{Position, TopicPartition};

/// The offset to commit after the record at `applied`: that of the next record to read (EO-2).
pub(crate) fn next_offset(applied: i64) -> i64 {
    applied + 1
}

/// An insight inside the open transaction.
#[derive(Clone, Debug)]
pub struct Raised {
    /// The partition whose task raised it.
    pub source: TopicPartition,
    /// The insight.
    pub insight: Insight,
    /// Whether it was older than `output.max_age` when it was raised.
    pub historic: bool,
}

/// What happened since the last commit.
#[derive(Debug)]
pub struct Transaction {
    /// When its first change came, on the worker's clock.
    pub opened: Duration,
    /// Whether the broker has begun it. A transaction begins with its first record, or at its commit.
    pub begun: bool,
    /// It holds something that must not wait for `kafka.commit_interval`: an insight about the present, or a
    /// backfill.
    pub urgent: bool,
    /// Messages applied.
    pub messages: usize,
    /// Insights, in order.
    pub insights: Vec<Raised>,
    /// Dead-letter records by reason.
    pub dead_letters: BTreeMap<&'static str, u64>,
    /// Dead-letter records truncated to `dlq.record_bytes_max` or to the topic's limit.
    pub dead_letters_cut: u64,
    /// Insights whose attributions were left out because the topic would have refused the record.
    pub insights_cut: u64,
    /// Records of the changelog.
    pub state_records: u64,
    /// Bytes of their keys and values.
    pub state_bytes: u64,
    next: BTreeMap<TopicPartition, i64>,
    states: BTreeMap<TopicPartition, u64>,
}

impl Transaction {
    /// An empty transaction.
    pub(crate) fn open(now: Duration) -> Self {
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

    /// Notes that the partition's records before offset `next` are applied. An offset never decreases (EO-2).
    pub(crate) fn advance(&mut self, partition: &TopicPartition, next: i64, violations: &mut Violations) {
        let Some(noted) = self.next.get_mut(partition) else {
            self.next.insert(partition.clone(), next);
            return;
        };
        let before = *noted;
        let follows = violations.check(Invariant::Eo2, offset_follows(before, None, next), || {
            format!("the offset of {partition} went back from {before} to {next}")
        });
        if follows {
            *noted = next;
        }
    }

    /// Whether the state of each touched partition is among the records: a commit was attempted.
    pub(crate) fn is_saved(&self) -> bool {
        !self.next.is_empty() && self.next.keys().all(|partition| self.states.contains_key(partition))
    }

    /// Notes the number of the state that was saved for a partition.
    pub(crate) fn saved(&mut self, partition: &TopicPartition, state: u64) {
        self.states.insert(partition.clone(), state);
    }

    /// Where each touched partition stands after the commit, in order of the partitions.
    pub fn positions(&self) -> Vec<Position> {
        let state = |partition| self.states.get(partition).copied().unwrap_or_default();
        let next = self.next.iter();
        next.map(|(partition, next)| Position { partition: partition.clone(), next: *next, state: state(partition) })
            .collect()
    }

    /// Adds an insight.
    pub(crate) fn raise(&mut self, raised: Raised) {
        self.urgent |= !raised.historic;
        self.insights.push(raised);
    }

    /// Whether the partition is touched.
    pub(crate) fn touches(&self, partition: &TopicPartition) -> bool {
        self.next.contains_key(partition)
    }

    /// Whether there is anything to commit.
    pub(crate) fn is_changed(&self) -> bool {
        self.begun || !self.next.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use insightd_core::invariants::OnViolation;

    use super::*;

    #[test]
    fn the_committed_offset_is_the_last_applied_one_plus_one() {
        let (zero, one) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let mut transaction = Transaction::open(Duration::ZERO);
        let mut violations = Violations::default();
        transaction.advance(&one, next_offset(7), &mut violations);
        transaction.advance(&zero, next_offset(41), &mut violations);
        transaction.advance(&zero, next_offset(44), &mut violations);
        transaction.saved(&zero, 7);
        let position = |partition, next, state| Position { partition, next, state };
        assert_eq!(transaction.positions(), [position(zero, 45, 7), position(one, 8, 0)]);
    }

    #[test]
    fn an_offset_that_goes_back_is_a_violation_and_not_noted() {
        let zero = TopicPartition::new("t", 0);
        let mut transaction = Transaction::open(Duration::ZERO);
        let mut violations = Violations::new(OnViolation::Record);
        transaction.advance(&zero, next_offset(41), &mut violations);
        transaction.advance(&zero, next_offset(40), &mut violations);
        let found = violations.take();
        assert_eq!((found.len(), found[0].0.invariant, found[0].1), (1, Invariant::Eo2, 1));
        assert_eq!(transaction.positions()[0].next, 42);
    }
}
