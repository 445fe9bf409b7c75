//! What came of each piece of input, as the labels of metrics, headers and statistics name it.
//!
//! Only the names: nothing here decodes, counts or reports.

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
pub enum DecodeError {
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

impl DecodeError {
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
