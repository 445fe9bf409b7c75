//! A look at the cluster before any worker starts: which topics there are, which are read, what is missing.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::metadata::{Metadata, MetadataTopic};

use super::admin::{self, Creation};
use super::context::Context;
use super::{client, errors};
use crate::config::{Config, TopicFilter, is_pattern};
use crate::stream::broker::{Action, BrokerError, Cause};
use crate::stream::publish::RecordLimits;

/// Kafka's own default of `max.message.bytes`, for a broker that does not tell.
const MESSAGE_BYTES_MAX_DEFAULT: usize = 1_048_588;

/// How long the events that explain a failure are waited for.
const EVENTS_MAX: Duration = Duration::from_millis(50);

/// An input topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InputTopic {
    /// Name.
    pub name: String,
    /// Partitions it has.
    pub partitions: usize,
}

/// What a look at the cluster has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Probe {
    /// Topics that are read.
    pub topics: Vec<InputTopic>,
    /// Topics that `input.topics` matches and that are not read, because the daemon writes them itself.
    pub excluded: Vec<String>,
    /// Topics that do not exist: named ones of `input.topics`, `output.topic`, `dlq.topic`, `state.topic`.
    pub missing: Vec<String>,
    /// Partitions of the changelog, if it exists.
    pub changelog: Option<usize>,
}

/// Why nothing was found out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProbeError {
    /// No broker answered; it may do so later.
    #[error("{0}")]
    Unreachable(String),
    /// The broker, or a setting of the client, does not allow it. The failure says what to change.
    #[error("{0}")]
    Refused(BrokerError),
}

/// Looks at the cluster once, for at most `wait`.
///
/// # Errors
/// When no broker answers, or one refuses.
pub(crate) fn probe(config: &Config, wait: Duration) -> Result<Probe, ProbeError> {
    ClusterProbe::new(config)?.look(config, wait)
}

impl Probe {
    /// Everything that keeps `run` from starting with what was found, one sentence each. Missing topics are no fault when they are
    /// going to be created.
    pub(crate) fn faults(&self, config: &Config) -> Vec<String> {
        let mut faults = Vec::new();
        if !config.kafka.create_topics {
            faults.extend(self.missing.iter().map(|topic| missing(config, topic, self.partitions())));
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
                "input.topics matches {} topics ({}): name exactly one, for the records of an account must come in one order",
                several.len(),
                several.iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>().join(", "),
            )),
        }
        faults
    }

    /// Partitions of the input, if it is one topic.
    fn partitions(&self) -> Option<usize> {
        match &self.topics[..] {
            [one] => Some(one.partitions),
            _ => None,
        }
    }

    /// Partition p of the changelog holds the state of partition p of the input, so there must be as many.
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

fn missing(config: &Config, topic: &str, input: Option<usize>) -> String {
    let creation = creation(config, topic, input);
    let mut command = format!(
        "kafka-topics.sh --bootstrap-server {} --create --topic {topic}",
        config.kafka.bootstrap_servers.join(",")
    );
    for (option, value) in [("--partitions", creation.partitions), ("--replication-factor", creation.replication)] {
        if value > 0 {
            // Writing to a text cannot fail.
            let _ = write!(command, " {option} {value}");
        }
    }
    for (key, value) in creation.settings {
        let _ = write!(command, " --config {key}={value}");
    }
    format!("topic {topic} does not exist: create it ({command}) or set kafka.create_topics = true")
}

/// Settings of the changelog. Compaction keeps the newest record of each key; small segments and a low dirty ratio keep what a restore
/// has to read close to the size of the state; tombstones need not outlive a restore by much.
const CHANGELOG: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("compression.type", "producer"),
    ("segment.bytes", "67108864"),
    ("segment.ms", "3600000"),
    ("min.cleanable.dirty.ratio", "0.2"),
    ("delete.retention.ms", "3600000"),
];

/// Settings of the history topic: what is not taken in within two weeks has to be loaded again.
const HISTORY: &[(&str, &str)] = &[("cleanup.policy", "delete"), ("retention.ms", "1209600000")];

/// How a topic of the configuration is created: with the broker's defaults, but for an input that is not keyed by account and
/// therefore has one partition, and the changelog and the history topic, which have as many as the input.
fn creation(config: &Config, topic: &str, input: Option<usize>) -> Creation {
    let is_input = config.input.topics.iter().any(|named| named == topic);
    let (is_changelog, is_history) = (topic == config.state.topic, topic == config.state.history_topic);
    let partitions = match input {
        Some(partitions) if is_changelog || is_history => i32::try_from(partitions).unwrap_or(i32::MAX),
        _ if (is_input || is_changelog) && !config.input.keyed_by_account => 1,
        _ => -1,
    };
    let settings = match (is_changelog, is_history) {
        (true, _) => CHANGELOG,
        (_, true) => HISTORY,
        _ => &[],
    };
    Creation { topic: topic.to_owned(), partitions, replication: config.kafka.topic_replication, settings }
}

// === choosing ===

/// A topic that a later version writes for itself; reading it would feed its output back.
fn reserved(config: &Config) -> [String; 1] {
    [format!("{}-calls", config.kafka.group_id)]
}

/// Which of the existing topics are read, and which are matched but left out. Both are sorted.
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

// === looking ===

/// A client that looks and never joins the group.
pub(crate) struct ClusterProbe {
    consumer: BaseConsumer<Context>,
    /// What the topics take, where that is known without asking.
    limits: Option<RecordLimits>,
}

impl ClusterProbe {
    /// Makes the client; nothing is connected yet.
    ///
    /// # Errors
    /// When the library refuses a setting.
    pub(crate) fn new(config: &Config) -> Result<Self, ProbeError> {
        let consumer = client::probe_client(config).create_with_context(Context::new(None));
        let refused = |error| ProbeError::Refused(errors::failure("make a Kafka client", &error));
        Ok(Self { consumer: consumer.map_err(refused)?, limits: None })
    }

    /// The same, for a cluster of which it is known what its topics take: it is not asked then.
    #[must_use]
    pub(crate) fn knowing(self, limits: Option<RecordLimits>) -> Self {
        Self { limits, ..self }
    }

    /// Looks once, for at most `wait` per question.
    ///
    /// # Errors
    /// As [`probe`].
    pub(crate) fn look(&self, config: &Config, wait: Duration) -> Result<Probe, ProbeError> {
        let (mut existing, mut absent) = (Vec::new(), BTreeSet::new());
        if config.input.topics.iter().any(|item| is_pattern(item)) {
            existing.extend(self.metadata(None, wait)?.topics().iter().map(input_topic));
        }
        for name in named(config) {
            // Asked for one by one: a topic without the right to describe it is merely missing in a listing.
            match self.topic(name, wait)? {
                Some(topic) => existing.push(topic),
                None => drop(absent.insert(name.to_owned())),
            }
        }
        let (topics, excluded) = choose(config, &existing);
        let changelog = existing.iter().find(|topic| topic.name == config.state.topic).map(|topic| topic.partitions);
        Ok(Probe { topics, excluded, missing: absent.into_iter().collect(), changelog })
    }

    fn topic(&self, name: &str, wait: Duration) -> Result<Option<InputTopic>, ProbeError> {
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
            // Serves the events that say why.
            while self.consumer.poll(EVENTS_MAX).is_some() {}
        }
        answer.map_err(|error| self.refused("ask for the topics", &error))
    }

    /// A broker that refuses the login does not answer either; only the events tell the two apart.
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

/// Every topic the configuration spells out.
fn named(config: &Config) -> BTreeSet<&str> {
    let input = config.input.topics.iter().map(String::as_str).filter(|item| !is_pattern(item));
    input.chain([config.output.topic.as_str(), config.dlq.topic.as_str(), config.state.topic.as_str()]).collect()
}

fn input_topic(topic: &MetadataTopic) -> InputTopic {
    InputTopic { name: topic.name().to_owned(), partitions: topic.partitions().len() }
}

// === preparing ===

/// How often a topic that was created just now is looked for.
const LOOKS: u32 = 20;
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// What the workers need to know of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    /// Input topics.
    pub topics: Vec<InputTopic>,
    /// Topics that matched and are left out.
    pub excluded: Vec<String>,
    /// Topics that were created just now.
    pub created: Vec<String>,
    /// What output and dead-letter topic take.
    pub limits: RecordLimits,
    /// Why the topics' own limits are not known, if they are not.
    pub limit_unknown: Option<String>,
}

/// One attempt to make sure that everything is there: topics are created if that is wanted.
///
/// # Errors
/// [`ProbeError::Unreachable`] may go away by itself, the other does not.
pub(crate) fn prepare(config: &Config, probe_client: &ClusterProbe, wait: Duration) -> Result<Ready, ProbeError> {
    let mut probe = probe_client.look(config, wait)?;
    let mut created = Vec::new();
    // The changelog comes last, when the partitions of the input are known.
    for changelog in [false, true] {
        let missing = probe.missing.iter().filter(|topic| (**topic == config.state.topic) == changelog);
        let missing: Vec<String> = if config.kafka.create_topics { missing.cloned().collect() } else { Vec::new() };
        if !missing.is_empty() {
            let input = probe.partitions();
            let creations: Vec<Creation> = missing.iter().map(|topic| creation(config, topic, input)).collect();
            admin::create(&client::probe_client(config), &creations).map_err(by_action)?;
            probe = appeared(probe_client, config, &missing, wait)?;
            created.extend(missing);
        }
    }
    let faults = probe.faults(config);
    if !faults.is_empty() {
        return Err(ProbeError::Refused(BrokerError::configuration(faults.join("\n"))));
    }
    let (limits, limit_unknown) = probe_client.limits.map_or_else(|| limits(config), |limits| Ok((limits, None)))?;
    Ok(Ready { topics: probe.topics, excluded: probe.excluded, created, limits, limit_unknown })
}

/// Looks until created topics are known everywhere they are asked for.
fn appeared(
    probe_client: &ClusterProbe,
    config: &Config,
    created: &[String],
    wait: Duration,
) -> Result<Probe, ProbeError> {
    let mut probe = probe_client.look(config, wait)?;
    for _ in 1..LOOKS {
        let missing = probe.missing.iter().any(|topic| created.contains(topic));
        if !missing && probe.changelog != Some(0) && probe.topics.iter().all(|topic| topic.partitions > 0) {
            return Ok(probe);
        }
        std::thread::sleep(PAUSE);
        probe = probe_client.look(config, wait)?;
    }
    if !probe.missing.iter().any(|topic| created.contains(topic)) {
        return Ok(probe);
    }
    let text = format!("topics {} were created and do not appear", created.join(", "));
    Err(ProbeError::Unreachable(text))
}

/// Makes sure that there is a history topic for an input with so many partitions.
///
/// # Errors
/// [`Action::Retry`] when no broker answers; when the topic is missing and must not be created, or has another number of partitions.
pub(crate) fn prepare_history(config: &Config, partitions: usize, wait: Duration) -> Result<(), BrokerError> {
    let topic = &config.state.history_topic;
    let probe_client = ClusterProbe::new(config).map_err(refused)?;
    for _ in 0..LOOKS {
        match probe_client.topic(topic, wait).map_err(refused)? {
            Some(found) if found.partitions == partitions => return Ok(()),
            Some(InputTopic { partitions: 0, .. }) => {}
            Some(found) => {
                return Err(BrokerError::configuration(format!(
                    "the history topic {topic} has {} partitions and the input {partitions}: delete it, or set \
                     state.history_topic to another name",
                    found.partitions
                )));
            }
            None if config.kafka.create_topics => {
                admin::create(&client::probe_client(config), &[creation(config, topic, Some(partitions))])?;
            }
            None => return Err(BrokerError::configuration(missing(config, topic, Some(partitions)))),
        }
        std::thread::sleep(PAUSE);
    }
    Err(BrokerError::new(Action::Retry, format!("topic {topic} was created and does not appear")))
}

fn refused(error: ProbeError) -> BrokerError {
    match error {
        ProbeError::Unreachable(reason) => BrokerError::new(Action::Retry, reason),
        ProbeError::Refused(failure) => failure,
    }
}

/// What output and dead-letter topic take, and why it had to be assumed where a broker does not tell.
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

/// The largest records that the producer makes for a topic (`output`) and the dead-letter topic, and why it had to be assumed where a
/// broker does not tell.
pub(super) fn limits_of(config: &Config, topics: [&str; 2]) -> Result<(RecordLimits, Option<String>), ProbeError> {
    let (allowed, unknown) = match admin::message_bytes_max(&client::probe_client(config), topics) {
        Ok([output, dlq]) => (RecordLimits { output, dlq }, None),
        Err(failure) if failure.action == Action::Retry => return Err(ProbeError::Unreachable(failure.message)),
        Err(failure) => {
            let assumed = RecordLimits { output: MESSAGE_BYTES_MAX_DEFAULT, dlq: MESSAGE_BYTES_MAX_DEFAULT };
            (assumed, Some(failure.message))
        }
    };
    Ok((client::record_limits(&config.kafka, allowed), unknown))
}

fn by_action(failure: BrokerError) -> ProbeError {
    if failure.action == Action::Retry {
        ProbeError::Unreachable(failure.message)
    } else {
        ProbeError::Refused(failure)
    }
}
