//! The seam between the worker and Kafka: what a worker needs from a broker, independent of any client
//! library.
//!
//! There are two implementations: `kafka` (librdkafka) and the simulator of the tests. Everything is
//! synchronous, because a worker is a thread of its own. Every method takes `&self`, because a message
//! borrows from the broker while its results are produced. No type of a client library may occur here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use insightd_core::state::WriteRecord;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// A partition of a topic.
    pub fn new(topic: &str, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

/// A consumed message, borrowed from the client's own buffer.
pub trait Message {
    /// Topic it was read from.
    fn topic(&self) -> &str;
    /// Partition it was read from.
    fn partition(&self) -> i32;
    /// Offset in the partition.
    fn offset(&self) -> i64;
    /// Key, if it has one.
    fn key(&self) -> Option<&[u8]>;
    /// Value; a tombstone has none.
    fn payload(&self) -> Option<&[u8]>;
}

/// A record for the open transaction.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Partition; without one the key decides.
    pub partition: Option<i32>,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value; a tombstone has none.
    pub value: Option<&'a [u8]>,
    /// Headers, in order.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl Outgoing<'_> {
    /// An upper bound of the record's bytes in its own batch: contents, lengths as varints,
    /// and the headers of record and batch (Kafka's message format 2).
    pub fn bytes_max(&self) -> usize {
        const BATCH_AND_RECORD_HEADER: usize = 128;
        const LENGTHS: usize = 10;
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + LENGTHS).sum();
        BATCH_AND_RECORD_HEADER + self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len) + headers
    }
}

/// Where a partition begins after it was assigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The partition.
    pub partition: TopicPartition,
    /// Offset of the next record to read.
    pub position: i64,
    /// Whether the group had committed that offset; otherwise it follows from `input.start`.
    pub committed: bool,
    /// Number of the state that was committed with the offset; none if the offset was set from outside.
    pub state: Option<u64>,
}

/// Where a partition stands after a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: TopicPartition,
    /// Offset of the next record to read.
    pub next: i64,
    /// Number of the state that belongs to the offset.
    pub state: u64,
}

/// How far the changelog is read after one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Offset of the next record.
    pub position: i64,
    /// Nothing readable is left before the end: compaction removed it, or only transaction markers remain.
    pub complete: bool,
}

/// Offsets of a partition that no longer exist: reading continues elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset that was to be read next.
    pub from: i64,
    /// Where reading continues: the oldest offset if retention was faster, the end if the log was truncated.
    pub to: i64,
}

/// What a poll returns.
#[derive(Debug)]
pub enum Polled<M> {
    /// Nothing within the wait, or something internal that the client has handled.
    Nothing,
    /// A message.
    Message(M),
    /// The partition is read to its end.
    End(TopicPartition),
    /// The partition cannot be read now, so whether its end is reached is unknown. [`Polled::End`] follows
    /// when it is known again.
    Away(TopicPartition),
    /// The group assigns these partitions to this worker. [`Broker::assign`] answers it.
    Assign(Vec<TopicPartition>),
    /// The group revokes all partitions. [`Broker::unassign`] answers it.
    Revoke {
        /// Other workers may have them already: nothing may be committed for them any more.
        lost: bool,
    },
    /// The next offset of a partition no longer exists.
    Skipped(Skipped),
    /// No broker is reachable, for this reason. The client keeps trying by itself.
    Down(String),
    /// A broker is reachable again.
    Up,
}

/// What to do about a failed call. Errors are named by the action, not by the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Nothing is lost: try the same call again later.
    Retry,
    /// The transaction cannot be committed: abort it and return to the committed offsets.
    AbortAndRewind,
    /// The client is unusable, or the outcome is unknown.
    Fatal,
}

/// Causes that need their own advice or exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Another member with the same static identity replaced this one.
    MemberFenced,
    /// Another producer with the same transactional id took over, or the transaction outlived its timeout.
    ProducerFenced,
    /// The configuration does not fit the cluster.
    Configuration,
    /// Anything else.
    Other,
}

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BrokerError {
    /// What to do.
    pub action: Action,
    /// The cause, where it matters.
    pub cause: Cause,
    /// What failed, where, and what the operator can do, on one line.
    pub message: String,
}

impl BrokerError {
    /// An error of no special cause.
    pub fn new(action: Action, message: impl Into<String>) -> Self {
        Self { action, cause: Cause::Other, message: message.into() }
    }

    /// A fatal error that only another configuration (or another topic) cures.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self { action: Action::Fatal, cause: Cause::Configuration, message: message.into() }
    }
}

/// A consumer in a group and a transactional producer, as one.
///
/// At most one transaction is open at a time. Partitions are fetched only between [`Broker::resume`] and
/// [`Broker::pause`].
pub trait Broker {
    /// A consumed message, borrowed.
    type Message<'a>: Message
    where
        Self: 'a;

    /// Waits up to `wait` for the next event.
    ///
    /// # Errors
    /// Only those that end the worker; unreachable brokers are an event.
    fn poll(&self, wait: Duration) -> Result<Polled<Self::Message<'_>>, BrokerError>;

    /// Answers [`Polled::Assign`] and returns where each partition begins. Reads the committed offsets only
    /// when no transaction of a previous owner can change them any more. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`Action::Retry`] if the offsets could not be read; the answer is still due.
    fn assign(&self, partitions: &[TopicPartition]) -> Result<Vec<Assigned>, BrokerError>;

    /// Answers [`Polled::Revoke`]: gives all partitions back.
    ///
    /// # Errors
    /// If the client refuses.
    fn unassign(&self) -> Result<(), BrokerError>;

    /// Stops fetching these partitions. Messages that were already fetched may still be delivered.
    ///
    /// # Errors
    /// If the client refuses.
    fn pause(&self, partitions: &[TopicPartition]) -> Result<(), BrokerError>;

    /// Fetches these partitions from where they stand.
    ///
    /// # Errors
    /// If the client refuses.
    fn resume(&self, partitions: &[TopicPartition]) -> Result<(), BrokerError>;

    /// Sets all assigned partitions back to the group's committed offsets, after a transaction that was not
    /// committed, and returns those offsets. Nothing is fetched then, and nothing that was fetched before is
    /// delivered.
    ///
    /// # Errors
    /// [`Action::Retry`] if the offsets could not be read; the rewind is still due.
    fn rewind(&self) -> Result<Vec<Assigned>, BrokerError>;

    /// Replaces a producer that was fenced. What the old one left open is aborted, unless it was committed.
    ///
    /// # Errors
    /// [`Action::Retry`] if no broker answers; the replacement is still due.
    fn renew(&self) -> Result<(), BrokerError>;

    /// Starts to read the changelog of a partition from its beginning. Returns its end, uncommitted records
    /// included: a transaction that is still open may lie before it, and the changelog is not complete before
    /// that one has ended.
    ///
    /// # Errors
    /// [`Action::Retry`] if the end could not be read.
    fn open_changelog(&self, partition: i32) -> Result<i64, BrokerError>;

    /// Continues to read the changelog: up to `records_max` records, or what arrives within `wait`. Shows
    /// only committed records: key, and value or none for a tombstone.
    ///
    /// # Errors
    /// If it cannot be read.
    fn read_changelog(
        &self,
        records_max: usize,
        wait: Duration,
        show: &mut WriteRecord<'_>,
    ) -> Result<Reading, BrokerError>;

    /// Starts to read a partition of the backfill topic at offset `from`; false if nothing committed lies
    /// there, or the topic does not exist.
    ///
    /// # Errors
    /// [`Action::Retry`] if no broker answers.
    fn open_backfill(&self, partition: i32, from: i64) -> Result<bool, BrokerError>;

    /// Continues to read the opened partition of the backfill topic: up to `messages_max` messages, or what
    /// arrives within `wait`. Calls `show` with the next offset and the value of each committed message; it
    /// returns the offset from which a restart would have to read. True if nothing is left.
    ///
    /// # Errors
    /// If it cannot be read.
    fn read_backfill(
        &self,
        partition: i32,
        messages_max: usize,
        wait: Duration,
        show: &mut dyn FnMut(i64, &[u8]) -> i64,
    ) -> Result<bool, BrokerError>;

    /// Begins a transaction.
    ///
    /// # Errors
    /// If the producer is fenced or has another transaction open.
    fn begin(&self) -> Result<(), BrokerError>;

    /// Adds a record to the open transaction. Waits while the send queue is full.
    ///
    /// # Errors
    /// If it cannot be queued. Failed deliveries show at the commit.
    fn produce(&self, record: &Outgoing<'_>) -> Result<(), BrokerError>;

    /// Commits the open transaction with the offset of the *next* record of each partition, all of which must
    /// be assigned now, and the number of the state that belongs to it.
    ///
    /// # Errors
    /// It was not committed, or the outcome is unknown: [`Broker::rewind`] shows which.
    fn commit_with_offsets(&self, next: &[Position]) -> Result<(), BrokerError>;

    /// Aborts the open transaction.
    ///
    /// # Errors
    /// If the coordinator did not confirm it; the transaction then ends at its timeout.
    fn abort(&self) -> Result<(), BrokerError>;

    /// Offset after the last record that a reader of committed records can see now; none if unknown.
    fn end_offset(&self, partition: &TopicPartition) -> Option<i64>;
}
