//! How a missing topic is created: its partitions and settings, and the command that an operator would run.

use std::fmt::Write;

use crate::config::{Config, OwnTopic, PartitionCount};

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Creation {
    /// Name.
    pub topic: String,
    /// Partitions; -1 = the broker's default.
    pub partitions: i32,
    /// Replication factor; -1 = the broker's default.
    pub replication: i32,
    /// Topic settings.
    pub settings: &'static [(&'static str, &'static str)],
}

impl Creation {
    /// Of a topic of the configuration, for an input with so many partitions, if that is known. An input that
    /// is not keyed by account has one partition. Everything else is the broker's default or the row of
    /// [`crate::config::OWN_TOPICS`].
    pub(super) fn new(config: &Config, topic: &str, input: Option<usize>) -> Self {
        let own = OwnTopic::of_name(config, topic);
        let is_input = config.input.topics.iter().any(|named| named == topic);
        let as_input = own.as_ref().is_some_and(|own| own.partitions == PartitionCount::AsInput);
        let partitions = match input {
            Some(partitions) if as_input => i32::try_from(partitions).unwrap_or(i32::MAX),
            _ if (is_input || as_input) && !config.input.keyed_by_account => 1,
            _ => -1,
        };
        let settings = own.map_or(&[][..], |own| own.settings);
        Self { topic: topic.to_owned(), partitions, replication: config.kafka.topic_replication, settings }
    }

    /// Says that the topic is missing, and how to create it.
    pub(super) fn advice(&self, config: &Config) -> String {
        let topic = &self.topic;
        let servers = config.kafka.bootstrap_servers.join(",");
        let mut command = format!("kafka-topics.sh --bootstrap-server {servers} --create --topic {topic}");
        for (option, value) in [("--partitions", self.partitions), ("--replication-factor", self.replication)] {
            if value > 0 {
                // Writing to a string cannot fail.
                let _ = write!(command, " {option} {value}");
            }
        }
        for (key, value) in self.settings {
            let _ = write!(command, " --config {key}={value}");
        }
        format!("topic {topic} does not exist: create it ({command}) or set kafka.create_topics = true")
    }
}
