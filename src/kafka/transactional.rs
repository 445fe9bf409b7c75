//! A transactional producer: registering its id, sending, committing, aborting. A worker has one, and so has the replay of dead letters.
//!
//! What a real broker has taught, and what is kept here for that reason:
//! * Delivery reports are drained by a loop of our own before `send_offsets`, `commit` and `abort`. Left to the library, each
//!   of the three waits up to 100 ms for them; an abort over undrained records does not end at all.

use std::cell::Cell;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::util::Timeout;

use super::context::Context;
use super::errors;
use crate::stream::broker::{Action, BrokerError, Outgoing};
use crate::stream::watchdog::Calls;

/// One look for delivery reports. The library's poll takes all of its time even after an event, so it is short.
const DRAIN_STEP: Duration = Duration::from_millis(1);
/// Pause before a call is repeated that may be repeated.
const REPEAT_AFTER: Duration = Duration::from_millis(100);
/// Longest wait for one answer in `init_transactions`, after which the reason is looked at.
const REGISTER_STEP: Duration = Duration::from_secs(5);
/// How long the events that explain a failure are waited for.
const EVENTS_MAX: Duration = Duration::from_millis(100);

/// See the module.
pub(super) struct Transactional {
    producer: BaseProducer<Context>,
    calls: Arc<Calls>,
    /// `transaction.timeout.ms`
    timeout: Duration,
    /// When the open transaction was begun.
    begun: Cell<Option<Instant>>,
}

impl Transactional {
    /// A producer that is not registered yet. `timeout` is its `transaction.timeout.ms`; blocking calls are noted in `calls`.
    pub(super) fn new(
        settings: &ClientConfig,
        context: Context,
        timeout: Duration,
        calls: Arc<Calls>,
    ) -> Result<Self, BrokerError> {
        let producer = settings
            .create_with_context(context)
            .map_err(|error: KafkaError| errors::failure("make a Kafka client", &error))?;
        Ok(Self { producer, calls, timeout, begun: Cell::new(None) })
    }

    /// Registers the transactional id, which ends what a predecessor left open and shuts out one that still lives. Waits for a broker as
    /// long as it takes, and tells `waiting` why; false once `stop` says so.
    ///
    /// # Errors
    /// When a broker refuses.
    pub(super) fn register(&self, stop: &dyn Fn() -> bool, waiting: &mut dyn FnMut(&str)) -> Result<bool, BrokerError> {
        while !stop() {
            let outcome = {
                let _running = self.calls.enter("init_transactions");
                self.producer.init_transactions(REGISTER_STEP)
            };
            let Err(error) = outcome else { return Ok(true) };
            // Serves the events that say why.
            self.producer.poll(EVENTS_MAX);
            let failure = errors::failure("register the transactional id", &error);
            if failure.action != Action::Retry {
                return Err(failure);
            }
            waiting(&self.producer.context().reason().unwrap_or(failure.message));
        }
        Ok(false)
    }

    /// One attempt of [`Self::register`]; false if no broker has answered.
    ///
    /// # Errors
    /// When a broker refuses.
    pub(super) fn register_once(&self) -> Result<bool, BrokerError> {
        let asked = Cell::new(false);
        self.register(&|| asked.replace(true), &mut |_| ())
    }

    /// Serves what has happened, without waiting.
    pub(super) fn poll(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Opens a transaction.
    pub(super) fn begin(&self) -> Result<(), BrokerError> {
        self.producer.begin_transaction().map_err(|error| self.failure("begin a transaction", &error))?;
        // What was heard of an earlier one explains nothing any more.
        self.producer.context().take_transaction_error();
        self.begun.set(Some(Instant::now()));
        Ok(())
    }

    /// Adds a record to the open transaction. Waits while the queue is full.
    pub(super) fn send(&self, record: &Outgoing<'_>) -> Result<(), BrokerError> {
        loop {
            let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
            for (key, value) in record.headers {
                headers = headers.insert(Header { key, value: Some(*value) });
            }
            let mut outgoing: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(record.topic).headers(headers);
            outgoing.payload = record.value;
            outgoing.key = record.key;
            outgoing.partition = record.partition;
            match self.producer.send(outgoing) {
                Ok(()) => return Ok(()),
                // Back-pressure: the queue empties as the broker takes records, or when their time is up.
                Err((error, _)) if error.rdkafka_error_code() == Some(Code::QueueFull) => {
                    self.producer.poll(DRAIN_STEP);
                }
                // Something before it was not written: the transaction has failed, and takes nothing more.
                Err((error, _)) if error.rdkafka_error_code() == Some(Code::State) && self.begun.get().is_some() => {
                    self.settle()?;
                    let failure = self.failure(&format!("write to {}", record.topic), &error);
                    return Err(BrokerError { action: failure.action.max(Action::AbortAndRewind), ..failure });
                }
                Err((error, _)) => return Err(self.failure(&format!("write to {}", record.topic), &error)),
            }
        }
    }

    /// Waits until the fate of every sent record is known.
    ///
    /// # Errors
    /// When one has not arrived.
    pub(super) fn settle(&self) -> Result<(), BrokerError> {
        self.drain();
        match self.producer.context().take_undelivered() {
            // A record that is lost is lost to this transaction, whatever the reason.
            Some(error) => {
                let failure = self.failure("write to Kafka", &error);
                let action = failure.action.max(Action::AbortAndRewind);
                Err(BrokerError { action, ..failure })
            }
            None => Ok(()),
        }
    }

    /// Adds offsets to the open, settled transaction. The group's metadata is asked for right before each attempt.
    pub(super) fn send_offsets(
        &self,
        offsets: &TopicPartitionList,
        group: &dyn Fn() -> Option<ConsumerGroupMetadata>,
    ) -> Result<(), BrokerError> {
        self.repeat("commit the group's offsets", "send_offsets_to_transaction", &|left| {
            let group = group().ok_or(KafkaError::Canceled)?;
            self.producer.send_offsets_to_transaction(offsets, &group, left)
        })
    }

    /// Commits the open, settled transaction.
    pub(super) fn commit(&self) -> Result<(), BrokerError> {
        self.repeat("commit the transaction", "commit_transaction", &|_| {
            self.producer.commit_transaction(Timeout::Never)
        })?;
        self.begun.set(None);
        Ok(())
    }

    /// Aborts the open transaction.
    pub(super) fn abort(&self) -> Result<(), BrokerError> {
        self.drain();
        let outcome =
            self.repeat("abort the transaction", "abort_transaction", &|left| self.producer.abort_transaction(left));
        self.producer.context().take_undelivered();
        self.begun.set(None);
        outcome
    }

    /// Bounded by `message.timeout.ms`, which is the transaction's.
    fn drain(&self) {
        let _running = self.calls.enter("drain");
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(DRAIN_STEP);
        }
    }

    /// When the coordinator will have given the open transaction up.
    fn expires(&self) -> Instant {
        self.begun.get().unwrap_or_else(Instant::now) + self.timeout
    }

    /// Repeats a call for as long as that is allowed and the transaction lives.
    fn repeat(
        &self,
        doing: &str,
        call: &'static str,
        run: &dyn Fn(Duration) -> KafkaResult<()>,
    ) -> Result<(), BrokerError> {
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

    /// A failure of the producer. One that is of no more use fails every call in some way (a purged queue, a wrong state); what
    /// made it so says more.
    fn failure(&self, doing: &str, error: &KafkaError) -> BrokerError {
        match self.producer.client().fatal_error() {
            Some((code, reason)) => BrokerError {
                action: Action::Fatal,
                cause: errors::cause(code),
                message: format!("cannot {doing}: {reason}"),
            },
            None => {
                let follows =
                    matches!(error.rdkafka_error_code(), Some(Code::PurgeQueue | Code::PurgeInflight | Code::State));
                let why = self.producer.context().take_transaction_error().filter(|_| follows);
                let failure = errors::failure(doing, error);
                match why {
                    Some(why) => BrokerError { message: format!("cannot {doing}: {why}"), ..failure },
                    None => failure,
                }
            }
        }
    }
}
