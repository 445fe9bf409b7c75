//! What a worker reports: one method for each event, which writes the log line and updates the metrics.
//!
//! Records and insights are reported only after their transaction is committed, so an aborted attempt never
//! shows as such.

use std::time::Duration;

use insightd_core::cloudtrail::insight::Insight;
use insightd_core::invariants::Violation;
use insightd_core::pipeline::{Gauges, Tally};
use insightd_core::state::Checkpoint;

use super::broker::{Assigned, Skipped, TopicPartition};
use super::tasks::Takeover;
use super::transaction::Transaction;
use super::watchdog::Phase;

/// A restored partition.
#[derive(Debug)]
pub struct Restored<'a> {
    /// The checkpoint of the changelog; none for a partition that has no state.
    pub head: Option<&'a Checkpoint>,
    /// Number of the state that the group's offset belongs to; none if the offset was set from outside.
    pub expected: Option<u64>,
    /// Offset of the next record of the input.
    pub position: i64,
    /// Open insights, each with the clock of its region, seconds since 1970.
    pub open: &'a [(Insight, i64)],
    /// Duration of the restore.
    pub took: Duration,
    /// Wall clock, seconds since 1970.
    pub wall: i64,
}

/// A committed transaction.
#[derive(Debug)]
pub struct Committed<'a> {
    /// What it made visible.
    pub transaction: &'a Transaction,
    /// Duration of the commit itself.
    pub took: Duration,
    /// Time from its first change to the end of the commit.
    pub open: Duration,
    /// Wall clock, seconds since 1970.
    pub wall: i64,
}

/// Receives the events of one worker.
pub trait Report {
    /// A poll iteration begins; `open` is whether a transaction that the broker knows of is open.
    fn iterated(&mut self, open: bool);
    /// The phase that the loop enters, for the watchdog.
    fn at(&mut self, phase: Phase);
    /// Partitions were assigned.
    fn assigned(&mut self, assigned: &[Assigned], takeover: &Takeover);
    /// All partitions were revoked; `lost` if another worker may have them already.
    fn revoked(&mut self, lost: bool);
    /// A transaction is committed.
    fn committed(&mut self, committed: &Committed<'_>);
    /// A transaction that was `open` for so long was aborted because of `reason`; `fenced` if another
    /// producer took over or the transaction expired.
    fn aborted(&mut self, fenced: bool, open: Duration, reason: &str);
    /// The number of changelog offsets of a partition that remain to be read.
    fn restoring(&mut self, partition: &TopicPartition, remaining: i64);
    /// A partition's state is in memory.
    fn restored(&mut self, partition: &TopicPartition, restored: &Restored<'_>);
    /// Counts of committed records.
    fn counted(&mut self, tally: &Tally);
    /// What is live in one partition, by committed records.
    fn gauges(&mut self, partition: &TopicPartition, gauges: &Gauges);
    /// Readable records that the task has not applied yet.
    fn lag(&mut self, partition: &TopicPartition, records: i64);
    /// Offsets that no longer exist were skipped.
    fn skipped(&mut self, skipped: &Skipped);
    /// No broker is reachable.
    fn down(&mut self, reason: &str);
    /// A broker is reachable again.
    fn up(&mut self);
    /// Something failed and will be retried.
    fn retrying(&mut self, what: &str, reason: &str);
    /// An invariant was violated this many times; the first violation says how.
    fn violated(&mut self, violation: &Violation, times: u64);
}
