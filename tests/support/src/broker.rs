//! A real Apache Kafka on loopback, started by `tests/kafka/kafka`; it ends with this process, however that
//! ends. A test that cannot reach a broker fails here and is never skipped.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message as _};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::runtime::Runtime;

/// A cluster of one broker with its own folder.
pub struct Broker {
    folder: PathBuf,
    /// `127.0.0.1:port`, the plain listener.
    pub address: String,
}

/// The cluster that the tests of this binary share.
pub fn broker() -> &'static Broker {
    static SHARED: OnceLock<Broker> = OnceLock::new();
    SHARED.get_or_init(|| Broker::start("shared", &[]))
}

/// A name that no other test uses, so that every test begins with its own topics and groups.
pub fn fresh(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Broker {
    /// A separate cluster, for a test that stops it or needs other listeners.
    pub fn start(name: &str, options: &[&str]) -> Self {
        let process = std::process::id().to_string();
        let folder = crate::scratch().join(format!("kafka-{process}-{name}"));
        let mut broker = Self { folder, address: String::new() };
        let mut arguments = vec!["--ephemeral", "--owner", &process];
        arguments.extend(options);
        broker.address = broker.script("start", &arguments);
        let version = broker.script("version", &[]);
        broker.answers();
        // Past the capture of the test harness: tests/run reads this line.
        let line = format!("real broker: Apache Kafka {version} at {}\n", broker.address);
        let _ = std::io::stderr().write_all(line.as_bytes());
        broker
    }

    /// Runs a command of `tests/kafka/kafka` on this cluster and returns what it prints.
    pub fn script(&self, command: &str, arguments: &[&str]) -> String {
        let script = crate::root().join("tests/kafka/kafka");
        let output = Command::new(&script)
            .arg(command)
            .arg("--data")
            .arg(&self.folder)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|e| panic!("no real broker: {} cannot be run: {e}", script.display()));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "no real broker: kafka {command} failed: {errors}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A listener beside the plain one: 2 is TLS, 3 is SASL (`--secure`).
    pub fn listener(&self, plus: u16) -> String {
        let (host, port) = self.address.rsplit_once(':').expect("host:port");
        format!("{host}:{}", port.parse::<u16>().expect("a port") + plus)
    }

    /// A file that `--secure` created.
    pub fn tls(&self, name: &str) -> PathBuf {
        self.folder.join("tls").join(name)
    }

    /// Copies all files of the nodes, to diagnose a failure.
    pub fn keep(&self, into: &Path) {
        let copied = Command::new("cp").arg("-r").arg(&self.folder).arg(into).status();
        assert!(copied.is_ok_and(|status| status.success()), "the cluster could not be copied");
    }

    /// The log of a node since its last start.
    pub fn log(&self, node: u32) -> String {
        std::fs::read_to_string(self.folder.join(format!("node-{node}/log"))).unwrap_or_default()
    }

    fn answers(&self) {
        let metadata = self.consumer("answers").fetch_metadata(None, Duration::from_secs(30));
        assert!(metadata.is_ok(), "no real broker: {} does not answer: {:?}", self.address, metadata.err());
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address);
        config
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        self.client()
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .create()
            .expect("a consumer")
    }

    /// Creates a topic with replication factor 1.
    pub fn create_topic(&self, name: &str, partitions: i32) {
        self.create_topic_with(name, partitions, 1, &[]);
    }

    /// Creates a topic with this replication factor and these settings.
    pub fn create_topic_with(&self, name: &str, partitions: i32, copies: i32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(copies));
        let topic = settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        let made = runtime().block_on(admin.create_topics([&topic], &options)).expect("the broker answers");
        assert!(made.iter().all(Result::is_ok), "topic {name} was not created: {made:?}");
        let begin = Instant::now();
        while self.partitions(name) != partitions as usize {
            assert!(begin.elapsed() < Duration::from_secs(30), "topic {name} does not appear");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sets these settings of a topic and resets all others to their defaults.
    pub fn alter_topic(&self, name: &str, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let topic = AlterConfig::new(ResourceSpecifier::Topic(name));
        let topic = settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        let altered = runtime().block_on(admin.alter_configs([&topic], &AdminOptions::new())).expect("an answer");
        assert!(altered.iter().all(Result::is_ok), "topic {name} was not altered: {altered:?}");
    }

    /// Partitions of a topic; 0 when there is none.
    pub fn partitions(&self, topic: &str) -> usize {
        let metadata =
            self.consumer("metadata").fetch_metadata(Some(topic), Duration::from_secs(30)).expect("metadata");
        metadata.topics().iter().filter(|found| found.name() == topic).map(|found| found.partitions().len()).sum()
    }

    /// A producer of plain records, in order and without loss.
    pub fn feeder(&self, topic: &str) -> Feeder {
        let producer = self
            .client()
            .set("enable.idempotence", "true")
            .set("linger.ms", "20")
            .set("partitioner", "murmur2_random")
            .set("compression.type", "lz4")
            .set("queue.buffering.max.messages", "1000000")
            .create()
            .expect("a producer");
        Feeder { producer, topic: topic.to_owned() }
    }

    /// A consumer of committed records that starts at the end of a topic's only partition.
    pub fn tail(&self, topic: &str) -> BaseConsumer {
        let consumer = self.consumer("tail");
        let end = consumer.fetch_watermarks(topic, 0, Duration::from_secs(30)).expect("watermarks").1;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Offset(end)).expect("a partition");
        consumer.assign(&list).expect("assigned");
        consumer
    }

    /// All records that are committed in a topic now, partition by partition, in order.
    pub fn read_committed(&self, topic: &str) -> Vec<Got> {
        let consumer = self.consumer("reader");
        let partitions = self.partitions(topic);
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions as i32 {
            list.add_partition_offset(topic, partition, Offset::Beginning).expect("a partition");
        }
        consumer.assign(&list).expect("assigned");
        let mut got: Vec<Got> = Vec::new();
        let mut ended = vec![false; partitions];
        let begin = Instant::now();
        while ended.contains(&false) {
            assert!(begin.elapsed() < Duration::from_secs(120), "topic {topic} cannot be read to its end");
            match consumer.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => got.push(Got::from(&message)),
                Some(Err(KafkaError::PartitionEOF(partition))) => ended[partition as usize] = true,
                Some(Err(e)) => eprintln!("while reading {topic}: {e}"),
                None => {}
            }
        }
        got.sort_by_key(|message| (message.partition, message.offset));
        got
    }

    /// Offsets committed by a group, by partition (0 where there is none).
    pub fn committed(&self, group: &str, topic: &str) -> Vec<i64> {
        let partitions = self.partitions(topic);
        let mut list = TopicPartitionList::new();
        (0..partitions as i32).for_each(|partition| {
            list.add_partition(topic, partition);
        });
        let consumer = self.consumer(group);
        let offsets = consumer.committed_offsets(list, Duration::from_secs(30)).expect("committed offsets");
        let mut committed = vec![0; partitions];
        for element in offsets.elements() {
            if let Offset::Offset(offset) = element.offset() {
                committed[element.partition() as usize] = offset;
            }
        }
        committed
    }

    /// End of each partition: the offset of the next record.
    pub fn ends(&self, topic: &str) -> Vec<i64> {
        self.ends_seen_by(&self.consumer("ends"), topic)
    }

    /// The same with records of transactions that are still open.
    pub fn high_watermarks(&self, topic: &str) -> Vec<i64> {
        let consumer = self.client().set("isolation.level", "read_uncommitted").create().expect("a consumer");
        self.ends_seen_by(&consumer, topic)
    }

    fn ends_seen_by(&self, consumer: &BaseConsumer, topic: &str) -> Vec<i64> {
        (0..self.partitions(topic) as i32)
            .map(|partition| {
                consumer.fetch_watermarks(topic, partition, Duration::from_secs(30)).expect("watermarks").1
            })
            .collect()
    }
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"))
}

/// Sends to one topic. Once the feeder is dropped or `flush` has returned, the broker has every record.
pub struct Feeder {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: String,
}

impl Feeder {
    /// Queues one message for a partition; waits while the queue is full.
    pub fn send(&self, partition: i32, key: Option<&str>, payload: &[u8]) {
        let mut record = BaseRecord::<str, [u8]>::to(&self.topic).partition(partition).payload(payload);
        if let Some(key) = key {
            record = record.key(key);
        }
        self.queue(record);
    }

    /// The same for the partition that Kafka's own producers choose for the key.
    pub fn send_by_key(&self, key: &str, payload: &[u8]) {
        self.queue(BaseRecord::<str, [u8]>::to(&self.topic).key(key).payload(payload));
    }

    fn queue(&self, mut record: BaseRecord<'_, str, [u8]>) {
        loop {
            match self.producer.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(rdkafka::types::RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                }
                Err((e, _)) => panic!("a message cannot be sent: {e}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the broker has everything.
    pub fn flush(&self) {
        self.producer.flush(Duration::from_secs(60)).expect("the broker takes everything");
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        // A dropped producer discards its queue.
        let _ = self.producer.flush(Duration::from_secs(60));
    }
}

/// A message as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Key, if any.
    pub key: Option<String>,
    /// Value.
    pub value: Vec<u8>,
    /// Headers, in their order.
    pub headers: Vec<(String, String)>,
}

impl Got {
    fn from(message: &rdkafka::message::BorrowedMessage<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = message.headers().map(|headers| {
            headers.iter().map(|header| (header.key.to_owned(), header.value.map(text).unwrap_or_default())).collect()
        });
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(text),
            value: message.payload().unwrap_or_default().to_vec(),
            headers: headers.unwrap_or_default(),
        }
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.value).expect("UTF-8")
    }
}
