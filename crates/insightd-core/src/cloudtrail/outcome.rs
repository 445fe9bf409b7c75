//! What became of a piece of input, by the names that metrics, headers and statistics use: the envelope it
//! came in, why it holds no record, why it is no usable record, which limit shed it.
//!
//! Names only: nothing here decodes, counts or reports. A new name is one line here; metrics and statistics
//! iterate over `ALL`.

/// Declares an enum in which every variant has a label, and gives it `ALL` and `label`.
macro_rules! labels {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $label:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Every variant, in the order of the discriminants.
            pub const ALL: [Self; [$($label),+].len()] = [$(Self::$variant),+];

            /// The label value: lower case, words joined by underscores.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)+
                }
            }
        }
    };
}

labels! {
    /// The outermost envelope of a record.
    Envelope {
        /// One record by itself, one per line, or concatenated.
        Bare = "bare",
        /// `{"Records":[...]}`.
        Records = "records",
        /// A top-level JSON array of records.
        Array = "array",
        /// `detail` of an EventBridge event.
        EventBridge = "eventbridge",
        /// CloudWatch Logs subscription, also in its Lambda form.
        CloudWatchLogs = "cloudwatch_logs",
        /// Firehose HTTP request.
        Firehose = "firehose",
        /// Filebeat: `message` or `event.original`.
        Filebeat = "filebeat",
        /// Vector: `message`, or the record at the root with Vector's keys.
        Vector = "vector",
        /// Fluent Bit and Fluentd: `log` (or `message`).
        FluentBit = "fluent_bit",
        /// Kafka Connect `JsonConverter` with schemas: `payload`.
        KafkaConnect = "kafka_connect",
        /// `LookupEvents` output: `CloudTrailEvent`.
        LookupEvents = "lookup_events",
        /// CloudEvents: `data`.
        CloudEvents = "cloudevents",
        /// An OCSF event made from a record, as in Security Lake.
        Ocsf = "ocsf",
        /// No known envelope.
        Unknown = "unknown",
    }
}

labels! {
    /// Why a payload holds no records by its nature. It is counted and causes no dead-letter record.
    Skipped {
        /// S3 event notification, or its test event.
        S3Notification = "s3_notification",
        /// CloudTrail's SNS notification, or the validation message of its setup.
        SnsNotification = "sns_notification",
        /// CloudWatch Logs `CONTROL_MESSAGE`.
        CloudWatchControl = "cloudwatch_control",
        /// A log file integrity digest.
        Digest = "digest",
        /// `CloudTrail-Aggregated`.
        Aggregated = "aggregated",
        /// An OCSF event that is not a CloudTrail call: another product's, or a finding. A Security Lake has
        /// many sources.
        OcsfOther = "ocsf_other",
        /// Nothing in it (a Kafka tombstone, an empty file or batch).
        Empty = "empty",
    }
}

labels! {
    /// Why a fragment holds no readable record, or why a record is unusable: the `reason` of its dead-letter
    /// record.
    DecodeError {
        /// Not JSON.
        NotJson = "not_json",
        /// JSON that ends in the middle of a value.
        Truncated = "truncated",
        /// JSON, but neither a record nor a known envelope.
        UnknownShape = "unknown_shape",
        /// A known envelope that insightd does not decode: ECS documents, OTLP, OCSF without a product. The
        /// detail names it.
        EnvelopeUnsupported = "envelope_unsupported",
        /// A damaged gzip stream.
        GzipDamaged = "gzip_damaged",
        /// Damaged base64 inside an envelope.
        Base64Damaged = "base64_damaged",
        /// `eventTime` is missing or not a time.
        EventTimeInvalid = "event_time_invalid",
        /// `eventTime` is before 2005.
        EventTimePast = "event_time_past",
        /// `eventTime` is ahead of the wall clock by more than `input.future_max` (five minutes by default).
        EventTimeFuture = "event_time_future",
        /// `eventSource` is missing, empty or longer than 256 bytes.
        EventSourceMissing = "event_source_missing",
        /// `eventName` is missing, empty or longer than 256 bytes.
        EventNameMissing = "event_name_missing",
        /// `awsRegion` is missing, empty or longer than 256 bytes.
        RegionMissing = "region_missing",
        /// Neither `recipientAccountId` nor `userIdentity.accountId` is an account ID.
        AccountMissing = "account_missing",
    }
}

impl DecodeError {
    /// Whether no record was read at all, as opposed to a record that was read and is unusable.
    pub(super) fn is_unread(self) -> bool {
        matches!(
            self,
            Self::NotJson
                | Self::Truncated
                | Self::UnknownShape
                | Self::EnvelopeUnsupported
                | Self::GzipDamaged
                | Self::Base64Damaged
        )
    }
}

labels! {
    /// A configured limit. Input beyond it is shed and counted.
    Limit {
        /// `input.payload_bytes_max`.
        PayloadBytes = "payload_bytes",
        /// `input.decompressed_bytes_max`.
        DecompressedBytes = "decompressed_bytes",
        /// `input.nesting_depth_max`.
        NestingDepth = "nesting_depth",
        /// `input.payload_records_max`.
        PayloadRecords = "payload_records",
        /// `input.accounts_max`.
        Accounts = "accounts",
        /// `input.clocks_max`.
        Clocks = "clocks",
        /// `detect.series_max`, or `attribution.bytes_max` for the texts of a new series.
        Series = "series",
    }
}
