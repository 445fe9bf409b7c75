//! Draining, repeating, and what goes into a commit.

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::Producer;

use super::{DRAIN_STEP, KafkaBroker, REPEAT_AFTER};
use crate::kafka::{errors, offsets};
use crate::stream::broker::{Action, Failure, TopicPartition};

impl KafkaBroker {
    /// When the coordinator will have given the open transaction up.
    fn expires(&self) -> Instant {
        self.begun.get().unwrap_or_else(Instant::now) + self.transaction_timeout
    }

    /// Waits until the fate of every produced record is known. Bounded by `message.timeout.ms`, which is the transaction's.
    pub(super) fn drain(&self) {
        let _running = self.calls.enter("drain");
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(DRAIN_STEP);
        }
    }

    /// Repeats a call for as long as that is allowed and the transaction lives.
    pub(super) fn repeat(
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

    pub(super) fn send_offsets(&self, next: &[(TopicPartition, i64)]) -> Result<(), Failure> {
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

    /// A failure of the producer. One that is of no more use fails every call in some way (a purged queue, a wrong state); what
    /// made it so says more.
    pub(super) fn producer_failure(&self, doing: &str, error: &KafkaError) -> Failure {
        match self.producer.client().fatal_error() {
            Some((code, reason)) => Failure {
                action: Action::Fatal,
                cause: errors::cause(code),
                message: format!("cannot {doing}: {reason}"),
            },
            None => errors::failure(doing, error),
        }
    }

    /// Whether every record of the open transaction has arrived.
    pub(super) fn delivered(&self) -> Result<(), Failure> {
        match self.producer.context().take_undelivered() {
            // A record that is lost is lost to this transaction, whatever the reason.
            Some(error) => {
                let failure = self.producer_failure("write to Kafka", &error);
                let action = failure.action.max(Action::AbortAndRewind);
                Err(Failure { action, ..failure })
            }
            None => Ok(()),
        }
    }
}
