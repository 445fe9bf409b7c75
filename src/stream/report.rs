//! What a worker tells the outside: one method for each noteworthy event, which does both the log line and the metrics.
//!
//! Records and insights are told only once their transaction is committed, so an aborted attempt never shows as such.

use std::time::Duration;

use insightd_core::cloudtrail::insight::Insight;
use insightd_core::pipeline::{Gauges, Tally};
use insightd_core::state::Checkpoint;

use super::broker::{Assigned, TopicPartition};
use super::tasks::TaskOrigin;
use super::transaction::Transaction;
use super::watchdog::Phase;

/// What was restored.
#[derive(Debug)]
pub struct Restored<'a> {
    /// What the changelog says about itself; none for a partition that has no state.
    pub head: Option<&'a Checkpoint>,
    /// Number of the state that the group's offset belongs to; none where somebody else has set it.
    pub expected: Option<u64>,
    /// Offset of the next record of the input.
    pub position: i64,
    /// Insights that are open, each with the clock of its region, seconds since 1970.
    pub open: &'a [(Insight, i64)],
    /// How long it took.
    pub took: Duration,
    /// Wall clock, seconds since 1970.
    pub wall: i64,
}

/// Receives the events of one worker.
pub trait Report {
    /// The loop turns; `open` is whether a transaction of which the broker knows waits for its end.
    fn iterated(&mut self, open: bool);
    /// What the loop is at from now on, for the watchdog.
    fn at(&mut self, phase: Phase);
    /// Partitions were taken up; `gone` are those whose parked tasks were given up for good.
    fn assigned(&mut self, assigned: &[Assigned], origins: &[TaskOrigin], gone: &[TopicPartition]);
    /// All partitions were given back.
    fn revoked(&mut self, lost: bool);
    /// A transaction is committed; the commit itself took `took`, the whole transaction `open`.
    fn committed(&mut self, transaction: &Transaction, took: Duration, open: Duration, wall: i64);
    /// A transaction that had been `open` for so long was given up, because of `reason`; `fenced` when another producer took over or it expired.
    fn aborted(&mut self, fenced: bool, open: Duration, reason: &str);
    /// The changelog of a partition is read up to `position`, of `end`.
    fn restoring(&mut self, partition: &TopicPartition, position: i64, end: i64);
    /// A partition's state is in memory; these insights are open.
    fn restored(&mut self, partition: &TopicPartition, restored: &Restored<'_>);
    /// Counts of committed records.
    fn counted(&mut self, tally: &Tally);
    /// What is live in one partition, on committed records.
    fn levels(&mut self, partition: &TopicPartition, levels: &Gauges);
    /// Records behind the task that can be read now.
    fn lag(&mut self, partition: &TopicPartition, records: i64);
    /// Retention was faster than this worker.
    fn skipped(&mut self, partition: &TopicPartition, from: i64, to: i64);
    /// No broker is in reach.
    fn down(&mut self, reason: &str);
    /// A broker is in reach again.
    fn up(&mut self);
    /// Something could not be done and will be tried again.
    fn retrying(&mut self, what: &str, reason: &str);
}
