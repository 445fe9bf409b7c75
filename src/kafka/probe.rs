//! Probes the cluster before any worker starts: which topics exist, which are read, and which are missing.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::metadata::{Metadata, MetadataTopic};

use super::context::Context;
use super::creation::Creation;
use super::{client, errors};
use crate::config::{Config, OWN_TOPICS, TopicFilter, is_pattern};
use crate::stream::broker::{Action, BrokerError, Cause};

/// Longest wait for the events that explain an error.
const EVENTS_MAX: Duration = Duration::from_millis(50);

/// An input topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InputTopic {
    /// Name.
    pub name: String,
    /// Number of its partitions.
    pub partitions: usize,
}

/// What the cluster has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Probe {
    /// Topics that are read.
    pub topics: Vec<InputTopic>,
    /// Topics that `input.topics` matches and that are not read, because the daemon writes them itself.
    pub excluded: Vec<String>,
    /// Topics that do not exist, of those that `run` needs.
    pub missing: Vec<String>,
    /// Partitions of the changelog, if it exists.
    pub changelog: Option<usize>,
}

/// Why a probe has failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProbeError {
    /// No broker answered; it may do so later.
    #[error("{0}")]
    Unreachable(String),
    /// The broker, or a setting of the client, does not allow it. The error says what to change.
    #[error("{0}")]
    Refused(BrokerError),
}

impl ProbeError {
    /// Names an error by whether it may pass by itself.
    pub(super) fn by_action(error: BrokerError) -> Self {
        match error.action {
            Action::Retry => Self::Unreachable(error.message),
            Action::AbortAndRewind | Action::Fatal => Self::Refused(error),
        }
    }

    /// The same as an error of the broker.
    pub(super) fn into_broker_error(self) -> BrokerError {
        match self {
            Self::Unreachable(reason) => BrokerError::new(Action::Retry, reason),
            Self::Refused(error) => error,
        }
    }
}

/// Probes the cluster once, for at most `wait`.
///
/// # Errors
/// If no broker answers, or one refuses.
pub(crate) fn probe(config: &Config, wait: Duration) -> Result<Probe, ProbeError> {
    ClusterProbe::new(config)?.probe(config, wait)
}

impl Probe {
    /// Everything that keeps `run` from starting with this cluster, one sentence each. Missing topics are no
    /// obstacle if they are going to be created.
    pub(crate) fn faults(&self, config: &Config) -> Vec<String> {
        let mut faults = Vec::new();
        if !config.kafka.create_topics {
            let advice = |topic: &String| Creation::new(config, topic, self.partitions()).advice(config);
            faults.extend(self.missing.iter().map(advice));
        }
        faults.extend(self.changelog_fault(config));
        let missing_input = self.missing.iter().any(|topic| config.input.topics.contains(topic));
        match &self.topics[..] {
            [] if missing_input => {}
            [] => faults.push(format!("no topic matches input.topics = {:?}{}", config.input.topics, self.left_out())),
            [one] if one.partitions > 1 && !config.input.keyed_by_account => faults.push(format!(
                "topic {} has {} partitions and input.keyed_by_account is false: key its records by account id and set \
                 input.keyed_by_account = true, or use a topic with one partition",
                one.name, one.partitions
            )),
            [_] => {}
            several => faults.push(format!(
                "input.topics matches {} topics ({}): name exactly one, because the records of an account must have one order",
                several.len(),
                several.iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>().join(", "),
            )),
        }
        faults
    }

    /// Partitions of the input, if it is one topic.
    pub(super) fn partitions(&self) -> Option<usize> {
        match &self.topics[..] {
            [one] => Some(one.partitions),
            _ => None,
        }
    }

    /// Partition p of the changelog holds the state of partition p of the input, so they need the same
    /// number.
    fn changelog_fault(&self, config: &Config) -> Option<String> {
        let (has, needs) = (self.changelog?, self.partitions()?);
        if has == needs {
            return None;
        }
        let (topic, input) = (&config.state.topic, &self.topics[0].name);
        let remedy = if has < needs && config.input.keyed_by_account {
            format!(
                "the input has grown: accounts may lie in other partitions than their state now, so begin with a new state \
                 (insightd state reset --config FILE, then delete {topic}), or set state.topic to another name"
            )
        } else {
            format!("delete {topic} if its state is not needed, or set state.topic to another name")
        };
        Some(format!("the changelog {topic} has {has} partitions and the input {input} has {needs}: {remedy}"))
    }

    fn left_out(&self) -> String {
        if self.excluded.is_empty() {
            return String::new();
        }
        format!(" (never read, because the daemon writes them itself: {})", self.excluded.join(", "))
    }
}

// === choosing ===

/// A topic that a later version writes; reading it would feed its output back.
fn reserved(config: &Config) -> [String; 1] {
    [format!("{}-calls", config.kafka.group_id)]
}

/// Which of the existing topics are read, and which match but are excluded. Both are sorted.
fn choose(config: &Config, existing: &[InputTopic]) -> (Vec<InputTopic>, Vec<String>) {
    let filter = TopicFilter::new(config);
    let (own, reserved) = (filter.excluded(), reserved(config));
    let (mut topics, mut excluded) = (BTreeSet::new(), BTreeSet::new());
    for topic in existing {
        let is_read = filter.reads(&topic.name);
        if own.contains(&topic.name.as_str()) || (is_read && reserved.contains(&topic.name)) {
            excluded.insert(topic.name.clone());
        } else if is_read {
            topics.insert((topic.name.clone(), topic.partitions));
        }
    }
    let topics = topics.into_iter().map(|(name, partitions)| InputTopic { name, partitions }).collect();
    (topics, excluded.into_iter().collect())
}

// === asking ===

/// A client that only asks and never joins the group.
pub(crate) struct ClusterProbe {
    consumer: BaseConsumer<Context>,
}

impl ClusterProbe {
    /// Makes the client; nothing is connected yet.
    ///
    /// # Errors
    /// If the library refuses a setting.
    pub(crate) fn new(config: &Config) -> Result<Self, ProbeError> {
        let consumer = client::probe(config).create_with_context(Context::new(None));
        let refused = |error| ProbeError::Refused(errors::failure("make a Kafka client", &error));
        Ok(Self { consumer: consumer.map_err(refused)? })
    }

    /// Probes once, for at most `wait` per request.
    ///
    /// # Errors
    /// As [`probe`].
    pub(crate) fn probe(&self, config: &Config, wait: Duration) -> Result<Probe, ProbeError> {
        let (mut existing, mut absent) = (Vec::new(), BTreeSet::new());
        if config.input.topics.iter().any(|item| is_pattern(item)) {
            existing.extend(self.metadata(None, wait)?.topics().iter().map(input_topic));
        }
        for name in named(config) {
            // One request each: a listing omits topics without the right to describe them.
            match self.topic(name, wait)? {
                Some(topic) => existing.push(topic),
                None => drop(absent.insert(name.to_owned())),
            }
        }
        let (topics, excluded) = choose(config, &existing);
        let changelog = existing.iter().find(|topic| topic.name == config.state.topic).map(|topic| topic.partitions);
        Ok(Probe { topics, excluded, missing: absent.into_iter().collect(), changelog })
    }

    /// One topic, if it exists.
    ///
    /// # Errors
    /// As [`probe`].
    pub(super) fn topic(&self, name: &str, wait: Duration) -> Result<Option<InputTopic>, ProbeError> {
        let metadata = self.metadata(Some(name), wait)?;
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else { return Ok(None) };
        match topic.error().map(Code::from) {
            None => Ok(Some(input_topic(topic))),
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Ok(None),
            Some(code) => Err(self.refused(&format!("look at topic {name}"), &KafkaError::MetadataFetch(code))),
        }
    }

    fn metadata(&self, topic: Option<&str>, wait: Duration) -> Result<Metadata, ProbeError> {
        let answer = self.consumer.fetch_metadata(topic, wait);
        if answer.is_err() {
            // Serves the events that explain it.
            while self.consumer.poll(EVENTS_MAX).is_some() {}
        }
        answer.map_err(|error| self.refused("ask for the topics", &error))
    }

    /// A broker that refuses the login does not answer either; only the events distinguish the two.
    fn refused(&self, doing: &str, error: &KafkaError) -> ProbeError {
        let failure = errors::failure(doing, error);
        if failure.action != Action::Retry {
            return ProbeError::Refused(failure);
        }
        let reason = self.consumer.context().reason().unwrap_or(failure.message);
        match self.consumer.context().error() {
            Some((Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL, _)) => {
                ProbeError::Refused(BrokerError { action: Action::Fatal, cause: Cause::Other, message: reason })
            }
            _ => ProbeError::Unreachable(reason),
        }
    }
}

/// Every topic that `run` needs and the configuration names.
fn named(config: &Config) -> BTreeSet<&str> {
    let input = config.input.topics.iter().map(String::as_str).filter(|item| !is_pattern(item));
    let own = OWN_TOPICS.into_iter().filter(|topic| topic.needed_at_start).map(|topic| (topic.name)(config));
    input.chain(own).collect()
}

fn input_topic(topic: &MetadataTopic) -> InputTopic {
    InputTopic { name: topic.name().to_owned(), partitions: topic.partitions().len() }
}
