//! Where the assigned partitions end, and whether they can be read at all, from the library's statistics once
//! a second.
//!
//! The library reports once that a partition's end is reached and then stays silent, whatever happens to the
//! connection. Idle clocks may advance only while the end is known to be reached (WM-2). So a partition whose
//! broker is unreachable loses that state, and regains it after two reports in a row that see it readable and
//! read to its end.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::stream::broker::TopicPartition;

/// Reports in a row that must see a partition readable before its silence means anything: by then a fetch
/// that was sent after the connection came back has been answered.
const REPORTS_TO_TRUST: u8 = 2;

/// Older reports, in seconds, are ignored. They arrive once a second.
const FRESH_S: i64 = 2;

/// The part of the library's statistics that is used.
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
    /// Broker that is fetched from; -1 if none.
    broker: i32,
    fetchq_cnt: i64,
    eof_offset: i64,
    ls_offset: i64,
}

impl Statistics {
    /// Whether they describe the present. Reports queue up while a commit blocks the worker, and then
    /// describe the time before it.
    pub(super) fn is_fresh(&self, now: i64) -> bool {
        now.saturating_sub(self.time) <= FRESH_S
    }

    /// Whether any broker is reachable.
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
    /// Starts over with these partitions.
    pub(super) fn assign(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.0 = partitions.into_iter().map(|partition| (partition, Known::default())).collect();
    }

    /// The assigned partition of this number, if there is exactly one. An end-of-partition event carries no
    /// topic, so it would be ambiguous between two topics.
    pub(super) fn by_number(&self, number: i32) -> Option<TopicPartition> {
        let mut found = self.0.keys().filter(|partition| partition.partition == number);
        let first = found.next()?;
        found.next().is_none().then(|| first.clone())
    }

    /// Offset after the last readable record; none before the first report.
    pub(super) fn end_offset(&self, partition: &TopicPartition) -> Option<i64> {
        self.0.get(partition)?.end
    }

    /// No broker is reachable.
    pub(super) fn all_away(&mut self) {
        for known in self.0.values_mut() {
            known.away = true;
            known.reports_readable = 0;
        }
    }

    /// Applies a report; returns what has changed.
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
    fn silence_after_a_lost_broker_counts_again_after_two_reports() {
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
    fn a_partition_that_returns_with_records_waits_for_its_end() {
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
    fn a_report_that_waited_behind_a_long_commit_is_ignored() {
        let report = report("UP", 5, 5, 0);
        assert!(report.is_fresh(101));
        assert!(!report.is_fresh(110));
    }

    #[test]
    fn an_end_without_a_topic_counts_only_if_it_is_unambiguous() {
        let mut ends = PartitionEnds::default();
        ends.assign([TopicPartition::new("a", 0), TopicPartition::new("b", 0), TopicPartition::new("b", 1)]);
        assert_eq!(ends.by_number(0), None);
        assert_eq!(ends.by_number(1), Some(TopicPartition::new("b", 1)));
        assert_eq!(ends.by_number(2), None);
    }
}
