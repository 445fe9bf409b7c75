//! From a task's output to records of the open transaction: keys, headers, sizes.
//!
//! No record may make a transaction fail twice, so everything is brought below the topic's limit *before* it
//! goes to the broker: a dead-letter record is cut, an insight loses its attributions, and both are counted.

use std::time::Duration;

use insightd_core::cloudtrail::event::cut;
use insightd_core::cloudtrail::insight::{Attribution, Format, Insight, rfc3339};
use insightd_core::pipeline::{DeadLetterRecord, Output};

use super::broker::{Broker, BrokerError, Outgoing, TopicPartition};
use super::dead_letter::header;
use super::transaction::{Raised, Transaction};
use crate::config::Config;

/// Longest text that a shortened insight keeps, bytes; the same as the decoder's limit for a name.
const TEXT_BYTES_MAX: usize = 256;
/// Longest `detail` header of a dead-letter record, bytes.
const DETAIL_BYTES_MAX: usize = 512;

/// Largest records that the topics accept, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordLimits {
    /// Of `output.topic`.
    pub output: usize,
    /// Of `dlq.topic`.
    pub dlq: usize,
}

impl RecordLimits {
    /// What either topic must accept at least. An insight without attributions and with its texts cut stays
    /// below it, even if every byte of a text needs six in JSON.
    pub const LEAST: usize = 16 * 1024;
}

/// Where records go, and in which form. Resolved once at start.
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
    pub dead_letter_bytes_max: usize,
    /// What the topics accept.
    pub limits: RecordLimits,
    /// `state.topic`
    pub state_topic: String,
}

impl Publishing {
    /// The settings of a configuration, for topics with these limits.
    pub fn new(config: &Config, limits: RecordLimits) -> Self {
        Self {
            output_topic: config.output.topic.clone(),
            format: config.output.format,
            max_age: config.output.max_age,
            dlq_topic: config.dlq.topic.clone(),
            dead_letter_bytes_max: config.dlq.record_bytes_max,
            limits,
            state_topic: config.state.topic.clone(),
        }
    }
}

/// The record that a task is applying.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its partition.
    pub partition: &'a TopicPartition,
    /// Offset of the record, or of the next one if only time has passed.
    pub offset: i64,
    /// Wall clock, seconds since 1970.
    pub now: i64,
}

/// Receives the output of one task while it applies one record (or a tick of the clock).
pub struct Publisher<'a, B: Broker> {
    broker: &'a B,
    publishing: &'a Publishing,
    transaction: &'a mut Transaction,
    source: Source<'a>,
    /// The first error. A task does not see errors, so it is kept until the task is done.
    error: Option<BrokerError>,
}

impl<'a, B: Broker> Publisher<'a, B> {
    /// A publisher into this transaction.
    pub fn new(
        broker: &'a B,
        publishing: &'a Publishing,
        transaction: &'a mut Transaction,
        source: Source<'a>,
    ) -> Self {
        Self { broker, publishing, transaction, source, error: None }
    }

    /// Ends the output of the task.
    ///
    /// # Errors
    /// The first error of the broker.
    pub fn finish(self) -> Result<(), BrokerError> {
        self.error.map_or(Ok(()), Err)
    }

    fn publish(&mut self, record: &Outgoing<'_>) {
        if self.error.is_some() {
            return;
        }
        if let Err(error) = self.begin().and_then(|()| self.broker.produce(record)) {
            self.error = Some(error);
        }
    }

    fn begin(&mut self) -> Result<(), BrokerError> {
        if !self.transaction.begun {
            self.broker.begin()?;
            self.transaction.begun = true;
        }
        Ok(())
    }

    fn historic(&self, insight: &Insight) -> bool {
        let age = self.source.now.saturating_sub(insight.finding.detected_at);
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
        let mut record =
            Outgoing { topic, partition: None, key: Some(key.as_bytes()), value: Some(&value), headers: &headers };
        if record.bytes_max() > self.publishing.limits.output {
            value = encode(&shortened(&insight), self.publishing.format);
            record =
                Outgoing { topic, partition: None, key: Some(key.as_bytes()), value: Some(&value), headers: &headers };
            self.transaction.insights_cut += 1;
        }
        self.publish(&record);
        self.transaction.raise(Raised { source: self.source.partition.clone(), insight, historic });
    }

    fn dead_letter(&mut self, dead_letter: DeadLetterRecord<'_>) {
        let (partition, offset) = (self.source.partition.partition.to_string(), self.source.offset.to_string());
        let index = dead_letter.record_index.to_string();
        let mut headers: Vec<(&str, &[u8])> = vec![
            (header::REASON, dead_letter.reason.as_bytes()),
            (header::DETAIL, cut(dead_letter.detail, DETAIL_BYTES_MAX).as_bytes()),
            (header::TOPIC, self.source.partition.topic.as_bytes()),
            (header::PARTITION, partition.as_bytes()),
            (header::OFFSET, offset.as_bytes()),
            (header::RECORD_INDEX, index.as_bytes()),
            (header::TRUNCATED, b"true"),
        ];
        let topic = self.publishing.dlq_topic.as_str();
        let empty = Outgoing { topic, partition: None, key: None, value: None, headers: &headers };
        let room = self.publishing.limits.dlq.saturating_sub(empty.bytes_max());
        let bytes_max = room.min(self.publishing.dead_letter_bytes_max);
        let value = dead_letter.raw.get(..bytes_max).unwrap_or(dead_letter.raw);
        if value.len() == dead_letter.raw.len() {
            headers.pop();
        } else {
            self.transaction.dead_letters_cut += 1;
        }
        self.publish(&Outgoing { topic, partition: None, key: None, value: Some(value), headers: &headers });
        *self.transaction.dead_letters.entry(dead_letter.reason).or_default() += 1;
    }
}

fn insight_headers(insight: &Insight, historic: bool) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("insight-type", insight.kind.label().to_owned()),
        ("insight-state", insight.state.label().to_owned()),
        ("insight-severity", insight.finding.severity.label().to_owned()),
        ("insight-reason", insight.finding.reason.label().to_owned()),
        ("detected-at", rfc3339(insight.finding.detected_at)),
        ("score", format!("{:.2}", insight.finding.score)),
        ("limit", format!("{:.2}", insight.finding.limit)),
        ("probability", format!("{:.2e}", insight.finding.probability())),
        ("expected", format!("{:.4}", insight.finding.expected)),
    ];
    if let Some(rule) = &insight.finding.suppressed_by {
        headers.push(("suppressed-by", rule.to_string()));
    }
    if historic {
        headers.push(("insight-historic", "true".to_owned()));
    }
    headers
}

fn encode(insight: &Insight, format: Format) -> Vec<u8> {
    let mut value = Vec::with_capacity(4096);
    format.write(insight, &mut value, false);
    value
}

/// The same insight without what may be long: the lists of attributions, and the end of a long error code.
/// The decoder bounds the other texts.
fn shortened(insight: &Insight) -> Insight {
    let mut short = insight.clone();
    short.principals = Attribution::default();
    short.agents = Attribution::default();
    short.error = short.error.map(|error| cut(&error, TEXT_BYTES_MAX).to_owned());
    short.errors = short.errors.map(|_| Attribution::default());
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::scripted::{Produced, ScriptedBroker, WALL, insight};

    fn published(limits: RecordLimits, send: impl FnOnce(&mut dyn Output)) -> (Produced, Transaction) {
        let broker = ScriptedBroker::default();
        let publishing = Publishing {
            output_topic: "out".into(),
            format: Format::CLOUDTRAIL,
            max_age: Duration::from_secs(6 * 3600),
            dlq_topic: "dlq".into(),
            dead_letter_bytes_max: 5000,
            limits,
            state_topic: "state".into(),
        };
        let partition = TopicPartition::new("in", 3);
        let mut transaction = Transaction::open(Duration::ZERO);
        let source = Source { partition: &partition, offset: 77, now: WALL };
        let mut publisher = Publisher::new(&broker, &publishing, &mut transaction, source);
        send(&mut publisher);
        publisher.finish().unwrap();
        let produced = broker.produced.take().pop().unwrap();
        (produced, transaction)
    }

    fn dead_letter(raw: &[u8]) -> DeadLetterRecord<'_> {
        DeadLetterRecord { reason: "truncated", detail: "byte 9", record_index: 4, raw }
    }

    const WIDE: RecordLimits = RecordLimits { output: 1_000_000, dlq: 1_000_000 };

    fn headers(produced: &Produced) -> Vec<(&str, &str)> {
        produced.3.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn an_insight_has_its_account_as_key_and_descriptive_headers() {
        let (produced, transaction) = published(WIDE, |out| out.insight(insight(WALL - 60)));
        assert_eq!((produced.0.as_str(), produced.1.as_deref()), ("out", Some("000000000042")));
        let expected = [
            ("insight-type", "ApiCallRateInsight"),
            ("insight-state", "Start"),
            ("insight-severity", "low"),
            ("insight-reason", "counts"),
            ("detected-at", "2023-11-14T22:12:20Z"),
            ("score", "12.35"),
            ("limit", "0.00"),
            ("probability", "4.52e-13"),
            ("expected", "0.1000"),
        ];
        assert_eq!(headers(&produced), expected);
        assert!(transaction.urgent && transaction.begun);
        let record: serde_json::Value = serde_json::from_slice(&produced.2).unwrap();
        assert_eq!(record["insightDetails"]["eventName"], "RunInstances");
    }

    #[test]
    fn a_suppressed_insight_names_its_rule_in_a_header() {
        for rule in [None, Some("patch-night")] {
            let mut marked = insight(WALL);
            marked.finding.suppressed_by = rule.map(Into::into);
            let (produced, _) = published(WIDE, |out| out.insight(marked));
            let header = headers(&produced).into_iter().find(|(name, _)| *name == "suppressed-by");
            assert_eq!(header.map(|(_, value)| value), rule);
        }
    }

    #[test]
    fn an_insight_older_than_the_maximum_is_marked_historic() {
        for (age, historic) in [(6 * 3600, false), (6 * 3600 + 1, true)] {
            let (produced, transaction) = published(WIDE, |out| out.insight(insight(WALL - age)));
            assert_eq!(headers(&produced).contains(&("insight-historic", "true")), historic, "{age}");
            assert_eq!(transaction.insights[0].historic, historic);
        }
    }

    #[test]
    fn an_insight_above_the_limit_loses_its_attributions() {
        let mut long = insight(WALL);
        long.principals.insight = (0..5).map(|n| (format!("{n}-{}", "p".repeat(9000)), 10)).collect();
        long.error = Some("E".repeat(9000));
        let limits = RecordLimits { output: RecordLimits::LEAST, dlq: RecordLimits::LEAST };
        let (produced, transaction) = published(limits, |out| out.insight(long));
        assert!(produced.2.len() < RecordLimits::LEAST, "{}", produced.2.len());
        assert_eq!((transaction.insights_cut, transaction.insights.len()), (1, 1));
    }

    #[test]
    fn the_shortened_insight_fits_even_if_every_text_needs_escapes() {
        let mut worst = insight(WALL);
        let text = "\u{1}".repeat(TEXT_BYTES_MAX);
        (worst.region, worst.source, worst.name) = (text.clone(), text.clone(), text.clone());
        worst.error = Some("\u{1}".repeat(100_000));
        worst.agents.insight = vec![("\u{1}".repeat(100_000), 1)];
        let limits = RecordLimits { output: RecordLimits::LEAST, dlq: RecordLimits::LEAST };
        let (produced, _) = published(limits, |out| out.insight(worst));
        assert!(produced.2.len() < RecordLimits::LEAST - 1024, "{}", produced.2.len());
    }

    #[test]
    fn a_dead_letter_record_says_where_it_came_from_and_why() {
        let (produced, transaction) = published(WIDE, |out| out.dead_letter(dead_letter(b"{\"a\":")));
        assert_eq!((produced.0.as_str(), &produced.1, produced.2.as_slice()), ("dlq", &None, &b"{\"a\":"[..]));
        let expected = [
            ("reason", "truncated"),
            ("detail", "byte 9"),
            ("topic", "in"),
            ("partition", "3"),
            ("offset", "77"),
            ("record-index", "4"),
        ];
        assert_eq!(headers(&produced), expected);
        assert_eq!((transaction.dead_letters["truncated"], transaction.dead_letters_cut), (1, 0));
    }

    #[test]
    fn a_dead_letter_record_is_cut_to_both_limits() {
        let raw = vec![b'x'; 20_000];
        let narrow = RecordLimits { output: 1_000_000, dlq: 4000 };
        for (limits, least, most) in [(WIDE, 5000, 5000), (narrow, 3000, 4000)] {
            let (produced, transaction) = published(limits, |out| out.dead_letter(dead_letter(&raw)));
            assert!((least..=most).contains(&produced.2.len()), "{}", produced.2.len());
            assert!(headers(&produced).contains(&("truncated", "true")));
            assert_eq!(transaction.dead_letters_cut, 1);
        }
    }

    #[test]
    fn a_dead_letter_record_of_exactly_the_limit_is_whole() {
        let raw = [b'x'; 5000];
        let (produced, transaction) = published(WIDE, |out| out.dead_letter(dead_letter(&raw)));
        assert_eq!((produced.2.len(), transaction.dead_letters_cut), (5000, 0));
    }
}
