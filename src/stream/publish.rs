//! From a task's output to records of the open transaction: keys, headers, sizes.
//!
//! No record may make a transaction fail twice, so everything is brought below what the topic takes *before* it is
//! handed to the broker: a dead letter is cut, an insight loses its attributions, and both are counted.

use std::time::Duration;

use crate::cloudtrail::insight::{Attribution, Insight};
use crate::config::{Config, Format};
use crate::pipeline::{DeadLetter, Output};

use super::broker::{Broker, Failure, Outgoing, TopicPartition};
use super::transaction::{Raised, Transaction};

/// Longest text that a shortened insight keeps, bytes; as long as the decoder lets a name be.
const TEXT_BYTES_MAX: usize = 256;
/// Longest `detail` header of a dead letter, bytes.
const DETAIL_BYTES_MAX: usize = 512;

/// Largest records that the topics take, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordLimits {
    /// Of `output.topic`.
    pub output: usize,
    /// Of `dlq.topic`.
    pub dlq: usize,
}

impl RecordLimits {
    /// What either topic must take at least. An insight without attributions and with its texts cut stays below it,
    /// even where every byte of a text needs six in JSON.
    pub const LEAST: usize = 16 * 1024;
}

/// Where and in which shape records go. Resolved once at start.
#[derive(Clone, Debug)]
pub struct Publishing {
    /// `output.topic`
    pub output_topic: String,
    /// `output.format`
    pub format: Format,
    /// `output.max_age`
    pub max_age: Duration,
    /// `dlq.topic`
    pub dlq_topic: String,
    /// `dlq.record_bytes_max`
    pub letter_bytes_max: usize,
    /// What the topics take.
    pub limits: RecordLimits,
}

impl Publishing {
    /// As configured, for topics with these limits.
    pub fn new(config: &Config, limits: RecordLimits) -> Self {
        Self {
            output_topic: config.output.topic.clone(),
            format: config.output.format,
            max_age: config.output.max_age,
            dlq_topic: config.dlq.topic.clone(),
            letter_bytes_max: config.dlq.record_bytes_max,
            limits,
        }
    }
}

/// Receives the output of one task while it handles one record (or a tick of the clock).
pub struct Publisher<'a, B: Broker> {
    /// Where records go.
    pub broker: &'a B,
    /// In which shape.
    pub publishing: &'a Publishing,
    /// The transaction they become part of.
    pub transaction: &'a mut Transaction,
    /// The task's partition.
    pub source: &'a TopicPartition,
    /// Offset of the record.
    pub offset: i64,
    /// Wall clock, seconds since 1970.
    pub now: i64,
    /// The first failure; a task knows nothing of it, so it is looked at afterwards.
    pub failure: Option<Failure>,
}

impl<B: Broker> Publisher<'_, B> {
    fn publish(&mut self, record: &Outgoing<'_>) {
        if self.failure.is_some() {
            return;
        }
        if let Err(failure) = self.begin().and_then(|()| self.broker.produce(record)) {
            self.failure = Some(failure);
        }
    }

    fn begin(&mut self) -> Result<(), Failure> {
        if !self.transaction.begun {
            self.broker.begin()?;
            self.transaction.begun = true;
        }
        Ok(())
    }

    fn historic(&self, insight: &Insight) -> bool {
        let age = self.now.saturating_sub(insight.finding.detected_at);
        u64::try_from(age).is_ok_and(|age| age > self.publishing.max_age.as_secs())
    }
}

impl<B: Broker> Output for Publisher<'_, B> {
    fn insight(&mut self, insight: Insight) {
        let historic = self.historic(&insight);
        let key = insight.account.to_string();
        let texts = insight_headers(&insight, historic);
        let headers: Vec<(&str, &[u8])> = texts.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
        let topic = self.publishing.output_topic.as_str();
        let mut value = encode(&insight, self.publishing.format);
        let mut record = Outgoing { topic, key: Some(key.as_bytes()), value: &value, headers: &headers };
        if record.bytes_max() > self.publishing.limits.output {
            value = encode(&shortened(&insight), self.publishing.format);
            record = Outgoing { topic, key: Some(key.as_bytes()), value: &value, headers: &headers };
            self.transaction.insights_cut += 1;
        }
        self.publish(&record);
        self.transaction.raise(Raised { source: self.source.clone(), insight, historic });
    }

    fn dead_letter(&mut self, letter: DeadLetter<'_>) {
        let (partition, offset) = (self.source.partition.to_string(), self.offset.to_string());
        let index = letter.record_index.to_string();
        let mut headers: Vec<(&str, &[u8])> = vec![
            ("reason", letter.reason.as_bytes()),
            ("detail", cut(letter.detail, DETAIL_BYTES_MAX).as_bytes()),
            ("topic", self.source.topic.as_bytes()),
            ("partition", partition.as_bytes()),
            ("offset", offset.as_bytes()),
            ("record-index", index.as_bytes()),
            ("truncated", b"true"),
        ];
        let empty = Outgoing { topic: &self.publishing.dlq_topic, key: None, value: b"", headers: &headers };
        let room = self.publishing.limits.dlq.saturating_sub(empty.bytes_max());
        let bytes_max = room.min(self.publishing.letter_bytes_max);
        let value = letter.raw.get(..bytes_max).unwrap_or(letter.raw);
        if value.len() == letter.raw.len() {
            headers.pop();
        } else {
            self.transaction.dead_letters_cut += 1;
        }
        self.publish(&Outgoing { topic: &self.publishing.dlq_topic, key: None, value, headers: &headers });
        *self.transaction.dead_letters.entry(letter.reason).or_default() += 1;
    }
}

fn insight_headers(insight: &Insight, historic: bool) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("insight-type", insight.kind.label().to_owned()),
        ("insight-state", insight.state.label().to_owned()),
        ("detected-at", rfc3339(insight.finding.detected_at)),
        ("score", format!("{:.2}", insight.finding.score)),
        ("expected", format!("{:.4}", insight.finding.expected)),
    ];
    if historic {
        headers.push(("insight-historic", "true".to_owned()));
    }
    headers
}

fn encode(insight: &Insight, format: Format) -> Vec<u8> {
    let mut value = Vec::with_capacity(4096);
    match format {
        Format::Cloudtrail => insight.write_json(&mut value, false),
        Format::Eventbridge => insight.write_eventbridge(&mut value, false),
    }
    value
}

/// The same insight without what may be long: the lists of attributions, and the end of a long error code. The other
/// texts are bounded by the decoder.
fn shortened(insight: &Insight) -> Insight {
    let mut short = insight.clone();
    short.principals = Attribution::default();
    short.agents = Attribution::default();
    short.error = short.error.map(|error| cut(&error, TEXT_BYTES_MAX).to_owned());
    short.errors = short.errors.map(|_| Attribution::default());
    short
}

/// Seconds since 1970 in RFC 3339, UTC. Event times lie between 2005 and now, well within what jiff can say.
fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// The longest prefix of at most `bytes_max` bytes that ends between two characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
