//! The topics that the daemon writes, in one table that the configuration, the probe and the creation of
//! topics read. A new topic is a configuration key and a row here.

use super::Config;

/// The number of partitions that a topic needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartitionCount {
    /// Any number: it is created with the broker's default.
    Any,
    /// As many as the input: partition p belongs to partition p of the input.
    AsInput,
}

/// A topic that the daemon writes.
pub(crate) struct OwnTopic {
    /// The configuration key that names it.
    pub(crate) key: &'static str,
    /// The name of the topic in a configuration.
    pub(crate) name: fn(&Config) -> &str,
    /// Whether `run` needs it. The command that writes it creates a topic that `run` does not need.
    pub(crate) needed_at_start: bool,
    /// Number of partitions.
    pub(crate) partitions: PartitionCount,
    /// Topic settings for its creation.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// Rights that the daemon needs on it.
    pub(crate) rights: &'static str,
}

/// Settings of the changelog. Compaction keeps the newest record of each key; small segments and a low dirty
/// ratio keep what a restore has to read close to the size of the state; tombstones need not outlive a
/// restore by much.
const CHANGELOG: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("compression.type", "producer"),
    ("segment.bytes", "67108864"),
    ("segment.ms", "3600000"),
    ("min.cleanable.dirty.ratio", "0.2"),
    ("delete.retention.ms", "3600000"),
];

/// Settings of the backfill topic: a backfill that is not merged within two weeks has to be loaded again.
const BACKFILL: &[(&str, &str)] = &[("cleanup.policy", "delete"), ("retention.ms", "1209600000")];

/// All own topics.
pub(crate) const OWN_TOPICS: [OwnTopic; 4] = [
    // Insights.
    OwnTopic {
        key: "output.topic",
        name: |config| &config.output.topic,
        needed_at_start: true,
        partitions: PartitionCount::Any,
        settings: &[],
        rights: "Write and Describe",
    },
    // Dead-letter records and replay markers.
    OwnTopic {
        key: "dlq.topic",
        name: |config| &config.dlq.topic,
        needed_at_start: true,
        partitions: PartitionCount::Any,
        settings: &[],
        rights: "Write and Describe",
    },
    // State of the tasks.
    OwnTopic {
        key: "state.topic",
        name: |config| &config.state.topic,
        needed_at_start: true,
        partitions: PartitionCount::AsInput,
        settings: CHANGELOG,
        rights: "Read, Write and Describe",
    },
    // Backfills of `insightd load`.
    OwnTopic {
        key: "state.history_topic",
        name: |config| &config.state.history_topic,
        needed_at_start: false,
        partitions: PartitionCount::AsInput,
        settings: BACKFILL,
        rights: "Read and Describe (Write too for insightd load)",
    },
];

impl OwnTopic {
    /// The own topic with this name, if there is one.
    pub(crate) fn of_name(config: &Config, name: &str) -> Option<Self> {
        OWN_TOPICS.into_iter().find(|topic| (topic.name)(config) == name)
    }
}
