//! Defaults < file < environment, for every key and kind.

use std::ffi::OsString;
use std::io::Write as _;
use std::time::Duration;

use insightd::config::{Config, ConfigErrors, Resolved, StartAt, TopicFilter};
use insightd_core::cloudtrail::insight::Format;

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// Loads a file with this text, and these variables.
fn load(file: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let mut written = tempfile::NamedTempFile::new().expect("a file");
    written.write_all(file.as_bytes()).expect("written");
    Config::load_from(Some(written.path()), variables(pairs))
}

fn sound(file: &str, pairs: &[(&str, &str)]) -> Config {
    load(file, pairs).unwrap_or_else(|faults| panic!("{faults}"))
}

/// For each key a value that differs from the default and is valid beside the other defaults.
const OTHER: &[(&str, &str)] = &[
    ("kafka.bootstrap_servers", "a.example.org:9092,b.example.org:9093"),
    ("kafka.group_id", "000123456789"),
    ("kafka.instance_id", "pod-7"),
    ("kafka.create_topics", "true"),
    ("kafka.topic_replication", "3"),
    ("kafka.workers", "4"),
    ("kafka.commit_interval", "250ms"),
    ("kafka.transaction_records_max", "20_000"),
    ("kafka.poll_records_max", "77"),
    ("kafka.transaction_timeout", "15s"),
    ("kafka.session_timeout", "60s"),
    ("kafka.max_poll_interval", "6min"),
    ("kafka.retry_backoff_max", "20s"),
    ("kafka.leave_on_stop", "false"),
    ("input.topics", "one,^two.*"),
    ("input.keyed_by_account", "TRUE"),
    ("input.start", "earliest"),
    ("input.payload_bytes_max", "1 MiB"),
    ("input.decompressed_bytes_max", "123456789"),
    ("input.nesting_depth_max", "3"),
    ("input.payload_records_max", "1000"),
    ("input.accounts_max", "10"),
    ("input.clocks_max", "1234"),
    ("input.lateness", "15min"),
    ("input.clock_jump", "2h"),
    ("input.held_records_max", "8"),
    ("input.future_max", "1min"),
    ("input.dedup_horizon", "4h"),
    ("input.dedup_events_max", "1000000"),
    ("input.idle_after", "30s"),
    ("input.data_events", "true"),
    ("baseline.warm_up", "0"),
    ("detect.false_insights_per_account_per_week", "0.25"),
    ("detect.end_after", "7"),
    ("detect.series_max", "5000"),
    ("detect.direction", "both"),
    ("detect.security", "tests/tables/security.toml"),
    ("detect.priors", "tests/tables/priors.toml"),
    ("detect.principals_max", "7"),
    ("attribution.values_max", "64"),
    ("attribution.value_bytes_max", "512 B"),
    ("attribution.bytes_max", "64 MiB"),
    ("state.topic", "other-state"),
    ("state.history_topic", "other-history"),
    ("state.series_ttl", "40d"),
    ("state.restore_records_max", "100"),
    ("state.restore_stall_max", "5min"),
    ("output.topic", "other-insights"),
    ("output.format", "eventbridge"),
    ("output.max_age", "1h"),
    ("dlq.topic", "other.dlq"),
    ("dlq.record_bytes_max", "64 KiB"),
    ("http.listen", "[::1]:9999"),
    ("metrics.open_insights_max", "5"),
    ("metrics.insight_hold", "1min"),
    ("log.level", "warn,insightd::kafka=debug"),
    ("log.format", "json"),
];

fn variable(key: &str) -> String {
    format!("INSIGHTD__{}", key.to_uppercase().replace('.', "__"))
}

/// Key and value of each printed setting, comments cut off.
fn printed(resolved: &Resolved) -> toml::Table {
    resolved.toml().parse().expect("what is printed is TOML")
}

fn at<'a>(table: &'a toml::Table, key: &str) -> &'a toml::Value {
    let (section, key) = key.split_once('.').expect("a section");
    &table[section][key]
}

#[test]
fn every_field_can_be_set_by_environment_alone() {
    let defaults = Resolved::load(None, []).expect("sound");
    let before = printed(&defaults);
    for (key, value) in OTHER {
        let resolved = Resolved::load(None, variables(&[(&variable(key), value)])).unwrap_or_else(|f| panic!("{f}"));
        let after = printed(&resolved);
        assert_ne!(at(&before, key), at(&after, key), "{key} did not change");
        assert_ne!(resolved.config, defaults.config, "{key} is printed but does not reach the configuration");
        let origin = format!("# environment variable {}", variable(key));
        assert!(resolved.toml().contains(&origin), "{key}: the output lacks the origin");
    }
}

#[test]
fn the_list_of_fields_above_is_complete() {
    let defaults: toml::Table = include_str!("../../config/default.toml").parse().expect("TOML");
    for (section, content) in &defaults {
        for key in content.as_table().expect("a section").keys().filter(|key| *key != "client") {
            let key = format!("{section}.{key}");
            assert!(OTHER.iter().any(|(other, _)| *other == key), "{key} is not tried");
        }
    }
}

#[test]
fn environment_overrides_file_overrides_defaults() {
    let file = "[kafka]\nworkers = 2\ngroup_id = \"from-file\"\n";
    let config = sound(file, &[("INSIGHTD__KAFKA__WORKERS", "3")]);
    assert_eq!(config.kafka.workers, 3);
    assert_eq!(config.kafka.group_id, "from-file");
    assert_eq!(config.kafka.poll_records_max, 500);
}

#[test]
fn account_like_values_keep_their_leading_zeros() {
    let config = sound(
        "",
        &[
            ("INSIGHTD__KAFKA__INSTANCE_ID", "000123456789"),
            ("INSIGHTD__KAFKA__CLIENT__SASL_PASSWORD", "00012"),
            ("INSIGHTD__KAFKA__GROUP_ID", "true"),
        ],
    );
    assert_eq!(config.kafka.instance_id, "000123456789");
    assert_eq!(config.kafka.client["sasl.password"], "00012");
    assert_eq!(config.kafka.group_id, "true");
}

#[test]
fn kinds_are_read_from_file_and_environment_alike() {
    let file = "[input]\ntopics = \"a, b\"\nstart = \"latest\"\npayload_bytes_max = 4096\n[detect]\nend_after = 7\n\
                [baseline]\nwarm_up = 0\n[output]\nformat = \"eventbridge\"";
    let config = sound(file, &[("INSIGHTD__INPUT__START", "90min"), ("INSIGHTD__INPUT__DATA_EVENTS", "true")]);
    assert_eq!(config.input.topics, ["a", "b"]);
    assert_eq!(config.input.start, StartAt::Ago(Duration::from_secs(5400)));
    assert_eq!(config.input.payload_bytes_max, 4096);
    assert_eq!(config.detect.end_after, Duration::from_secs(7 * 60));
    assert_eq!(config.baseline.warm_up, Duration::ZERO);
    assert_eq!(config.output.format, Format::EVENTBRIDGE);
    assert!(config.input.data_events);
}

/// A pattern with a comma needs the array form.
#[test]
fn a_variable_can_be_a_toml_array() {
    let config = sound("", &[("INSIGHTD__INPUT__TOPICS", r#"["^ct-.{1,3}", 'plain']"#)]);
    assert_eq!(config.input.topics, ["^ct-.{1,3}", "plain"]);
    let servers = sound("", &[("INSIGHTD__KAFKA__BOOTSTRAP_SERVERS", "[::1]:9092,[fe80::1]:9093")]);
    assert_eq!(servers.kafka.bootstrap_servers, ["[::1]:9092", "[fe80::1]:9093"]);
}

/// A key of `kafka.client` is dotted or quoted in a file, and has underscores in the environment.
#[test]
fn client_keys_are_spelled_in_three_ways() {
    let file = "[kafka.client]\nssl.ca.location = \"/ca\"\n\"client.rack\" = \"a\"\nfetch.min.bytes = 7\n\
                enable.ssl.certificate.verification = true\n";
    let config =
        sound(file, &[("INSIGHTD__KAFKA__CLIENT__SASL_USERNAME", "u"), ("INSIGHTD__KAFKA__CLIENT__CLIENT_RACK", "b")]);
    let client: Vec<(&str, &str)> = config.kafka.client.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(
        client,
        [
            ("client.rack", "b"),
            ("enable.ssl.certificate.verification", "true"),
            ("fetch.min.bytes", "7"),
            ("sasl.username", "u"),
            ("ssl.ca.location", "/ca"),
        ]
    );
}

#[test]
fn a_java_login_becomes_librdkafkas_keys() {
    let file = r#"
[kafka.client]
sasl.jaas.config = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="al ice" password="a\"b\\c";'
"#;
    let client = sound(file, &[]).kafka.client;
    assert_eq!(client["sasl.username"], "al ice");
    assert_eq!(client["sasl.password"], r#"a"b\c"#);
    assert_eq!(client["sasl.mechanisms"], "PLAIN");
    assert!(!client.contains_key("sasl.jaas.config"), "librdkafka refuses this key");

    // An explicit librdkafka key wins.
    let own = sound(&format!("{file}sasl.password = \"own\"\nsasl.mechanism = \"PLAIN\"\n"), &[]).kafka.client;
    assert_eq!(own["sasl.password"], "own");
    assert!(!own.contains_key("sasl.mechanisms"));
}

#[test]
fn other_variables_are_left_alone() {
    let config = sound("", &[("INSIGHTD_SHARED", "x"), ("INSIGHTDKAFKA", "y"), ("PATH", "z")]);
    assert_eq!(config.kafka.group_id, "insightd");
}

#[test]
fn a_byte_order_mark_before_the_file_is_skipped() {
    assert_eq!(sound("\u{feff}[kafka]\nworkers = 2\n", &[]).kafka.workers, 2);
}

#[test]
fn patterns_never_read_the_daemons_own_topics() {
    let config = sound("[input]\ntopics = [\"^.*\", \"extra\"]\n[output]\ntopic = \"out\"\n", &[]);
    let filter = TopicFilter::new(&config);
    assert!(filter.reads("cloudtrail") && filter.reads("extra"));
    assert!(!filter.reads("out") && !filter.reads("insights.dlq") && !filter.reads("__consumer_offsets"));
    assert_eq!(filter.excluded(), ["out", "insights.dlq", "insightd-state", "insightd-history"]);

    let named = TopicFilter::new(&Config::default_config());
    assert!(named.reads("cloudtrail") && !named.reads("cloudtrail-2"));
    assert!(named.excluded().is_empty());
}

#[test]
fn ids_of_workers_hold_group_instance_and_number() {
    let config = sound("[kafka]\ngroup_id = \"g\"\ninstance_id = \"pod-0\"\n", &[]);
    assert_eq!(config.kafka.transactional_id(2), "g-pod-0-2");
    assert_eq!(config.kafka.member_id(2), "pod-0-2");
}

#[test]
fn debug_output_shows_no_password() {
    let config = sound("", &[("INSIGHTD__KAFKA__CLIENT__SASL_PASSWORD", "hunter2")]);
    let debug = format!("{config:?}");
    assert!(debug.contains("sasl.password") && !debug.contains("hunter2"), "{debug}");
}
