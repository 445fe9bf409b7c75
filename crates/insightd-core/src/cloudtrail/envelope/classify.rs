//! What one JSON object is: a record, an OCSF event, an envelope, or something without records.

use serde::de::MapAccess;

use super::keys::EnvelopeKeys;
use super::unwrap::{Content, Inside, unlabeled, unwrap};
use crate::cloudtrail::field::{Lenient, Object, Scalar, ignore};
use crate::cloudtrail::ocsf;
use crate::cloudtrail::outcome::Skipped;
use crate::cloudtrail::record::Fields;

/// One JSON object, borrowed: a record's fields and every envelope's keys, read in one pass.
#[derive(Debug, Default)]
pub(super) struct JsonObject<'a> {
    pub(super) record: Fields<'a>,
    keys: EnvelopeKeys<'a>,
    /// Some key begins with `aws.cloudtrail.`, as in a flattened ECS document.
    ecs: bool,
}

/// What an object is.
#[derive(Debug)]
pub(super) enum Shape<'a> {
    /// A record; with Vector's keys beside its own if `vector`.
    Record { vector: bool },
    /// An OCSF event made from a record.
    Ocsf,
    /// Without records by its nature.
    Skip(Skipped),
    /// A known envelope that insightd does not decode, by name.
    Unsupported(&'static str),
    /// An envelope with something inside.
    Envelope(Content<'a>),
    /// Neither a record nor a known envelope.
    Unknown,
}

impl<'a> Object<'a> for JsonObject<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if self.record.take(key, map)? || self.keys.take(key, map)? {
            return Ok(());
        }
        self.ecs |= key.starts_with("aws.cloudtrail.");
        ignore(map)
    }
}

impl<'a> From<Inside<'a>> for Shape<'a> {
    fn from(inside: Inside<'a>) -> Self {
        match inside {
            Inside::Content(content) => Self::Envelope(content),
            Inside::Nothing(kind) => Self::Skip(kind),
        }
    }
}

impl<'a> JsonObject<'a> {
    /// What the object is. Notifications come before records, because they have a record's keys; records come
    /// before envelopes, because they may have an envelope's keys.
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
            .or_else(|| unwrap(&self.keys).map(Shape::from))
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

    /// S3's test event, and what SNS delivers.
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
            // CloudTrail's own message names log files; it is skipped once unwrapped. SNS also carries
            // EventBridge events and S3's notifications.
            ("Notification", message @ Some(_)) => unlabeled(message).map(Shape::from),
            _ => None,
        }
    }

    /// OCSF, recognized by its class or by the product that it names.
    fn ocsf(&self) -> Option<Shape<'a>> {
        let EnvelopeKeys { class_uid: Scalar(class), metadata, .. } = &self.keys;
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

    /// OTLP, and ECS documents without the original record.
    fn unsupported(&self) -> Option<Shape<'a>> {
        let keys = &self.keys;
        match () {
            () if keys.resource_logs => Some(Shape::Unsupported("otlp")),
            () if (self.ecs || keys.aws.cloudtrail) && keys.original().is_none() => Some(Shape::Unsupported("ecs")),
            () => None,
        }
    }
}

/// The number of an object's keys and the first of them. Not all: there may be millions.
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

/// Describes an object that is neither a record nor a known envelope.
pub(super) fn first_keys(object: &[u8]) -> String {
    let Lenient(FirstKeys { count, first }) = serde_json::from_slice(object).unwrap_or_default();
    format!("neither a record nor a known envelope; the first of its {count} keys: {}", first.join(", "))
}
