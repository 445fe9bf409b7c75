//! Decodes every sample of the specification's folder, and every file of the public data sets beside it.
//! Without the folder (`../shared`, or the environment variable INSIGHTD_SHARED) this file checks nothing;
//! `envelopes.rs` has a hand-written sample of every envelope.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use insightd_test_support::decoding;
use std::fs;
use std::path::{Path, PathBuf};

use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Skipped};
use insightd_test_support::decoding::{Found, decode_both};

/// What a file holds.
enum Holds {
    Events(Envelope, usize),
    Skip(Skipped),
    Damage(DecodeError),
}
use Holds::{Damage, Events, Skip};

const INPUT: &[(&str, Holds)] = &[
    ("constructed-cloudwatch-logs-CONTROL_MESSAGE.json", Skip(Skipped::CloudWatchControl)),
    ("constructed-cloudwatch-logs-lambda-awslogs.json", Events(Envelope::CloudWatchLogs, 3)),
    ("constructed-cloudwatch-logs-subscription.json", Events(Envelope::CloudWatchLogs, 3)),
    ("constructed-cloudwatch-logs-subscription.json.gz", Events(Envelope::CloudWatchLogs, 3)),
    ("constructed-concatenated-json-no-newline.json", Events(Envelope::Bare, 3)),
    ("constructed-eventbridge.json", Events(Envelope::EventBridge, 1)),
    ("constructed-filebeat-kafka-event-original.json", Events(Envelope::Filebeat, 1)),
    ("constructed-filebeat-kafka-message-string.json", Events(Envelope::Filebeat, 1)),
    ("constructed-firehose-http-request.json", Events(Envelope::Firehose, 3)),
    ("constructed-fluentbit-kafka-log-key.json", Events(Envelope::FluentBit, 1)),
    ("constructed-kafka-connect-camel-s3-whole-file.json", Events(Envelope::Records, 3)),
    ("constructed-kafka-connect-jsonconverter-schemas-enabled.json", Events(Envelope::KafkaConnect, 2)),
    ("constructed-lookup-events-response.json", Events(Envelope::LookupEvents, 1)),
    ("constructed-ndjson-multi-record-one-message.ndjson", Events(Envelope::Bare, 3)),
    ("constructed-s3-event-notification.json", Skip(Skipped::S3Notification)),
    ("constructed-sns-cloudtrail-notification.json", Skip(Skipped::SnsNotification)),
    ("constructed-vector-aws_s3-message-whole-file.json", Events(Envelope::Vector, 2)),
    ("constructed-vector-parsed-root.json", Events(Envelope::Vector, 1)),
    ("eventbridge-aws-sample-2016-v103.json", Events(Envelope::EventBridge, 1)),
    // Its anonymized account id has thirteen digits.
    ("ocsf-examples-v1.1.0-api_activity.ocsf.json", Damage(DecodeError::AccountMissing)),
    ("ocsf-examples-v1.1.0-api_activity.raw.json", Events(Envelope::Bare, 1)),
    ("real-array-stratus-aws.defense-evasion.cloudtrail-stop.json", Events(Envelope::Array, 1)),
    ("real-array-stratus-aws.execution.ec2-launch-unusual-instances.json", Events(Envelope::Array, 3)),
    ("real-invictus-all-2900-records.ndjson.gz", Events(Envelope::Bare, 2900)),
    ("real-raw-record-assumedrole.json", Events(Envelope::Bare, 1)),
    ("real-raw-record-awsservice-identity.json", Events(Envelope::Bare, 1)),
    ("real-raw-record-awsserviceevent-no-identity-type.json", Events(Envelope::Bare, 1)),
    ("real-raw-record-error.json", Events(Envelope::Bare, 1)),
    ("real-raw-record-sharedEventID.json", Events(Envelope::Bare, 1)),
    ("real-raw-record-write-iamuser.json", Events(Envelope::Bare, 1)),
];

/// The specification's folder, if it is there.
fn shared() -> Option<PathBuf> {
    let configured = std::env::var_os("INSIGHTD_SHARED").map(PathBuf::from);
    let folder = configured.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    folder.is_dir().then_some(folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if [".json", ".gz", ".ndjson"].iter().any(|end| path.to_string_lossy().ends_with(end)) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Members of the `Records` of a log file, counted by serde_json.
fn records_in(path: &Path) -> usize {
    let bytes = decoding::unfolded(&fs::read(path).unwrap());
    let file: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    file["Records"].as_array().unwrap().len()
}

fn check(path: &Path, holds: &Holds) {
    let found = decode_both(&fs::read(path).unwrap());
    let expected = match holds {
        Events(envelope, count) => Found { events: vec![*envelope; *count], ..Found::default() },
        Skip(kind) => Found { skipped: vec![*kind], ..Found::default() },
        Damage(fault) => Found { faults: vec![*fault], ..Found::default() },
    };
    assert_eq!(found, expected, "{}", path.display());
}

#[test]
fn every_sample_decodes_to_what_its_readme_says() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("spec/samples/input");
    let mut checked = 0;
    for path in files(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("real-logfile-") {
            check(&path, &Events(Envelope::Records, records_in(&path)));
        } else if let Some((_, holds)) = INPUT.iter().find(|(listed, _)| *listed == name) {
            check(&path, holds);
        } else {
            panic!("{name} is not in the table");
        }
        checked += 1;
    }
    assert!(checked >= INPUT.len(), "only {checked} samples");
}

#[test]
fn insights_records_and_digests_are_known() {
    let Some(shared) = shared() else { return };
    for path in files(&shared.join("spec/samples/insights")) {
        let read = decoding::slice(&fs::read(&path).unwrap());
        // An excerpt of a real record, without the account.
        let excerpt = path.to_string_lossy().contains("fivexl");
        assert_eq!(
            read.found.faults,
            if excerpt { vec![DecodeError::AccountMissing] } else { vec![] },
            "{}",
            path.display()
        );
        assert!(read.events.iter().all(|event| event.contains("category: Insight")), "{}", path.display());
        assert_eq!(read.events.is_empty(), excerpt, "{}", path.display());
    }
    for path in files(&shared.join("spec/samples/digest")) {
        check(&path, &Skip(Skipped::Digest));
    }
}

#[test]
fn every_file_of_the_public_data_sets_decodes_whole() {
    let Some(shared) = shared() else { return };
    let data = shared.join("data/cloudtrail");
    let mut events = 0;
    for path in files(&data) {
        let name = path.to_string_lossy().into_owned();
        let found = decode_both(&fs::read(&path).unwrap());
        assert_eq!(found.faults, [], "{name}");
        assert_eq!(found.shed, [], "{name}");
        let empty = name.ends_with("20200930T2358.json");
        assert_eq!(found.skipped, if empty { vec![Skipped::Empty] } else { vec![] }, "{name}");
        if name.contains("invictus-ir_aws_dataset") || name.contains("umccr") {
            assert_eq!(found.events.len(), records_in(&path), "{name}");
        }
        events += found.events.len();
    }
    assert!(events > 3300, "only {events} records");
}
