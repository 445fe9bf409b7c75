//! What a poll returns besides messages.

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::Offset;

use super::KafkaBroker;
use crate::kafka::context::Rebalance;
use crate::kafka::errors;
use crate::kafka::offsets::{self, Bounds};
use crate::kafka::partition_ends::Change;
use crate::stream::broker::{Action, Assigned, BrokerError, Polled, Skipped, TopicPartition};

/// An event that carries no message.
pub(super) enum Event {
    Rebalance(Rebalance),
    Change(Change),
    Skipped(Skipped),
    Down(String),
    Up,
}

impl<M> From<Event> for Polled<M> {
    fn from(event: Event) -> Self {
        match event {
            Event::Rebalance(Rebalance::Assign(partitions)) => Self::Assign(partitions),
            Event::Rebalance(Rebalance::Revoke { lost }) => Self::Revoke { lost },
            Event::Change(Change::End(partition)) => Self::End(partition),
            Event::Change(Change::Away(partition)) => Self::Away(partition),
            Event::Skipped(skipped) => Self::Skipped(skipped),
            Event::Down(reason) => Self::Down(reason),
            Event::Up => Self::Up,
        }
    }
}

impl KafkaBroker {
    pub(super) fn next_event(&self) -> Option<Event> {
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

    /// An error in place of a message. The client handles most of them itself, and the context has counted
    /// them.
    pub(super) fn handle_error(&self, error: &KafkaError) -> Result<(), BrokerError> {
        if let KafkaError::PartitionEOF(number) = error {
            let end = self.ends.borrow().by_number(*number).map(|partition| Event::Change(Change::End(partition)));
            self.events.borrow_mut().extend(end);
            return Ok(());
        }
        let failure = errors::failure("read from Kafka", error);
        match error.rdkafka_error_code() {
            Some(Code::AllBrokersDown) => {
                self.ends.borrow_mut().all_away();
                if !self.down.replace(true) {
                    let reason = self.consumer.context().reason();
                    let reason = reason.unwrap_or_else(|| "all broker connections are down".to_owned());
                    self.events.borrow_mut().push_back(Event::Down(reason));
                }
                Ok(())
            }
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                self.has_lost_offset.set(true);
                Ok(())
            }
            _ if failure.action == Action::Fatal => Err(failure),
            _ => Ok(()),
        }
    }

    /// The next offset of some partition no longer exists. The library does not say which one, and does not
    /// seek in a partition that it has stopped fetching. So all are assigned anew: those whose next offset
    /// exists there, the others at the nearest one that does (the oldest if retention was faster, the end if
    /// the log was truncated).
    pub(super) fn repair_offsets(&self) -> Result<(), BrokerError> {
        let mut repaired = Vec::new();
        for (partition, from) in self.positions()? {
            let Bounds { oldest, end } = match offsets::bounds(&self.consumer, &partition) {
                Ok(bounds) => bounds,
                // The next poll asks again.
                Err(failure) if failure.action == Action::Retry => return Ok(()),
                Err(failure) => return Err(failure),
            };
            let to = from.clamp(oldest, end.max(oldest));
            repaired.push((partition, from, to));
        }
        self.fetch(repaired.iter().map(|(partition, _, to)| (partition, *to)))?;
        self.has_lost_offset.set(false);
        for (began, (partition, from, to)) in self.assigned.borrow_mut().iter_mut().zip(repaired) {
            began.position = to;
            if from != to {
                self.events.borrow_mut().push_back(Event::Skipped(Skipped { partition, from, to }));
            }
        }
        Ok(())
    }

    /// From now on these partitions are held. Events of others, or of these before they were assigned, are
    /// void.
    pub(super) fn hold(&self, assigned: Vec<Assigned>) {
        self.has_lost_offset.set(false);
        self.events.borrow_mut().retain(|event| matches!(event, Event::Rebalance(_) | Event::Down(_) | Event::Up));
        self.ends.borrow_mut().assign(assigned.iter().map(|began| began.partition.clone()));
        self.assigned.replace(assigned);
    }

    /// Starts to fetch these partitions, each at its offset, and no others.
    pub(super) fn fetch<'a>(
        &self,
        offsets: impl Iterator<Item = (&'a TopicPartition, i64)>,
    ) -> Result<(), BrokerError> {
        let list = offsets::list(offsets)?;
        self.consumer.assign(&list).map_err(|error| errors::failure("take up partitions", &error))
    }

    /// The next offset of each partition: after the last delivered message, or where it began.
    fn positions(&self) -> Result<Vec<(TopicPartition, i64)>, BrokerError> {
        let now = self.consumer.position().map_err(|error| errors::failure("ask for positions", &error))?;
        let position_of = |began: &Assigned| {
            let found = now.find_partition(&began.partition.topic, began.partition.partition);
            match found.map(|found| found.offset()) {
                Some(Offset::Offset(offset)) => offset,
                _ => began.position,
            }
        };
        Ok(self.assigned.borrow().iter().map(|began| (began.partition.clone(), position_of(began))).collect())
    }
}
