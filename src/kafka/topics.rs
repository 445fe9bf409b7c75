//! Prepares the topics before any worker starts: creates missing ones if wanted, and finds out what they
//! accept.

use std::time::Duration;

use super::creation::Creation;
use super::probe::{ClusterProbe, InputTopic, Probe, ProbeError};
use super::{admin, client};
use crate::config::{Config, OwnTopic, PartitionCount};
use crate::stream::broker::{Action, BrokerError};
use crate::stream::publisher::RecordLimits;

/// Kafka's own default of `max.message.bytes`, for a broker that does not report it.
const MESSAGE_BYTES_MAX_DEFAULT: usize = 1_048_588;
/// Probes for a topic that was just created.
const PROBES: u32 = 20;
/// Pause between two probes.
const PROBE_PAUSE: Duration = Duration::from_millis(250);

/// What the workers need to know about the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    /// Input topics.
    pub topics: Vec<InputTopic>,
    /// Topics that match and are excluded.
    pub excluded: Vec<String>,
    /// Topics that were just created.
    pub created: Vec<String>,
    /// Largest records that the output topic and the dead-letter topic accept.
    pub limits: RecordLimits,
    /// Why the topics' own limits are unknown, if they are.
    pub limit_unknown: Option<String>,
}

/// Prepares the topics of a configuration.
pub(crate) struct Preparation<'a> {
    config: &'a Config,
    cluster: ClusterProbe,
    /// Longest wait per request.
    wait: Duration,
    limits: Option<RecordLimits>,
}

impl<'a> Preparation<'a> {
    /// Makes the client; nothing is connected yet. `wait` is the longest wait per request.
    ///
    /// # Errors
    /// If the library refuses a setting.
    pub(crate) fn new(config: &'a Config, wait: Duration) -> Result<Self, ProbeError> {
        Ok(Self { config, cluster: ClusterProbe::new(config)?, wait, limits: None })
    }

    /// For a cluster whose limits are known, if they are: it is not asked for them.
    #[must_use]
    pub(crate) fn with_limits(self, limits: Option<RecordLimits>) -> Self {
        Self { limits, ..self }
    }

    /// One attempt to make everything ready: missing topics are created if that is wanted.
    ///
    /// # Errors
    /// [`ProbeError::Unreachable`] may pass by itself, the other does not.
    pub(crate) fn attempt(&self) -> Result<Ready, ProbeError> {
        let config = self.config;
        let mut probe = self.cluster.probe(config, self.wait)?;
        let mut created = Vec::new();
        // Topics that need the partitions of the input come last, when those are known.
        for count in [PartitionCount::Any, PartitionCount::AsInput] {
            let needs =
                |topic: &str| OwnTopic::of_name(config, topic).map_or(PartitionCount::Any, |own| own.partitions);
            let missing = probe.missing.iter().filter(|topic| needs(topic) == count);
            let missing: Vec<String> = if config.kafka.create_topics { missing.cloned().collect() } else { Vec::new() };
            if !missing.is_empty() {
                let input = probe.partitions();
                let creations: Vec<Creation> =
                    missing.iter().map(|topic| Creation::new(config, topic, input)).collect();
                admin::create(&client::probe(config), &creations).map_err(ProbeError::by_action)?;
                probe = self.await_topics(&missing)?;
                created.extend(missing);
            }
        }
        let faults = probe.faults(config);
        if !faults.is_empty() {
            return Err(ProbeError::Refused(BrokerError::configuration(faults.join("\n"))));
        }
        let (limits, limit_unknown) = self.limits.map_or_else(|| limits(config), |limits| Ok((limits, None)))?;
        Ok(Ready { topics: probe.topics, excluded: probe.excluded, created, limits, limit_unknown })
    }

    /// Probes until created topics are known wherever they are asked for.
    fn await_topics(&self, created: &[String]) -> Result<Probe, ProbeError> {
        let mut probe = self.cluster.probe(self.config, self.wait)?;
        for _ in 1..PROBES {
            let missing = probe.missing.iter().any(|topic| created.contains(topic));
            if !missing && probe.changelog != Some(0) && probe.topics.iter().all(|topic| topic.partitions > 0) {
                return Ok(probe);
            }
            std::thread::sleep(PROBE_PAUSE);
            probe = self.cluster.probe(self.config, self.wait)?;
        }
        if !probe.missing.iter().any(|topic| created.contains(topic)) {
            return Ok(probe);
        }
        let text = format!("topics {} were created but do not appear", created.join(", "));
        Err(ProbeError::Unreachable(text))
    }
}

/// Makes sure that the backfill topic exists, for an input with so many partitions.
///
/// # Errors
/// [`Action::Retry`] if no broker answers; another if the topic is missing and must not be created, or has
/// another number of partitions.
pub(crate) fn prepare_backfill_topic(config: &Config, partitions: usize, wait: Duration) -> Result<(), BrokerError> {
    let topic = &config.state.history_topic;
    let cluster = ClusterProbe::new(config).map_err(ProbeError::into_broker_error)?;
    for _ in 0..PROBES {
        match cluster.topic(topic, wait).map_err(ProbeError::into_broker_error)? {
            Some(found) if found.partitions == partitions => return Ok(()),
            Some(InputTopic { partitions: 0, .. }) => {}
            Some(found) => {
                return Err(BrokerError::configuration(format!(
                    "the history topic {topic} has {} partitions and the input {partitions}: delete it, or set \
                     state.history_topic to another name",
                    found.partitions
                )));
            }
            None => {
                let creation = Creation::new(config, topic, Some(partitions));
                if !config.kafka.create_topics {
                    return Err(BrokerError::configuration(creation.advice(config)));
                }
                admin::create(&client::probe(config), &[creation])?;
            }
        }
        std::thread::sleep(PROBE_PAUSE);
    }
    Err(BrokerError::new(Action::Retry, format!("topic {topic} was created but does not appear")))
}

/// The record limits of the output topic and the dead-letter topic, and why they are assumed if a broker
/// does not report them.
fn limits(config: &Config) -> Result<(RecordLimits, Option<String>), ProbeError> {
    let topics = [config.output.topic.as_str(), config.dlq.topic.as_str()];
    let (limits, unknown) = limits_of(config, topics)?;
    for (topic, limit) in topics.into_iter().zip([limits.output, limits.dlq]) {
        if limit < RecordLimits::LEAST {
            return Err(ProbeError::Refused(BrokerError::configuration(format!(
                "topic {topic} takes records of {limit} bytes at most, and {} are needed: raise its max.message.bytes \
                 (and message.max.bytes under [kafka.client], if it is set)",
                RecordLimits::LEAST
            ))));
        }
    }
    Ok((limits, unknown))
}

/// The largest records for a topic (`output`) and the dead-letter topic, and why they are assumed if a
/// broker does not report them.
pub(super) fn limits_of(config: &Config, topics: [&str; 2]) -> Result<(RecordLimits, Option<String>), ProbeError> {
    let (allowed, unknown) = match admin::message_bytes_max(&client::probe(config), topics) {
        Ok([output, dlq]) => (RecordLimits { output, dlq }, None),
        Err(error) if error.action == Action::Retry => return Err(ProbeError::Unreachable(error.message)),
        Err(error) => {
            let assumed = RecordLimits { output: MESSAGE_BYTES_MAX_DEFAULT, dlq: MESSAGE_BYTES_MAX_DEFAULT };
            (assumed, Some(error.message))
        }
    };
    Ok((client::record_limits(&config.kafka, allowed), unknown))
}
