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
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::message::{BorrowedMessage, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::util::Timeout;

use crate::config::StartAt;
use crate::stream::broker::{Assigned, Broker, Failure, Message, Outgoing, Polled, TopicPartition};
use crate::stream::watchdog::Calls;

use super::context::Context;
use super::ends::Ends;
use super::{errors, offsets};

mod connect;
mod events;
mod transact;

use events::Event;

pub use connect::Connection;

/// One look for delivery reports. The library's poll takes all of its time even after an event, so it is short.
const DRAIN_STEP: Duration = Duration::from_millis(1);
/// Pause before a call is repeated that may be repeated.
const REPEAT_AFTER: Duration = Duration::from_millis(100);
/// Longest wait for the partitions to be given back when leaving.
const LEAVE_MAX: Duration = Duration::from_secs(2);

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

impl Drop for KafkaBroker {
    fn drop(&mut self) {
        // Closing alone sends no leave request for a static member: its place is kept until the session ends.
        self.consumer.context().close();
    }
}

impl KafkaBroker {
    /// Leaves the group, so that others take over at once instead of after the session's end. Called between transactions, right before
    /// the client is dropped: nothing is delivered any more.
    ///
    /// A static member leaves only by an explicit `unsubscribe`; the request itself goes out while the client is closed, which
    /// waits for the answer.
    pub fn leave(&self) {
        self.consumer.context().close();
        self.consumer.unsubscribe();
        let until = Instant::now() + LEAVE_MAX;
        while Instant::now() < until && self.consumer.assignment().is_ok_and(|held| held.count() > 0) {
            // What is still delivered was never applied; its offset was not committed.
            drop(self.consumer.poll(Duration::from_millis(10)));
        }
    }
}

impl Broker for KafkaBroker {
    type Message<'a> = KafkaMessage<'a>;

    fn poll(&self, wait: Duration) -> Result<Polled<KafkaMessage<'_>>, Failure> {
        // Before any message: it may lie behind what was skipped.
        let waiting = self.events.borrow_mut().pop_front();
        if let Some(event) = waiting {
            return Ok(event.into());
        }
        match self.consumer.poll(wait) {
            Some(Ok(message)) => return Ok(Polled::Message(KafkaMessage(message))),
            Some(Err(error)) => self.take_error(&error)?,
            None => {}
        }
        if self.astray.get() && !self.down.get() {
            self.repair_offsets()?;
        }
        self.producer.poll(Duration::ZERO);
        Ok(self.next_event().map_or(Polled::Nothing, Polled::from))
    }

    fn assign(&self, partitions: &[TopicPartition]) -> Result<Vec<Assigned>, Failure> {
        let assigned = offsets::beginnings(&self.consumer, partitions, self.start)?;
        self.take_up(assigned.iter().map(|began| (&began.partition, began.position)))?;
        self.hold(assigned.clone());
        Ok(assigned)
    }

    fn unassign(&self) -> Result<(), Failure> {
        self.hold(Vec::new());
        self.consumer.unassign().map_err(|error| errors::failure("give partitions back", &error))
    }

    fn pause(&self) -> Result<(), Failure> {
        self.consumer.pause(&self.all_assigned()).map_err(|error| errors::failure("pause", &error))
    }

    fn resume(&self) -> Result<(), Failure> {
        self.consumer.resume(&self.all_assigned()).map_err(|error| errors::failure("resume", &error))
    }

    fn begin(&self) -> Result<(), Failure> {
        self.producer.begin_transaction().map_err(|error| self.producer_failure("begin a transaction", &error))?;
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
                Err((error, _)) => return Err(self.producer_failure(&format!("write to {}", record.topic), &error)),
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
