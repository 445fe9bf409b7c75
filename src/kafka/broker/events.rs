//! What a poll brings beside messages.

use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{Event, KafkaBroker, KafkaMessage};
use crate::kafka::{errors, offsets};
use crate::stream::broker::{Action, Assigned, Failure, Polled, TopicPartition};

/// Longest wait until the library has taken up another offset.
const SEEK_MAX: Duration = Duration::from_secs(5);

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

    pub(super) fn error(&self, error: &KafkaError) -> Result<Polled<KafkaMessage<'_>>, Failure> {
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
    pub(super) fn repair_offsets(&self) -> Result<Polled<KafkaMessage<'_>>, Failure> {
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
                    .seek(&partition.topic, partition.partition, Offset::Offset(to), SEEK_MAX)
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

    pub(super) fn all_assigned(&self) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for began in self.assigned.borrow().iter() {
            list.add_partition(&began.partition.topic, began.partition.partition);
        }
        list
    }
}
