//! Settings as written, checked and resolved to a typed [`Config`]. Nothing else interprets a default.
//!
//! Defaults (`config/default.toml`, compiled in) < file < environment `INSIGHTD__SECTION__KEY`.
//!
//! # Adding a key
//!
//! Two edits: the key's default under one sentence of comment in `config/default.toml`, and one line in the
//! declaration of its section ([`kafka`], [`input`], [`detect`], [`state`], [`output`], [`service`]): name,
//! type, kind and range. The field, reading, error messages, what `insightd check` prints and
//! docs/configuration.md follow from the two. A key that the core needs takes a third line, in [`resolved`];
//! and a test, tests/config/layers.rs, asks for a value of each key that differs from its default.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

mod client;
mod detect;
mod errors;
mod host;
mod input;
mod kafka;
mod layers;
pub(crate) mod mask;
mod output;
mod own_topics;
mod print;
mod resolve;
mod resolved;
mod rules;
mod section_macro;
mod service;
mod state;
pub mod tables;
mod topics;
mod values;
mod walk;

pub use detect::{AttributionConfig, Baseline, Detect};
pub use errors::{ConfigError, ConfigErrors, Origin};
pub use input::{Input, StartAt};
use insightd_core::rules::Rules;
pub use kafka::Kafka;
pub use output::{Dlq, Output};
pub(crate) use own_topics::{OWN_TOPICS, OwnTopic, PartitionCount};
pub use print::Resolved;
pub use resolved::decoding_limits;
pub use service::{Http, Log, LogFormat, Metrics};
pub use state::State;
pub use topics::{TopicFilter, is_pattern};

/// The whole resolved configuration. One field for each section of `config/default.toml`.
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
    /// Loads the defaults, the file (if any) and the environment of this process.
    ///
    /// # Errors
    /// Every error at once: an unreadable file, TOML syntax, unknown keys, values out of range or in
    /// conflict.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigErrors> {
        Self::load_from(path, std::env::vars_os())
    }

    /// Like [`Config::load`], with these variables instead of the environment.
    ///
    /// # Errors
    /// Like [`Config::load`].
    pub fn load_from(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigErrors> {
        Resolved::load(path, variables).map(|resolved| resolved.config)
    }

    /// Loads the defaults and a compiled-in text, called `name` in errors; reads neither file nor
    /// environment.
    ///
    /// # Errors
    /// Like [`Config::load`].
    pub fn load_text(name: &str, text: &str) -> Result<Self, ConfigErrors> {
        let mut merged = layers::merge(Some(layers::File::Text(name, text)), []);
        merged.host = host::name();
        resolve::resolve(merged).1
    }

    /// The defaults alone, without file and environment. `kafka.instance_id` is `localhost`, not the host
    /// name.
    pub fn default_config() -> Self {
        let mut merged = layers::merge(None, []);
        merged.host = Some("localhost".to_owned());
        let (_, resolved) = resolve::resolve(merged);
        // The defaults are compiled in, and a test loads them.
        resolved.expect("config/default.toml has no fault")
    }

    /// Topics that the daemon writes and therefore never reads.
    pub fn own_topics(&self) -> Vec<&str> {
        OWN_TOPICS.iter().map(|topic| (topic.name)(self)).collect()
    }
}
