//! The seam between the worker and Kafka: what a worker needs of a broker, and nothing of how a client library says it.
//!
//! Two implementations are meant: `kafka` (librdkafka) and a simulator. Everything is synchronous, because a worker is a
//! thread of its own; every method takes `&self`, because a message borrows from the broker while its consequences are
//! produced. No type of a client library may occur here.

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
    /// Its offset.
    fn offset(&self) -> i64;
    /// Its key.
    fn key(&self) -> Option<&[u8]>;
    /// Its value; none is a tombstone.
    fn payload(&self) -> Option<&[u8]>;
}

/// A record for the open transaction.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Partition; without one it follows from the key.
    pub partition: Option<i32>,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers, in order.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl Outgoing<'_> {
    /// An upper bound of the bytes that the record takes inside a batch of its own: contents, lengths as varints,
    /// record and batch header (Kafka's message format 2).
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
    /// Number of the state that was committed with it; none where the offset was set by somebody else.
    pub state: Option<u64>,
}

/// Where a partition shall stand after a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: TopicPartition,
    /// Offset of the next record to read.
    pub next: i64,
    /// Number of the state that belongs to it.
    pub state: u64,
}

/// What a step of reading the changelog has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Offset of the next record.
    pub position: i64,
    /// Everything below the end is read that is there: what lies between was compacted away, or are markers of transactions.
    pub complete: bool,
}

/// What a poll brought.
#[derive(Debug)]
pub enum Polled<M> {
    /// Nothing within the wait, or something internal that the client dealt with itself.
    Nothing,
    /// A message.
    Message(M),
    /// The partition was read to its end.
    End(TopicPartition),
    /// The partition cannot be read at the moment: nobody knows any more whether its end was reached. [`Polled::End`]
    /// follows when it is known again.
    Away(TopicPartition),
    /// The group gives these partitions to this worker. To be answered by [`Broker::assign`].
    Assign(Vec<TopicPartition>),
    /// The group takes all partitions back. To be answered by [`Broker::unassign`].
    Revoke {
        /// They belong to somebody else already: nothing about them may be committed any more.
        lost: bool,
    },
    /// The next offset of this partition does not exist any more (retention was faster): reading goes on at `to`.
    Skipped {
        /// The partition.
        partition: TopicPartition,
        /// The offset that should have been read.
        from: i64,
        /// The oldest offset that exists.
        to: i64,
    },
    /// No broker is in reach; the text says why. The client goes on trying by itself.
    Down(String),
    /// A broker is in reach again.
    Up,
}

/// What to do about a failure. Errors are named by it, not by their cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Nothing is lost: try the same again, later.
    Retry,
    /// The transaction cannot be committed: abort it and take up at the committed offsets.
    AbortAndRewind,
    /// The client is of no more use, or nobody knows what happened.
    Fatal,
}

/// Causes that the operator is told in other words, or that end the process with a code of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Another member with the same static identity took this one's place.
    MemberFenced,
    /// Another producer with the same transactional id took over, or the transaction outlived its time-out.
    ProducerFenced,
    /// What is configured does not fit what is there.
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
    /// Why, where it matters.
    pub cause: Cause,
    /// What happened, where, and what the operator can do, on one line.
    pub message: String,
}

impl BrokerError {
    /// A failure of no special cause.
    pub fn new(action: Action, message: impl Into<String>) -> Self {
        Self { action, cause: Cause::Other, message: message.into() }
    }

    /// A fatal failure that only another configuration (or another topic) cures.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self { action: Action::Fatal, cause: Cause::Configuration, message: message.into() }
    }
}

/// A consumer in a group and a transactional producer, as one.
///
/// At most one transaction is open at a time. Partitions are fetched only between [`Broker::resume`] and [`Broker::pause`].
pub trait Broker {
    /// The consumed message, borrowed.
    type Message<'a>: Message
    where
        Self: 'a;

    /// Waits up to `wait` for the next event.
    ///
    /// # Errors
    /// Only what ends the worker; that brokers are out of reach is an event.
    fn poll(&self, wait: Duration) -> Result<Polled<Self::Message<'_>>, BrokerError>;

    /// Answers [`Polled::Assign`]: settles where each partition begins. Offsets are asked for only when no transaction of a predecessor can
    /// change them any more. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`Action::Retry`] when the offsets could not be asked for; the answer is still due.
    fn assign(&self, partitions: &[TopicPartition]) -> Result<Vec<Assigned>, BrokerError>;

    /// Answers [`Polled::Revoke`]: gives all partitions back.
    ///
    /// # Errors
    /// When the client refuses.
    fn unassign(&self) -> Result<(), BrokerError>;

    /// Stops fetching these partitions. What was fetched already may still be delivered.
    ///
    /// # Errors
    /// When the client refuses.
    fn pause(&self, partitions: &[TopicPartition]) -> Result<(), BrokerError>;

    /// Fetches these partitions, on from where they stand.
    ///
    /// # Errors
    /// When the client refuses.
    fn resume(&self, partitions: &[TopicPartition]) -> Result<(), BrokerError>;

    /// Sets all assigned partitions back to the group's committed offsets, after a transaction that was not committed, and says which they
    /// are. Nothing is fetched then, and nothing from before is delivered any more.
    ///
    /// # Errors
    /// [`Action::Retry`] when the offsets could not be asked for; it is still due.
    fn rewind(&self) -> Result<Vec<Assigned>, BrokerError>;

    /// Takes a new producer in place of one that was fenced. What the old one left open is aborted, or was committed.
    ///
    /// # Errors
    /// [`Action::Retry`] when no broker could be asked; it is still due.
    fn renew(&self) -> Result<(), BrokerError>;

    /// Begins to read the changelog of a partition from its beginning. Returns its end, uncommitted records included: a
    /// transaction that is still open may lie before it, and nothing is complete before that one has ended.
    ///
    /// # Errors
    /// [`Action::Retry`] when the end could not be asked for.
    fn open_changelog(&self, partition: i32) -> Result<i64, BrokerError>;

    /// Reads on in the changelog, up to `records_max` records or what comes within `wait`. Only committed records are shown: key, and value or
    /// none for a tombstone.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_changelog(
        &self,
        records_max: usize,
        wait: Duration,
        show: &mut WriteRecord<'_>,
    ) -> Result<Reading, BrokerError>;

    /// Begins to read a partition of the history topic at offset `from`; false if nothing committed lies there now, or there is no such topic.
    ///
    /// # Errors
    /// [`Action::Retry`] when no broker tells.
    fn open_backfill(&self, partition: i32, from: i64) -> Result<bool, BrokerError>;

    /// Reads on in the partition of the history topic that was opened, up to `messages_max` messages or what comes within `wait`. Shows the next offset and the value of each
    /// committed message, and is told from where the partition had to be read again then; true when there is nothing more.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_backfill(
        &self,
        partition: i32,
        messages_max: usize,
        wait: Duration,
        show: &mut dyn FnMut(i64, &[u8]) -> i64,
    ) -> Result<bool, BrokerError>;

    /// Opens a transaction.
    ///
    /// # Errors
    /// When the producer is fenced or has another transaction open.
    fn begin(&self) -> Result<(), BrokerError>;

    /// Adds a record to the open transaction. Waits while the send queue is full.
    ///
    /// # Errors
    /// When it cannot be queued. Failures of delivery show at the commit.
    fn produce(&self, record: &Outgoing<'_>) -> Result<(), BrokerError>;

    /// Commits the open transaction together with the offset of the *next* record of each partition, which must be
    /// assigned at this moment, and the number of the state that belongs to it.
    ///
    /// # Errors
    /// It was not committed, or nobody knows: [`Broker::rewind`] tells.
    fn commit_with_offsets(&self, next: &[Position]) -> Result<(), BrokerError>;

    /// Aborts the open transaction.
    ///
    /// # Errors
    /// When the coordinator did not confirm it; it will then end at its time-out.
    fn abort(&self) -> Result<(), BrokerError>;

    /// Offset behind the last record a reader of committed records can see now; none when it is not known.
    fn end_offset(&self, partition: &TopicPartition) -> Option<i64>;
}
