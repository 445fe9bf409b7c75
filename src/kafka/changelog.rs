//! Reading the changelog of one partition, from its beginning to the end that it has now.
//!
//! The end is asked for as a reader of *uncommitted* records sees it: behind an open transaction of somebody else there may lie records that
//! are committed already (Apache Kafka's KAFKA-10167). Then only committed records are read until the position has passed it. Markers of
//! transactions are no records but do move the position; what lies at the end may also have been compacted away, so a partition whose
//! last stable offset has reached the end, and which is read up to there, is complete as well.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use insightd_core::state::WriteRecord;
use rdkafka::consumer::Consumer;

use super::context::Context;
use super::reader::{self, Pool, Reader, consumer};
use super::transactional::Transactional;
use super::{client, errors, offsets};
use crate::config::Config;
use crate::stream::broker::{Action, BrokerError, Outgoing, Reading, TopicPartition};

/// How often the last stable offset is asked for while the end is waited for.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Longest wait for one answer of a broker.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct Changelog {
    topic: String,
    /// Of readers of committed records, and of those of all: these only ask for ends.
    committed: Rc<Pool>,
    all: Pool,
    reader: RefCell<Option<Reader>>,
}

impl Changelog {
    /// Nothing is connected yet. `committed` are clients that read committed records.
    pub(super) fn new(config: &Config, committed: Rc<Pool>) -> Self {
        let all = Pool::new(client::reader(config, false));
        Self { topic: config.state.topic.clone(), committed, all, reader: RefCell::default() }
    }

    /// Begins to read a partition; returns its end.
    ///
    /// # Errors
    /// When no broker tells.
    pub(super) fn open(&self, partition: i32) -> Result<i64, BrokerError> {
        let partition = TopicPartition::new(&self.topic, partition);
        self.close();
        let asker = self.all.take()?;
        let (oldest, end) = offsets::bounds(&asker, &partition)?;
        self.all.give(asker);
        let reader = Reader::new(self.committed.take()?, partition, (oldest, end), "read the changelog")?;
        self.reader.replace(Some(reader));
        Ok(end)
    }

    /// Reads on, up to `records_max` records or what comes within `wait`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read(
        &self,
        records_max: usize,
        wait: Duration,
        show: &mut WriteRecord<'_>,
    ) -> Result<Reading, BrokerError> {
        let mut open = self.reader.borrow_mut();
        let Some(reader) = open.as_mut() else {
            return Err(BrokerError::new(Action::Fatal, "the changelog is read, which was not opened"));
        };
        let complete = reader.read(records_max, wait, &mut |_, key, value| show(key, value))?;
        let reading = Reading { position: reader.position(), complete };
        drop(open);
        if complete {
            self.close();
        }
        Ok(reading)
    }

    /// What is being read is not needed any more.
    pub(super) fn close(&self) {
        if let Some(reader) = self.reader.take() {
            self.committed.give(reader.into_client());
        }
    }

    /// PartitionEnds clients that have had nothing to do for long, the shared ones too.
    pub(super) fn tidy(&self) {
        self.all.tidy();
        self.committed.tidy();
    }
}

// === from outside the daemon ===

/// Number of partitions of the changelog.
///
/// # Errors
/// When the topic does not exist, or no broker answers.
pub(crate) fn partitions(config: &Config) -> Result<i32, BrokerError> {
    let topic = &config.state.topic;
    let metadata = consumer(&client::probe_client(config))?
        .fetch_metadata(Some(topic), ANSWER_MAX)
        .map_err(|error| errors::failure(&format!("look at topic {topic}"), &error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    match found.map_or(0, |found| found.partitions().len()) {
        0 => Err(BrokerError::configuration(format!("topic {topic} does not exist: state.topic names no changelog"))),
        several => Ok(i32::try_from(several).unwrap_or(i32::MAX)),
    }
}

/// Members of the group.
///
/// # Errors
/// When no broker answers.
pub(crate) fn members(config: &Config) -> Result<usize, BrokerError> {
    let group = &config.kafka.group_id;
    let groups = consumer(&client::probe_client(config))?
        .client()
        .fetch_group_list(Some(group), ANSWER_MAX)
        .map_err(|error| errors::failure(&format!("look at group {group}"), &error))?;
    Ok(groups.groups().iter().filter(|found| found.name() == group).map(|found| found.members().len()).sum())
}

/// Reads a partition to the end that it has now, behind a transaction that is open as well.
fn read_whole(config: &Config, partition: i32, show: &mut WriteRecord<'_>) -> Result<(), BrokerError> {
    let changelog = Changelog::new(config, Rc::new(Pool::new(client::reader(config, true))));
    changelog.open(partition)?;
    let (mut position, mut moved) = (0, Instant::now());
    loop {
        let reading = changelog.read(config.state.restore_records_max, ASK_EVERY, show)?;
        if reading.complete {
            return Ok(());
        }
        if reading.position > position {
            (position, moved) = (reading.position, Instant::now());
        }
        if moved.elapsed() > config.state.restore_stall_max {
            let text = format!("cannot read {}[{partition}] to its end: a transaction may be open", changelog.topic);
            return Err(BrokerError::new(Action::Retry, text));
        }
    }
}

/// Reads the committed records of a partition from `from` to the end that a reader of committed records sees now: what is shown is whole transactions, also while
/// a daemon writes. Returns that end.
///
/// # Errors
/// When it cannot be read to its end.
pub(crate) fn read_on(
    config: &Config,
    partition: i32,
    from: i64,
    show: &mut WriteRecord<'_>,
) -> Result<i64, BrokerError> {
    let partition = TopicPartition::new(&config.state.topic, partition);
    let stall_max = config.state.restore_stall_max;
    reader::read_on(&client::reader(config, true), partition, from, stall_max, &mut |_, key, value| show(key, value))
}

/// Empties a partition: a tombstone for each key that it holds, in one transaction. Returns how many there were.
///
/// # Errors
/// When a broker refuses, or none answers.
pub(crate) fn empty(config: &Config, partition: i32) -> Result<usize, BrokerError> {
    let timeout = config.kafka.transaction_timeout;
    let transactions = Transactional::new(&client::resetter(config), Context::new(None), timeout, Arc::default())?;
    if !transactions.register_once()? {
        return Err(BrokerError::new(Action::Retry, "no broker registers the transactional id"));
    }
    let mut keys = BTreeSet::new();
    read_whole(config, partition, &mut |key, value| {
        if value.is_some() {
            keys.insert(key.to_vec());
        } else {
            keys.remove(key);
        }
    })?;
    transactions.begin()?;
    for key in &keys {
        let topic = &config.state.topic;
        let tombstone = Outgoing { topic, partition: Some(partition), key: Some(key), value: None, headers: &[] };
        transactions.send(&tombstone)?;
    }
    transactions.settle()?;
    transactions.commit()?;
    Ok(keys.len())
}
