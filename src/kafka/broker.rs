//! The worker's seam over librdkafka: one consumer in a group and one transactional producer.
//!
//! What a real broker has taught (see also [`super::transactional_producer`]):
//! * The group's metadata is read right before `send_offsets`, and only while partitions are held: the
//!   coordinator does not check an unknown generation, so it would bypass the fence.
//! * The context records rebalances; the worker decides when they are answered.
//! * A paused partition stays paused when it is given back, and is not read when it is assigned again. So
//!   every partition is paused after an assignment, and resumed by name.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use insightd_core::state::WriteRecord;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::backfill_topic::BackfillTopic;
use super::changelog::Changelog;
use super::context::Context;
use super::partition_ends::PartitionEnds;
use super::transactional_producer::TransactionalProducer;
use super::{errors, offsets};
use crate::config::StartAt;
use crate::crash::crash_point;
use crate::stream::broker::{
    Action, Assigned, Broker, BrokerError, Message, Outgoing, Polled, Position, Reading, TopicPartition,
};

mod connect;
mod events;

pub use connect::Connection;
use connect::ProducerParts;
use events::Event;

/// Longest wait for the partitions to be revoked when leaving the group.
const LEAVE_MAX: Duration = Duration::from_secs(2);

/// Kafka, for one worker.
pub struct KafkaBroker {
    consumer: BaseConsumer<Context>,
    transactions: RefCell<TransactionalProducer>,
    /// What a new producer is made from, if the old one was fenced.
    producer: ProducerParts,
    changelog: Changelog,
    backfill: BackfillTopic,
    start: StartAt,
    /// Where each assigned partition began.
    assigned: RefCell<Vec<Assigned>>,
    ends: RefCell<PartitionEnds>,
    down: Cell<bool>,
    /// Some partition stands at an offset that does not exist.
    has_lost_offset: Cell<bool>,
    /// Events that were not delivered yet.
    events: RefCell<VecDeque<Event>>,
}

impl Drop for KafkaBroker {
    fn drop(&mut self) {
        // Closing alone sends no leave request for a static member: the group keeps its place until the
        // session ends.
        self.consumer.context().close();
    }
}

impl KafkaBroker {
    /// Leaves the group, so that other members take over at once instead of after the session ends. Called
    /// between transactions, right before the client is dropped: nothing is delivered any more.
    ///
    /// A static member leaves only by an explicit `unsubscribe`. The request itself goes out while the client
    /// is closed, which waits for the answer.
    pub fn leave(&self) {
        self.consumer.context().close();
        self.consumer.unsubscribe();
        let until = Instant::now() + LEAVE_MAX;
        while Instant::now() < until && self.consumer.assignment().is_ok_and(|held| held.count() > 0) {
            // Messages that are still delivered were never applied; their offsets are not committed.
            drop(self.consumer.poll(Duration::from_millis(10)));
        }
    }
}

impl Broker for KafkaBroker {
    type Message<'a> = KafkaMessage<'a>;

    fn poll(&self, wait: Duration) -> Result<Polled<KafkaMessage<'_>>, BrokerError> {
        // Before any message, which may lie after skipped offsets.
        let waiting = self.events.borrow_mut().pop_front();
        if let Some(event) = waiting {
            return Ok(event.into());
        }
        match self.consumer.poll(wait) {
            Some(Ok(message)) => return Ok(Polled::Message(KafkaMessage(message))),
            Some(Err(error)) => self.handle_error(&error)?,
            None => self.changelog.tidy(),
        }
        if self.has_lost_offset.get() && !self.down.get() {
            self.repair_offsets()?;
        }
        self.transactions.borrow().poll();
        Ok(self.next_event().map_or(Polled::Nothing, Polled::from))
    }

    fn assign(&self, partitions: &[TopicPartition]) -> Result<Vec<Assigned>, BrokerError> {
        let assigned = offsets::beginnings(&self.consumer, partitions, self.start)?;
        self.fetch(assigned.iter().map(|began| (&began.partition, began.position)))?;
        self.pause(partitions)?;
        self.hold(assigned.clone());
        Ok(assigned)
    }

    fn unassign(&self) -> Result<(), BrokerError> {
        self.hold(Vec::new());
        self.changelog.close();
        self.backfill.close();
        self.consumer.unassign().map_err(|error| errors::failure("give partitions back", &error))
    }

    fn pause(&self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.consumer.pause(&named(partitions)).map_err(|error| errors::failure("pause", &error))
    }

    fn resume(&self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.consumer.resume(&named(partitions)).map_err(|error| errors::failure("resume", &error))
    }

    fn rewind(&self) -> Result<Vec<Assigned>, BrokerError> {
        let held: Vec<TopicPartition> = self.assigned.borrow().iter().map(|began| began.partition.clone()).collect();
        if held.is_empty() { Ok(Vec::new()) } else { self.assign(&held) }
    }

    fn renew(&self) -> Result<(), BrokerError> {
        let successor = self.producer.make()?;
        successor.register_or_retry()?;
        self.transactions.replace(successor);
        Ok(())
    }

    fn open_changelog(&self, partition: i32) -> Result<i64, BrokerError> {
        self.changelog.open(partition)
    }

    fn read_changelog(
        &self,
        records_max: usize,
        wait: Duration,
        show: &mut WriteRecord<'_>,
    ) -> Result<Reading, BrokerError> {
        self.changelog.read(records_max, wait, show)
    }

    fn open_backfill(&self, partition: i32, from: i64) -> Result<bool, BrokerError> {
        self.backfill.open(partition, from)
    }

    fn read_backfill(
        &self,
        partition: i32,
        messages_max: usize,
        wait: Duration,
        show: &mut dyn FnMut(i64, &[u8]) -> i64,
    ) -> Result<bool, BrokerError> {
        self.backfill.read(partition, messages_max, wait, show)
    }

    fn begin(&self) -> Result<(), BrokerError> {
        self.transactions.borrow().begin()
    }

    fn produce(&self, record: &Outgoing<'_>) -> Result<(), BrokerError> {
        self.transactions.borrow().send(record)
    }

    fn commit_with_offsets(&self, next: &[Position]) -> Result<(), BrokerError> {
        self.transactions.borrow().flush()?;
        crash_point!("produced");
        if !next.is_empty() {
            self.send_offsets(next)?;
        }
        crash_point!("offsets");
        crash_point!("before-commit");
        crash_point!("commit-unknown", meanwhile);
        self.transactions.borrow().commit()?;
        crash_point!("committed");
        Ok(())
    }

    fn abort(&self) -> Result<(), BrokerError> {
        self.transactions.borrow().abort()
    }

    fn end_offset(&self, partition: &TopicPartition) -> Option<i64> {
        self.ends.borrow().end_offset(partition)
    }
}

impl KafkaBroker {
    fn send_offsets(&self, next: &[Position]) -> Result<(), BrokerError> {
        let held = self.assigned.borrow();
        for Position { partition, .. } in next {
            // The broker checks the member, not which partitions it owns.
            if !held.iter().any(|assigned| assigned.partition == *partition) {
                let text = format!("OWN-1: offset of {partition} is to be committed, which is not assigned");
                return Err(BrokerError::new(Action::AbortAndRewind, text));
            }
        }
        let offsets = offsets::positions(next)?;
        self.transactions.borrow().send_offsets(&offsets, &|| self.consumer.group_metadata())
    }
}

fn named(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
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
