//! Decoding by envelope: bytes and records a second, beside what serde_json does with the same records into
//! a `Value` tree and into a derived struct that borrows.
//!
//! The records are constructed: 1.4 KB each, somewhat above the median of real ones. Bytes are those of the
//! payload; for a gzip payload, the decompressed bytes.

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use flate2::Compression;
use flate2::write::GzEncoder;
use insightd_core::cloudtrail::envelope::{DecodeLimits, Sink, decode_slice, decode_stream};
use insightd_core::cloudtrail::event::Event;
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};
use serde_json::{Value, json};

/// Records in each payload.
const RECORDS: usize = 500;

fn main() {
    divan::main();
}

/// A record as a CI system's AssumeRole session causes it; 1.2 KB of JSON.
fn record(number: usize) -> String {
    let role = "arn:aws:iam::111122223333:role/service/ci-runner";
    let values = [
        ("eventVersion", json!("1.09")),
        (
            "userIdentity",
            json!({
                "type": "AssumedRole",
                "principalId": "AROAEXAMPLEEXAMPLE123:build-4711",
                "arn": "arn:aws:sts::111122223333:assumed-role/ci-runner/build-4711",
                "accountId": "111122223333",
                "accessKeyId": "ASIAEXAMPLEEXAMPLE00",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role", "principalId": "AROAEXAMPLEEXAMPLE123", "arn": role, "accountId": "111122223333",
                        "userName": "ci-runner",
                    },
                    "attributes": {"creationDate": "2026-03-04T09:58:11Z", "mfaAuthenticated": "false"},
                },
            }),
        ),
        ("eventTime", json!(format!("2026-03-04T10:{:02}:{:02}Z", number / 60 % 60, number % 60))),
        ("eventSource", json!("ec2.amazonaws.com")),
        ("eventName", json!(["RunInstances", "DescribeInstances", "CreateTags"][number % 3])),
        ("awsRegion", json!("eu-west-1")),
        ("sourceIPAddress", json!("198.51.100.7")),
        (
            "userAgent",
            json!("aws-sdk-go-v2/1.24.1 os/linux lang/go/1.21.5 md/GOOS/linux md/GOARCH/amd64 api/ec2/1.142.0"),
        ),
        (
            "requestParameters",
            json!({
                "resourcesSet": {"items": [{"resourceId": "i-0123456789abcdef0"}]},
                "tagSet": {"items": [{"key": "Name", "value": "runner \"large\""}, {"key": "team", "value": "platform"}]},
            }),
        ),
        ("responseElements", json!({"requestId": "00000000-1111-4222-8333-444444444444", "_return": true})),
        ("requestID", json!("00000000-1111-4222-8333-444444444444")),
        ("eventID", json!(format!("{number:08x}-aaaa-4bbb-8ccc-dddddddddddd"))),
        ("readOnly", json!(number % 3 == 1)),
        ("eventType", json!("AwsApiCall")),
        ("managementEvent", json!(true)),
        ("recipientAccountId", json!("111122223333")),
        ("eventCategory", json!("Management")),
        ("tlsDetails", json!({"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256"})),
    ];
    // In CloudTrail's order, which serde_json's maps do not keep.
    let fields: Vec<String> = values.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).expect("writing to memory cannot fail");
    encoder.finish().expect("writing to memory cannot fail")
}

fn members(wrap: impl Fn(&str) -> String, separator: &str) -> String {
    (0..RECORDS).map(|number| wrap(&record(number))).collect::<Vec<_>>().join(separator)
}

fn text(json: &str) -> String {
    json!(json).to_string()
}

fn payload(wrapping: &str) -> Vec<u8> {
    let lines = |wrap: fn(&str) -> String| members(wrap, "\n").into_bytes();
    let log_file = || format!("{{\"Records\":[{}]}}", members(str::to_owned, ",")).into_bytes();
    let subscription = || {
        let events = members(|record| format!("{{\"id\":\"3768\",\"timestamp\":1,\"message\":{}}}", text(record)), ",");
        format!("{{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"111122223333\",\"logEvents\":[{events}]}}").into_bytes()
    };
    match wrapping {
        "bare" => lines(str::to_owned),
        "records" => log_file(),
        // Deflate finds little else to do in records that are all alike, so this is the best case.
        "records_gzip" => gzip(&log_file()),
        "eventbridge" => lines(|record| {
            format!(
                "{{\"version\":\"0\",\"detail-type\":\"AWS API Call via CloudTrail\",\"source\":\"aws.ec2\",\"detail\":{record}}}"
            )
        }),
        "cloudwatch_logs" => subscription(),
        "firehose" => {
            let records = members(|record| format!("{{\"data\":\"{}\"}}", STANDARD.encode(record)), ",");
            format!("{{\"requestId\":\"r\",\"timestamp\":1,\"records\":[{records}]}}").into_bytes()
        }
        "filebeat" => lines(|record| {
            format!("{{\"@timestamp\":\"2026-03-04T10:17:05Z\",\"@metadata\":{{}},\"message\":{}}}", text(record))
        }),
        "fluent_bit" => lines(|record| format!("{{\"@timestamp\":1.5,\"log\":{}}}", text(record))),
        other => unreachable!("no envelope {other}"),
    }
}

/// Decompressed bytes of a payload.
fn unfolded(wrapping: &str, payload: &[u8]) -> BytesCount {
    let len = if wrapping == "records_gzip" { self::payload("records").len() } else { payload.len() };
    BytesCount::new(len)
}

const WRAPPINGS: [&str; 8] =
    ["bare", "records", "records_gzip", "eventbridge", "cloudwatch_logs", "firehose", "filebeat", "fluent_bit"];

#[derive(Default)]
struct Count {
    events: usize,
    others: usize,
}

impl Sink for Count {
    fn event(&mut self, _: Envelope, event: &Event<'_>) {
        black_box(event);
        self.events += 1;
    }

    fn malformed(&mut self, _: Envelope, _: DecodeError, _: &str, _: &[u8]) {
        self.others += 1;
    }

    fn shed(&mut self, _: Envelope, _: Limit, _: &[u8]) {
        self.others += 1;
    }

    fn skipped(&mut self, _: Skipped) {
        self.others += 1;
    }
}

fn limits() -> DecodeLimits {
    DecodeLimits {
        payload_bytes_max: 32 << 20,
        decompressed_bytes_max: 256 << 20,
        nesting_depth_max: 8,
        payload_records_max: 1_000_000,
        event_time_max: i64::MAX,
    }
}

/// A payload in memory, as a Kafka message is.
#[divan::bench(args = WRAPPINGS)]
fn slice(bencher: Bencher<'_, '_>, wrapping: &str) {
    let (payload, limits) = (payload(wrapping), limits());
    bencher.counter(unfolded(wrapping, &payload)).counter(ItemsCount::new(RECORDS)).bench_local(|| {
        let mut count = Count::default();
        decode_slice(black_box(&payload), &limits, &mut count);
        assert_eq!((count.events, count.others), (RECORDS, 0));
    });
}

/// The same as a file.
#[divan::bench(args = ["bare", "records", "records_gzip"])]
fn stream(bencher: Bencher<'_, '_>, wrapping: &str) {
    let (payload, limits) = (payload(wrapping), limits());
    bencher.counter(unfolded(wrapping, &payload)).counter(ItemsCount::new(RECORDS)).bench_local(|| {
        let mut count = Count::default();
        decode_stream(&mut black_box(&payload[..]), &limits, &mut count).expect("reading from memory cannot fail");
        assert_eq!((count.events, count.others), (RECORDS, 0));
    });
}

/// One record in each payload.
#[divan::bench]
fn slice_of_one_record(bencher: Bencher<'_, '_>) {
    let (payload, limits) = (record(7), limits());
    bencher.counter(BytesCount::of_str(&payload)).counter(ItemsCount::new(1_usize)).bench_local(|| {
        let mut count = Count::default();
        decode_slice(black_box(payload.as_bytes()), &limits, &mut count);
        assert_eq!(count.events, 1);
    });
}

/// What a `Value` tree of each bare record costs.
#[divan::bench]
fn serde_json_value(bencher: Bencher<'_, '_>) {
    let payload = payload("bare");
    bencher.counter(BytesCount::of_slice(&payload)).counter(ItemsCount::new(RECORDS)).bench_local(|| {
        let values = serde_json::Deserializer::from_slice(black_box(&payload)).into_iter::<Value>();
        assert_eq!(values.map(|value| black_box(value).is_ok()).filter(|ok| *ok).count(), RECORDS);
    });
}

/// The fields of a record that are used, derived and borrowed: the least that serde_json can do, without a
/// record's irregularities.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only parsing is measured")]
struct Borrowed<'a> {
    event_time: &'a str,
    event_source: &'a str,
    event_name: &'a str,
    aws_region: &'a str,
    user_agent: Option<&'a str>,
    error_code: Option<&'a str>,
    #[serde(rename = "eventID")]
    event_id: Option<&'a str>,
    event_type: Option<&'a str>,
    event_category: Option<&'a str>,
    read_only: Option<bool>,
    management_event: Option<bool>,
    recipient_account_id: Option<&'a str>,
    #[serde(borrow)]
    user_identity: BorrowedIdentity<'a>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only parsing is measured")]
struct BorrowedIdentity<'a> {
    r#type: Option<&'a str>,
    arn: Option<&'a str>,
    account_id: Option<&'a str>,
    principal_id: Option<&'a str>,
    user_name: Option<&'a str>,
    invoked_by: Option<&'a str>,
}

#[divan::bench]
fn serde_json_borrowed(bencher: Bencher<'_, '_>) {
    let payload = payload("bare");
    bencher.counter(BytesCount::of_slice(&payload)).counter(ItemsCount::new(RECORDS)).bench_local(|| {
        let records = serde_json::Deserializer::from_slice(black_box(&payload)).into_iter::<Borrowed<'_>>();
        assert_eq!(records.map(|record| black_box(record).is_ok()).filter(|ok| *ok).count(), RECORDS);
    });
}
