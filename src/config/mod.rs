//! Settings as written, checked and resolved to a typed [`Config`]. Nothing else interprets a default.
//!
//! Defaults (`config/default.toml`, compiled in) < file < environment `INSIGHTD__SECTION__KEY`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

mod client;
mod errors;
mod host;
mod layers;
pub mod mask;
mod print;
mod resolved;
mod rules;
mod sections;
pub mod tables;
mod topics;
mod values;
mod walk;

pub use errors::{ConfigError, ConfigErrors, Origin};
use insightd_core::cloudtrail::insight::Format;
use insightd_core::detect::decide::security::Security;
use insightd_core::detect::statistics::horizon::Direction;
use insightd_core::detect::statistics::prior::Priors;
use insightd_core::rules::Rules;
pub use print::Resolved;
pub use resolved::decoding_limits;
pub use topics::{TopicFilter, is_pattern};

/// The whole resolved configuration. One field per key; sections as in `config/default.toml`.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[kafka]`
    pub kafka: Kafka,
    /// `[input]`
    pub input: Input,
    /// `[baseline]`
    pub baseline: Baseline,
    /// `[detect]`
    pub detect: Detect,
    /// `[attribution]`
    pub attribution: AttributionConfig,
    /// `[state]`
    pub state: State,
    /// `[output]`
    pub output: Output,
    /// `[dlq]`
    pub dlq: Dlq,
    /// `[http]`
    pub http: Http,
    /// `[metrics]`
    pub metrics: Metrics,
    /// `[log]`
    pub log: Log,
    /// `[[rules]]`, in order.
    pub rules: Arc<Rules>,
}

impl Config {
    /// Loads defaults, file (if any) and the environment of this process.
    ///
    /// # Errors
    /// Every fault at once: of reading and parsing the file, unknown keys, values out of range or in conflict.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigErrors> {
        Self::load_from(path, std::env::vars_os())
    }

    /// As [`Config::load`], with these variables instead of the environment.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_from(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigErrors> {
        Resolved::load(path, variables).map(|resolved| resolved.config)
    }

    /// Loads the defaults and a text that is compiled in, named `name` in faults; neither a file nor the environment.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_text(name: &str, text: &str) -> Result<Self, ConfigErrors> {
        let mut merged = layers::merge(Some(layers::File::Text(name, text)), []);
        merged.host = host::name();
        sections::resolve(merged).1
    }

    /// The defaults alone, without file and environment. `kafka.instance_id` is `localhost`: the host is not asked.
    pub fn default_config() -> Self {
        let mut merged = layers::merge(None, []);
        merged.host = Some("localhost".to_owned());
        let (_, resolved) = sections::resolve(merged);
        // The defaults are compiled in, and a test loads them.
        resolved.expect("config/default.toml has no fault")
    }

    /// Topics that the daemon writes, and therefore never reads.
    pub fn own_topics(&self) -> Vec<&str> {
        vec![&self.output.topic, &self.dlq.topic, &self.state.topic, &self.state.history_topic]
    }
}

/// `[kafka]`: brokers, group, transactions.
#[derive(Clone, PartialEq)]
pub struct Kafka {
    /// `bootstrap_servers`, `host:port` each.
    pub bootstrap_servers: Vec<String>,
    /// `group_id`: consumer group, and first part of the transactional ids.
    pub group_id: String,
    /// `instance_id`: unique and stable per process (default: the host name).
    pub instance_id: String,
    /// `create_topics`: create missing topics instead of stopping.
    pub create_topics: bool,
    /// `topic_replication`: replication factor of created topics; -1 = the broker's default.
    pub topic_replication: i32,
    /// `workers`: worker threads, each a consumer and a transactional producer.
    pub workers: usize,
    /// `commit_interval`: longest time a transaction stays open.
    pub commit_interval: Duration,
    /// `transaction_records_max`: messages after which a transaction is committed.
    pub transaction_records_max: usize,
    /// `poll_records_max`: messages handled before the loop looks at rebalances and time again.
    pub poll_records_max: usize,
    /// `transaction_timeout` (EO-4).
    pub transaction_timeout: Duration,
    /// `session_timeout` (EO-4).
    pub session_timeout: Duration,
    /// `max_poll_interval` (EO-4).
    pub max_poll_interval: Duration,
    /// `retry_backoff_max`: longest pause between attempts to reach a broker.
    pub retry_backoff_max: Duration,
    /// `leave_on_stop`: leave the group when stopped by a signal.
    pub leave_on_stop: bool,
    /// `[kafka.client]`: librdkafka keys passed through to every client, dots as in librdkafka.
    pub client: BTreeMap<String, String>,
}

impl Kafka {
    /// `transactional.id` of a worker: stable over restarts, so that a restarted worker ends what it left open at once.
    pub fn transactional_id(&self, worker: usize) -> String {
        format!("{}-{}-{worker}", self.group_id, self.instance_id)
    }

    /// `transactional.id` of the replay of dead letters: one for all processes, so that of two replays only the later one can commit.
    pub fn replay_transactional_id(&self) -> String {
        format!("{}-dlq-replay", self.group_id)
    }

    /// `transactional.id` of whoever empties the changelog.
    pub fn reset_transactional_id(&self) -> String {
        format!("{}-state-reset", self.group_id)
    }

    /// `transactional.id` of `insightd load`.
    pub fn load_transactional_id(&self) -> String {
        format!("{}-load", self.group_id)
    }

    /// `group.instance.id` of a worker: stable over restarts, so that a quick restart moves no partition.
    pub fn member_id(&self, worker: usize) -> String {
        format!("{}-{worker}", self.instance_id)
    }
}

/// By hand, as client keys hold passwords.
impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client: BTreeMap<_, _> = self.client.iter().map(|(key, value)| (key, mask::value(key, value))).collect();
        f.debug_struct("Kafka")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("group_id", &self.group_id)
            .field("instance_id", &self.instance_id)
            .field("workers", &self.workers)
            .field("client", &client)
            .finish_non_exhaustive()
    }
}

/// `[input]`: where records come from, and the bounds of taking them in.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// `topics`: names, or regular expressions beginning with `^`.
    pub topics: Vec<String>,
    /// `keyed_by_account`: the producer promises key = account id.
    pub keyed_by_account: bool,
    /// `start`: where a new group begins.
    pub start: StartAt,
    /// `payload_bytes_max`
    pub payload_bytes_max: usize,
    /// `decompressed_bytes_max`
    pub decompressed_bytes_max: u64,
    /// `nesting_depth_max`
    pub nesting_depth_max: usize,
    /// `payload_records_max`
    pub payload_records_max: u64,
    /// `accounts_max`: accounts per partition.
    pub accounts_max: usize,
    /// `clocks_max`: clocks (account and region) per partition.
    pub clocks_max: usize,
    /// `lateness`: a minute is open until its clock passes it by this.
    pub lateness: Duration,
    /// `clock_jump`: a record further ahead of its clock is held until another confirms it.
    pub clock_jump: Duration,
    /// `held_records_max`: per clock.
    pub held_records_max: usize,
    /// `future_max`: how far beyond the wall clock an eventTime may lie.
    pub future_max: Duration,
    /// `dedup_horizon`, event time.
    pub dedup_horizon: Duration,
    /// `dedup_events_max`: eventIDs remembered per partition.
    pub dedup_events_max: usize,
    /// `idle_after`: wall time of silence after which a clock moves on by itself.
    pub idle_after: Duration,
    /// `data_events`: count data events as well.
    pub data_events: bool,
}

/// Where a new consumer group begins to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// The oldest message.
    Earliest,
    /// Only new messages.
    Latest,
    /// Messages not older than this.
    Ago(Duration),
}

/// `[baseline]`
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// `warm_up`: age of an account before its first insight.
    pub warm_up: Duration,
}

/// `[detect]`
#[derive(Clone, Debug, PartialEq)]
pub struct Detect {
    /// `false_insights_per_account_per_week`: the alarm budget.
    pub false_insights_per_account_per_week: f64,
    /// `end_after`: closed minutes back at the usual rate before an End.
    pub end_after_minutes: u32,
    /// `series_max`: series per partition.
    pub series_max: usize,
    /// `direction`: which deviations count.
    pub direction: Direction,
    /// `security`: APIs that matter for security.
    pub security: Arc<Security>,
    /// `priors`: what is known of APIs beforehand.
    pub priors: Arc<Priors>,
    /// `principals_max`: principals remembered per partition.
    pub principals_max: usize,
}

/// `[attribution]`
#[derive(Clone, Debug, PartialEq)]
pub struct AttributionConfig {
    /// `values_max`: distinct values per series and attribute that are counted exactly.
    pub values_max: usize,
    /// `value_bytes_max`: longer values are cut.
    pub value_bytes_max: usize,
    /// `bytes_max`: names of series and attribution values of a partition together.
    pub bytes_max: usize,
}

/// `[state]`
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// `topic`: the changelog; resolved to `<kafka.group_id>-state` where it is empty.
    pub topic: String,
    /// `history_topic`: where `insightd load` leaves accounts' pasts; resolved to `<kafka.group_id>-history` where it is empty.
    pub history_topic: String,
    /// `series_ttl`: a series without an event for this long is forgotten.
    pub series_ttl: Duration,
    /// `restore_records_max`: records of the changelog taken in before the worker looks at its other partitions.
    pub restore_records_max: usize,
    /// `restore_stall_max`: longest time without progress in reading a changelog.
    pub restore_stall_max: Duration,
}

/// `[output]`
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// `topic`
    pub topic: String,
    /// `format`
    pub format: Format,
    /// `max_age`: older insights are marked historic and never become a gauge.
    pub max_age: Duration,
}

/// `[dlq]`
#[derive(Clone, Debug, PartialEq)]
pub struct Dlq {
    /// `topic`
    pub topic: String,
    /// `record_bytes_max`: a longer dead letter is cut.
    pub record_bytes_max: usize,
}

/// `[http]`
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// `listen`
    pub listen: SocketAddr,
}

/// `[metrics]`
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// `open_insights_max`: gauges of open insights shown at most.
    pub open_insights_max: usize,
    /// `insight_hold`: how long a gauge stays after the insight has ended, or its partition has gone elsewhere.
    pub insight_hold: Duration,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// `level`: a tracing filter such as `info` or `insightd=debug`.
    pub level: String,
    /// `format`
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
