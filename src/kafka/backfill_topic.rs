//! The backfill topic (`state.history_topic`), to which `insightd load` writes accounts' backfills: as a
//! worker reads it, and as the command writes it.
//!
//! Messages are keyed by account and lie in the partition with the number of the account's input partition.
//! Those of one backfill are one transaction.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use rdkafka::message::Message as _;

use super::context::Context;
use super::offsets::Bounds;
use super::partition_reader::{PartitionReader, Pool, ReadRequest, consumer, read_all};
use super::transactional_producer::TransactionalProducer;
use super::{admin, client, offsets};
use crate::config::Config;
use crate::stream::broker::{BrokerError, Outgoing, TopicPartition};

/// Longest wait for one answer of a broker.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The same in a worker, whose other partitions wait meanwhile.
const PROBE_MAX: Duration = Duration::from_secs(1);
/// Interval at which a topic that does not exist is looked for.
const PROBE_INTERVAL: Duration = Duration::from_secs(4);
const DOING: &str = "read the backfill topic";

/// The backfill topic as a worker reads it.
pub(super) struct BackfillTopic {
    topic: String,
    clients: Rc<Pool>,
    reader: RefCell<Option<(PartitionReader, ReadRange)>>,
    exists: Cell<bool>,
    probed: Cell<Option<Instant>>,
    /// What the last reading of each partition has covered.
    read: RefCell<HashMap<i32, ReadRange>>,
}

/// Offsets that need not be read: from `from` up to `end` there is nothing to merge, only the end of a
/// transaction or an incomplete backfill. A task that stands before `from`, because what it merged was not
/// committed, has to read again.
#[derive(Clone, Copy, Debug)]
struct ReadRange {
    from: i64,
    end: i64,
}

impl ReadRange {
    fn covers(self, from: i64, end: i64) -> bool {
        (self.from..=self.end).contains(&from) && end <= self.end
    }
}

impl BackfillTopic {
    /// Nothing is connected yet. `clients` read committed records.
    pub(super) fn new(config: &Config, clients: Rc<Pool>) -> Self {
        Self {
            topic: config.state.history_topic.clone(),
            clients,
            reader: RefCell::default(),
            exists: Cell::default(),
            probed: Cell::default(),
            read: RefCell::default(),
        }
    }

    /// Starts to read a partition at `from`, if it holds anything.
    ///
    /// # Errors
    /// If no broker answers.
    pub(super) fn open(&self, partition: i32, from: i64) -> Result<bool, BrokerError> {
        self.close();
        let partition = TopicPartition::new(&self.topic, partition);
        let Some(bounds) = self.bounds(&partition)? else { return Ok(false) };
        let range = bounds.starting_at(from);
        let Bounds { oldest: from, end } = range;
        let read = self.read.borrow().get(&partition.partition).copied();
        if end <= from || read.is_some_and(|read| read.covers(from, end)) {
            return Ok(false);
        }
        let reader = PartitionReader::new(self.clients.take()?, partition, range, DOING)?;
        self.reader.replace(Some((reader, ReadRange { from, end })));
        Ok(true)
    }

    /// The oldest and the end offset, if the topic exists. Not asked with the client that reads the input:
    /// where nothing arrives there, a fetch waits at the broker (half a second by default), and every request
    /// to that broker waits behind it.
    fn bounds(&self, partition: &TopicPartition) -> Result<Option<Bounds>, BrokerError> {
        let recently = self.probed.get().is_some_and(|at| at.elapsed() < PROBE_INTERVAL);
        if !self.exists.get() && recently {
            return Ok(None);
        }
        let asker = self.clients.take()?;
        let bounds = match self.exists(&asker) {
            Ok(true) => offsets::bounds_within(&asker, partition, PROBE_MAX).map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        self.clients.give(asker);
        bounds
    }

    fn exists(&self, asker: &BaseConsumer<Context>) -> Result<bool, BrokerError> {
        if !self.exists.get() {
            // Noted only with an answer. Without one it is asked again: the topic may exist, and the input
            // waits for it.
            self.exists.set(!offsets::partitions(asker, &self.topic, PROBE_MAX)?.is_empty());
            self.probed.set(Some(Instant::now()));
        }
        Ok(self.exists.get())
    }

    /// Continues to read; true if nothing is left.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn read(
        &self,
        partition: i32,
        messages_max: usize,
        wait: Duration,
        show: &mut dyn FnMut(i64, &[u8]) -> i64,
    ) -> Result<bool, BrokerError> {
        let mut open = self.reader.borrow_mut();
        let Some((reader, range)) = open.as_mut() else { return Ok(true) };
        let complete = reader.read(messages_max, wait, &mut |message| {
            range.from = show(message.offset() + 1, message.payload().unwrap_or_default());
        })?;
        if complete {
            let range = ReadRange { end: range.end.max(reader.position()), ..*range };
            self.read.borrow_mut().insert(partition, range);
            drop(open);
            self.close();
        }
        Ok(complete)
    }

    /// Ends the reading under way.
    pub(super) fn close(&self) {
        if let Some((reader, _)) = self.reader.take() {
            self.clients.give(reader.into_client());
        }
    }
}

// === from outside the daemon ===

/// Reads a partition from `from` to the end that it has now: next offset and value of each message.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn read_on(
    config: &Config,
    partition: i32,
    from: i64,
    show: &mut dyn FnMut(i64, &[u8]),
) -> Result<(), BrokerError> {
    let settings = client::reader(config, true);
    let partition = TopicPartition::new(&config.state.history_topic, partition);
    let range = offsets::bounds(&consumer(&settings)?, &partition)?.starting_at(from);
    let stall_max = config.state.restore_stall_max;
    let request = ReadRequest { settings: &settings, partition: &partition, range, stall_max };
    read_all(&request, &mut |message| show(message.offset() + 1, message.payload().unwrap_or_default()))
}

/// Deletes what the topic holds, if it exists.
///
/// # Errors
/// If no broker answers, or one refuses.
pub(crate) fn empty(config: &Config) -> Result<(), BrokerError> {
    let settings = client::probe(config);
    let partitions = offsets::partitions(&consumer(&settings)?, &config.state.history_topic, ANSWER_MAX)?;
    if partitions.is_empty() { Ok(()) } else { admin::empty(&settings, &config.state.history_topic, &partitions) }
}

/// Writes backfills.
pub(crate) struct Writer {
    topic: String,
    producer: TransactionalProducer,
}

impl Writer {
    /// Registers the transactional id, which fences another `insightd load` of the same group.
    ///
    /// # Errors
    /// If a broker refuses, or none answers.
    pub(crate) fn connect(config: &Config) -> Result<Self, BrokerError> {
        let timeout = config.kafka.transaction_timeout;
        let settings = client::loader(config);
        let producer = TransactionalProducer::new(&settings, Context::new(None), timeout, Arc::default())?;
        producer.register_or_retry()?;
        Ok(Self { topic: config.state.history_topic.clone(), producer })
    }

    /// Writes one backfill, as one transaction, to the partition of its account. An account without a
    /// partition goes where its key leads, as for any producer with this partitioner.
    ///
    /// # Errors
    /// If it could not be committed, or the outcome is unknown.
    pub(crate) fn write(&self, partition: Option<i32>, account: &str, parts: &[Vec<u8>]) -> Result<(), BrokerError> {
        self.producer.begin()?;
        for part in parts {
            self.producer.send(&Outgoing {
                topic: &self.topic,
                partition,
                key: Some(account.as_bytes()),
                value: Some(part),
                headers: &[],
            })?;
        }
        self.producer.flush()?;
        self.producer.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: after an aborted transaction, a backfill that had been merged was not read again before
    /// the next start, because everything after the offset at which its reading began counted as read.
    #[test]
    fn a_backfill_whose_transaction_was_aborted_is_read_again() {
        // Read from 5, a backfill ends at 18, followed by the marker of its transaction.
        let read = ReadRange { from: 19, end: 20 };
        assert!(read.covers(19, 20) && read.covers(20, 20));
        assert!(!read.covers(5, 20), "it stands where it stood before");
        assert!(!read.covers(19, 25), "something has arrived");
        // The backfill that begins at 5 is incomplete.
        assert!(ReadRange { from: 5, end: 20 }.covers(5, 20));
    }
}
