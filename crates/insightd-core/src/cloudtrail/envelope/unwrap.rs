//! Envelopes unwrapped: which value of an envelope holds the records, and how a string holds them.
//!
//! To support another envelope, see the list in the documentation of [`super`].

use serde_json::value::RawValue;

use super::keys::{EnvelopeKeys, Raw};
use crate::cloudtrail::outcome::{Envelope, Skipped};

/// What is inside an envelope.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inside<'a> {
    /// A value that holds records.
    Content(Content<'a>),
    /// No records, by its nature.
    Nothing(Skipped),
}

/// The value of an envelope that holds the records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    /// The envelope; `None` for one without a label of its own.
    pub(super) envelope: Option<Envelope>,
    /// The value's JSON.
    pub(super) value: &'a RawValue,
    /// How the value holds the records if it is a string.
    pub(super) encoding: Encoding,
}

/// How a string holds JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As text.
    Text,
    /// As base64, unless it begins like JSON.
    Base64,
    /// As either; neither counts as text.
    TextOrBase64,
}

/// What is inside the envelope that has these keys; `None` if no envelope has them. The order matters:
/// several envelopes share keys such as `message` and `data`, and the more specific one comes first.
pub(super) fn unwrap<'a>(keys: &EnvelopeKeys<'a>) -> Option<Inside<'a>> {
    if keys.specversion {
        return cloud_events(keys);
    }
    event_bridge(keys)
        .or_else(|| cloud_watch_logs(keys))
        .or_else(|| records(keys))
        .or_else(|| lookup_events(keys))
        .or_else(|| filebeat_original(keys))
        .or_else(|| kafka_connect(keys))
        .or_else(|| log_shipper(keys))
        .or_else(|| firehose(keys))
        .or_else(|| splunk(keys))
        .or_else(|| kafka_connect_tombstone(keys))
}

fn cloud_events<'a>(keys: &EnvelopeKeys<'a>) -> Option<Inside<'a>> {
    content(Envelope::CloudEvents, keys.data, Encoding::TextOrBase64)
        .or_else(|| content(Envelope::CloudEvents, keys.data_base64, Encoding::Base64))
}

fn event_bridge<'a>(keys: &EnvelopeKeys<'a>) -> Option<Inside<'a>> {
    let kind = keys.detail_type.as_str();
    if kind.ends_with("via CloudTrail") || kind.is_empty() {
        return content(Envelope::EventBridge, keys.detail, Encoding::Text);
    }
    // S3's notifications by way of EventBridge.
    (keys.origin.as_str() == "aws.s3").then_some(Inside::Nothing(Skipped::S3Notification))
}

fn cloud_watch_logs<'a>(keys: &EnvelopeKeys<'a>) -> Option<Inside<'a>> {
    if keys.message_type.as_str() == "CONTROL_MESSAGE" {
        return Some(Inside::Nothing(Skipped::CloudWatchControl));
    }
    content(Envelope::CloudWatchLogs, keys.log_events, Encoding::Text)
        .or_else(|| content(Envelope::CloudWatchLogs, keys.awslogs.data, Encoding::Base64))
}

/// `Records` after other keys. `sequence` reads an object that begins with it as a stream.
fn records<'a>(keys: &EnvelopeKeys<'a>) -> Option<Inside<'a>> {
    content(Envelope::Records, keys.records, Encoding::Text)
}

fn lookup_events<'a>(keys: &EnvelopeKeys<'a>) -> Option<Inside<'a>> {
    content(Envelope::LookupEvents, keys.cloud_trail_event.or(keys.events), Encoding::Text)
}

/// Filebeat keeps the record in `event.original`, nested or flattened.
fn filebeat_original<'a>(keys: &EnvelopeKeys<'a>) -> Option<Inside<'a>> {
    content(Envelope::Filebeat, keys.original(), Encoding::Text)
}

fn kafka_connect<'a>(keys: &EnvelopeKeys<'a>) -> Option<Inside<'a>> {
    content(Envelope::KafkaConnect, keys.payload.filter(|value| value.get() != "null"), Encoding::TextOrBase64)
}

/// Filebeat, Vector or Fluent Bit, distinguished by the keys beside `message`. `log` is an object in Filebeat
/// and a string in Fluent Bit.
fn log_shipper<'a>(keys: &EnvelopeKeys<'a>) -> Option<Inside<'a>> {
    let envelope = match (keys.beat, keys.vector) {
        (true, _) => Envelope::Filebeat,
        (false, true) => Envelope::Vector,
        (false, false) => Envelope::FluentBit,
    };
    let log = keys.log.filter(|log| log.get().starts_with('"'));
    content(envelope, log.or(keys.message), Encoding::Text)
}

fn firehose<'a>(keys: &EnvelopeKeys<'a>) -> Option<Inside<'a>> {
    content(Envelope::Firehose, keys.firehose_records.or(keys.data), Encoding::Base64)
}

/// Splunk's `_raw` has no label of its own.
fn splunk<'a>(keys: &EnvelopeKeys<'a>) -> Option<Inside<'a>> {
    unlabeled(keys.splunk_raw)
}

/// A null `payload`: how Kafka Connect writes a tombstone.
fn kafka_connect_tombstone<'a>(keys: &EnvelopeKeys<'a>) -> Option<Inside<'a>> {
    keys.payload.is_some().then_some(Inside::Nothing(Skipped::Empty))
}

fn content(envelope: Envelope, value: Raw<'_>, encoding: Encoding) -> Option<Inside<'_>> {
    value.map(|value| Inside::Content(Content { envelope: Some(envelope), value, encoding }))
}

/// The content of an envelope without a label of its own: what is inside gets the label of the next envelope.
pub(super) fn unlabeled(value: Raw<'_>) -> Option<Inside<'_>> {
    value.map(|value| Inside::Content(Content { envelope: None, value, encoding: Encoding::Text }))
}

/// How the JSON inside a string is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layers {
    /// It is base64.
    pub(super) base64: bool,
    /// It has JSON escapes, so it does not lie in memory as it is.
    pub(super) escaped: bool,
}

/// The layers around the JSON inside a string. `inner` is what stands between its quotes.
pub(super) fn layers(inner: &str, encoding: Encoding) -> Layers {
    let base64 = !begins_like_json(inner)
        && match encoding {
            Encoding::Text => false,
            Encoding::Base64 => true,
            Encoding::TextOrBase64 => looks_like_base64(inner),
        };
    Layers { base64, escaped: memchr::memchr(b'\\', inner.as_bytes()).is_some() }
}

/// Whether an escaped text begins like JSON, after white space.
fn begins_like_json(escaped: &str) -> bool {
    let mut rest = escaped;
    loop {
        let next = rest.trim_start();
        let next = [r"\n", r"\r", r"\t", "\u{feff}"].iter().find_map(|space| next.strip_prefix(space)).unwrap_or(next);
        if next.len() == rest.len() {
            return rest.starts_with(['{', '[']) || rest.starts_with(r#"\""#);
        }
        rest = next;
    }
}

/// Whether a text can be base64, judged by its first bytes.
fn looks_like_base64(escaped: &str) -> bool {
    const SEEN_BYTES: usize = 64;
    let mut seen = escaped.bytes().take(SEEN_BYTES);
    escaped.len() >= 4 && seen.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\\'))
}
