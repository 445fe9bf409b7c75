//! Reading one partition up to an end that was asked for, committed records only, outside of any group.
//!
//! Markers of transactions are no records but do move the position; what lies at the end may also have been compacted away, so a partition
//! whose last stable offset has reached the end, and which is read up to there, is complete as well.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::Offset;

use super::context::Context;
use super::{errors, offsets};
use crate::stream::broker::{Action, BrokerError, TopicPartition};

/// How often the last stable offset is asked for while the end is waited for.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// A client that reads and joins no group.
///
/// # Errors
/// When the library refuses a setting.
pub(super) fn consumer(settings: &ClientConfig) -> Result<BaseConsumer<Context>, BrokerError> {
    settings.create_with_context(Context::new(None)).map_err(|error| errors::failure("make a Kafka client", &error))
}

/// How long a client without work is kept. Partitions come together, when a process starts and when the group rebalances.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Events that a client is rid of at most when it is given back.
const EVENTS_MAX: usize = 1000;

/// Clients for one partition after the other: making one costs threads, connections and logins, each time.
pub(super) struct Pool {
    settings: ClientConfig,
    idle: RefCell<Vec<(BaseConsumer<Context>, Instant)>>,
}

impl Pool {
    /// Nothing is connected yet.
    pub(super) fn new(settings: ClientConfig) -> Self {
        Self { settings, idle: RefCell::default() }
    }

    /// A client that reads nothing.
    ///
    /// # Errors
    /// As [`consumer`].
    pub(super) fn take(&self) -> Result<BaseConsumer<Context>, BrokerError> {
        match self.idle.borrow_mut().pop() {
            Some((client, _)) => Ok(client),
            None => consumer(&self.settings),
        }
    }

    /// Takes a client back.
    pub(super) fn give(&self, client: BaseConsumer<Context>) {
        // One that does not let go of its partition would go on fetching it.
        if client.unassign().is_ok() {
            // What it has heard meanwhile (that a broker was away, the end of its partition) is of no interest any more, and would pile up in one that only asks.
            let mut left = EVENTS_MAX;
            while left > 0 && client.poll(Duration::ZERO).is_some() {
                left -= 1;
            }
            self.idle.borrow_mut().push((client, Instant::now()));
        }
    }

    /// PartitionEnds those that have had nothing to do for long.
    pub(super) fn tidy(&self) {
        self.idle.borrow_mut().retain(|(_, since)| since.elapsed() < IDLE_MAX);
    }
}

/// Receives records: offset, key, and value or none for a tombstone.
pub(super) type Show<'a> = dyn FnMut(i64, &[u8], Option<&[u8]>) + 'a;

/// Reads a partition from an offset to the end that committed records have now. Returns that end.
///
/// # Errors
/// When it cannot be read, or nothing comes for `stall_max`.
pub(super) fn read_on(
    settings: &ClientConfig,
    partition: TopicPartition,
    from: i64,
    stall_max: Duration,
    show: &mut Show<'_>,
) -> Result<i64, BrokerError> {
    const RECORDS: usize = 1000;
    let client = consumer(settings)?;
    let (oldest, end) = offsets::bounds(&client, &partition)?;
    let from = from.max(oldest);
    if end <= from {
        return Ok(end);
    }
    let stalled = format!("cannot read {partition} to its end: nothing has come for {} s", stall_max.as_secs());
    let mut reader = Reader::new(client, partition, (from, end), "read a topic")?;
    let (mut position, mut moved) = (from, Instant::now());
    while !reader.read(RECORDS, ASK_EVERY, show)? {
        if reader.position() > position {
            (position, moved) = (reader.position(), Instant::now());
        }
        if moved.elapsed() > stall_max {
            return Err(BrokerError::new(Action::Retry, stalled));
        }
    }
    Ok(end)
}

/// See the module.
pub(super) struct Reader {
    consumer: BaseConsumer<Context>,
    partition: TopicPartition,
    doing: &'static str,
    end: i64,
    position: i64,
    at_end: bool,
    asked: Option<Instant>,
}

impl Reader {
    /// Reads from the first offset to the second, the end.
    ///
    /// # Errors
    /// When the client refuses.
    pub(super) fn new(
        consumer: BaseConsumer<Context>,
        partition: TopicPartition,
        (from, end): (i64, i64),
        doing: &'static str,
    ) -> Result<Self, BrokerError> {
        let list = offsets::list([(&partition, from)].into_iter())?;
        consumer.assign(&list).map_err(|error| errors::failure(doing, &error))?;
        Ok(Self { consumer, partition, doing, end, position: from, at_end: false, asked: None })
    }

    /// The client, which has done its work.
    pub(super) fn into_client(self) -> BaseConsumer<Context> {
        self.consumer
    }

    /// Offset of the next record.
    pub(super) fn position(&self) -> i64 {
        self.position
    }

    /// Reads on, up to `records_max` records or what comes within `wait`; true when the end is reached.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read(
        &mut self,
        records_max: usize,
        wait: Duration,
        show: &mut Show<'_>,
    ) -> Result<bool, BrokerError> {
        let until = Instant::now() + wait;
        for _ in 0..records_max.max(1) {
            if self.position >= self.end || !self.step(until, show)? {
                break;
            }
        }
        Ok(self.position >= self.end || self.is_complete()?)
    }

    /// One message or event; false when nothing has come until then.
    fn step(&mut self, until: Instant, show: &mut Show<'_>) -> Result<bool, BrokerError> {
        let left = until.saturating_duration_since(Instant::now());
        match self.consumer.poll(left) {
            Some(Ok(message)) => {
                self.at_end = false;
                if message.offset() < self.end {
                    show(message.offset(), message.key().unwrap_or_default(), message.payload());
                }
                self.position = message.offset() + 1;
                return Ok(true);
            }
            // The client may have read another partition before.
            Some(Err(KafkaError::PartitionEOF(number))) => self.at_end |= number == self.partition.partition,
            Some(Err(error)) => {
                let failure = errors::failure(self.doing, &error);
                if failure.action == Action::Fatal {
                    return Err(failure);
                }
            }
            None => {}
        }
        self.pass_markers()?;
        Ok(!left.is_zero())
    }

    /// Markers of transactions move the position and are not shown.
    fn pass_markers(&mut self) -> Result<(), BrokerError> {
        let now = self.consumer.position().map_err(|error| errors::failure("ask for the position", &error))?;
        let found = now.find_partition(&self.partition.topic, self.partition.partition);
        if let Some(Offset::Offset(position)) = found.map(|found| found.offset()) {
            self.position = self.position.max(position);
        }
        Ok(())
    }

    /// Whether all that is left before the end was compacted away.
    fn is_complete(&mut self) -> Result<bool, BrokerError> {
        if !self.at_end || self.asked.is_some_and(|at| at.elapsed() < ASK_EVERY) {
            return Ok(false);
        }
        self.asked = Some(Instant::now());
        match offsets::bounds(&self.consumer, &self.partition) {
            Ok((_, stable)) => Ok(stable >= self.end),
            Err(failure) if failure.action == Action::Retry => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}
