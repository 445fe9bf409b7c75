//! What a worker tells the outside: one method for each noteworthy event, which does both the log line and the metrics.
//!
//! Records and insights are told only once their transaction is committed, so an aborted attempt never shows as such.

use std::time::Duration;

use crate::pipeline::{Levels, Tally};

use super::broker::{Assigned, TopicPartition};
use super::tasks::Origin;
use super::transaction::Transaction;

/// Receives the events of one worker.
pub trait Report {
    /// The loop has turned.
    fn turned(&mut self);
    /// Partitions were taken up; `gone` are those whose parked tasks were given up for good.
    fn assigned(&mut self, assigned: &[Assigned], origins: &[Origin], gone: &[TopicPartition]);
    /// All partitions were given back.
    fn revoked(&mut self, lost: bool);
    /// A transaction is committed; the commit itself took `took`, the whole transaction `open`.
    fn committed(&mut self, transaction: &Transaction, took: Duration, open: Duration, wall: i64);
    /// A transaction that had been `open` for so long was given up; `fenced` when another producer took over or it expired.
    fn aborted(&mut self, fenced: bool, open: Duration);
    /// Counts of committed records.
    fn counted(&mut self, tally: &Tally);
    /// What is live in one partition, on committed records.
    fn levels(&mut self, partition: &TopicPartition, levels: &Levels);
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
