//! `config/default.toml` and `config/production.toml` against the keys that the program reads: neither side
//! lacks a key.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use insightd::config::{Config, LogFormat, Resolved, StartAt};
use insightd_core::cloudtrail::insight::Format;

const DEFAULTS: &str = include_str!("../../config/default.toml");

/// All keys of a document, `section.key`; `kafka.client` is a section that may be empty.
fn keys(document: &str) -> BTreeSet<String> {
    let table: toml::Table = document.parse().expect("valid TOML");
    let mut keys = BTreeSet::new();
    for (section, content) in &table {
        for key in content.as_table().expect("nothing stands outside of a section").keys() {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys
}

#[test]
fn every_key_has_exactly_one_line_of_comment_that_is_a_sentence() {
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    let mut keys = 0;
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(" = ") && !line.starts_with('#')) {
        let (above, before) = (lines[number - 1], lines[number - 2]);
        assert!(above.starts_with("# ") && above.ends_with('.'), "no comment sentence above: {line}");
        assert!(!before.starts_with('#'), "more than one line of comment above: {line}");
        keys += 1;
    }
    assert!(keys >= 40, "only {keys} keys were checked");
}

#[test]
fn a_time_or_size_names_its_unit_in_name_or_value() {
    let table: toml::Table = DEFAULTS.parse().expect("valid TOML");
    for (section, content) in &table {
        for (key, value) in content.as_table().expect("a section") {
            if key.contains("bytes") {
                assert!(value.as_str().is_some_and(|size| size.ends_with('B')), "{section}.{key} = {value}");
            } else if value.is_integer() {
                // The name of a count ends in the counted unit.
                let counted = ["_max", "workers", "topic_replication"];
                assert!(counted.iter().any(|end| key.ends_with(end)), "{section}.{key} = {value}");
            }
        }
    }
}

#[test]
fn the_keys_read_are_the_keys_documented() {
    let resolved = Resolved::load(None, []).expect("defaults are sound");
    let printed = keys(&resolved.toml());
    let documented: BTreeSet<String> = keys(DEFAULTS).into_iter().filter(|key| key != "kafka.client").collect();
    assert_eq!(printed, documented);
}

#[test]
fn defaults_are_what_the_documentation_promises() {
    let config = Config::default_config();
    assert_eq!(config.kafka.bootstrap_servers, ["127.0.0.1:9092"]);
    assert_eq!(config.kafka.group_id, "insightd");
    assert_eq!(config.kafka.commit_interval, Duration::from_millis(100));
    assert!(config.kafka.transaction_timeout < config.kafka.session_timeout);
    assert!(config.kafka.session_timeout < config.kafka.max_poll_interval);
    assert!(config.kafka.client.is_empty());
    assert_eq!(config.input.topics, ["cloudtrail"]);
    assert_eq!(config.input.start, StartAt::Ago(Duration::from_secs(7 * 86_400)));
    assert_eq!(config.input.payload_bytes_max, 32 << 20);
    assert_eq!(config.input.decompressed_bytes_max, 256 << 20);
    assert_eq!(config.input.lateness, Duration::from_secs(600));
    assert_eq!(config.input.dedup_horizon, Duration::from_secs(3 * 3600));
    assert_eq!(config.baseline.warm_up, Duration::from_secs(36 * 3600));
    assert_eq!(config.detect.end_after, Duration::from_secs(5 * 60));
    assert_eq!(config.detect.false_insights_per_account_per_week, 1.0);
    assert_eq!(config.attribution.values_max, 32);
    assert_eq!(config.output.format, Format::CLOUDTRAIL);
    assert_eq!(config.output.max_age, Duration::from_secs(6 * 3600));
    assert_eq!(config.dlq.record_bytes_max, 512 << 10);
    assert!(config.http.listen.ip().is_loopback());
    assert_eq!(config.log.format, LogFormat::Text);
}

/// `Config::default_config` reads neither the environment nor the host name.
#[test]
fn loaded_defaults_differ_in_the_host_name_only() {
    let mut loaded = Config::load_from(None, []).expect("defaults are sound");
    assert!(!loaded.kafka.instance_id.is_empty(), "an empty instance id was not replaced by the host name");
    loaded.kafka.instance_id = "localhost".to_owned();
    assert_eq!(loaded, Config::default_config());
}

/// The example loads, and its printed form loads to the same configuration.
#[test]
fn the_production_example_survives_printing() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/production.toml");
    let resolved = Resolved::load(Some(&path), []).expect("the example is sound");
    assert!(resolved.config.input.keyed_by_account);
    assert_eq!(resolved.config.kafka.client["security.protocol"], "SASL_SSL");

    let folder = tempfile::tempdir().expect("a folder");
    let again = folder.path().join("printed.toml");
    std::fs::write(&again, resolved.toml()).expect("written");
    let reloaded = Config::load_from(Some(&again), []).expect("what is printed is sound");
    assert_eq!(reloaded, resolved.config);
}

#[test]
fn the_variables_in_the_header_of_default_toml_load() {
    let header = DEFAULTS.split("\n\n").next().expect("a header");
    let words = header.split_whitespace().filter_map(|word| word.trim_end_matches(',').split_once('='));
    let examples: Vec<_> = words.filter(|(name, _)| name.starts_with("INSIGHTD__")).collect();
    assert_eq!(examples.len(), 2, "{examples:?}");
    let config = Config::load_from(None, examples.into_iter().map(|(name, value)| (name.into(), value.into())));
    assert_eq!(config.expect("the examples load").kafka.bootstrap_servers, ["kafka-1:9092", "kafka-2:9092"]);
}
