//! Where the assigned partitions end, and whether they can be read at all, from what the library tells once a second.
//!
//! The library says once that a partition's end was reached and then keeps silent, whatever happens to the connection. Idle
//! clocks may move on only while the end is known to be reached, so a partition whose broker is away loses that state,
//! and regains it when two reports in a row see it readable and read to its end.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::stream::broker::TopicPartition;

/// Reports that must see a partition readable before its silence means anything: a fetch that was sent after the connection
/// came back has then been answered.
const REPORTS_TO_TRUST: u8 = 2;

/// Reports older than this, in seconds, are passed over. They come once a second.
const FRESH_S: i64 = 2;

/// What is read of the library's statistics.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Statistics {
    /// When they were taken, seconds since 1970.
    time: i64,
    brokers: HashMap<String, BrokerStatistics>,
    topics: HashMap<String, TopicStatistics>,
}

#[derive(Debug, Deserialize)]
struct BrokerStatistics {
    nodeid: i32,
    state: String,
}

#[derive(Debug, Deserialize)]
struct TopicStatistics {
    partitions: HashMap<i32, PartitionStatistics>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct PartitionStatistics {
    /// Broker that is fetched from; -1 is none.
    broker: i32,
    fetchq_cnt: i64,
    eof_offset: i64,
    ls_offset: i64,
}

impl Statistics {
    /// Whether they tell of now. Reports queue up while a commit blocks the worker, and then tell of what was before it.
    pub(super) fn is_fresh(&self, now: i64) -> bool {
        now.saturating_sub(self.time) <= FRESH_S
    }

    /// Whether any broker is in reach.
    pub(super) fn any_broker_up(&self) -> bool {
        self.brokers.values().any(BrokerStatistics::is_up)
    }

    fn partition(&self, of: &TopicPartition) -> Option<PartitionStatistics> {
        self.topics.get(&*of.topic)?.partitions.get(&of.partition).copied()
    }

    fn is_up(&self, node: i32) -> bool {
        node >= 0 && self.brokers.values().any(|broker| broker.nodeid == node && broker.is_up())
    }
}

impl BrokerStatistics {
    fn is_up(&self) -> bool {
        self.state == "UP"
    }
}

/// A change in what is known of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Read to its end.
    End(TopicPartition),
    /// Cannot be read now.
    Away(TopicPartition),
}

/// What is known of the assigned partitions.
#[derive(Debug, Default)]
pub(super) struct PartitionEnds(BTreeMap<TopicPartition, Known>);

#[derive(Debug, Default)]
struct Known {
    end: Option<i64>,
    away: bool,
    reports_readable: u8,
}

impl PartitionEnds {
    /// Begins anew with these partitions.
    pub(super) fn assign(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.0 = partitions.into_iter().map(|partition| (partition, Known::default())).collect();
    }

    /// The one assigned partition of this number. An end-of-partition event carries no topic; where two topics were assigned with
    /// the same number it would be ambiguous, and says nothing then.
    pub(super) fn by_number(&self, number: i32) -> Option<TopicPartition> {
        let mut found = self.0.keys().filter(|partition| partition.partition == number);
        let first = found.next()?;
        found.next().is_none().then(|| first.clone())
    }

    /// Offset behind the last record that can be read; none before the first answer.
    pub(super) fn end_offset(&self, partition: &TopicPartition) -> Option<i64> {
        self.0.get(partition)?.end
    }

    /// No broker is in reach.
    pub(super) fn all_away(&mut self) {
        for known in self.0.values_mut() {
            known.away = true;
            known.reports_readable = 0;
        }
    }

    /// Takes in a report.
    pub(super) fn observe(&mut self, statistics: &Statistics) -> Vec<Change> {
        let mut changes = Vec::new();
        for (partition, known) in &mut self.0 {
            let Some(now) = statistics.partition(partition) else { continue };
            if now.ls_offset >= 0 {
                known.end = Some(now.ls_offset);
            }
            if !statistics.is_up(now.broker) {
                known.reports_readable = 0;
                if !std::mem::replace(&mut known.away, true) {
                    changes.push(Change::Away(partition.clone()));
                }
                continue;
            }
            known.reports_readable = known.reports_readable.saturating_add(1);
            if known.away && known.reports_readable >= REPORTS_TO_TRUST {
                known.away = false;
                if now.ls_offset >= 0 && now.eof_offset == now.ls_offset && now.fetchq_cnt == 0 {
                    changes.push(Change::End(partition.clone()));
                }
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(state: &str, eof: i64, end: i64, queued: i64) -> Statistics {
        let text = format!(
            r#"{{"time":100,"name":"c","brokers":{{"b/1":{{"name":"b","nodeid":1,"state":"{state}"}}}},"topics":{{"t":{{"topic":"t","partitions":
               {{"0":{{"partition":0,"broker":1,"fetchq_cnt":{queued},"eof_offset":{eof},"ls_offset":{end}}},
                "-1":{{"partition":-1,"broker":-1,"fetchq_cnt":0,"eof_offset":-1001,"ls_offset":-1001}}}}}}}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn silence_after_a_lost_broker_means_nothing_until_the_partition_was_readable_for_two_reports() {
        let zero = TopicPartition::new("t", 0);
        let mut ends = PartitionEnds::default();
        ends.assign([zero.clone()]);
        assert_eq!(ends.end_offset(&zero), None);
        assert_eq!(ends.observe(&report("UP", 5, 5, 0)), []);
        assert_eq!(ends.end_offset(&zero), Some(5));
        assert_eq!(ends.observe(&report("DOWN", 5, 5, 0)), [Change::Away(zero.clone())]);
        assert_eq!(ends.observe(&report("TRY_CONNECT", 5, 5, 0)), []);
        assert_eq!(ends.observe(&report("UP", 5, 5, 0)), []);
        assert_eq!(ends.observe(&report("UP", 5, 5, 0)), [Change::End(zero)]);
        assert_eq!(ends.observe(&report("UP", 5, 5, 0)), []);
    }

    #[test]
    fn a_partition_that_comes_back_with_records_waits_for_its_own_end() {
        let zero = TopicPartition::new("t", 0);
        let mut ends = PartitionEnds::default();
        ends.assign([zero.clone()]);
        ends.all_away();
        for _ in 0..3 {
            assert_eq!(ends.observe(&report("UP", 5, 9, 4)), []);
        }
        assert_eq!(ends.end_offset(&zero), Some(9));
    }

    #[test]
    fn a_report_that_waited_behind_a_long_commit_is_passed_over() {
        let report = report("UP", 5, 5, 0);
        assert!(report.is_fresh(101));
        assert!(!report.is_fresh(110));
    }

    #[test]
    fn an_end_without_a_topic_is_believed_only_where_it_is_unambiguous() {
        let mut ends = PartitionEnds::default();
        ends.assign([TopicPartition::new("a", 0), TopicPartition::new("b", 0), TopicPartition::new("b", 1)]);
        assert_eq!(ends.by_number(0), None);
        assert_eq!(ends.by_number(1), Some(TopicPartition::new("b", 1)));
        assert_eq!(ends.by_number(2), None);
    }
}
