//! A producer that feeds the input topic: idempotent, without transactions. Only generated traffic goes this
//! way; the daemon itself never writes what it reads.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::context::Context;
use super::probe::{ClusterProbe, Probe, ProbeError};
use super::topics::Preparation;
use super::{client, errors};
use crate::config::Config;
use crate::stream::broker::{Action, BrokerError};

/// Longest wait for room in the queue; then errors are checked.
const STEP: Duration = Duration::from_millis(100);
/// Records between two checks of the broker's answers.
const CHECK_RECORDS: u32 = 256;

/// A producer of generated traffic.
pub(crate) struct Feeder {
    producer: BaseProducer<Context>,
    topic: String,
    since_check: u32,
}

impl Feeder {
    /// Finds the input topic of a configuration, creates it (and what else is missing) if
    /// `kafka.create_topics` says so, and connects.
    ///
    /// # Errors
    /// [`ProbeError::Unreachable`] if no broker answers within `wait`, the other if the topic does not suit
    /// or a setting is refused.
    pub(crate) fn connect(config: &Config, wait: Duration) -> Result<Self, ProbeError> {
        let topic = input_topic(config, wait)?;
        let refused = |error| ProbeError::Refused(errors::failure("make a Kafka client", &error));
        let producer = client::feeder(config).create_with_context(Context::new(None)).map_err(refused)?;
        Ok(Self { producer, topic, since_check: 0 })
    }

    /// The input topic.
    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// Queues a record for the partition that follows from its key; waits while the queue is full.
    ///
    /// # Errors
    /// If this or an earlier record cannot be delivered.
    pub(crate) fn send(&mut self, key: &str, payload: &[u8]) -> Result<(), BrokerError> {
        self.queue(None, key, payload)
    }

    /// As [`Self::send`], for this partition.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) fn send_to(&mut self, partition: i32, key: &str, payload: &[u8]) -> Result<(), BrokerError> {
        self.queue(Some(partition), key, payload)
    }

    fn queue(&mut self, partition: Option<i32>, key: &str, payload: &[u8]) -> Result<(), BrokerError> {
        let mut record = BaseRecord::to(&self.topic).key(key).payload(payload);
        record.partition = partition;
        while let Err((error, back)) = self.producer.send(record) {
            if !matches!(error, KafkaError::MessageProduction(Code::QueueFull)) {
                return Err(errors::failure(&format!("write to topic {}", self.topic), &error));
            }
            record = back;
            self.check(STEP)?;
        }
        self.since_check += 1;
        if self.since_check >= CHECK_RECORDS {
            self.since_check = 0;
            self.check(Duration::ZERO)?;
        }
        Ok(())
    }

    /// Waits, and checks the broker's answers meanwhile.
    ///
    /// # Errors
    /// If a record could not be delivered.
    pub(crate) fn wait(&self, duration: Duration) -> Result<(), BrokerError> {
        if duration.is_zero() {
            return Ok(());
        }
        let until = Instant::now().checked_add(duration);
        loop {
            let left = until.map_or(STEP, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(());
            }
            // A poll without an event returns at its timeout, one with an event at once.
            self.check(left.min(STEP))?;
        }
    }

    /// Waits until the broker has accepted every record.
    ///
    /// # Errors
    /// If a record could not be delivered.
    pub(crate) fn flush(&self) -> Result<(), BrokerError> {
        while self.producer.in_flight_count() > 0 {
            self.check(STEP)?;
        }
        self.check(Duration::ZERO)
    }

    /// Serves pending events of the library.
    fn check(&self, wait: Duration) -> Result<(), BrokerError> {
        self.producer.poll(wait);
        let Some(error) = self.producer.context().take_undelivered() else { return Ok(()) };
        let doing = format!("write to topic {}", self.topic);
        let mut failure = errors::failure(&doing, &error);
        let reason = self.producer.context().reason();
        if error.rdkafka_error_code() == Some(Code::MessageTimedOut) {
            let reason = reason.unwrap_or_else(|| "it may be down or unreachable".to_owned());
            let seconds = client::FEEDER_PATIENCE.as_secs();
            failure.message = format!("cannot {doing}: no broker accepted a record within {seconds} s ({reason})");
        } else if let Some(reason) = reason {
            failure.message = format!("cannot {doing}: {reason}");
        }
        failure.action = failure.action.max(Action::AbortAndRewind);
        Err(failure)
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        // Records queued after an error would delay the end of the process for nothing.
        self.producer.purge(rdkafka::producer::PurgeConfig::default().queue().inflight());
    }
}

fn input_topic(config: &Config, wait: Duration) -> Result<String, ProbeError> {
    let found = if config.kafka.create_topics {
        Preparation::new(config, wait)?.attempt()?.topics
    } else {
        let probe = ClusterProbe::new(config)?.probe(config, wait)?;
        // The topics that the daemon writes do not matter here.
        let is_input = |topic: &String| config.input.topics.contains(topic);
        let probe = Probe { missing: probe.missing.into_iter().filter(is_input).collect(), ..probe };
        let faults = probe.faults(config);
        if !faults.is_empty() {
            return Err(ProbeError::Refused(BrokerError::configuration(faults.join("\n"))));
        }
        probe.topics
    };
    let none = || ProbeError::Refused(BrokerError::configuration("no topic matches input.topics".to_owned()));
    found.into_iter().next().map(|topic| topic.name).ok_or_else(none)
}
