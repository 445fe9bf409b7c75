//! A transactional producer: registering its id, sending, committing, aborting. Each worker has one, and so
//! have the commands that write.
//!
//! What a real broker has taught:
//! * A loop of our own drains the delivery reports before `send_offsets`, `commit` and `abort`. Left to the
//!   library, each of the three waits up to 100 ms for them, and an abort with undrained records never ends.

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

/// One poll for delivery reports. The library's poll takes all of its time even after an event, so it is
/// short.
const DRAIN_STEP: Duration = Duration::from_millis(1);
/// Pause before a retriable call is repeated.
const REPEAT_AFTER: Duration = Duration::from_millis(100);
/// Longest wait of one `init_transactions`; then the reason is reported and the call repeated.
const REGISTER_STEP: Duration = Duration::from_secs(5);
/// Longest wait for the events that explain an error.
const EVENTS_MAX: Duration = Duration::from_millis(100);

/// A producer with a transactional id. At most one transaction is open at a time.
pub(super) struct TransactionalProducer {
    producer: BaseProducer<Context>,
    calls: Arc<Calls>,
    /// `transaction.timeout.ms`
    timeout: Duration,
    /// When the open transaction began.
    begun: Cell<Option<Instant>>,
}

impl TransactionalProducer {
    /// A producer that is not registered yet. `timeout` is its `transaction.timeout.ms`; `calls` notes
    /// blocking calls for the watchdog.
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

    /// Registers the transactional id, which aborts what a predecessor left open and fences one that still
    /// lives. Waits for a broker as long as it takes, and calls `waiting` with the reason; false once `stop`
    /// says so.
    ///
    /// # Errors
    /// If a broker refuses.
    pub(super) fn register(&self, stop: &dyn Fn() -> bool, waiting: &mut dyn FnMut(&str)) -> Result<bool, BrokerError> {
        while !stop() {
            let outcome = {
                let _running = self.calls.enter("init_transactions");
                self.producer.init_transactions(REGISTER_STEP)
            };
            let Err(error) = outcome else { return Ok(true) };
            // Serves the events that explain it.
            self.producer.poll(EVENTS_MAX);
            let failure = errors::failure("register the transactional id", &error);
            if failure.action != Action::Retry {
                return Err(failure);
            }
            waiting(&self.producer.context().reason().unwrap_or(failure.message));
        }
        Ok(false)
    }

    /// One attempt of [`Self::register`].
    ///
    /// # Errors
    /// [`Action::Retry`] if no broker answers, another if one refuses.
    pub(super) fn register_or_retry(&self) -> Result<(), BrokerError> {
        let tried = Cell::new(false);
        match self.register(&|| tried.replace(true), &mut |_| ())? {
            true => Ok(()),
            false => Err(BrokerError::new(Action::Retry, "no broker registers the transactional id")),
        }
    }

    /// Serves pending events, without waiting.
    pub(super) fn poll(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Begins a transaction.
    pub(super) fn begin(&self) -> Result<(), BrokerError> {
        self.producer.begin_transaction().map_err(|error| self.failure("begin a transaction", &error))?;
        // An error of an earlier transaction explains nothing in this one.
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
                // Back-pressure: the queue empties as the broker accepts records, or when they time out.
                Err((error, _)) if error.rdkafka_error_code() == Some(Code::QueueFull) => {
                    self.producer.poll(DRAIN_STEP);
                }
                // An earlier record was not written: the transaction has failed and accepts nothing more.
                Err((error, _)) if error.rdkafka_error_code() == Some(Code::State) && self.begun.get().is_some() => {
                    self.flush()?;
                    let failure = self.failure(&format!("write to {}", record.topic), &error);
                    return Err(BrokerError { action: failure.action.max(Action::AbortAndRewind), ..failure });
                }
                Err((error, _)) => return Err(self.failure(&format!("write to {}", record.topic), &error)),
            }
        }
    }

    /// Waits until every sent record is delivered or has failed.
    ///
    /// # Errors
    /// If one has failed.
    pub(super) fn flush(&self) -> Result<(), BrokerError> {
        self.drain();
        match self.producer.context().take_undelivered() {
            // A lost record fails its transaction, whatever the reason.
            Some(error) => {
                let failure = self.failure("write to Kafka", &error);
                let action = failure.action.max(Action::AbortAndRewind);
                Err(BrokerError { action, ..failure })
            }
            None => Ok(()),
        }
    }

    /// Adds offsets to the open, flushed transaction. Reads the group's metadata right before each attempt.
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

    /// Commits the open, flushed transaction.
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

    /// When the coordinator aborts the open transaction by itself.
    fn expires(&self) -> Instant {
        self.begun.get().unwrap_or_else(Instant::now) + self.timeout
    }

    /// Repeats a call while that is allowed and the transaction lives.
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
                failure.message += "; retried until kafka.transaction_timeout had passed";
                return Err(failure);
            }
            thread::sleep(REPEAT_AFTER);
        }
    }

    /// An error of the producer. An unusable producer fails every call in some way (a purged queue, a wrong
    /// state); its fatal error says more.
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
