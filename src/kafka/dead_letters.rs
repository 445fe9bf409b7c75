//! The dead-letter topic, read from outside the daemon, and the transactions by which letters are replayed.
//!
//! The reader belongs to no group. It reads committed records only, up to the end that the partitions had when it was made. That end is the
//! high watermark, not the end of what is committed: behind an open transaction of somebody else there may lie marks that are committed
//! already, and a reader that missed them would replay a letter twice. So it waits until such a transaction is over.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::topic_partition_list::Offset;

use super::context::Context;
use super::reader::consumer;
use super::topics::{ProbeError, limits_of};
use super::transactional::Transactional;
use super::{client, errors, offsets};
use crate::config::Config;
use crate::stream::broker::{Action, BrokerError, Outgoing, TopicPartition};
use crate::stream::dead_letter::{DeadLetter, DeadLetterId, DeadLetterSource, replay_marker_headers};
use crate::stream::publish::RecordLimits;

/// Longest wait for one answer of a broker.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Wait of one poll.
const POLL_WAIT: Duration = Duration::from_millis(100);
/// Reading is given up when nothing has moved for this long beyond the longest transaction that may hold it up.
const STALL_MAX: Duration = Duration::from_secs(20);
/// How long a broker is waited for before the transactional id is registered.
const REGISTER_MAX: Duration = Duration::from_secs(30);

/// A part of a partition that is to be read.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: i64,
    end: i64,
}

/// The dead-letter topic as it is now.
pub(crate) struct Reader {
    settings: ClientConfig,
    topic: String,
    spans: BTreeMap<i32, Span>,
    stall_max: Duration,
}

impl Reader {
    /// Notes where each partition begins (with the first record written at `since`, milliseconds since 1970, or with its oldest) and ends.
    ///
    /// # Errors
    /// When the topic does not exist, or the broker does not answer.
    pub(crate) fn open(config: &Config, since: Option<i64>) -> Result<Self, BrokerError> {
        let topic = config.dlq.topic.clone();
        let all = consumer(&client::reader(config, false))?;
        let mut spans = BTreeMap::new();
        for partition in partitions(&all, &topic)? {
            let of = TopicPartition::new(&topic, partition);
            let (oldest, end) = offsets::bounds(&all, &of)?;
            let start = match since {
                Some(millis) => offsets::offset_at(&all, &of, millis)?.unwrap_or(end),
                None => oldest,
            };
            if start < end {
                spans.insert(partition, Span { start, end });
            }
        }
        let stall_max = config.kafka.transaction_timeout + STALL_MAX;
        Ok(Self { settings: client::reader(config, true), topic, spans, stall_max })
    }

    /// Reads all of it, each partition in its order, until `visit` has seen enough. Can be called again.
    ///
    /// # Errors
    /// When the broker refuses, or nothing moves for too long; or the error of `visit`.
    pub(crate) fn read<E: From<BrokerError>>(
        &self,
        visit: &mut dyn FnMut(&DeadLetter<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let named: Vec<(TopicPartition, i64)> =
            self.spans.iter().map(|(&number, span)| (TopicPartition::new(&self.topic, number), span.start)).collect();
        let list = offsets::list(named.iter().map(|(partition, start)| (partition, *start)))?;
        // A client of its own: positions of an earlier reading would tell of ends that this one has not reached.
        let consumer = consumer(&self.settings)?;
        consumer.assign(&list).map_err(|error| errors::failure("read the dead letters", &error))?;
        let mut left: BTreeMap<i32, i64> = self.spans.iter().map(|(&number, span)| (number, span.end)).collect();
        let mut moved = Instant::now();
        while !left.is_empty() {
            match consumer.poll(POLL_WAIT) {
                Some(Ok(message)) => {
                    moved = Instant::now();
                    if self.take(&message, &mut left, visit)?.is_break() {
                        break;
                    }
                    // What `visit` does may take its time.
                    continue;
                }
                Some(Err(error)) => self.endure(&error)?,
                None => {}
            }
            if self.settle(&consumer, &mut left)? {
                moved = Instant::now();
            }
            if moved.elapsed() > self.stall_max {
                let why = consumer.context().reason().unwrap_or_else(|| "a transaction may be open".to_owned());
                let text = format!("cannot read {} to its end: {why}", self.topic);
                return Err(BrokerError::new(Action::Retry, text).into());
            }
        }
        Ok(())
    }

    fn take<E>(
        &self,
        message: &BorrowedMessage<'_>,
        left: &mut BTreeMap<i32, i64>,
        visit: &mut dyn FnMut(&DeadLetter<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<ControlFlow<()>, E> {
        let (number, offset) = (message.partition(), message.offset());
        // Behind the end there is what came since.
        let Some(&end) = left.get(&number).filter(|end| offset < **end) else {
            left.remove(&number);
            return Ok(ControlFlow::Continue(()));
        };
        if offset + 1 >= end {
            left.remove(&number);
        }
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let named = headers.map(|header| (header.key, header.value));
        let value = message.payload().unwrap_or_default();
        visit(&DeadLetter::read(
            DeadLetterId { partition: number, offset },
            message.timestamp().to_millis(),
            named,
            value,
        ))
    }

    /// Takes out the partitions whose end is passed: markers of transactions lie there as well, and are no messages. Whether there were any.
    fn settle(&self, consumer: &BaseConsumer<Context>, left: &mut BTreeMap<i32, i64>) -> Result<bool, BrokerError> {
        let positions = consumer.position().map_err(|error| errors::failure("ask for positions", &error))?;
        let before = left.len();
        left.retain(|&number, end| {
            let position = positions.find_partition(&self.topic, number).map(|found| found.offset());
            !matches!(position, Some(Offset::Offset(next)) if next >= *end)
        });
        Ok(left.len() < before)
    }

    /// Most errors of reading pass by themselves.
    fn endure(&self, error: &KafkaError) -> Result<(), BrokerError> {
        if matches!(error, KafkaError::PartitionEOF(_)) {
            return Ok(());
        }
        let failure = errors::failure(&format!("read {}", self.topic), error);
        if failure.action == Action::Fatal { Err(failure) } else { Ok(()) }
    }
}

/// Numbers of the partitions of a topic.
fn partitions(consumer: &BaseConsumer<Context>, topic: &str) -> Result<Vec<i32>, BrokerError> {
    let metadata = consumer
        .fetch_metadata(Some(topic), ANSWER_MAX)
        .map_err(|error| errors::failure(&format!("look at topic {topic}"), &error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    let numbers: Vec<i32> =
        found.map(|found| found.partitions().iter().map(|partition| partition.id()).collect()).unwrap_or_default();
    if numbers.is_empty() {
        return Err(BrokerError::configuration(format!(
            "topic {topic} does not exist: dlq.topic names no dead letters"
        )));
    }
    Ok(numbers)
}

/// Replays letters in transactions: each letter's value to the partition that it came from, and its mark.
///
/// Making one shuts out any other that lives, and ends what it has left open. So it must be made *before* the [`Reader`]: then the reader sees
/// every mark that was ever committed, and nobody else commits any more.
pub(crate) struct Writer {
    transactions: Transactional,
    dlq: String,
    limits: RecordLimits,
}

impl Writer {
    /// Registers the transactional id.
    ///
    /// # Errors
    /// When a broker refuses, or none answers in time.
    pub(crate) fn open(config: &Config, limits: RecordLimits) -> Result<Self, BrokerError> {
        let settings = client::replayer(config, limits);
        let timeout = config.kafka.transaction_timeout;
        let transactions = Transactional::new(&settings, Context::new(None), timeout, Arc::default())?;
        let until = Instant::now() + REGISTER_MAX;
        let mut reason = "no broker answers".to_owned();
        if !transactions.register(&|| Instant::now() >= until, &mut |why| why.clone_into(&mut reason))? {
            let text = format!("cannot register {}: {reason}", config.kafka.replay_transactional_id());
            return Err(BrokerError::new(Action::Retry, text));
        }
        Ok(Self { transactions, dlq: config.dlq.topic.clone(), limits })
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// When another replay has taken over.
    pub(crate) fn begin(&self) -> Result<(), BrokerError> {
        self.transactions.begin()
    }

    /// Adds a letter and its mark to the open transaction.
    ///
    /// # Errors
    /// When they cannot be queued. Failures of delivery show at the commit.
    pub(crate) fn replay(
        &self,
        letter: &DeadLetter<'_>,
        origin: &DeadLetterSource<'_>,
        key: Option<&[u8]>,
    ) -> Result<(), BrokerError> {
        self.transactions.send(&again(letter, origin, key))?;
        let texts = replay_marker_headers(&self.dlq, letter, origin);
        let headers = texts.each_ref().map(|(name, text)| (*name, text.as_bytes()));
        let mark = Outgoing {
            topic: &self.dlq,
            partition: Some(letter.id.partition),
            key: None,
            value: Some(b""),
            headers: &headers,
        };
        self.transactions.send(&mark)
    }

    /// Whether the input topic takes the record.
    pub(crate) fn fits(&self, letter: &DeadLetter<'_>, origin: &DeadLetterSource<'_>, key: Option<&[u8]>) -> bool {
        again(letter, origin, key).bytes_max() <= self.limits.output
    }

    /// Commits the open transaction.
    ///
    /// # Errors
    /// Nothing of it was committed.
    pub(crate) fn commit(&self) -> Result<(), BrokerError> {
        self.transactions.settle().and_then(|()| self.transactions.commit()).map_err(|mut failure| {
            if failure.message.contains("authorization failed") {
                failure.message += "; grant Write and Describe on the input topic and on dlq.topic";
            }
            failure
        })
    }

    /// Aborts the open transaction. One that cannot be aborted ends by itself.
    pub(crate) fn abort(&self) {
        if let Err(failure) = self.transactions.abort() {
            tracing::debug!(%failure, "the transaction is left to its time-out");
        }
    }
}

/// The record that goes to the input topic.
fn again<'a>(letter: &DeadLetter<'a>, origin: &DeadLetterSource<'a>, key: Option<&'a [u8]>) -> Outgoing<'a> {
    Outgoing { topic: origin.topic, partition: Some(origin.partition), key, value: Some(letter.value), headers: &[] }
}

/// The largest records that an input topic and the dead-letter topic take.
///
/// # Errors
/// When no broker answers.
pub(crate) fn limits(config: &Config, input: &str) -> Result<RecordLimits, ProbeError> {
    limits_of(config, [input, &config.dlq.topic]).map(|(limits, _)| limits)
}
