//! A Kafka inside the process: librdkafka's mock cluster on loopback, and a consumer that reads back.
//!
//! `demo` runs on it. It is no broker for anything else: it keeps nothing on disk, ignores aborts and
//! isolation, stores no group offsets, and keeps only the newest [`PARTITION_BYTES_MAX`] bytes of each
//! partition.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::context::Context;
use super::errors;
use crate::stream::broker::{Action, BrokerError, TopicPartition};
use crate::stream::publisher::RecordLimits;

/// A partition drops its oldest batches beyond this many bytes (`rdkafka_mock.c`, `max_size`).
pub(crate) const PARTITION_BYTES_MAX: u64 = 5 * 1024 * 1024;
/// A partition drops its oldest batches beyond this many (`max_cnt`).
pub(crate) const PARTITION_BATCHES_MAX: u64 = 100_000;

/// Largest records that its topics accept. It has no limit of its own, and does not understand the request
/// for it.
pub(crate) const RECORD_LIMITS: RecordLimits = RecordLimits { output: 1_000_000, dlq: 1_000_000 };

/// Longest wait for an answer on loopback.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A cluster of one broker, for as long as it lives.
pub(crate) struct EmbeddedKafka {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedKafka {
    /// Starts it on a free port of loopback, with these topics and their partitions.
    ///
    /// # Errors
    /// If the library cannot start it.
    pub(crate) fn start(topics: &[(&str, i32)]) -> Result<Self, BrokerError> {
        let cluster = MockCluster::new(1).map_err(|error| errors::failure("start the embedded Kafka", &error))?;
        for (topic, partitions) in topics {
            let created = cluster.create_topic(topic, *partitions, 1);
            created.map_err(|error| errors::failure(&format!("create topic {topic}"), &error))?;
        }
        Ok(Self { cluster })
    }

    /// Its address, `host:port`.
    pub(crate) fn address(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}

/// A record read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadBack {
    /// Value.
    pub payload: Vec<u8>,
    /// Headers, in order; values that are no UTF-8 are left out.
    pub headers: Vec<(String, String)>,
}

/// Reads one partition from its beginning, as any consumer would.
pub(crate) struct Reader {
    consumer: BaseConsumer<Context>,
    partition: TopicPartition,
    next: i64,
}

impl Reader {
    /// A consumer at the beginning of a partition.
    ///
    /// # Errors
    /// If the library cannot make a client.
    pub(crate) fn connect(address: &str, partition: TopicPartition) -> Result<Self, BrokerError> {
        let failed = |error| errors::failure(&format!("read {partition}"), &error);
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", address).set("client.id", "insightd-demo-reader");
        // The group is never joined; the library requires a name.
        client.set("group.id", "insightd-demo-reader").set("enable.auto.commit", "false");
        // The mock delays an answer without records for all of this time, even if records arrive meanwhile.
        client.set("fetch.wait.max.ms", "20");
        client.set("auto.offset.reset", "error").set("isolation.level", "read_committed");
        let consumer: BaseConsumer<Context> = client.create_with_context(Context::new(None)).map_err(failed)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Beginning).map_err(failed)?;
        consumer.assign(&list).map_err(failed)?;
        Ok(Self { consumer, partition, next: 0 })
    }

    /// The next record, if one arrives within `wait`.
    ///
    /// # Errors
    /// If the partition cannot be read.
    pub(crate) fn next(&mut self, wait: Duration) -> Result<Option<ReadBack>, BrokerError> {
        match self.consumer.poll(wait) {
            None => Ok(None),
            Some(Ok(message)) => {
                self.next = message.offset() + 1;
                let headers = message.headers().into_iter().flat_map(Headers::iter);
                let text = |value: &[u8]| String::from_utf8(value.to_vec()).ok();
                let headers = headers.filter_map(|h| Some((h.key.to_owned(), text(h.value?)?))).collect();
                Ok(Some(ReadBack { payload: message.payload().unwrap_or_default().to_vec(), headers }))
            }
            Some(Err(error)) => {
                let failure = errors::failure(&format!("read {}", self.partition), &error);
                // The client continues by itself: a connection was slow to answer on a busy machine, for
                // example.
                if failure.action == Action::Retry { Ok(None) } else { Err(failure) }
            }
        }
    }

    /// Number of records that are not read yet.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub(crate) fn behind(&self) -> Result<i64, BrokerError> {
        let bounds = self.consumer.fetch_watermarks(&self.partition.topic, self.partition.partition, ANSWER_MAX);
        let (_, end) =
            bounds.map_err(|error| errors::failure(&format!("ask for the end of {}", self.partition), &error))?;
        Ok(end - self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::kafka::Feeder;

    const WAIT: Duration = Duration::from_secs(30);

    fn started(partitions: i32) -> (EmbeddedKafka, Feeder) {
        let mut config = Config::default_config();
        config.input.keyed_by_account = true;
        let kafka = EmbeddedKafka::start(&[(&config.input.topics[0], partitions)]).unwrap();
        config.kafka.bootstrap_servers = vec![kafka.address()];
        let feeder = Feeder::connect(&config, WAIT).unwrap();
        (kafka, feeder)
    }

    fn reader(kafka: &EmbeddedKafka, partition: i32) -> Reader {
        Reader::connect(&kafka.address(), TopicPartition::new("cloudtrail", partition)).unwrap()
    }

    #[test]
    fn fed_records_are_read_back_in_order() {
        let (kafka, mut feeder) = started(2);
        for n in 0..1000 {
            feeder.send_to(n % 2, "account", n.to_string().as_bytes()).unwrap();
        }
        feeder.flush().unwrap();
        let mut reader = reader(&kafka, 1);
        assert_eq!(reader.behind().unwrap(), 500);
        for n in (1..1000).step_by(2) {
            let record = reader.next(WAIT).unwrap().expect("a record");
            assert_eq!(record.payload, n.to_string().into_bytes());
        }
        assert_eq!(reader.behind().unwrap(), 0);
        assert_eq!(reader.next(Duration::from_millis(50)).unwrap(), None);
    }

    /// The pacing of `demo` relies on it: this much is kept, and beyond it the oldest is gone.
    #[test]
    fn a_partition_keeps_the_stated_bytes_and_no_more() {
        let (kafka, mut feeder) = started(1);
        // Incompressible: the limit is that of the bytes on the wire.
        let mut seed = 1_u64;
        let mut noise = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 56) as u8
        };
        let mut bounds = |records: u64| {
            for _ in 0..records {
                let payload: Vec<u8> = std::iter::repeat_with(&mut noise).take(100_000).collect();
                feeder.send_to(0, "account", &payload).unwrap();
            }
            feeder.flush().unwrap();
            reader(&kafka, 0).consumer.fetch_watermarks("cloudtrail", 0, WAIT).unwrap()
        };
        let kept = PARTITION_BYTES_MAX / 110_000;
        assert_eq!(bounds(kept), (0, kept as i64), "nothing is lost below the limit");
        let (oldest, _) = bounds(kept);
        assert!(oldest > 0, "the oldest goes beyond it");
    }
}
