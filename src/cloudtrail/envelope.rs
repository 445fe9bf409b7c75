//! Every wrapping in which CloudTrail arrives, unwrapped to single records (specification 5.5).
//!
//! Two entrances, one decoder: [`decode_slice`] for a Kafka message, [`decode_stream`] for a file. A stream is read value by
//! value and a `Records` array member by member, so memory does not grow with the input.

use std::io::{self, Read};

use super::event::Event;

/// The outermost wrapping that a record came in; a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Envelope {
    /// One record by itself, one per line, or concatenated.
    Bare,
    /// `{"Records":[...]}`.
    Records,
    /// A top-level JSON array of records.
    Array,
    /// `detail` of an EventBridge event.
    EventBridge,
    /// CloudWatch Logs subscription, also in its Lambda form.
    CloudWatchLogs,
    /// Firehose HTTP request.
    Firehose,
    /// Filebeat: `message` or `event.original`.
    Filebeat,
    /// Vector: `message`, or the record at the root with Vector's keys.
    Vector,
    /// Fluent Bit and Fluentd: `log` (or `message`).
    FluentBit,
    /// Kafka Connect `JsonConverter` with schemas: `payload`.
    KafkaConnect,
    /// `LookupEvents` output: `CloudTrailEvent`.
    LookupEvents,
    /// CloudEvents: `data`.
    CloudEvents,
    /// Nothing known was recognised.
    Unknown,
}

impl Envelope {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 13] = [
        Self::Bare,
        Self::Records,
        Self::Array,
        Self::EventBridge,
        Self::CloudWatchLogs,
        Self::Firehose,
        Self::Filebeat,
        Self::Vector,
        Self::FluentBit,
        Self::KafkaConnect,
        Self::LookupEvents,
        Self::CloudEvents,
        Self::Unknown,
    ];

    /// The label value: lower case, words joined by underscores.
    pub fn label(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Records => "records",
            Self::Array => "array",
            Self::EventBridge => "eventbridge",
            Self::CloudWatchLogs => "cloudwatch_logs",
            Self::Firehose => "firehose",
            Self::Filebeat => "filebeat",
            Self::Vector => "vector",
            Self::FluentBit => "fluent_bit",
            Self::KafkaConnect => "kafka_connect",
            Self::LookupEvents => "lookup_events",
            Self::CloudEvents => "cloudevents",
            Self::Unknown => "unknown",
        }
    }
}

/// A payload that carries no records by its nature: recognised, counted, passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Skipped {
    /// S3 event notification, or its test event.
    S3Notification,
    /// CloudTrail's SNS notification, or the validation message of its set-up.
    SnsNotification,
    /// CloudWatch Logs `CONTROL_MESSAGE`.
    CloudWatchControl,
    /// A log file integrity digest.
    Digest,
    /// `CloudTrail-Aggregated`.
    Aggregated,
    /// Nothing in it (a Kafka tombstone, an empty file or batch).
    Empty,
}

impl Skipped {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 6] = [
        Self::S3Notification,
        Self::SnsNotification,
        Self::CloudWatchControl,
        Self::Digest,
        Self::Aggregated,
        Self::Empty,
    ];

    /// The label value.
    pub fn label(self) -> &'static str {
        match self {
            Self::S3Notification => "s3_notification",
            Self::SnsNotification => "sns_notification",
            Self::CloudWatchControl => "cloudwatch_control",
            Self::Digest => "digest",
            Self::Aggregated => "aggregated",
            Self::Empty => "empty",
        }
    }
}

/// Why no record could be read from a fragment, or why the record is unusable. The dead letter's reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The bytes are no JSON.
    NotJson,
    /// JSON that ends in the middle.
    Truncated,
    /// JSON, but neither a record nor a known wrapping.
    UnknownShape,
    /// A known wrapping that is not decoded: ECS documents, OCSF, OTLP (the name is in `Malformed::detail`).
    EnvelopeUnsupported,
    /// A damaged gzip stream.
    GzipDamaged,
    /// Damaged base64 inside a wrapping.
    Base64Damaged,
    /// `eventTime` is missing or unreadable.
    EventTimeInvalid,
    /// `eventTime` lies before 2005.
    EventTimePast,
    /// `eventTime` lies more than five minutes behind the wall clock's future.
    EventTimeFuture,
    /// `eventSource` is missing, empty or longer than 256 bytes.
    EventSourceMissing,
    /// `eventName` is missing, empty or longer than 256 bytes.
    EventNameMissing,
    /// `awsRegion` is missing, empty or longer than 256 bytes.
    RegionMissing,
    /// Neither `recipientAccountId` nor `userIdentity.accountId` is an account id.
    AccountMissing,
}

impl Fault {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 13] = [
        Self::NotJson,
        Self::Truncated,
        Self::UnknownShape,
        Self::EnvelopeUnsupported,
        Self::GzipDamaged,
        Self::Base64Damaged,
        Self::EventTimeInvalid,
        Self::EventTimePast,
        Self::EventTimeFuture,
        Self::EventSourceMissing,
        Self::EventNameMissing,
        Self::RegionMissing,
        Self::AccountMissing,
    ];

    /// The label value and the dead letter's `reason` header.
    pub fn label(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::Truncated => "truncated",
            Self::UnknownShape => "unknown_shape",
            Self::EnvelopeUnsupported => "envelope_unsupported",
            Self::GzipDamaged => "gzip_damaged",
            Self::Base64Damaged => "base64_damaged",
            Self::EventTimeInvalid => "event_time_invalid",
            Self::EventTimePast => "event_time_past",
            Self::EventTimeFuture => "event_time_future",
            Self::EventSourceMissing => "event_source_missing",
            Self::EventNameMissing => "event_name_missing",
            Self::RegionMissing => "region_missing",
            Self::AccountMissing => "account_missing",
        }
    }
}

/// A limit of the configuration that was reached; what is behind it is shed and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// `input.payload_bytes_max`.
    PayloadBytes,
    /// `input.decompressed_bytes_max`.
    DecompressedBytes,
    /// `input.nesting_depth_max`.
    NestingDepth,
    /// `input.payload_records_max`.
    PayloadRecords,
    /// `input.accounts_max`.
    Accounts,
    /// `input.clocks_max`.
    Clocks,
    /// `detect.series_max`.
    Series,
}

impl Limit {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 7] = [
        Self::PayloadBytes,
        Self::DecompressedBytes,
        Self::NestingDepth,
        Self::PayloadRecords,
        Self::Accounts,
        Self::Clocks,
        Self::Series,
    ];

    /// The label value.
    pub fn label(self) -> &'static str {
        match self {
            Self::PayloadBytes => "payload_bytes",
            Self::DecompressedBytes => "decompressed_bytes",
            Self::NestingDepth => "nesting_depth",
            Self::PayloadRecords => "payload_records",
            Self::Accounts => "accounts",
            Self::Clocks => "clocks",
            Self::Series => "series",
        }
    }
}

/// Bounds of decoding; each is a configuration key of the same name under `input.`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest single JSON value held whole in memory, bytes (a record, or a wrapping that cannot be streamed).
    /// For a slice also the largest payload.
    pub payload_bytes_max: usize,
    /// Largest size to which one gzip stream inside a payload may unfold, bytes. A file's own compression is
    /// streamed and not bounded by it.
    pub decompressed_bytes_max: u64,
    /// Wrappings inside wrappings.
    pub nesting_depth_max: usize,
    /// Records in one payload (slice only).
    pub payload_records_max: u64,
    /// Latest `eventTime` that is accepted, seconds since 1970: the wall clock + 5 minutes.
    pub event_time_max: i64,
}

/// Receives what decoding finds, in the order of the input.
pub trait Sink {
    /// A usable record.
    fn event(&mut self, envelope: Envelope, event: &Event<'_>);
    /// A fragment without a readable record, or an unusable record. `raw` holds its bytes (a prefix where it was
    /// too long to hold); `detail` says what and where, for people.
    fn malformed(&mut self, envelope: Envelope, fault: Fault, detail: &str, raw: &[u8]);
    /// A record or fragment behind a limit.
    fn shed(&mut self, envelope: Envelope, limit: Limit, raw: &[u8]);
    /// A payload (or a file) without records by its nature.
    fn skipped(&mut self, kind: Skipped);
}

/// throwaway
pub fn decode_slice(payload: &[u8], limits: &Limits, sink: &mut dyn Sink) {
    let _ = throw_stream(&mut &payload[..], limits, sink);
}

/// throwaway
pub fn decode_stream(reader: &mut dyn Read, limits: &Limits, sink: &mut dyn Sink) -> io::Result<()> {
    throw_stream(reader, limits, sink)
}

fn throw_stream(reader: &mut dyn Read, limits: &Limits, sink: &mut dyn Sink) -> io::Result<()> {
    let mut all = Vec::new();
    reader.read_to_end(&mut all)?;
    if all.starts_with(&[0x1f, 0x8b]) {
        let mut out = Vec::new();
        if flate2::read::MultiGzDecoder::new(&all[..]).read_to_end(&mut out).is_err() {
            sink.malformed(Envelope::Unknown, Fault::GzipDamaged, "", &all);
            return Ok(());
        }
        all = out;
    }
    for line in all.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        match serde_json::from_slice::<serde_json::Value>(line) {
            Ok(v) => throw_value(&v, Envelope::Bare, limits, sink, line),
            Err(e) => {
                sink.malformed(Envelope::Unknown, if e.is_eof() { Fault::Truncated } else { Fault::NotJson }, "", line)
            }
        }
    }
    Ok(())
}

fn throw_value(v: &serde_json::Value, env: Envelope, limits: &Limits, sink: &mut dyn Sink, raw: &[u8]) {
    use base64::Engine as _;
    let text = |x: &serde_json::Value, env, sink: &mut dyn Sink| {
        let s = x.as_str().unwrap_or_default();
        match serde_json::from_str(s) {
            Ok(v) => throw_value(&v, env, limits, sink, s.as_bytes()),
            Err(_) => sink.malformed(env, Fault::NotJson, "", s.as_bytes()),
        }
    };
    if let Some(a) = v["Records"].as_array() {
        for x in a {
            throw_value(x, Envelope::Records, limits, sink, x.to_string().as_bytes())
        }
    } else if v["detail"].is_object() {
        throw_value(&v["detail"], Envelope::EventBridge, limits, sink, v["detail"].to_string().as_bytes());
    } else if let Some(a) = v["logEvents"].as_array() {
        for x in a {
            text(&x["message"], Envelope::CloudWatchLogs, sink)
        }
    } else if let Some(a) = v["records"].as_array() {
        for x in a {
            let b = base64::engine::general_purpose::STANDARD
                .decode(x["data"].as_str().unwrap_or_default())
                .unwrap_or_default();
            text(&serde_json::Value::String(String::from_utf8(b).unwrap_or_default()), Envelope::Firehose, sink)
        }
    } else if v["message"].is_string() {
        text(&v["message"], Envelope::Filebeat, sink)
    } else if v["class_uid"].is_u64() {
        sink.malformed(env, Fault::EnvelopeUnsupported, "", raw)
    } else if v["eventVersion"].is_string() {
        throw_record(v, env, limits, sink, raw)
    } else {
        sink.malformed(env, Fault::UnknownShape, "", raw)
    }
}

fn throw_record(v: &serde_json::Value, env: Envelope, limits: &Limits, sink: &mut dyn Sink, raw: &[u8]) {
    use super::event::{AccountId, Category};
    use std::borrow::Cow;
    let Some(time) = v["eventTime"].as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok()).map(|t| t.as_second())
    else {
        return sink.malformed(env, Fault::EventTimeInvalid, "", raw);
    };
    if time < 1_104_537_600 {
        return sink.malformed(env, Fault::EventTimePast, "", raw);
    }
    if time > limits.event_time_max {
        return sink.malformed(env, Fault::EventTimeFuture, "", raw);
    }
    let insight = v["eventCategory"] == "Insight";
    let s = |n: &str| v[n].as_str().filter(|s| !s.is_empty());
    if s("eventSource").is_none() && !insight {
        return sink.malformed(env, Fault::EventSourceMissing, "", raw);
    }
    if s("eventName").is_none() && !insight {
        return sink.malformed(env, Fault::EventNameMissing, "", raw);
    }
    let Some(region) = s("awsRegion") else {
        return sink.malformed(env, Fault::RegionMissing, "", raw);
    };
    let Some(account) = s("recipientAccountId")
        .and_then(AccountId::parse)
        .or_else(|| v["userIdentity"]["accountId"].as_str().and_then(AccountId::parse))
    else {
        return sink.malformed(env, Fault::AccountMissing, "", raw);
    };
    let name = s("eventName").unwrap_or_default();
    let id = &v["userIdentity"];
    let principal = match id["arn"].as_str() {
        Some(arn) if arn.contains(":assumed-role/") => arn.rsplit_once('/').map_or(arn, |(a, _)| a).to_owned(),
        Some(arn) => arn.to_owned(),
        None => id["invokedBy"].as_str().or(id["principalId"].as_str()).unwrap_or("unknown").to_owned(),
    };
    let category = match s("eventCategory") {
        Some("Data") => Category::Data,
        Some("Insight") => Category::Insight,
        _ => Category::Management,
    };
    let event = Event {
        account,
        region: Cow::Borrowed(region),
        source: Cow::Borrowed(s("eventSource").unwrap_or_default()),
        name: Cow::Borrowed(name),
        error: s("errorCode").map(Cow::Borrowed),
        time,
        id: s("eventID").map(Cow::Borrowed),
        principal: Cow::Owned(principal),
        agent: Cow::Borrowed(v["userAgent"].as_str().unwrap_or("null")),
        category,
        write: v["readOnly"].as_bool().map_or(!name.starts_with("Describe"), |r| !r),
        read_only: v["readOnly"].as_bool(),
        inferred: false,
        correction: v["addendum"]["reason"] == "UPDATED_DATA",
    };
    sink.event(env, &event);
}
