//! The worker's seam over librdkafka: one consumer in a group and one transactional producer.
//!
//! What a real broker has taught, and what is kept here for that reason:
//! * Delivery reports are drained by a loop of our own before `send_offsets`, `commit` and `abort`. Left to the library, each
//!   of the three waits up to 100 ms for them; an abort over undrained records does not end at all.
//! * The group's metadata is taken right before `send_offsets`, and only while partitions are held: an unknown generation would
//!   not be checked by the coordinator, so it would bypass the fence.
//! * Rebalances are recorded by the context and answered when the worker says so.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;

use crate::config::{Config, StartAt};
use crate::metrics::Metrics;
use crate::stream::broker::{Action, Assigned, Broker, Failure, Message, Outgoing, Polled, TopicPartition};
use crate::stream::publish::RecordLimits;
use crate::stream::watchdog::Calls;

use super::context::{Context, Rebalance};
use super::ends::{Change, Ends};
use super::{client, errors, offsets};

/// One look for delivery reports. The library's poll takes all of its time even after an event, so it is short.
const DRAIN_STEP: Duration = Duration::from_millis(1);
/// Pause before a call is repeated that may be repeated.
const REPEAT_AFTER: Duration = Duration::from_millis(100);
/// Longest wait for one answer in `init_transactions`, after which the reason is looked at.
const REGISTER_STEP: Duration = Duration::from_secs(5);

/// What a worker connects with.
pub struct Connection<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Number of the worker.
    pub worker: usize,
    /// The input topics.
    pub topics: &'a [String],
    /// What output and dead-letter topic take.
    pub limits: RecordLimits,
    /// Counts errors.
    pub metrics: Arc<Metrics>,
    /// Watched from outside.
    pub calls: Arc<Calls>,
}

/// Kafka, for one worker.
pub struct KafkaBroker {
    consumer: BaseConsumer<Context>,
    producer: BaseProducer<Context>,
    calls: Arc<Calls>,
    start: StartAt,
    transaction_timeout: Duration,
    /// Where each assigned partition began.
    assigned: RefCell<Vec<Assigned>>,
    ends: RefCell<Ends>,
    down: Cell<bool>,
    /// When the open transaction was begun.
    begun: Cell<Option<Instant>>,
    /// Some partition stands at an offset that does not exist.
    astray: Cell<bool>,
    /// Events beside those of the library.
    events: RefCell<VecDeque<Event>>,
}

/// An event that carries no message.
enum Event {
    Rebalance(Rebalance),
    Change(Change),
    Down(String),
    Up,
}

// === connecting ===

impl KafkaBroker {
    /// Registers the transactional id, which ends what a predecessor left open, and joins the group. Waits for a broker as long
    /// as it takes, and tells `waiting` why; returns none once `stop` says so.
    ///
    /// # Errors
    /// When a broker refuses.
    pub fn connect(
        connection: &Connection<'_>,
        stop: &dyn Fn() -> bool,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<Option<Self>, Failure> {
        let Connection { config, worker, topics, limits, metrics, calls } = connection;
        let context = || Context::new(Some(metrics.clone()));
        let made = |error: KafkaError| errors::failure("make a Kafka client", &error);
        let settings = client::producer(config, *worker, *limits);
        let producer: BaseProducer<Context> = settings.create_with_context(context()).map_err(made)?;
        if !register(&producer, calls, stop, waiting)? {
            return Ok(None);
        }
        let settings = client::consumer(config, *worker);
        let consumer: BaseConsumer<Context> = settings.create_with_context(context()).map_err(made)?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer
            .subscribe(&names)
            .map_err(|error| errors::failure(&format!("subscribe to {}", names.join(", ")), &error))?;
        Ok(Some(Self {
            consumer,
            producer,
            calls: calls.clone(),
            start: config.input.start,
            transaction_timeout: config.kafka.transaction_timeout,
            assigned: RefCell::default(),
            ends: RefCell::default(),
            down: Cell::new(false),
            begun: Cell::new(None),
            astray: Cell::new(false),
            events: RefCell::default(),
        }))
    }
}

fn register(
    producer: &BaseProducer<Context>,
    calls: &Calls,
    stop: &dyn Fn() -> bool,
    waiting: &mut dyn FnMut(&str),
) -> Result<bool, Failure> {
    while !stop() {
        let outcome = {
            let _running = calls.enter("init_transactions");
            producer.init_transactions(REGISTER_STEP)
        };
        let Err(error) = outcome else { return Ok(true) };
        // Serves the events that say why.
        producer.poll(REPEAT_AFTER);
        let failure = errors::failure("register the transactional id", &error);
        if failure.action != Action::Retry {
            return Err(failure);
        }
        waiting(&producer.context().reason().unwrap_or(failure.message));
    }
    Ok(false)
}

impl Drop for KafkaBroker {
    fn drop(&mut self) {
        // No leave request is sent for a static member, on purpose: a restart within kafka.session_timeout then gets its
        // partitions back without a rebalance of the whole group.
        self.consumer.context().close();
    }
}

// === events ===

impl KafkaBroker {
    fn next_event(&self) -> Option<Event> {
        if let Some(rebalance) = self.consumer.context().take_rebalance() {
            return Some(Event::Rebalance(rebalance));
        }
        if let Some(statistics) = self.consumer.context().take_statistics() {
            let mut events = self.events.borrow_mut();
            events.extend(self.ends.borrow_mut().observe(&statistics).into_iter().map(Event::Change));
            if self.down.get() && statistics.any_broker_up() {
                self.down.set(false);
                events.push_back(Event::Up);
            }
        }
        self.events.borrow_mut().pop_front()
    }

    fn error(&self, error: &KafkaError) -> Result<Polled<KafkaMessage<'_>>, Failure> {
        let failure = match error {
            KafkaError::PartitionEOF(number) => {
                return Ok(self.ends.borrow().by_number(*number).map_or(Polled::Nothing, Polled::End));
            }
            _ => errors::failure("read from Kafka", error),
        };
        match error.rdkafka_error_code() {
            Some(Code::AllBrokersDown) => {
                self.ends.borrow_mut().all_away();
                if !self.down.replace(true) {
                    let reason = self.consumer.context().reason();
                    let reason = reason.unwrap_or_else(|| "all broker connections are down".to_owned());
                    self.events.borrow_mut().push_back(Event::Down(reason));
                }
                Ok(Polled::Nothing)
            }
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                self.astray.set(true);
                Ok(Polled::Nothing)
            }
            _ if failure.action == Action::Fatal => Err(failure),
            // The client deals with it; the context has counted it.
            _ => Ok(Polled::Nothing),
        }
    }

    /// Some partition's next offset does not exist any more; the library does not say which. It goes on at the nearest offset that
    /// exists: the oldest one when retention was faster, the end when the log was cut off behind it.
    fn repair_offsets(&self) -> Result<Polled<KafkaMessage<'_>>, Failure> {
        let assigned = self.assigned.borrow();
        for (partition, from) in self.positions(&assigned)? {
            let (oldest, end) = match offsets::bounds(&self.consumer, &partition) {
                Ok(bounds) => bounds,
                // Asked again at the next poll.
                Err(failure) if failure.action == Action::Retry => return Ok(Polled::Nothing),
                Err(failure) => return Err(failure),
            };
            let to = from.clamp(oldest, end.max(oldest));
            if to != from {
                self.consumer
                    .seek(&partition.topic, partition.partition, Offset::Offset(to), REGISTER_STEP)
                    .map_err(|error| errors::failure(&format!("seek in {partition}"), &error))?;
                return Ok(Polled::Skipped { partition, from, to });
            }
        }
        self.astray.set(false);
        Ok(Polled::Nothing)
    }

    /// The next offset of each partition: behind the last message handed out, or where it began.
    fn positions(&self, assigned: &[Assigned]) -> Result<Vec<(TopicPartition, i64)>, Failure> {
        let now = self.consumer.position().map_err(|error| errors::failure("ask for positions", &error))?;
        let position_of = |began: &Assigned| {
            let found = now.find_partition(&began.partition.topic, began.partition.partition);
            match found.map(|found| found.offset()) {
                Some(Offset::Offset(offset)) => offset,
                _ => began.position,
            }
        };
        Ok(assigned.iter().map(|began| (began.partition.clone(), position_of(began))).collect())
    }

    fn all_assigned(&self) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for began in self.assigned.borrow().iter() {
            list.add_partition(&began.partition.topic, began.partition.partition);
        }
        list
    }
}

// === transactions ===

impl KafkaBroker {
    /// When the coordinator will have given the open transaction up.
    fn expires(&self) -> Instant {
        self.begun.get().unwrap_or_else(Instant::now) + self.transaction_timeout
    }

    /// Waits until the fate of every produced record is known. Bounded by `message.timeout.ms`, which is the transaction's.
    fn drain(&self) {
        let _running = self.calls.enter("drain");
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(DRAIN_STEP);
        }
    }

    /// Repeats a call for as long as that is allowed and the transaction lives.
    fn repeat(
        &self,
        doing: &str,
        call: &'static str,
        run: &dyn Fn(Duration) -> KafkaResult<()>,
    ) -> Result<(), Failure> {
        loop {
            let left = self.expires().saturating_duration_since(Instant::now()).max(REPEAT_AFTER);
            let outcome = {
                let _running = self.calls.enter(call);
                run(left)
            };
            let Err(error) = outcome else { return Ok(()) };
            let mut failure = errors::failure(doing, &error);
            if failure.action != Action::Retry {
                return Err(failure);
            }
            if Instant::now() >= self.expires() {
                failure.action = Action::AbortAndRewind;
                failure.message += "; tried again until kafka.transaction_timeout had passed";
                return Err(failure);
            }
            thread::sleep(REPEAT_AFTER);
        }
    }

    fn send_offsets(&self, next: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        let doing = "commit the group's offsets";
        let held = self.assigned.borrow();
        for (partition, _) in next {
            // The broker checks the member, not what it owns.
            if !held.iter().any(|assigned| assigned.partition == *partition) {
                let text = format!("OWN-1: offset of {partition} is to be committed, which is not assigned");
                return Err(Failure::new(Action::AbortAndRewind, text));
            }
        }
        let offsets = offsets::list(next.iter().map(|(partition, offset)| (partition, *offset)))?;
        self.repeat(doing, "send_offsets_to_transaction", &|left| {
            let group = self.consumer.group_metadata().ok_or(KafkaError::Canceled)?;
            self.producer.send_offsets_to_transaction(&offsets, &group, left)
        })
    }

    fn delivered(&self) -> Result<(), Failure> {
        match self.producer.context().take_undelivered() {
            // A record that is lost is lost to this transaction, whatever the reason.
            Some(error) => {
                let failure = errors::failure("write to Kafka", &error);
                let action = failure.action.max(Action::AbortAndRewind);
                Err(Failure { action, ..failure })
            }
            None => Ok(()),
        }
    }
}

impl Broker for KafkaBroker {
    type Message<'a> = KafkaMessage<'a>;

    fn poll(&self, wait: Duration) -> Result<Polled<KafkaMessage<'_>>, Failure> {
        match self.consumer.poll(wait) {
            Some(Ok(message)) => return Ok(Polled::Message(KafkaMessage(message))),
            Some(Err(error)) => match self.error(&error)? {
                Polled::Nothing => {}
                polled => return Ok(polled),
            },
            None => {}
        }
        if self.astray.get() && !self.down.get() {
            return self.repair_offsets();
        }
        self.producer.poll(Duration::ZERO);
        Ok(match self.next_event() {
            None => Polled::Nothing,
            Some(Event::Rebalance(Rebalance::Assign(partitions))) => Polled::Assign(partitions),
            Some(Event::Rebalance(Rebalance::Revoke { lost })) => Polled::Revoke { lost },
            Some(Event::Change(Change::End(partition))) => Polled::End(partition),
            Some(Event::Change(Change::Away(partition))) => Polled::Away(partition),
            Some(Event::Down(reason)) => Polled::Down(reason),
            Some(Event::Up) => Polled::Up,
        })
    }

    fn assign(&self, partitions: &[TopicPartition]) -> Result<Vec<Assigned>, Failure> {
        let assigned = offsets::beginnings(&self.consumer, partitions, self.start)?;
        let list = offsets::list(assigned.iter().map(|began| (&began.partition, began.position)))?;
        self.consumer.assign(&list).map_err(|error| errors::failure("take up partitions", &error))?;
        self.ends.borrow_mut().assign(partitions);
        self.assigned.replace(assigned.clone());
        Ok(assigned)
    }

    fn unassign(&self) -> Result<(), Failure> {
        self.assigned.take();
        self.ends.borrow_mut().assign(&[]);
        self.consumer.unassign().map_err(|error| errors::failure("give partitions back", &error))
    }

    fn pause(&self) -> Result<(), Failure> {
        self.consumer.pause(&self.all_assigned()).map_err(|error| errors::failure("pause", &error))
    }

    fn resume(&self) -> Result<(), Failure> {
        self.consumer.resume(&self.all_assigned()).map_err(|error| errors::failure("resume", &error))
    }

    fn begin(&self) -> Result<(), Failure> {
        self.producer.begin_transaction().map_err(|error| errors::failure("begin a transaction", &error))?;
        self.begun.set(Some(Instant::now()));
        Ok(())
    }

    fn produce(&self, record: &Outgoing<'_>) -> Result<(), Failure> {
        loop {
            let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
            for (key, value) in record.headers {
                headers = headers.insert(Header { key, value: Some(*value) });
            }
            let mut outgoing: BaseRecord<'_, [u8], [u8]> =
                BaseRecord::to(record.topic).payload(record.value).headers(headers);
            outgoing.key = record.key;
            match self.producer.send(outgoing) {
                Ok(()) => return Ok(()),
                // Back-pressure: the queue empties as the broker takes records, or when their time is up.
                Err((error, _)) if error.rdkafka_error_code() == Some(Code::QueueFull) => {
                    self.producer.poll(DRAIN_STEP);
                }
                Err((error, _)) => return Err(errors::failure(&format!("write to {}", record.topic), &error)),
            }
        }
    }

    fn commit_with_offsets(&self, next: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        self.drain();
        self.delivered()?;
        if !next.is_empty() {
            self.send_offsets(next)?;
        }
        self.repeat("commit the transaction", "commit_transaction", &|_| {
            self.producer.commit_transaction(Timeout::Never)
        })?;
        self.begun.set(None);
        Ok(())
    }

    fn abort(&self) -> Result<(), Failure> {
        self.drain();
        let outcome =
            self.repeat("abort the transaction", "abort_transaction", &|left| self.producer.abort_transaction(left));
        self.producer.context().take_undelivered();
        self.begun.set(None);
        outcome
    }

    fn end_offset(&self, partition: &TopicPartition) -> Option<i64> {
        self.ends.borrow().end_offset(partition)
    }
}

/// A message in librdkafka's buffer.
pub struct KafkaMessage<'a>(BorrowedMessage<'a>);

impl Message for KafkaMessage<'_> {
    fn topic(&self) -> &str {
        self.0.topic()
    }

    fn partition(&self) -> i32 {
        self.0.partition()
    }

    fn offset(&self) -> i64 {
        self.0.offset()
    }

    fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    fn payload(&self) -> Option<&[u8]> {
        self.0.payload()
    }
}
