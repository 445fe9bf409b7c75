//! From the merged settings to a [`Config`]: all sections, and the checks between keys of different sections.

use std::sync::Arc;

use insightd_core::detect::store::changelog::bounds;

use super::errors::{ConfigError, ConfigErrors, Origin};
use super::layers::Merged;
use super::own_topics::OWN_TOPICS;
use super::section_macro::MINUTE_S;
use super::walk::{Shown, Walk};
use super::{
    AttributionConfig, Baseline, Config, Detect, Dlq, Http, Input, Kafka, Log, Metrics, Output, State, rules, values,
};

/// Largest message that librdkafka produces by default, bytes; brokers accept a few bytes more.
const MESSAGE_BYTES_MAX: u64 = 1_000_000;
/// Part of a message that is reserved for key, headers and framing, bytes.
const RECORD_OVERHEAD: u64 = 4096;

/// The configuration, and all settings as they are printed.
pub(super) fn resolve(merged: Merged) -> (Vec<Shown>, Result<Config, ConfigErrors>) {
    let mut walk = Walk::new(merged);
    let config = sections(&mut walk);
    topics_differ(&mut walk);
    let (shown, sound) = walk.finish();
    // A section is missing only if one of its keys has an error.
    let missing = || ConfigErrors(vec![ConfigError::of_source("a section is missing", Origin::Default)]);
    let config = sound.and_then(|()| config.ok_or_else(missing));
    (shown, config)
}

/// Reads every section before it gives up, so that all errors are reported.
fn sections(walk: &mut Walk) -> Option<Config> {
    let kafka = Kafka::read(walk);
    let input = Input::read(walk);
    let baseline = Baseline::read(walk);
    let detect = Detect::read(walk);
    let attribution = AttributionConfig::read(walk);
    let state = State::read(walk, kafka.as_ref());
    let output = Output::read(walk);
    let dlq = Dlq::read(walk);
    let http = Http::read(walk);
    let metrics = Metrics::read(walk);
    let log = Log::read(walk);
    records_fit(walk, kafka.as_ref(), input.as_ref(), attribution.as_ref());
    let rules = rules::read(walk);
    Some(Config {
        kafka: kafka?,
        input: input?,
        baseline: baseline?,
        detect: detect?,
        attribution: attribution?,
        state: state?,
        output: output?,
        dlq: dlq?,
        http: http?,
        metrics: metrics?,
        log: log?,
        rules: Arc::new(rules),
    })
}

/// The state must fit into Kafka records: a record that no broker accepts would fail every transaction.
fn records_fit(walk: &mut Walk, kafka: Option<&Kafka>, input: Option<&Input>, attribution: Option<&AttributionConfig>) {
    let (Some(kafka), Some(input), Some(attribution)) = (kafka, input, attribution) else { return };
    let asked = kafka.client.get("message.max.bytes").and_then(|value| value.parse().ok());
    let most = asked.unwrap_or(MESSAGE_BYTES_MAX).saturating_sub(RECORD_OVERHEAD);
    let (&AttributionConfig { values_max, value_bytes_max, .. }, lateness) = (attribution, input.lateness);
    let bytes = bounds::series_bytes_max(values_max, value_bytes_max, (lateness.as_secs() / MINUTE_S) as i64);
    if bytes > most {
        let (value_bytes_max, lateness) = (values::show_size(value_bytes_max as u64), values::show_duration(lateness));
        walk.conflict(
            "attribution.values_max",
            format!(
                "with attribution.value_bytes_max = {value_bytes_max} and input.lateness = {lateness} a series can take {bytes} bytes in one \
                 record of state.topic, more than the {most} that a Kafka record may have: lower one of the three"
            ),
        );
    }
    let bytes = bounds::region_bytes_max(input.held_records_max);
    if bytes > most {
        walk.conflict(
            "input.held_records_max",
            format!(
                "so many held records can take {bytes} bytes in one record of state.topic, more than the {most} that a Kafka record may have: \
                 lower it to {} or less",
                most / bounds::region_bytes_max(1)
            ),
        );
    }
}

/// The daemon must not read what it writes, nor mix insights with dead-letter records.
fn topics_differ(walk: &mut Walk) {
    let input = walk.value("input.topics").and_then(|topics| topics.as_array()).cloned().unwrap_or_default();
    // A name that is still empty could not be resolved, and has an error of its own.
    let own_keys = OWN_TOPICS.map(|topic| topic.key);
    let own = own_keys.map(|key| walk.value(key).filter(|topic| topic.as_str() != Some("")).cloned());
    for at in 1..own.len() {
        let same = (0..at).find(|&other| own[at].is_some() && own[at] == own[other]);
        if let Some(other) = same {
            walk.conflict(own_keys[at], format!("must differ from {}", own_keys[other]));
        }
    }
    for (key, topic) in own_keys.into_iter().zip(own) {
        if let Some(topic) = topic.filter(|topic| input.contains(topic)) {
            walk.conflict("input.topics", format!("must not hold {topic}, which is {key}"));
        }
    }
}
