//! Reads one partition up to a given end: committed records only, outside of any group.
//!
//! The one place that knows when a partition is read to its end. Transaction markers are not records, but
//! they do move the position. Records before the end may also be compacted away, so a partition is complete
//! as well if its last stable offset has reached the end and the reader has reached the end of the partition.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use insightd_core::invariants::is_restored;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::Offset;

use super::context::Context;
use super::offsets::Bounds;
use super::{errors, offsets};
use crate::stream::broker::{Action, BrokerError, TopicPartition};

/// Interval at which the last stable offset is read while the end is awaited.
const STABLE_INTERVAL: Duration = Duration::from_millis(250);
/// How long a client without work is kept. Partitions arrive together, at the start of a process and at a
/// rebalance.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Events discarded at most when a client is given back.
const EVENTS_MAX: usize = 1000;

/// Makes a client that reads and joins no group.
///
/// # Errors
/// If the library refuses a setting.
pub(super) fn consumer(settings: &ClientConfig) -> Result<BaseConsumer<Context>, BrokerError> {
    settings.create_with_context(Context::new(None)).map_err(|error| errors::failure("make a Kafka client", &error))
}

/// Clients that are reused for one partition after another: making one costs threads, connections and logins
/// each time.
pub(super) struct Pool {
    settings: ClientConfig,
    idle: RefCell<Vec<(BaseConsumer<Context>, Instant)>>,
}

impl Pool {
    /// A pool without clients.
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

    /// Returns a client to the pool.
    pub(super) fn give(&self, client: BaseConsumer<Context>) {
        // A client that keeps its partition would continue to fetch it: it is dropped.
        if client.unassign().is_ok() {
            // Its pending events (a broker was away, the end of its partition) would pile up in a client that
            // only asks for offsets.
            let mut left = EVENTS_MAX;
            while left > 0 && client.poll(Duration::ZERO).is_some() {
                left -= 1;
            }
            self.idle.borrow_mut().push((client, Instant::now()));
        }
    }

    /// Closes clients that have been idle for long.
    pub(super) fn tidy(&self) {
        self.idle.borrow_mut().retain(|(_, since)| since.elapsed() < IDLE_MAX);
    }
}

/// Receives messages, in order.
pub(super) type Show<'a> = dyn FnMut(&BorrowedMessage<'_>) + 'a;

/// What to read, and for how long to wait.
pub(super) struct ReadRequest<'a> {
    /// Settings of a client that reads committed records.
    pub settings: &'a ClientConfig,
    /// The partition.
    pub partition: &'a TopicPartition,
    /// The offsets to read: from the first, up to the end.
    pub range: Bounds,
    /// Reading is given up if nothing arrives for this long.
    pub stall_max: Duration,
}

/// Reads a partition to the end of a range, until `visit` breaks off. Waits for transactions that are open
/// before the end. Whether `visit` has broken off.
///
/// # Errors
/// If it cannot be read or nothing arrives for `stall_max`; or the error of `visit`.
pub(super) fn read_to_end<E: From<BrokerError>>(
    request: &ReadRequest<'_>,
    visit: &mut dyn FnMut(&BorrowedMessage<'_>) -> Result<ControlFlow<()>, E>,
) -> Result<ControlFlow<()>, E> {
    let ReadRequest { settings, partition, range, stall_max } = request;
    if range.end <= range.oldest {
        return Ok(ControlFlow::Continue(()));
    }
    // A client of its own: positions of an earlier reading would claim ends that this one has not reached.
    let mut reader = PartitionReader::new(consumer(settings)?, (*partition).clone(), *range, "read a topic")?;
    let mut moved = Instant::now();
    loop {
        let (before, mut visited) = (reader.position(), Ok(ControlFlow::Continue(())));
        let complete = reader.read(1, STABLE_INTERVAL, &mut |message| visited = visit(message))?;
        if visited?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if complete {
            return Ok(ControlFlow::Continue(()));
        }
        if reader.position() > before {
            // Measured after `visit`, which may take long.
            moved = Instant::now();
        }
        if moved.elapsed() > *stall_max {
            let seconds = stall_max.as_secs();
            let why = reader.consumer.context().reason().unwrap_or_else(|| "a transaction may be open".to_owned());
            let text = format!("cannot read {partition} to its end: nothing has arrived for {seconds} s; {why}");
            return Err(BrokerError::new(Action::Retry, text).into());
        }
    }
}

/// Reads all messages of a range.
///
/// # Errors
/// As [`read_to_end`].
pub(super) fn read_all(request: &ReadRequest<'_>, show: &mut Show<'_>) -> Result<(), BrokerError> {
    read_to_end(request, &mut |message| {
        show(message);
        Ok(ControlFlow::Continue(()))
    })
    .map(|_: ControlFlow<()>| ())
}

/// A partition that is being read.
pub(super) struct PartitionReader {
    consumer: BaseConsumer<Context>,
    partition: TopicPartition,
    doing: &'static str,
    end: i64,
    position: i64,
    at_end: bool,
    stable_asked: Option<Instant>,
}

impl PartitionReader {
    /// Starts to read a range of offsets. `doing` names the work in errors.
    ///
    /// # Errors
    /// If the client refuses.
    pub(super) fn new(
        consumer: BaseConsumer<Context>,
        partition: TopicPartition,
        range: Bounds,
        doing: &'static str,
    ) -> Result<Self, BrokerError> {
        let list = offsets::list([(&partition, range.oldest)].into_iter())?;
        consumer.assign(&list).map_err(|error| errors::failure(doing, &error))?;
        let Bounds { oldest: position, end } = range;
        Ok(Self { consumer, partition, doing, end, position, at_end: false, stable_asked: None })
    }

    /// Ends the reading and returns the client.
    pub(super) fn into_client(self) -> BaseConsumer<Context> {
        self.consumer
    }

    /// Offset of the next record.
    pub(super) fn position(&self) -> i64 {
        self.position
    }

    /// Continues to read: up to `messages_max` messages, or what arrives within `wait`. True if the end is
    /// reached.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn read(
        &mut self,
        messages_max: usize,
        wait: Duration,
        show: &mut Show<'_>,
    ) -> Result<bool, BrokerError> {
        let until = Instant::now() + wait;
        for _ in 0..messages_max.max(1) {
            if self.position >= self.end || !self.step(until, show)? {
                break;
            }
        }
        let drained = self.position < self.end && self.is_drained()?;
        Ok(is_restored(self.position, self.end, drained))
    }

    /// One message or event; false if nothing arrives until then.
    fn step(&mut self, until: Instant, show: &mut Show<'_>) -> Result<bool, BrokerError> {
        let left = until.saturating_duration_since(Instant::now());
        match self.consumer.poll(left) {
            Some(Ok(message)) => {
                self.at_end = false;
                if message.offset() < self.end {
                    show(&message);
                }
                self.position = message.offset() + 1;
                return Ok(true);
            }
            // The client may have read another partition before.
            Some(Err(KafkaError::PartitionEOF(number))) => self.at_end |= number == self.partition.partition,
            // Most errors of reading pass by themselves.
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

    /// Transaction markers move the position and are not shown.
    fn pass_markers(&mut self) -> Result<(), BrokerError> {
        let now = self.consumer.position().map_err(|error| errors::failure("ask for the position", &error))?;
        let found = now.find_partition(&self.partition.topic, self.partition.partition);
        if let Some(Offset::Offset(position)) = found.map(|found| found.offset()) {
            self.position = self.position.max(position);
        }
        Ok(())
    }

    /// Whether nothing readable is left before the end: compaction has removed it.
    fn is_drained(&mut self) -> Result<bool, BrokerError> {
        if !self.at_end || self.stable_asked.is_some_and(|at| at.elapsed() < STABLE_INTERVAL) {
            return Ok(false);
        }
        self.stable_asked = Some(Instant::now());
        match offsets::bounds(&self.consumer, &self.partition) {
            Ok(stable) => Ok(stable.end >= self.end),
            Err(failure) if failure.action == Action::Retry => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}
