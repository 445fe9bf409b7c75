//! The history topic, in which `insightd load` leaves accounts' pasts: as a worker reads it, and as the command writes it.
//!
//! Messages are keyed by account and lie in the partition whose number is that of the account's input. Those of one past are one transaction.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};

use super::context::Context;
use super::reader::{self, Pool, Reader, consumer};
use super::transactional::Transactional;
use super::{admin, client, errors, offsets};
use crate::config::Config;
use crate::stream::broker::{Action, BrokerError, Outgoing, TopicPartition};

/// Longest wait for one answer of a broker.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The same in a worker, whose other partitions wait meanwhile.
const LOOK_MAX: Duration = Duration::from_secs(1);
/// How often a topic that does not exist is looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(4);
const DOING: &str = "read the history topic";

/// See the module.
pub(super) struct BackfillTopic {
    topic: String,
    clients: Rc<Pool>,
    reader: RefCell<Option<(Reader, Settled)>>,
    exists: Cell<bool>,
    looked: Cell<Option<Instant>>,
    /// Of each partition, where its last reading has come to.
    settled: RefCell<HashMap<i32, Settled>>,
}

/// Where a reading has come to: from `from` on up to `end` there is nothing to take in, only the end of a transaction, or a past of which something is missing.
/// Somebody who stands before `from`, because what he had taken in was not committed, has to read again.
#[derive(Clone, Copy, Debug)]
struct Settled {
    from: i64,
    end: i64,
}

impl Settled {
    fn covers(self, from: i64, end: i64) -> bool {
        (self.from..=self.end).contains(&from) && end <= self.end
    }
}

impl BackfillTopic {
    /// Nothing is connected yet. `clients` are those that read committed records.
    pub(super) fn new(config: &Config, clients: Rc<Pool>) -> Self {
        Self {
            topic: config.state.history_topic.clone(),
            clients,
            reader: RefCell::default(),
            exists: Cell::default(),
            looked: Cell::default(),
            settled: RefCell::default(),
        }
    }

    /// Begins to read a partition at `from`, if there is anything.
    ///
    /// # Errors
    /// When no broker tells.
    pub(super) fn open(&self, partition: i32, from: i64) -> Result<bool, BrokerError> {
        self.close();
        let partition = TopicPartition::new(&self.topic, partition);
        let Some((oldest, end)) = self.bounds(&partition)? else { return Ok(false) };
        let from = from.max(oldest);
        let settled = self.settled.borrow().get(&partition.partition).copied();
        if end <= from || settled.is_some_and(|settled| settled.covers(from, end)) {
            return Ok(false);
        }
        let reader = Reader::new(self.clients.take()?, partition, (from, end), DOING)?;
        self.reader.replace(Some((reader, Settled { from, end })));
        Ok(true)
    }

    /// The oldest and the end offset, if the topic exists. Not asked with the client that reads the input: where nothing comes in there, a fetch waits at the broker,
    /// half a second by default, and every question to that broker waits behind it.
    fn bounds(&self, partition: &TopicPartition) -> Result<Option<(i64, i64)>, BrokerError> {
        let recently = self.looked.get().is_some_and(|at| at.elapsed() < LOOK_AGAIN);
        if !self.exists.get() && recently {
            return Ok(None);
        }
        let asker = self.clients.take()?;
        let bounds = match self.exists(&asker) {
            Ok(true) => offsets::bounds_within(&asker, partition, LOOK_MAX).map(Some),
            Ok(false) => Ok(None),
            Err(failure) => Err(failure),
        };
        self.clients.give(asker);
        bounds
    }

    fn exists(&self, asker: &BaseConsumer<Context>) -> Result<bool, BrokerError> {
        if !self.exists.get() {
            // Without an answer it is asked again: it may be there, and the input waits for it.
            self.exists.set(partitions(asker, &self.topic, LOOK_MAX)? > 0);
            self.looked.set(Some(Instant::now()));
        }
        Ok(self.exists.get())
    }

    /// Reads on; true when there is nothing more.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read(
        &self,
        partition: i32,
        messages_max: usize,
        wait: Duration,
        show: &mut dyn FnMut(i64, &[u8]) -> i64,
    ) -> Result<bool, BrokerError> {
        let mut open = self.reader.borrow_mut();
        let Some((reader, settled)) = open.as_mut() else { return Ok(true) };
        let complete = reader.read(messages_max, wait, &mut |offset, _, value| {
            settled.from = show(offset + 1, value.unwrap_or_default());
        })?;
        if complete {
            let settled = Settled { end: settled.end.max(reader.position()), ..*settled };
            self.settled.borrow_mut().insert(partition, settled);
            drop(open);
            self.close();
        }
        Ok(complete)
    }

    /// What is being read is not needed any more.
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
/// When it cannot be read.
pub(crate) fn read_on(
    config: &Config,
    partition: i32,
    from: i64,
    show: &mut dyn FnMut(i64, &[u8]),
) -> Result<(), BrokerError> {
    let partition = TopicPartition::new(&config.state.history_topic, partition);
    let stall_max = config.state.restore_stall_max;
    reader::read_on(&client::reader(config, true), partition, from, stall_max, &mut |offset, _, value| {
        show(offset + 1, value.unwrap_or_default());
    })?;
    Ok(())
}

/// Deletes what the topic holds; nothing where there is no such topic.
///
/// # Errors
/// When no broker answers, or one refuses.
pub(crate) fn empty(config: &Config) -> Result<(), BrokerError> {
    let settings = client::probe_client(config);
    let partitions = partitions(&consumer(&settings)?, &config.state.history_topic, ANSWER_MAX)?;
    if partitions > 0 { admin::empty(&settings, &config.state.history_topic, partitions) } else { Ok(()) }
}

/// Number of partitions of a topic; 0 if it does not exist, or must not be seen.
fn partitions(asker: &BaseConsumer<Context>, topic: &str, wait: Duration) -> Result<i32, BrokerError> {
    let metadata = asker
        .fetch_metadata(Some(topic), wait)
        .map_err(|error| errors::failure(&format!("look at topic {topic}"), &error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    Ok(found.map_or(0, |found| i32::try_from(found.partitions().len()).unwrap_or(i32::MAX)))
}

/// Writes pasts.
pub(crate) struct Writer {
    topic: String,
    transactions: Transactional,
}

impl Writer {
    /// Registers; one that loads for the same group at the same time is shut out by it.
    ///
    /// # Errors
    /// When a broker refuses, or none answers.
    pub(crate) fn connect(config: &Config) -> Result<Self, BrokerError> {
        let timeout = config.kafka.transaction_timeout;
        let transactions = Transactional::new(&client::loader(config), Context::new(None), timeout, Arc::default())?;
        if !transactions.register_once()? {
            return Err(BrokerError::new(Action::Retry, "no broker registers the transactional id"));
        }
        Ok(Self { topic: config.state.history_topic.clone(), transactions })
    }

    /// Writes one past, as one transaction, to the partition where its account lives; an account that lives nowhere yet goes where its
    /// key leads, as for any producer with this partitioner.
    ///
    /// # Errors
    /// When it could not be committed, or nobody knows.
    pub(crate) fn write(&self, partition: Option<i32>, account: &str, parts: &[Vec<u8>]) -> Result<(), BrokerError> {
        self.transactions.begin()?;
        for part in parts {
            self.transactions.send(&Outgoing {
                topic: &self.topic,
                partition,
                key: Some(account.as_bytes()),
                value: Some(part),
                headers: &[],
            })?;
        }
        self.transactions.settle()?;
        self.transactions.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After an aborted transaction a past that had been taken in was not read again before the next start: everything behind the offset at which its reading had begun
    /// was held to be settled.
    #[test]
    fn a_past_whose_transaction_was_aborted_is_read_again() {
        // Read from 5 on, a past ends at 18, behind it the marker of its transaction.
        let settled = Settled { from: 19, end: 20 };
        assert!(settled.covers(19, 20) && settled.covers(20, 20));
        assert!(!settled.covers(5, 20), "it stands where it stood before");
        assert!(!settled.covers(19, 25), "something has come");
        // The past that begins at 5 is not whole.
        assert!(Settled { from: 5, end: 20 }.covers(5, 20));
    }
}
