//! The changelog of one partition, read from its beginning to the end that it has now.
//!
//! The end is read as a reader of *uncommitted* records sees it: behind an open transaction of another
//! producer there may lie records that are already committed (KAFKA-10167). Then only committed records are
//! read, until the position has passed that end.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use insightd_core::state::WriteRecord;
use rdkafka::consumer::Consumer;
use rdkafka::message::{BorrowedMessage, Message as _};

use super::context::Context;
use super::partition_reader::{PartitionReader, Pool, ReadRequest, consumer, read_all};
use super::transactional_producer::TransactionalProducer;
use super::{client, errors, offsets};
use crate::config::Config;
use crate::stream::broker::{Action, BrokerError, Outgoing, Reading, TopicPartition};

/// Longest wait for one answer of a broker.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The changelogs as a worker restores them.
pub(super) struct Changelog {
    topic: String,
    /// Clients that read committed records.
    committed: Rc<Pool>,
    /// Clients that see all records: they only read ends.
    all: Pool,
    reader: RefCell<Option<PartitionReader>>,
}

impl Changelog {
    /// Nothing is connected yet. `committed` are clients that read committed records.
    pub(super) fn new(config: &Config, committed: Rc<Pool>) -> Self {
        let all = Pool::new(client::reader(config, false));
        Self { topic: config.state.topic.clone(), committed, all, reader: RefCell::default() }
    }

    /// Starts to read a partition; returns its end.
    ///
    /// # Errors
    /// If no broker answers.
    pub(super) fn open(&self, partition: i32) -> Result<i64, BrokerError> {
        let partition = TopicPartition::new(&self.topic, partition);
        self.close();
        let asker = self.all.take()?;
        let range = offsets::bounds(&asker, &partition)?;
        self.all.give(asker);
        let reader = PartitionReader::new(self.committed.take()?, partition, range, "read the changelog")?;
        self.reader.replace(Some(reader));
        Ok(range.end)
    }

    /// Continues to read: up to `records_max` records, or what arrives within `wait`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn read(
        &self,
        records_max: usize,
        wait: Duration,
        show: &mut WriteRecord<'_>,
    ) -> Result<Reading, BrokerError> {
        let mut open = self.reader.borrow_mut();
        let Some(reader) = open.as_mut() else {
            return Err(BrokerError::new(Action::Fatal, "the changelog is read before it was opened"));
        };
        let complete = reader.read(records_max, wait, &mut |message| show_record(message, show))?;
        let reading = Reading { position: reader.position(), complete };
        drop(open);
        if complete {
            self.close();
        }
        Ok(reading)
    }

    /// Ends the reading under way.
    pub(super) fn close(&self) {
        if let Some(reader) = self.reader.take() {
            self.committed.give(reader.into_client());
        }
    }

    /// Closes clients that have been idle for long, including the shared ones.
    pub(super) fn tidy(&self) {
        self.all.tidy();
        self.committed.tidy();
    }
}

fn show_record(message: &BorrowedMessage<'_>, show: &mut WriteRecord<'_>) {
    show(message.key().unwrap_or_default(), message.payload());
}

// === from outside the daemon ===

/// Number of partitions of the changelog.
///
/// # Errors
/// If the topic does not exist, or no broker answers.
pub(crate) fn partitions(config: &Config) -> Result<i32, BrokerError> {
    let topic = &config.state.topic;
    match offsets::partitions(&consumer(&client::probe(config))?, topic, ANSWER_MAX)?.len() {
        0 => Err(BrokerError::configuration(format!("topic {topic} does not exist: state.topic names no changelog"))),
        several => Ok(i32::try_from(several).unwrap_or(i32::MAX)),
    }
}

/// Number of members of the group.
///
/// # Errors
/// If no broker answers.
pub(crate) fn members(config: &Config) -> Result<usize, BrokerError> {
    let group = &config.kafka.group_id;
    let groups = consumer(&client::probe(config))?
        .client()
        .fetch_group_list(Some(group), ANSWER_MAX)
        .map_err(|error| errors::failure(&format!("look at group {group}"), &error))?;
    Ok(groups.groups().iter().filter(|found| found.name() == group).map(|found| found.members().len()).sum())
}

/// Reads the committed records of a partition from `from` to the end that a reader of committed records sees
/// now: what is shown is whole transactions, even while a daemon writes. Returns that end.
///
/// # Errors
/// If it cannot be read to its end.
pub(crate) fn read_on(
    config: &Config,
    partition: i32,
    from: i64,
    show: &mut WriteRecord<'_>,
) -> Result<i64, BrokerError> {
    let settings = client::reader(config, true);
    let partition = TopicPartition::new(&config.state.topic, partition);
    let range = offsets::bounds(&consumer(&settings)?, &partition)?.starting_at(from);
    let stall_max = config.state.restore_stall_max;
    let request = ReadRequest { settings: &settings, partition: &partition, range, stall_max };
    read_all(&request, &mut |message| show_record(message, show))?;
    Ok(range.end)
}

/// Empties a partition: a tombstone for each key that it holds, in one transaction. Returns the number of
/// keys.
///
/// # Errors
/// If a broker refuses, or none answers.
pub(crate) fn empty(config: &Config, partition: i32) -> Result<usize, BrokerError> {
    let timeout = config.kafka.transaction_timeout;
    let settings = client::resetter(config);
    let producer = TransactionalProducer::new(&settings, Context::new(None), timeout, Arc::default())?;
    producer.register_or_retry()?;
    let keys = keys(config, &TopicPartition::new(&config.state.topic, partition))?;
    producer.begin()?;
    for key in &keys {
        let topic = &config.state.topic;
        let tombstone = Outgoing { topic, partition: Some(partition), key: Some(key), value: None, headers: &[] };
        producer.send(&tombstone)?;
    }
    producer.flush()?;
    producer.commit()?;
    Ok(keys.len())
}

/// The keys that a partition holds, including those behind a transaction that is open now.
fn keys(config: &Config, partition: &TopicPartition) -> Result<BTreeSet<Vec<u8>>, BrokerError> {
    let range = offsets::bounds(&consumer(&client::reader(config, false))?, partition)?;
    let (settings, stall_max) = (client::reader(config, true), config.state.restore_stall_max);
    let request = ReadRequest { settings: &settings, partition, range, stall_max };
    let mut keys = BTreeSet::new();
    read_all(&request, &mut |message| {
        show_record(message, &mut |key, value| {
            if value.is_some() {
                keys.insert(key.to_vec());
            } else {
                keys.remove(key);
            }
        });
    })?;
    Ok(keys)
}
