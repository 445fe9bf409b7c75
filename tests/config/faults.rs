//! Configuration errors: each with key, value, reason and origin, all at once, and without secrets.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use insightd::config::{Config, ConfigError, ConfigErrors, Origin};

fn faults(file: &str, pairs: &[(&str, &str)]) -> Vec<ConfigError> {
    let mut written = tempfile::NamedTempFile::new().expect("a file");
    written.write_all(file.as_bytes()).expect("written");
    let variables: Vec<(OsString, OsString)> = pairs.iter().map(|(name, value)| (name.into(), value.into())).collect();
    match Config::load_from(Some(written.path()), variables) {
        Ok(_) => panic!("no fault was found in {file:?} with {pairs:?}"),
        Err(ConfigErrors(faults)) => faults,
    }
}

/// The only fault.
fn fault(file: &str, pairs: &[(&str, &str)]) -> ConfigError {
    let mut faults = faults(file, pairs);
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0)
}

/// The only fault of a file that sets one key; the value is TOML.
fn fault_of(key: &str, value: &str) -> ConfigError {
    let (section, key) = key.split_once('.').expect("a section");
    fault(&format!("[{section}]\n{key} = {value}\n"), &[])
}

/// The daemon would retry forever to write a state record that no broker accepts.
#[test]
fn a_state_whose_records_kafka_would_refuse_is_an_error() {
    let large = "[input]\nheld_records_max = 1024\n[attribution]\nvalues_max = 1024\nvalue_bytes_max = \"8 KiB\"\n";
    let found = faults(large, &[]);
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2, "{texts:?}");
    for part in
        ["attribution.values_max", "attribution.value_bytes_max = 8 KiB", "input.lateness = 10min", "state.topic"]
    {
        assert!(texts[0].contains(part), "{part} is not in {}", texts[0]);
    }
    assert!(texts[1].contains("input.held_records_max") && texts[1].contains("or less"), "{}", texts[1]);
    let taken = "[kafka.client]\n\"message.max.bytes\" = 100000000\n";
    let loaded = Config::load_text("the test", &format!("{taken}{large}"));
    assert!(loaded.is_ok(), "{:?}", loaded.err());
}

/// A key, an invalid value, and a part of the message.
const REFUSED: [(&str, &str, &str); 57] = [
    ("kafka.bootstrap_servers", r"[]", "must not be empty"),
    ("kafka.bootstrap_servers", r#"["a:9092", ""]"#, "contain an empty item"),
    ("kafka.bootstrap_servers", r#"["broker"]"#, "must be host:port"),
    ("kafka.bootstrap_servers", r#"["broker:0"]"#, "must be host:port"),
    ("kafka.bootstrap_servers", r#"["broker:70000"]"#, "must be host:port"),
    ("kafka.bootstrap_servers", r#"["a:1", "a:1"]"#, "given twice"),
    ("kafka.group_id", r#""""#, "1 to 200 characters"),
    ("kafka.group_id", "123456789012", "must be a text in quotes"),
    ("kafka.instance_id", r#""a b""#, "a-z A-Z 0-9"),
    ("kafka.create_topics", r#""yes""#, "true or false"),
    ("kafka.create_topics", "1", "true or false"),
    ("kafka.topic_replication", "0", "-1 (the broker's default)"),
    ("kafka.workers", "0", "from 1 to 256"),
    ("kafka.workers", "1.5", "from 1 to 256"),
    ("kafka.workers", "99999999999999999999999999999999", "from 1 to 256"),
    ("kafka.commit_interval", r#""100""#, "with its unit"),
    ("kafka.commit_interval", "100", "with its unit"),
    ("kafka.commit_interval", r#""0s""#, "from 1ms to 1min"),
    ("input.topics", r#"["a/b"]"#, "1 to 249"),
    ("input.topics", r#"[".."]"#, "1 to 249"),
    ("input.topics", r#"["^a(b"]"#, "unclosed group"),
    ("input.topics", r#"["a.*"]"#, "a pattern begins with ^"),
    ("input.topics", "[1]", "must be a text in quotes"),
    ("input.start", r#""yesterday""#, "earliest, latest or an age"),
    ("input.payload_bytes_max", r#""32 elephants""#, "must be a size"),
    ("input.payload_bytes_max", r#""99999999999 GiB""#, "from 1 KiB to 2 GiB"),
    ("input.payload_bytes_max", "-1", "must be a size"),
    ("input.lateness", r#""30s""#, "whole minutes"),
    ("input.lateness", r#""90s""#, "whole minutes"),
    ("input.lateness", "10", "with its unit"),
    ("input.dedup_horizon", r#""5min""#, "not be below input.lateness, which is 10min"),
    ("detect.false_insights_per_account_per_week", "0", "above 0"),
    ("detect.false_insights_per_account_per_week", "-1.0", "above 0"),
    ("detect.false_insights_per_account_per_week", "nan", "above 0"),
    ("detect.false_insights_per_account_per_week", "inf", "above 0"),
    ("detect.end_after", r#""0""#, "whole minutes, from 1min to 1h"),
    ("detect.end_after", "61", "whole minutes, from 1min to 1h"),
    ("detect.end_after", r#""90s""#, "whole minutes, from 1min to 1h"),
    ("detect.series_max", "0", "from 1 to"),
    ("detect.direction", r#""down""#, "up or both"),
    ("detect.security", r#""""#, "the path of a file"),
    ("detect.security", r#""no/such/table.toml""#, "the file cannot be read"),
    ("detect.priors", r#""tests/tables/security.toml""#, "unknown key technique"),
    ("detect.security", r#""tests/tables""#, "the file cannot be read"),
    ("detect.principals_max", "0", "from 1 to"),
    ("attribution.values_max", "4", "from 5 to 1024"),
    ("attribution.values_max", "1025", "from 5 to 1024"),
    ("input.accounts_max", "0", "from 1 to"),
    ("state.series_ttl", r#""7d""#, "from 28d"),
    ("output.topic", r#""in sights""#, "1 to 249"),
    ("output.format", r#""avro""#, "cloudtrail or eventbridge"),
    ("dlq.topic", r#""insights""#, "must differ from output.topic"),
    ("output.topic", r#""cloudtrail""#, "which is output.topic"),
    ("http.listen", r#""localhost:9464""#, "IP address and a port"),
    ("log.level", r#""inof""#, "error, warn, info"),
    ("log.level", r#""info,insightd=loud""#, "error, warn, info"),
    ("log.format", "2026-01-01", "must be a text in quotes"),
];

#[test]
fn values_of_the_wrong_type_or_range_are_refused() {
    for (key, value, reason) in REFUSED {
        let fault = fault_of(key, value);
        assert!(fault.reason.contains(reason), "{key} = {value}: {fault}");
        let blamed = if fault.reason.contains("which is output.topic") { "input.topics" } else { key };
        assert_eq!(fault.key, blamed);
    }
}

/// The message names all three timeouts.
#[test]
fn the_three_timeouts_must_rise() {
    let session = fault("[kafka]\ntransaction_timeout = \"45s\"\n", &[]);
    assert_eq!(session.key, "kafka.transaction_timeout");
    assert!(session.reason.contains("45s, 45s, 5min"), "{session}");
    let poll = fault("[kafka]\nmax_poll_interval = \"40s\"\n", &[]);
    assert_eq!(poll.key, "kafka.session_timeout");
    assert!(poll.reason.contains("10s, 45s, 40s"), "{poll}");
}

#[test]
fn all_faults_are_reported_at_once_with_their_origins() {
    let file = "top = 1\n[kafka]\nworkers = 0\nbootstrap_server = \"x:1\"\n[kafka.client]\ngroup.id = \"x\"\n\
                [input]\nlateness = \"1s\"\n[output]\ntopic = \"same\"\n[dlq]\ntopic = \"same\"\n";
    let found = faults(file, &[("INSIGHTD__LOG__FORMAT", "xml"), ("INSIGHTD__INPUT__TOPIC", "x")]);
    let keys: Vec<&str> = found.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "kafka.workers",
            "kafka.client.group.id",
            "input.lateness",
            "log.format",
            "dlq.topic",
            "input.topic",
            "kafka.bootstrap_server",
            "top",
        ]
    );
    let line = |fault: &ConfigError| match &fault.origin {
        Origin::File(place) => place.rsplit_once(", line ").map(|(_, line)| line.to_owned()).unwrap_or_default(),
        other => other.to_string(),
    };
    let origins: Vec<String> = found.iter().map(line).collect();
    let variables = ["environment variable INSIGHTD__LOG__FORMAT", "environment variable INSIGHTD__INPUT__TOPIC"];
    assert_eq!(origins, ["3", "6", "8", variables[0], "12", variables[1], "4", "1"]);
}

#[test]
fn misspelt_keys_get_a_suggestion() {
    let near = [
        ("[kafka]\nbootstrap_server = 1", "kafka.bootstrap_servers"),
        ("[kafak]\nworkers = 1", "kafka.workers"),
        ("[kafka]\ntopics = 1", "input.topics"),
        ("[kafka]\nlisten = 1", "http.listen"),
        ("workers = 1", "kafka.workers"),
        ("[http]\nadress = 1\nlisten_ = 1", "http.listen"),
        ("[output]\nmaxage = 1", "output.max_age"),
    ];
    for (file, key) in near {
        let found = faults(file, &[]);
        let wanted = format!("unknown key; did you mean {key}?");
        assert!(found.iter().any(|fault| fault.reason == wanted), "{file:?}: {found:?}");
    }
    assert_eq!(fault("[input]\nzzzzzz = 1", &[]).reason, "unknown key");
    let client = fault("[kafka]\nssl.ca.location = 1", &[]);
    assert!(client.reason.contains("[kafka.client]"), "{client}");
}

#[test]
fn equally_near_keys_are_all_suggested() {
    let reason = fault("[kafka]\ntopic = \"x\"", &[]).reason;
    assert!(reason.contains("output.topic or dlq.topic"), "{reason}");
}

#[test]
fn misspelt_variables_get_a_suggestion_spelled_as_a_variable() {
    let found = fault("", &[("INSIGHTD__KAFKA__BOOTSTRAP_SERVER", "x:1")]);
    assert!(found.reason.contains("INSIGHTD__KAFKA__BOOTSTRAP_SERVERS?"), "{found}");
    assert_eq!(found.origin, Origin::Environment("INSIGHTD__KAFKA__BOOTSTRAP_SERVER".to_owned()));
    let bare = fault("", &[("INSIGHTD__WORKERS", "2")]);
    assert!(bare.reason.contains("INSIGHTD__SECTION__KEY"), "{bare}");
}

#[test]
fn sections_and_keys_are_not_confused() {
    assert!(fault("kafka = \"x\"", &[]).reason.contains("is a section"));
    assert!(fault("[kafka]\nclient = \"x\"", &[]).reason.contains("is a section"));
    let below = fault("[kafka.workers]\nx = 1", &[]);
    assert_eq!(below.key, "kafka.workers.x");
    assert_eq!(fault("[unknown_section]", &[]).key, "unknown_section");
}

#[test]
fn a_key_that_reads_like_a_path_is_only_unknown() {
    // The config crate parses top-level names as paths; an index would make it build an array of that size.
    let found = fault("\"kafka[99999999999]\" = 1", &[]);
    assert!(found.reason.starts_with("unknown key"), "{found}");
    assert!(fault("[\"input[7]\"]\nx = 1", &[]).reason.starts_with("unknown key"));
}

/// A key that carries a guarantee must not slip through as an alias or in upper case.
#[test]
fn client_keys_of_guarantees_are_refused_by_every_name() {
    let refused = [
        "bootstrap.servers",
        "metadata.broker.list",
        "group.id",
        "group.instance.id",
        "transactional.id",
        "transaction.timeout.ms",
        "session.timeout.ms",
        "max.poll.interval.ms",
        "enable.auto.commit",
        "auto.commit.enable",
        "auto.commit.interval.ms",
        "enable.auto.offset.store",
        "isolation.level",
        "enable.idempotence",
        "acks",
        "request.required.acks",
        "max.in.flight",
        "max.in.flight.requests.per.connection",
        "retries",
        "message.send.max.retries",
        "message.timeout.ms",
        "delivery.timeout.ms",
        "enable.gapless.guarantee",
        "auto.offset.reset",
        "enable.partition.eof",
        "partition.assignment.strategy",
        "group.protocol",
        "statistics.interval.ms",
        "allow.auto.create.topics",
        "queuing.strategy",
        "Group.ID",
    ];
    for key in refused {
        let found = fault(&format!("[kafka.client]\n{key} = \"1\"\n"), &[]);
        assert!(found.reason.starts_with("cannot be passed through: "), "{found}");
        let variable = format!("INSIGHTD__KAFKA__CLIENT__{}", key.to_uppercase().replace('.', "_"));
        let found = fault("", &[(&variable, "1")]);
        assert!(found.reason.starts_with("cannot be passed through: "), "{found}");
    }
}

#[test]
fn a_client_value_must_be_one_value() {
    assert!(fault("[kafka.client]\ndebug = [\"cgrp\"]\n", &[]).reason.contains("a text, a number, true or false"));
}

/// The message does not contain the login, either.
#[test]
fn a_jaas_login_that_librdkafka_lacks_is_refused() {
    let file = "[kafka.client]\nsasl.jaas.config = 'x.Krb5LoginModule required keyTab=\"/k\" password=\"hunter2\";'\n";
    let found = fault(file, &[]);
    assert!(found.reason.contains("librdkafka has no JAAS"), "{found}");
    assert!(!found.to_string().contains("hunter2"), "{found}");
}

#[test]
fn no_fault_shows_a_secret() {
    let file = "[kafka]\nsasl.password = \"hunter2\"\nbootstrap_servers = [\"bob:hunter2@broker:9092\"]\n\
                [http]\nlisten = \"http://bob:hunter2@0.0.0.0:1\"\n[input]\npassword = 12345678\n\
                url = \"https://x/?token=hunter2\"\n";
    let faults = faults(file, &[("INSIGHTD__KAFKA__CLIENT_PASSWORD", "hunter2"), ("INSIGHTD__PASSWORD", "hunter2")]);
    assert!(faults.len() >= 7, "{faults:?}");
    let text = ConfigErrors(faults).to_string();
    assert!(!text.contains("hunter2") && !text.contains("12345678"), "{text}");
}

/// The message does not quote the line, which may contain a secret.
#[test]
fn broken_toml_is_reported_by_line_and_column() {
    let found = faults("[kafka]\nsasl_password = hunter2\n", &[]);
    let Origin::File(place) = &found[0].origin else { panic!("{found:?}") };
    assert!(place.ends_with("line 2, column 17"), "{place}");
    assert!(found[0].reason.starts_with("is not TOML: "), "{found:?}");
    assert!(!ConfigErrors(found).to_string().contains("hunter2"));
}

#[test]
fn environment_faults_are_reported_beside_a_missing_file() {
    let variables = [(OsString::from("INSIGHTD__KAFKA__WORKERS"), OsString::from("0"))];
    let ConfigErrors(found) =
        Config::load_from(Some(Path::new("/nonexistent/insightd.toml")), variables).expect_err("missing");
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].origin, Origin::File("/nonexistent/insightd.toml".to_owned()));
    assert!(found[0].reason.starts_with("cannot be read: "), "{found:?}");
    assert_eq!(found[1].key, "kafka.workers");
}

#[test]
fn a_file_or_variable_that_is_no_utf8_is_a_fault() {
    let mut written = tempfile::NamedTempFile::new().expect("a file");
    written.write_all(b"[kafka]\n# caf\xe9\n").expect("written");
    let ConfigErrors(found) = Config::load_from(Some(written.path()), []).expect_err("not UTF-8");
    assert!(found[0].reason.contains("not UTF-8 at byte 13"), "{found:?}");

    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt as _;
        let variables = [(OsString::from("INSIGHTD__KAFKA__GROUP_ID"), OsString::from_vec(vec![0xff]))];
        let ConfigErrors(found) = Config::load_from(None, variables).expect_err("not UTF-8");
        assert!(found[0].reason.contains("not UTF-8"), "{found:?}");
    }
}
