//! Shared by the decoding tests: a sink that records its calls, and constructed records and envelopes.

use std::io::{self, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use insightd_core::cloudtrail::envelope::{DecodeLimits, Sink, decode_slice, decode_stream};
use insightd_core::cloudtrail::event::Event;
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};
use serde_json::{Value, json};

/// 2030-01-01: the constructed records are older.
pub const TIME_MAX: i64 = 1_893_456_000;

pub fn limits() -> DecodeLimits {
    DecodeLimits {
        payload_bytes_max: 32 << 20,
        decompressed_bytes_max: 256 << 20,
        nesting_depth_max: 8,
        payload_records_max: 1_000_000,
        event_time_max: TIME_MAX,
    }
}

/// Everything that a sink received, by kind, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub events: Vec<Envelope>,
    pub faults: Vec<DecodeError>,
    pub shed: Vec<Limit>,
    pub skipped: Vec<Skipped>,
}

impl Found {
    /// Records and fragments.
    pub fn records(&self) -> usize {
        self.events.len() + self.faults.len() + self.shed.len()
    }
}

/// A sink that keeps everything that it receives.
#[derive(Debug, Default)]
pub struct Memory {
    pub found: Found,
    /// The events, in an owned and comparable form.
    pub events: Vec<String>,
    pub malformed: Vec<(Envelope, DecodeError, String, Vec<u8>)>,
    pub shed: Vec<(Limit, Vec<u8>)>,
}

impl Sink for Memory {
    fn event(&mut self, envelope: Envelope, event: &Event<'_>) {
        self.found.events.push(envelope);
        self.events.push(format!("{event:?}"));
    }

    fn malformed(&mut self, envelope: Envelope, fault: DecodeError, detail: &str, raw: &[u8]) {
        self.found.faults.push(fault);
        self.malformed.push((envelope, fault, detail.to_owned(), raw.to_vec()));
    }

    fn shed(&mut self, _: Envelope, limit: Limit, raw: &[u8]) {
        self.found.shed.push(limit);
        self.shed.push((limit, raw.to_vec()));
    }

    fn skipped(&mut self, kind: Skipped) {
        self.found.skipped.push(kind);
    }
}

pub fn slice(payload: &[u8]) -> Memory {
    slice_within(payload, &limits())
}

pub fn slice_within(payload: &[u8], limits: &DecodeLimits) -> Memory {
    let mut memory = Memory::default();
    decode_slice(payload, limits, &mut memory);
    memory
}

/// A reader that returns at most `step` bytes at a time.
pub struct Steps<R> {
    pub reader: R,
    pub step: usize,
}

impl<R: Read> Read for Steps<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = self.step.min(into.len());
        self.reader.read(&mut into[..most])
    }
}

pub fn stream(input: &[u8], step: usize) -> Memory {
    stream_within(input, step, &limits())
}

pub fn stream_within(input: impl Read, step: usize, limits: &DecodeLimits) -> Memory {
    let mut memory = Memory::default();
    decode_stream(&mut Steps { reader: input, step }, limits, &mut memory).unwrap();
    memory
}

/// Decodes as a message and as a file; both must give the same result.
pub fn decode_both(input: &[u8]) -> Found {
    let message = slice(input);
    for step in [13, 4096, 1 << 20] {
        let file = stream(input, step);
        assert_eq!(file.found, message.found, "read {step} bytes at a time");
        assert_eq!(file.events, message.events, "read {step} bytes at a time");
    }
    message.found
}

pub fn unfolded(bytes: &[u8]) -> Vec<u8> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes.to_vec();
    }
    let mut unfolded = Vec::new();
    MultiGzDecoder::new(bytes).read_to_end(&mut unfolded).unwrap();
    unfolded
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A complete constructed record; `number` makes it distinct.
pub fn record(number: u64) -> Value {
    json!({
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLEEXAMPLE:ci",
            "arn": "arn:aws:sts::111122223333:assumed-role/ci-runner/build-7",
            "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/ci-runner"}},
        },
        "eventTime": "2026-03-04T10:17:05Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "RunInstances",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-sdk-go/1.55 (\"quoted\")",
        "requestParameters": {"policy": "{\"a\":[1,2,{}]}", "text": "}{][\\\",\u{e4}\u{1f600}"},
        "responseElements": null,
        "requestID": format!("{number:08x}-0000-4000-8000-000000000001"),
        "eventID": format!("{number:08x}-0000-4000-8000-000000000002"),
        "readOnly": false,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    })
}

/// An envelope around records.
pub type WrapFn = fn(&[Value]) -> Vec<u8>;

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

fn each(records: &[Value], wrap: impl Fn(&Value) -> Value) -> Vec<u8> {
    records.iter().map(|record| format!("{}\n", wrap(record))).collect::<String>().into_bytes()
}

fn log_file(records: &[Value]) -> Value {
    json!({"Records": records})
}

fn event_bridge(record: &Value) -> Value {
    json!({
        "version": "0", "id": "11111111-2222-4333-8444-555555555555", "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2", "account": "111122223333", "time": "2026-03-04T10:17:05Z", "region": "eu-west-1",
        "resources": [], "detail": record,
    })
}

fn subscription(records: &[Value]) -> Value {
    let events: Vec<Value> = records
        .iter()
        .map(|record| json!({"id": "3768", "timestamp": 1_688_990_000_000_u64, "message": record.to_string()}))
        .collect();
    json!({
        "messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "trail", "logStream": "s",
        "subscriptionFilters": ["f"], "logEvents": events,
    })
}

/// Every supported envelope in every form that occurs, with the label of its records.
pub const ENVELOPES: &[(&str, Envelope, WrapFn)] = &[
    ("one per line", Envelope::Bare, |r| lines(r).into_bytes()),
    ("one per line, gzip", Envelope::Bare, |r| gzip(lines(r).as_bytes())),
    ("one per line, CRLF and empty lines", Envelope::Bare, |r| lines(r).replace('\n', "\r\n\r\n").into_bytes()),
    ("one per line behind a byte order mark", Envelope::Bare, |r| ["\u{feff}", &lines(r)].concat().into_bytes()),
    ("concatenated", Envelope::Bare, |r| lines(r).replace('\n', "").into_bytes()),
    ("pretty-printed one after the other", Envelope::Bare, |r| {
        r.iter().map(|record| format!("{record:#}\n")).collect::<String>().into_bytes()
    }),
    ("strings, one per line", Envelope::Bare, |r| each(r, |record| json!(record.to_string()))),
    ("log file", Envelope::Records, |r| log_file(r).to_string().into_bytes()),
    ("log file, gzip", Envelope::Records, |r| gzip(log_file(r).to_string().as_bytes())),
    ("log file, gzip twice", Envelope::Records, |r| gzip(&gzip(log_file(r).to_string().as_bytes()))),
    ("log file, pretty-printed", Envelope::Records, |r| format!("{:#}", log_file(r)).into_bytes()),
    ("log file, Records not first", Envelope::Records, |r| {
        json!({"A": [{"B": "]}"}], "Records": r, "Z": {}}).to_string().into_bytes()
    }),
    ("log file, keys behind Records", Envelope::Records, |r| {
        format!("{{\"Records\" : [{}], \"Z\": {{\"]\": \"}}\"}}}}\n", lines(r).trim_end().replace('\n', ",\n"))
            .into_bytes()
    }),
    ("log files, one per line", Envelope::Records, |r| each(r, |record| log_file(std::slice::from_ref(record)))),
    ("log files, gzip members concatenated", Envelope::Records, |r| {
        r.iter().flat_map(|record| gzip(log_file(std::slice::from_ref(record)).to_string().as_bytes())).collect()
    }),
    ("array", Envelope::Array, |r| json!(r).to_string().into_bytes()),
    ("array, pretty-printed", Envelope::Array, |r| format!("{:#}", json!(r)).into_bytes()),
    ("array, a member on each line", Envelope::Array, |r| {
        format!("[\n{}\n]\n", lines(r).trim_end().replace('\n', ",\n")).into_bytes()
    }),
    ("EventBridge", Envelope::EventBridge, |r| each(r, event_bridge)),
    ("EventBridge in China", Envelope::EventBridge, |r| {
        each(r, |record| json!({"detail-type": "Amazon API Call via CloudTrail", "detail": record}))
    }),
    ("CloudWatch Logs", Envelope::CloudWatchLogs, |r| subscription(r).to_string().into_bytes()),
    ("CloudWatch Logs, gzip", Envelope::CloudWatchLogs, |r| gzip(subscription(r).to_string().as_bytes())),
    ("CloudWatch Logs for Lambda", Envelope::CloudWatchLogs, |r| {
        json!({"awslogs": {"data": base64(&gzip(subscription(r).to_string().as_bytes()))}}).to_string().into_bytes()
    }),
    ("Firehose", Envelope::Firehose, |r| {
        let data: Vec<Value> = r.iter().map(|record| json!({"data": base64(record.to_string().as_bytes())})).collect();
        json!({"requestId": "r", "timestamp": 1, "records": data}).to_string().into_bytes()
    }),
    ("Firehose of CloudWatch Logs", Envelope::Firehose, |r| {
        let data = base64(&gzip(subscription(r).to_string().as_bytes()));
        json!({"requestId": "r", "timestamp": 1, "records": [{"data": data}]}).to_string().into_bytes()
    }),
    ("Firehose of EventBridge, slashes escaped", Envelope::Firehose, |r| {
        let data = base64(&each(r, event_bridge));
        json!({"requestId": "r", "records": [{"data": data}]}).to_string().replace('/', "\\/").into_bytes()
    }),
    ("Filebeat", Envelope::Filebeat, |r| {
        each(r, |record| {
            json!({
                "@timestamp": "2026-03-04T10:18:00.000Z", "@metadata": {"beat": "filebeat"}, "message": record.to_string(),
                "log": {"offset": 0, "file": {"path": "x"}}, "aws": {"s3": {"bucket": {"name": "b"}}},
            })
        })
    }),
    ("Filebeat, event.original", Envelope::Filebeat, |r| {
        each(
            r,
            |record| json!({"event": {"original": record.to_string()}, "aws": {"cloudtrail": {"event_version": "1"}}}),
        )
    }),
    ("Filebeat, event.original flat", Envelope::Filebeat, |r| {
        each(r, |record| json!({"event.original": record.to_string(), "aws.cloudtrail.event_version": "1"}))
    }),
    ("Filebeat of whole files", Envelope::Filebeat, |r| {
        json!({"agent": {"type": "filebeat"}, "message": log_file(r).to_string()}).to_string().into_bytes()
    }),
    ("Vector of whole files", Envelope::Vector, |r| {
        let message = log_file(r).to_string();
        json!({"bucket": "b", "object": "o", "source_type": "aws_s3", "message": message}).to_string().into_bytes()
    }),
    ("Vector, parsed", Envelope::Vector, |r| {
        each(r, |record| {
            let mut record = record.clone();
            record["source_type"] = json!("aws_s3");
            record["timestamp"] = json!("2026-03-04T10:18:00Z");
            record
        })
    }),
    ("Fluent Bit", Envelope::FluentBit, |r| each(r, |record| json!({"@timestamp": 1.5, "log": record.to_string()}))),
    ("Fluentd", Envelope::FluentBit, |r| each(r, |record| json!({"message": record.to_string()}))),
    ("Fluent Bit of Docker", Envelope::FluentBit, |r| {
        each(r, |record| {
            let line = json!({"log": format!("{record}\n"), "stream": "stdout"}).to_string();
            json!({"@timestamp": 1.5, "log": line})
        })
    }),
    ("Fluent Bit, parsed", Envelope::FluentBit, |r| each(r, |record| json!({"message": record}))),
    ("Kafka Connect, string", Envelope::KafkaConnect, |r| {
        json!({"schema": {"type": "string"}, "payload": log_file(r).to_string()}).to_string().into_bytes()
    }),
    ("Kafka Connect, object", Envelope::KafkaConnect, |r| {
        json!({"schema": {"type": "struct"}, "payload": log_file(r)}).to_string().into_bytes()
    }),
    ("Kafka Connect, bytes", Envelope::KafkaConnect, |r| {
        let payload = base64(&gzip(log_file(r).to_string().as_bytes()));
        json!({"schema": {"type": "bytes"}, "payload": payload}).to_string().into_bytes()
    }),
    ("LookupEvents", Envelope::LookupEvents, |r| {
        let events: Vec<Value> = r.iter().map(|r| json!({"EventId": "e", "CloudTrailEvent": r.to_string()})).collect();
        json!({"Events": events, "NextToken": "n"}).to_string().into_bytes()
    }),
    ("LookupEvents, single events", Envelope::LookupEvents, |r| {
        each(r, |record| json!({"EventId": "e", "EventName": "RunInstances", "CloudTrailEvent": record.to_string()}))
    }),
    ("CloudEvents", Envelope::CloudEvents, |r| each(r, |record| json!({"specversion": "1.0", "data": record}))),
    ("CloudEvents of EventBridge", Envelope::CloudEvents, |r| {
        each(r, |record| json!({"specversion": "1.0", "id": "i", "data": event_bridge(record)}))
    }),
    ("CloudEvents, text", Envelope::CloudEvents, |r| {
        each(r, |record| json!({"specversion": "1.0", "data": record.to_string()}))
    }),
    ("CloudEvents, base64", Envelope::CloudEvents, |r| {
        each(r, |record| json!({"specversion": "1.0", "data_base64": base64(record.to_string().as_bytes())}))
    }),
    ("EventBridge by way of SNS", Envelope::EventBridge, |r| {
        each(r, |record| json!({"Type": "Notification", "TopicArn": "t", "Message": event_bridge(record).to_string()}))
    }),
];
