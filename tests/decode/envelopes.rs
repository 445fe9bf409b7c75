//! Every envelope, fault and limit of decoding, on hand-written samples.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Skipped};
use insightd_test_support::decoding;
use insightd_test_support::decoding::{Found, base64, decode_both, gzip, record, slice};
use serde_json::{Value, json};

fn events(envelope: Envelope, count: usize) -> Found {
    Found { events: vec![envelope; count], ..Found::default() }
}

fn skipped(kind: Skipped) -> Found {
    Found { skipped: vec![kind], ..Found::default() }
}

fn fault(fault: DecodeError) -> Found {
    Found { faults: vec![fault], ..Found::default() }
}

fn without(key: &str) -> Value {
    let mut record = record(1);
    record.as_object_mut().unwrap().remove(key).unwrap();
    record
}

fn with(key: &str, value: Value) -> Value {
    let mut record = record(1);
    record[key] = value;
    record
}

#[test]
fn every_envelope_gives_the_same_events() {
    let records: Vec<Value> = (0..3).map(record).collect();
    let expected: Vec<String> = records.iter().flat_map(|r| slice(r.to_string().as_bytes()).events).collect();
    for (name, envelope, wrap) in decoding::ENVELOPES {
        let payload = wrap(&records);
        assert_eq!(decode_both(&payload), events(*envelope, 3), "{name}");
        assert_eq!(slice(&payload).events, expected, "{name}");
    }
}

#[test]
fn payloads_without_records_are_skipped_by_kind() {
    let s3 = json!({"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventTime": "2026-03-04T10:17:05Z",
        "eventName": "ObjectCreated:Put", "userIdentity": {"principalId": "AWS:X"}, "s3": {"bucket": {"name": "b"}}});
    let log_files = json!({"s3Bucket": "b", "s3ObjectKey": ["AWSLogs/1/x.json.gz"]});
    let notification = |message: String| json!({"Type": "Notification", "TopicArn": "t", "Message": message});
    let control =
        json!({"messageType": "CONTROL_MESSAGE", "logEvents": [{"id": "", "message": "CWL CONTROL MESSAGE"}]});
    let digest =
        json!({"awsAccountId": "1", "digestS3Object": "d", "eventVersion": "1", "eventName": "x", "logFiles": []});
    let aggregated = json!({"eventVersion": "1.0", "eventCategory": "Aggregated", "eventType": "AwsAggregatedEvent",
        "awsRegion": "us-east-1", "eventSource": "s3.amazonaws.com", "timeWindow": {}, "summary": {}});
    let table = [
        (Skipped::S3Notification, json!({"Records": [s3]})),
        (Skipped::S3Notification, json!({"Records": [s3, s3, s3]})),
        (Skipped::S3Notification, json!({"a": 1, "Records": [s3]})),
        (Skipped::S3Notification, json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})),
        (Skipped::S3Notification, notification(json!({"Records": [s3]}).to_string())),
        (
            Skipped::S3Notification,
            json!({"detail-type": "Object Created", "source": "aws.s3", "detail": {"bucket": {}}}),
        ),
        (Skipped::SnsNotification, notification(log_files.to_string())),
        (Skipped::SnsNotification, log_files),
        (Skipped::SnsNotification, notification("CloudTrail validation message.".to_owned())),
        (
            Skipped::SnsNotification,
            json!({"Type": "SubscriptionConfirmation", "Message": "You have chosen", "Token": "t"}),
        ),
        (Skipped::CloudWatchControl, control.clone()),
        (Skipped::CloudWatchControl, json!({"awslogs": {"data": base64(&gzip(control.to_string().as_bytes()))}})),
        (Skipped::Digest, digest),
        (Skipped::Aggregated, json!({"Records": [aggregated, aggregated]})),
        (Skipped::Aggregated, aggregated),
        (Skipped::Empty, json!({"Records": []})),
        (Skipped::Empty, json!([])),
        (Skipped::Empty, json!(null)),
        (Skipped::Empty, json!({"messageType": "DATA_MESSAGE", "logEvents": []})),
        (Skipped::Empty, json!({"log": ""})),
        (Skipped::Empty, json!({"schema": null, "payload": null})),
    ];
    for (kind, payload) in table {
        assert_eq!(decode_both(payload.to_string().as_bytes()), skipped(kind), "{payload}");
        assert_eq!(decode_both(&gzip(payload.to_string().as_bytes())), skipped(kind), "{payload}, gzip");
    }
    for (kind, text) in [
        (Skipped::Empty, ""),
        (Skipped::Empty, " \r\n\t\n"),
        (Skipped::Empty, "\u{feff}"),
        (Skipped::SnsNotification, "CloudTrail validation message."),
    ] {
        assert_eq!(decode_both(text.as_bytes()), skipped(kind), "{text:?}");
    }
}

#[test]
fn notifications_beside_records_are_skipped_once() {
    let s3 = json!({"eventSource": "aws:s3", "s3": {}});
    let payload = json!({"Records": [record(1), s3, record(2), s3]});
    let expected = Found { skipped: vec![Skipped::S3Notification], ..events(Envelope::Records, 2) };
    assert_eq!(decode_both(payload.to_string().as_bytes()), expected);
}

#[test]
fn unsupported_envelopes_are_named() {
    let table = [
        ("ecs", json!({"aws": {"cloudtrail": {"event_version": "1.08"}}, "event": {"action": "RunInstances"}})),
        ("ecs", json!({"aws.cloudtrail.event_version": "1.08", "event.action": "RunInstances", "message": "x"})),
        ("ocsf", json!({"class_uid": 6003, "time": 1})),
        ("otlp", json!({"resourceLogs": [{"scopeLogs": []}]})),
    ];
    for (name, payload) in table {
        let payload = payload.to_string();
        let found = slice(payload.as_bytes());
        assert_eq!(
            found.malformed,
            [(Envelope::Unknown, DecodeError::EnvelopeUnsupported, name.to_owned(), payload.clone().into_bytes())]
        );
        assert_eq!(decode_both(payload.as_bytes()), fault(DecodeError::EnvelopeUnsupported));
    }
}

#[test]
fn envelopes_nest_and_keep_the_outermost_name() {
    let detail = json!({"detail-type": "AWS API Call via CloudTrail", "detail": record(1)});
    let firehose = json!({"requestId": "r", "records": [{"data": base64(&gzip(detail.to_string().as_bytes()))}]});
    assert_eq!(decode_both(&gzip(firehose.to_string().as_bytes())), events(Envelope::Firehose, 1));

    let filebeat = json!({"@metadata": {}, "message": json!({"log": detail.to_string()}).to_string()});
    assert_eq!(decode_both(filebeat.to_string().as_bytes()), events(Envelope::Filebeat, 1));
}

#[test]
fn a_record_with_the_keys_of_envelopes_is_a_record() {
    for key in ["message", "payload", "detail", "data", "Records", "log", "event", "Events", "logEvents", "specversion"]
    {
        assert_eq!(decode_both(with(key, json!("x")).to_string().as_bytes()), events(Envelope::Bare, 1), "{key}");
    }
}

/// The dead-letter record of an unusable record holds that record alone, with its error.
#[test]
fn a_dead_letter_record_holds_only_the_unusable_record() {
    let long = "x".repeat(257);
    let table = [
        (DecodeError::EventTimeInvalid, without("eventTime")),
        (DecodeError::EventTimeInvalid, with("eventTime", json!("yesterday"))),
        (DecodeError::EventTimeInvalid, with("eventTime", json!(1_772_619_425))),
        (DecodeError::EventTimePast, with("eventTime", json!("2004-12-31T23:59:59Z"))),
        (DecodeError::EventTimeFuture, with("eventTime", json!("2030-01-01T00:00:01Z"))),
        (DecodeError::EventSourceMissing, without("eventSource")),
        (DecodeError::EventSourceMissing, with("eventSource", json!(""))),
        (DecodeError::EventSourceMissing, with("eventSource", json!(long))),
        (DecodeError::EventNameMissing, without("eventName")),
        (DecodeError::EventNameMissing, with("eventName", json!({"a": [1]}))),
        (DecodeError::EventNameMissing, with("eventName", json!(long))),
        (DecodeError::RegionMissing, without("awsRegion")),
        (DecodeError::RegionMissing, with("awsRegion", json!(null))),
        (DecodeError::RegionMissing, with("awsRegion", json!(long))),
    ];
    for (expected, bad) in table {
        assert_eq!(decode_both(bad.to_string().as_bytes()), fault(expected), "{bad}");
        let file = json!({"Records": [record(1), bad, record(2)]}).to_string();
        let found = slice(file.as_bytes());
        assert_eq!(found.found.events.len(), 2);
        assert_eq!(found.malformed.len(), 1);
        assert_eq!(found.malformed[0].1, expected);
        assert_eq!(found.malformed[0].3, bad.to_string().into_bytes());
    }
}

#[test]
fn times_at_the_edges_are_usable() {
    for time in ["2005-01-01T00:00:00Z", "2030-01-01T00:00:00Z", "2026-03-04 10:17:05.000000000"] {
        assert_eq!(
            decode_both(with("eventTime", json!(time)).to_string().as_bytes()),
            events(Envelope::Bare, 1),
            "{time}"
        );
    }
}

#[test]
fn the_account_falls_back_to_the_callers() {
    let mut without_recipient = without("recipientAccountId");
    without_recipient["userIdentity"]["accountId"] = json!("012345678901");
    let found = slice(without_recipient.to_string().as_bytes());
    assert!(found.events[0].contains("AccountId(12345678901)"), "{}", found.events[0]);

    let mut unusable_recipient = without_recipient.clone();
    unusable_recipient["recipientAccountId"] = json!("HIDDEN");
    assert_eq!(slice(unusable_recipient.to_string().as_bytes()).events, found.events);

    for identity in
        [json!(null), json!("x"), json!({}), json!({"accountId": "1234"}), json!({"accountId": 123_456_789_012_u64})]
    {
        let mut neither = without("recipientAccountId");
        neither["userIdentity"] = identity;
        assert_eq!(decode_both(neither.to_string().as_bytes()), fault(DecodeError::AccountMissing), "{neither}");
    }
}

#[test]
fn optional_fields_of_wrong_types_do_no_harm() {
    for (key, value) in [
        ("readOnly", json!("false")),
        ("additionalEventData", json!("{\"a\":1}")),
        ("userIdentity", json!(null)),
        ("userAgent", json!(17)),
        ("errorCode", json!(["x"])),
        ("addendum", json!("x")),
        ("managementEvent", json!("true")),
        ("eventID", json!(null)),
        ("eventVersion", json!(1.08)),
    ] {
        assert_eq!(
            decode_both(with(key, value.clone()).to_string().as_bytes()),
            events(Envelope::Bare, 1),
            "{key}: {value}"
        );
    }
}

#[test]
fn the_last_of_repeated_keys_counts() {
    let text = record(1).to_string();
    let twice = format!("{},\"eventName\":\"StopInstances\"}}", &text[..text.len() - 1]);
    assert!(slice(twice.as_bytes()).events[0].contains("StopInstances"));
}

#[test]
fn insights_records_are_events_without_names() {
    let insight = json!({"eventVersion": "1.09", "eventTime": "2026-03-04T10:17:00Z", "awsRegion": "eu-west-1", "eventID": "i",
        "eventType": "AwsCloudTrailInsight", "recipientAccountId": "111122223333", "insightDetails": {"state": "Start"},
        "eventCategory": "Insight"});
    let found = slice(insight.to_string().as_bytes());
    assert_eq!(found.found, events(Envelope::Bare, 1));
    assert!(found.events[0].contains("category: Insight"), "{}", found.events[0]);

    let mut without_account = insight;
    without_account.as_object_mut().unwrap().remove("recipientAccountId");
    assert_eq!(decode_both(without_account.to_string().as_bytes()), fault(DecodeError::AccountMissing));
}

#[test]
fn an_unknown_object_is_reported_with_its_keys() {
    let found = slice(br#"{"hello":1,"world":{"a":2}}"#);
    assert_eq!(found.found, fault(DecodeError::UnknownShape));
    assert!(found.malformed[0].2.contains("hello, world"), "{}", found.malformed[0].2);
    for text in ["{}", "17", "\"x\"", "[[]]", "[1]", "{\"message\":17}", "{\"detail\":{\"state\":\"running\"}}", "true"]
    {
        let expected = if text == "\"x\"" { DecodeError::NotJson } else { DecodeError::UnknownShape };
        assert_eq!(decode_both(text.as_bytes()), fault(expected), "{text}");
    }
}

/// Writes every envelope as a seed of the fuzz targets, so that the fuzzer need not discover the format of
/// CloudTrail by chance.
#[test]
#[ignore = "writes fuzz/corpus: cargo test --test decode -- --ignored"]
fn seeds_of_the_fuzz_targets_are_written() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let (slices, streams) = (corpus.join("decode_slice"), corpus.join("decode_stream"));
    for folder in [&slices, &streams] {
        std::fs::create_dir_all(folder).unwrap();
    }
    for (number, (_, _, wrap)) in decoding::ENVELOPES.iter().enumerate() {
        let payload = wrap(&[record(1), record(2)]);
        std::fs::write(slices.join(format!("envelope-{number:02}")), &payload).unwrap();
        // That target reads the size of its steps first.
        std::fs::write(streams.join(format!("envelope-{number:02}")), [&[13, 0], &payload[..]].concat()).unwrap();
    }
}
