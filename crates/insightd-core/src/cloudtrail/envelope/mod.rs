//! Every wrapping in which CloudTrail arrives, unwrapped to single records (specification 5.5).
//!
//! Two entrances, one decoder: [`decode_slice`] for a Kafka message, [`decode_stream`] for a file. A stream is read value by
//! value and a `Records` array member by member, so memory does not grow with the input.
//!
//! The way of a byte: [`window`] shows a part of the input, [`sequence`] takes values ([`value`]) off it and finds the way on behind damage
//! ([`search`]), [`view`] tells what an object is, [`decoder`] undoes its wrapping ([`transform`]) and begins again with what was
//! inside. [`payload`] sees to the dead letter of a message
//! in which nothing can be read.

mod decoder;
mod payload;
mod search;
mod sequence;
mod transform;
mod value;
mod view;
mod window;

use std::cell::Cell;
use std::io::{self, Read};

use decoder::{Context, Decoder};
use payload::PayloadSink;
use transform::{Outermost, unmarked};

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
    /// An OCSF event that was made from a record, as Security Lake has them.
    Ocsf,
    /// Nothing known was recognised.
    Unknown,
}

impl Envelope {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 14] = [
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
        Self::Ocsf,
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
            Self::Ocsf => "ocsf",
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
    /// An OCSF event that is no CloudTrail call: of another product, or a finding. A Security Lake has many sources.
    OcsfOther,
    /// Nothing in it (a Kafka tombstone, an empty file or batch).
    Empty,
}

impl Skipped {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 7] = [
        Self::S3Notification,
        Self::SnsNotification,
        Self::CloudWatchControl,
        Self::Digest,
        Self::Aggregated,
        Self::OcsfOther,
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
            Self::OcsfOther => "ocsf_other",
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
    /// A known wrapping that is not decoded: ECS documents, OTLP, OCSF that names no product (the name is in `Malformed::detail`).
    EnvelopeUnsupported,
    /// A damaged gzip stream.
    GzipDamaged,
    /// Damaged base64 inside a wrapping.
    Base64Damaged,
    /// `eventTime` is missing or unreadable.
    EventTimeInvalid,
    /// `eventTime` lies before 2005.
    EventTimePast,
    /// `eventTime` lies further ahead of the wall clock than `input.future_max` (five minutes).
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
    /// `detect.series_max`, or `attribution.bytes_max` for the texts of a new series.
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
    /// Largest size to which the gzip streams inside one payload may unfold together, bytes. A file's own compression is
    /// streamed and not bounded by it; each value at the top of a file is a payload.
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

/// Decodes one payload that lies in memory (a Kafka message).
pub fn decode_slice(payload: &[u8], limits: &Limits, sink: &mut dyn Sink) {
    if payload.len() > limits.payload_bytes_max {
        return sink.shed(Envelope::Unknown, Limit::PayloadBytes, payload);
    }
    let mut sink = PayloadSink::new(payload, sink);
    let unfold_left = Cell::new(limits.decompressed_bytes_max);
    let mut decoder = Decoder::new(limits, &unfold_left, limits.payload_records_max, &mut sink);
    let decoded = decoder.bytes(payload, Context::payload());
    debug_assert!(decoded.is_ok(), "reading from memory cannot fail: {decoded:?}");
    sink.finish();
}

/// Decodes a stream (a file, standard input) in bounded memory. Gzip is recognised by its magic bytes.
///
/// # Errors
/// Only those of reading; damaged content is reported to the sink.
pub fn decode_stream(reader: &mut dyn Read, limits: &Limits, sink: &mut dyn Sink) -> io::Result<()> {
    let unfold_left = Cell::new(limits.decompressed_bytes_max);
    let mut decoder = Decoder::new(limits, &unfold_left, u64::MAX, sink);
    decoder.stream(&mut Outermost(reader), Context::file()).map_err(unmarked)
}
