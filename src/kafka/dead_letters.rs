//! The dead-letter topic, read from outside the daemon, and the transactions that replay dead-letter records.
//!
//! The reader joins no group. It reads committed records only, up to the end that the partitions had when it
//! was made. That end is the high watermark, not the last stable offset: behind an open transaction of
//! another producer there may lie replay markers that are already committed, and a reader that missed them
//! would replay a record twice. So it waits until such a transaction has ended.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use super::context::Context;
use super::offsets::{self, Bounds};
use super::partition_reader::{ReadRequest, consumer, read_to_end};
use super::probe::ProbeError;
use super::transactional_producer::TransactionalProducer;
use super::{client, topics};
use crate::config::Config;
use crate::stream::broker::{Action, BrokerError, Outgoing, TopicPartition};
use crate::stream::dead_letter::{DeadLetter, DeadLetterId, DeadLetterSource, replay_marker_headers};
use crate::stream::publisher::RecordLimits;

/// Longest wait for one answer of a broker.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Reading is given up if nothing arrives for this long after the longest transaction that may hold it up.
const STALL_MAX: Duration = Duration::from_secs(20);
/// Longest wait for a broker that registers the transactional id.
const REGISTER_MAX: Duration = Duration::from_secs(30);

/// The dead-letter topic as it is now.
pub(crate) struct Reader {
    settings: ClientConfig,
    topic: String,
    /// What to read of each partition.
    ranges: BTreeMap<i32, Bounds>,
    stall_max: Duration,
}

impl Reader {
    /// Notes where each partition begins (with the first record written at `since`, milliseconds since 1970,
    /// or with its oldest) and ends.
    ///
    /// # Errors
    /// If the topic does not exist, or the broker does not answer.
    pub(crate) fn open(config: &Config, since: Option<i64>) -> Result<Self, BrokerError> {
        let topic = config.dlq.topic.clone();
        let all = consumer(&client::reader(config, false))?;
        let numbers = offsets::partitions(&all, &topic, ANSWER_MAX)?;
        if numbers.is_empty() {
            let text = format!("topic {topic} does not exist: dlq.topic names no dead-letter records");
            return Err(BrokerError::configuration(text));
        }
        let mut ranges = BTreeMap::new();
        for number in numbers {
            let partition = TopicPartition::new(&topic, number);
            let bounds = offsets::bounds(&all, &partition)?;
            let oldest = match since {
                Some(millis) => offsets::offset_at(&all, &partition, millis)?.unwrap_or(bounds.end),
                None => bounds.oldest,
            };
            if oldest < bounds.end {
                ranges.insert(number, Bounds { oldest, ..bounds });
            }
        }
        let stall_max = config.kafka.transaction_timeout + STALL_MAX;
        Ok(Self { settings: client::reader(config, true), topic, ranges, stall_max })
    }

    /// Reads all of it, one partition after the other, until `visit` breaks off. Can be called again.
    ///
    /// # Errors
    /// If the broker refuses, or nothing arrives for too long; or the error of `visit`.
    pub(crate) fn read<E: From<BrokerError>>(
        &self,
        visit: &mut dyn FnMut(&DeadLetter<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        for (&number, &range) in &self.ranges {
            let partition = TopicPartition::new(&self.topic, number);
            let (settings, stall_max) = (&self.settings, self.stall_max);
            let request = ReadRequest { settings, partition: &partition, range, stall_max };
            if read_to_end(&request, &mut |message| visit(&dead_letter(message)))?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn dead_letter<'a>(message: &'a BorrowedMessage<'_>) -> DeadLetter<'a> {
    let id = DeadLetterId { partition: message.partition(), offset: message.offset() };
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let named = headers.map(|header| (header.key, header.value));
    DeadLetter::read(id, message.timestamp().to_millis(), named, message.payload().unwrap_or_default())
}

/// Replays dead-letter records in transactions: each record's value to the partition that it came from, and
/// its replay marker.
///
/// A new writer fences any other that lives, and aborts what it has left open. So it must be made *before*
/// the [`Reader`]: then the reader sees every marker that was ever committed, and no other writer commits any
/// more.
pub(crate) struct Writer {
    producer: TransactionalProducer,
    dlq: String,
    limits: RecordLimits,
}

impl Writer {
    /// Registers the transactional id.
    ///
    /// # Errors
    /// If a broker refuses, or none answers in time.
    pub(crate) fn open(config: &Config, limits: RecordLimits) -> Result<Self, BrokerError> {
        let settings = client::replayer(config, limits);
        let timeout = config.kafka.transaction_timeout;
        let producer = TransactionalProducer::new(&settings, Context::new(None), timeout, Arc::default())?;
        let until = Instant::now() + REGISTER_MAX;
        let mut reason = "no broker answers".to_owned();
        if !producer.register(&|| Instant::now() >= until, &mut |why| why.clone_into(&mut reason))? {
            let text = format!("cannot register {}: {reason}", config.kafka.replay_transactional_id());
            return Err(BrokerError::new(Action::Retry, text));
        }
        Ok(Self { producer, dlq: config.dlq.topic.clone(), limits })
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// If another replay has taken over.
    pub(crate) fn begin(&self) -> Result<(), BrokerError> {
        self.producer.begin()
    }

    /// Adds a record and its replay marker to the open transaction.
    ///
    /// # Errors
    /// If they cannot be queued. Failed deliveries show at the commit.
    pub(crate) fn replay(
        &self,
        dead_letter: &DeadLetter<'_>,
        origin: &DeadLetterSource<'_>,
        key: Option<&[u8]>,
    ) -> Result<(), BrokerError> {
        self.producer.send(&replayed(dead_letter, origin, key))?;
        let texts = replay_marker_headers(&self.dlq, dead_letter, origin);
        let headers = texts.each_ref().map(|(name, text)| (*name, text.as_bytes()));
        let (topic, partition) = (self.dlq.as_str(), Some(dead_letter.id.partition));
        self.producer.send(&Outgoing { topic, partition, key: None, value: Some(b""), headers: &headers })
    }

    /// Whether the input topic accepts the record.
    pub(crate) fn fits(&self, dead_letter: &DeadLetter<'_>, origin: &DeadLetterSource<'_>, key: Option<&[u8]>) -> bool {
        replayed(dead_letter, origin, key).bytes_max() <= self.limits.output
    }

    /// Commits the open transaction.
    ///
    /// # Errors
    /// Nothing of it was committed.
    pub(crate) fn commit(&self) -> Result<(), BrokerError> {
        self.producer.flush().and_then(|()| self.producer.commit()).map_err(|mut error| {
            if error.message.contains("authorization failed") {
                error.message += "; grant Write and Describe on the input topic and on dlq.topic";
            }
            error
        })
    }

    /// Aborts the open transaction. One that cannot be aborted ends by itself.
    pub(crate) fn abort(&self) {
        if let Err(error) = self.producer.abort() {
            tracing::debug!(%error, "the transaction is left to its timeout");
        }
    }
}

/// The record that goes to the input topic.
fn replayed<'a>(dead_letter: &DeadLetter<'a>, origin: &DeadLetterSource<'a>, key: Option<&'a [u8]>) -> Outgoing<'a> {
    Outgoing {
        topic: origin.topic,
        partition: Some(origin.partition),
        key,
        value: Some(dead_letter.value),
        headers: &[],
    }
}

/// The largest records that an input topic and the dead-letter topic accept.
///
/// # Errors
/// If no broker answers.
pub(crate) fn limits(config: &Config, input: &str) -> Result<RecordLimits, ProbeError> {
    topics::limits_of(config, [input, &config.dlq.topic]).map(|(limits, _)| limits)
}
