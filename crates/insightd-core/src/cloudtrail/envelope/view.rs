//! One JSON object, borrowed: a record's fields and every wrapping's keys at once, and what kind of object that makes it
//! (specification 5.5).

use serde::de::{IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use crate::cloudtrail::field::{Lenient, Object, Scalar, Text, ignore};
use crate::cloudtrail::ocsf;
use crate::cloudtrail::outcome::{Envelope, Skipped};
use crate::cloudtrail::record::Fields;

/// What is read of an object.
#[derive(Debug, Default)]
pub(super) struct View<'a> {
    pub(super) record: Fields<'a>,
    keys: Keys<'a>,
}

/// A value that is not looked into yet.
type Raw<'a> = Option<&'a RawValue>;

#[derive(Debug, Default)]
struct Keys<'a> {
    // EventBridge
    detail: Raw<'a>,
    detail_type: Text<'a>,
    origin: Text<'a>,
    // CloudWatch Logs
    message_type: Text<'a>,
    log_events: Raw<'a>,
    awslogs: Raw<'a>,
    // Lists of records, and one member of each
    records: Raw<'a>,
    firehose_records: Raw<'a>,
    data: Raw<'a>,
    events: Raw<'a>,
    cloud_trail_event: Raw<'a>,
    // Log shippers
    message: Raw<'a>,
    log: Raw<'a>,
    raw: Raw<'a>,
    original: Raw<'a>,
    event: Event<'a>,
    beat: bool,
    vector: bool,
    // Kafka Connect, CloudEvents
    payload: Raw<'a>,
    payload_seen: bool,
    specversion: bool,
    data_base64: Raw<'a>,
    // S3 and SNS notifications
    s3: bool,
    service: Text<'a>,
    test_event: Text<'a>,
    sns_type: Text<'a>,
    sns_message: Raw<'a>,
    s3_object_key: bool,
    // Carries no records, or none that are decoded
    digest: bool,
    time_window: bool,
    summary: bool,
    resource_logs: bool,
    class_uid: Scalar<'a>,
    metadata: Metadata<'a>,
    ecs: bool,
    aws: Aws,
}

/// The object `event` of Filebeat and ECS.
#[derive(Debug, Default)]
struct Event<'a> {
    original: Raw<'a>,
}

/// The object `metadata` of OCSF.
#[derive(Debug, Default)]
struct Metadata<'a> {
    product: Product<'a>,
    log_provider: Text<'a>,
}

#[derive(Debug, Default)]
struct Product<'a> {
    name: Text<'a>,
}

/// The object `aws` of Filebeat and ECS.
#[derive(Debug, Default)]
struct Aws {
    cloudtrail: bool,
}

/// What an object is.
#[derive(Debug)]
pub(super) enum Shape<'a> {
    /// A record; Vector's if it has Vector's keys beside its own.
    Record { vector: bool },
    /// An OCSF event that was made from a record.
    Ocsf,
    /// Carries no records by its nature.
    Skip(Skipped),
    /// A wrapping that is not decoded, by name.
    Unsupported(&'static str),
    /// Wraps something; without a name where the wrapping is none of the table's.
    Wrapped { envelope: Option<Envelope>, inner: &'a RawValue, encoding: Encoding },
    /// Neither a record nor a known wrapping.
    Unknown,
}

/// How a wrapped string holds its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As it stands.
    Text,
    /// In base64, unless it begins like JSON.
    Base64,
    /// Either; what is neither is taken as it stands.
    TextOrBase64,
}

impl<'a> Object<'a> for View<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if self.record.take(key, map)? {
            return Ok(());
        }
        self.keys.take(key, map)
    }
}

impl<'a> Keys<'a> {
    fn take<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "detail" => self.detail = raw(map)?,
            "detail-type" => self.detail_type = map.next_value()?,
            "source" => self.origin = map.next_value()?,
            "messageType" => self.message_type = map.next_value()?,
            "logEvents" => self.log_events = raw(map)?,
            "awslogs" => self.awslogs = map.next_value::<Lenient<Data<'_>>>()?.0.data,
            "Records" => self.records = raw(map)?,
            "records" => self.firehose_records = raw(map)?,
            "data" => self.data = raw(map)?,
            "Events" => self.events = raw(map)?,
            "CloudTrailEvent" => self.cloud_trail_event = raw(map)?,
            "message" => self.message = raw(map)?,
            "log" => self.log = raw(map)?,
            "_raw" => self.raw = raw(map)?,
            "event" => self.event = map.next_value::<Lenient<_>>()?.0,
            "event.original" => self.original = raw(map)?,
            "@metadata" | "agent" | "input" | "ecs" => self.beat |= present(map)?,
            "source_type" | "bucket" => self.vector |= present(map)?,
            "payload" => {
                self.payload = raw(map)?;
                self.payload_seen = true;
            }
            "specversion" => self.specversion = present(map)?,
            "data_base64" => self.data_base64 = raw(map)?,
            "s3" => self.s3 = present(map)?,
            "Service" => self.service = map.next_value()?,
            "Event" => self.test_event = map.next_value()?,
            "Type" => self.sns_type = map.next_value()?,
            "Message" => self.sns_message = raw(map)?,
            "s3ObjectKey" => self.s3_object_key = present(map)?,
            "digestS3Object" => self.digest = present(map)?,
            "timeWindow" => self.time_window = present(map)?,
            "summary" => self.summary = present(map)?,
            "resourceLogs" => self.resource_logs = present(map)?,
            "class_uid" => self.class_uid = map.next_value()?,
            "metadata" => self.metadata = map.next_value::<Lenient<_>>()?.0,
            "aws" => self.aws = map.next_value::<Lenient<_>>()?.0,
            _ => {
                self.ecs |= key.starts_with("aws.cloudtrail.");
                ignore(map)?;
            }
        }
        Ok(())
    }
}

/// The value, unless it is null.
fn raw<'a, A: MapAccess<'a>>(map: &mut A) -> Result<Raw<'a>, A::Error> {
    map.next_value()
}

/// Whether the value is anything but null.
fn present<'a, A: MapAccess<'a>>(map: &mut A) -> Result<bool, A::Error> {
    Ok(map.next_value::<Option<IgnoredAny>>()?.is_some())
}

impl<'a> Object<'a> for Event<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "original" => self.original = raw(map)?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl<'a> Object<'a> for Metadata<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "product" => self.product = map.next_value::<Lenient<_>>()?.0,
            "log_provider" => self.log_provider = map.next_value()?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl<'a> Object<'a> for Product<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "name" => self.name = map.next_value()?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl<'a> Object<'a> for Aws {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "cloudtrail" => self.cloudtrail = present(map)?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

/// The object `awslogs` of CloudWatch Logs' Lambda form.
#[derive(Debug, Default)]
struct Data<'a> {
    data: Raw<'a>,
}

impl<'a> Object<'a> for Data<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "data" => self.data = raw(map)?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

// === impl View ===

impl<'a> View<'a> {
    /// What the object is. Notifications come before records, because they have a record's keys; records come before wrappings,
    /// because they may have a wrapping's.
    pub(super) fn shape(&self) -> Shape<'a> {
        if let Some(kind) = self.skip_despite_record_keys() {
            return Shape::Skip(kind);
        }
        if self.record.is_record() {
            return Shape::Record { vector: self.keys.vector };
        }
        self.notification()
            .or_else(|| self.ocsf())
            .or_else(|| self.unsupported())
            .or_else(|| self.wrapped())
            .unwrap_or(Shape::Unknown)
    }

    /// S3 notifications, aggregated events and digests.
    fn skip_despite_record_keys(&self) -> Option<Skipped> {
        let keys = &self.keys;
        let source = self.record.source.as_str();
        if source == "aws:s3" || (keys.s3 && !source.ends_with(".amazonaws.com")) {
            return Some(Skipped::S3Notification);
        }
        let aggregated =
            self.record.category.as_str() == "Aggregated" || self.record.kind.as_str() == "AwsAggregatedEvent";
        if aggregated || (keys.time_window && keys.summary) {
            return Some(Skipped::Aggregated);
        }
        keys.digest.then_some(Skipped::Digest)
    }

    fn notification(&self) -> Option<Shape<'a>> {
        let keys = &self.keys;
        if keys.service.as_str() == "Amazon S3" && keys.test_event.as_str() == "s3:TestEvent" {
            return Some(Shape::Skip(Skipped::S3Notification));
        }
        if keys.s3_object_key {
            return Some(Shape::Skip(Skipped::SnsNotification));
        }
        match (keys.sns_type.as_str(), keys.sns_message) {
            ("SubscriptionConfirmation" | "UnsubscribeConfirmation", _) => Some(Shape::Skip(Skipped::SnsNotification)),
            // CloudTrail's own message names log files and is skipped when it is looked into. Anything else may come through
            // SNS as well: EventBridge events, or S3's notifications.
            ("Notification", Some(message)) => wrapped(None, Some(message), Encoding::Text),
            _ => None,
        }
    }

    /// OCSF, by its class or by the product that it names.
    fn ocsf(&self) -> Option<Shape<'a>> {
        let Keys { class_uid: Scalar(class), metadata, .. } = &self.keys;
        let product = metadata.product.name.as_str();
        if class.as_str().is_empty() && product != ocsf::PRODUCT {
            return None;
        }
        let names = [product, metadata.log_provider.as_str()];
        Some(match () {
            () if names.into_iter().any(ocsf::is_cloudtrail) && !ocsf::is_finding(class.as_str()) => Shape::Ocsf,
            () if names == ["", ""] => Shape::Unsupported("ocsf"),
            () => Shape::Skip(Skipped::OcsfOther),
        })
    }

    fn unsupported(&self) -> Option<Shape<'a>> {
        let keys = &self.keys;
        let kept = keys.original.or(keys.event.original).is_some();
        match () {
            () if keys.resource_logs => Some(Shape::Unsupported("otlp")),
            () if (keys.ecs || keys.aws.cloudtrail) && !kept => Some(Shape::Unsupported("ecs")),
            () => None,
        }
    }

    fn wrapped(&self) -> Option<Shape<'a>> {
        use Encoding::{Base64, Text, TextOrBase64};
        let keys = &self.keys;
        if keys.specversion {
            return wrapped(Some(Envelope::CloudEvents), keys.data, TextOrBase64)
                .or_else(|| wrapped(Some(Envelope::CloudEvents), keys.data_base64, Base64));
        }
        self.event_bridge()
            .or_else(|| self.cloud_watch())
            .or_else(|| wrapped(Some(Envelope::Records), keys.records, Text))
            .or_else(|| wrapped(Some(Envelope::LookupEvents), keys.cloud_trail_event.or(keys.events), Text))
            .or_else(|| wrapped(Some(Envelope::Filebeat), keys.original.or(keys.event.original), Text))
            .or_else(|| wrapped(Some(Envelope::KafkaConnect), keys.payload, TextOrBase64))
            .or_else(|| self.log_shipper())
            .or_else(|| wrapped(Some(Envelope::Firehose), keys.firehose_records.or(keys.data), Base64))
            .or_else(|| wrapped(None, keys.raw, Text))
            // How Kafka Connect writes a tombstone.
            .or_else(|| keys.payload_seen.then_some(Shape::Skip(Skipped::Empty)))
    }

    fn event_bridge(&self) -> Option<Shape<'a>> {
        let kind = self.keys.detail_type.as_str();
        if kind.ends_with("via CloudTrail") || kind.is_empty() {
            return wrapped(Some(Envelope::EventBridge), self.keys.detail, Encoding::Text);
        }
        // S3's notifications by way of EventBridge.
        (self.keys.origin.as_str() == "aws.s3").then_some(Shape::Skip(Skipped::S3Notification))
    }

    fn cloud_watch(&self) -> Option<Shape<'a>> {
        if self.keys.message_type.as_str() == "CONTROL_MESSAGE" {
            return Some(Shape::Skip(Skipped::CloudWatchControl));
        }
        wrapped(Some(Envelope::CloudWatchLogs), self.keys.log_events, Encoding::Text)
            .or_else(|| wrapped(Some(Envelope::CloudWatchLogs), self.keys.awslogs, Encoding::Base64))
    }

    /// `message` is told apart by its companions; `log` is an object in Filebeat and a string in Fluent Bit.
    fn log_shipper(&self) -> Option<Shape<'a>> {
        let keys = &self.keys;
        let envelope = match (keys.beat, keys.vector) {
            (true, _) => Envelope::Filebeat,
            (false, true) => Envelope::Vector,
            (false, false) => Envelope::FluentBit,
        };
        let log = keys.log.filter(|log| log.get().starts_with('"'));
        wrapped(Some(envelope), log.or(keys.message), Encoding::Text)
    }
}

fn wrapped(envelope: Option<Envelope>, inner: Raw<'_>, encoding: Encoding) -> Option<Shape<'_>> {
    inner.map(|inner| Shape::Wrapped { envelope, inner, encoding })
}

/// An object that is nothing known: how many keys it has, and the first of them. Not all: there may be millions.
#[derive(Debug, Default)]
struct FirstKeys {
    count: u64,
    first: Vec<String>,
}

impl<'a> Object<'a> for FirstKeys {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        const KEYS_MAX: usize = 5;
        const KEY_CHARS_MAX: usize = 32;
        self.count += 1;
        if self.first.len() < KEYS_MAX {
            self.first.push(key.chars().take(KEY_CHARS_MAX).collect());
        }
        ignore(map)
    }
}

/// What to say about an object that is nothing known.
pub(super) fn first_keys(object: &[u8]) -> String {
    let Lenient(FirstKeys { count, first }) = serde_json::from_slice(object).unwrap_or_default();
    format!("neither a record nor a known wrapping; the first of its {count} keys: {}", first.join(", "))
}
