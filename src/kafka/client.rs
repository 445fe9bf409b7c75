//! The settings of the clients: first what is merely sensible, then `[kafka.client]`, then what carries the guarantee.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::config::{Config, Kafka};

/// How often the library tells where partitions end and which brokers are in reach.
pub(super) const STATISTICS_INTERVAL: Duration = Duration::from_secs(1);
/// Largest request the library makes by default, bytes; records are kept below it unless `[kafka.client]` says otherwise.
const MESSAGE_BYTES_MAX: usize = 1_000_000;

/// Settings of one client.
type Settings = Vec<(&'static str, String)>;

/// The static id of a worker's consumer. Stable over restarts, so that one within `kafka.session_timeout` costs no rebalance.
pub fn member_id(kafka: &Kafka, worker: usize) -> String {
    format!("{}-{worker}", kafka.instance_id)
}

/// The transactional id of a worker's producer. Stable over restarts, so that the next start ends at once what a killed process
/// left open.
pub fn transactional_id(kafka: &Kafka, worker: usize) -> String {
    format!("{}-{}-{worker}", kafka.group_id, kafka.instance_id)
}

/// The largest record that the producer may make of what the topics allow (`max.message.bytes`, the smaller of both).
pub fn record_bytes_max(kafka: &Kafka, topics_allow: usize) -> usize {
    let asked = kafka.client.get("message.max.bytes").and_then(|text| text.parse().ok());
    topics_allow.min(asked.unwrap_or(MESSAGE_BYTES_MAX))
}

/// Settings of a worker's consumer.
pub(super) fn consumer(config: &Config, worker: usize) -> ClientConfig {
    let kafka = &config.kafka;
    assemble(kafka, client_id(kafka, worker), tunable_consumer(), consumer_guarantee(kafka, worker))
}

/// Settings of a worker's producer, for topics that take records up to `record_bytes_max`.
pub(super) fn producer(config: &Config, worker: usize, record_bytes_max: usize) -> ClientConfig {
    let kafka = &config.kafka;
    assemble(kafka, client_id(kafka, worker), tunable_producer(), producer_guarantee(kafka, worker, record_bytes_max))
}

/// Settings of a client that only looks at the cluster.
pub(super) fn onlooker(config: &Config) -> ClientConfig {
    let kafka = &config.kafka;
    assemble(kafka, format!("insightd-{}", kafka.instance_id), Vec::new(), reach())
}

fn client_id(kafka: &Kafka, worker: usize) -> String {
    format!("insightd-{}", member_id(kafka, worker))
}

fn assemble(kafka: &Kafka, client_id: String, tunable: Settings, guarantee: Settings) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set_log_level(RDKafkaLogLevel::Info);
    client.set("client.id", client_id);
    for (key, value) in tunable {
        client.set(key, value);
    }
    for (key, value) in &kafka.client {
        client.set(key, value);
    }
    client.set("bootstrap.servers", kafka.bootstrap_servers.join(","));
    for (key, value) in guarantee {
        client.set(key, value);
    }
    client
}

fn tunable_consumer() -> Settings {
    vec![
        // Bounds what lies fetched and unread, in KiB.
        ("queued.max.messages.kbytes", "65536".into()),
        ("statistics.interval.ms", millis(STATISTICS_INTERVAL)),
    ]
}

fn tunable_producer() -> Settings {
    vec![
        // An insight is not held back for company; a burst of dead letters still shares batches, as requests queue up.
        ("linger.ms", "0".into()),
        ("compression.type", "lz4".into()),
    ]
}

/// Both clients: found by trial to bring a client back soon after its broker is back, and to let a waiting coordinator request
/// see that (librdkafka looks at it again only when some connection changes state).
fn reach() -> Settings {
    vec![
        ("reconnect.backoff.max.ms", "500".into()),
        ("connections.max.idle.ms", "3000".into()),
        ("allow.auto.create.topics", "false".into()),
    ]
}

fn consumer_guarantee(kafka: &Kafka, worker: usize) -> Settings {
    let mut settings = reach();
    settings.extend([
        ("group.id", kafka.group_id.clone()),
        ("group.instance.id", member_id(kafka, worker)),
        // Eager: with a cooperative one, partitions that stay would go on committing under a generation that is over.
        ("group.protocol", "classic".into()),
        ("partition.assignment.strategy", "range".into()),
        ("session.timeout.ms", millis(kafka.session_timeout)),
        ("max.poll.interval.ms", millis(kafka.max_poll_interval)),
        ("isolation.level", "read_committed".into()),
        // Offsets are committed by the producer, inside the transaction.
        ("enable.auto.commit", "false".into()),
        ("enable.auto.offset.store", "false".into()),
        // Where to begin is decided by us, at assignment; anything else is told, not guessed.
        ("auto.offset.reset", "error".into()),
        ("enable.partition.eof", "true".into()),
    ]);
    settings
}

fn producer_guarantee(kafka: &Kafka, worker: usize, record_bytes_max: usize) -> Settings {
    let mut settings = reach();
    settings.extend([
        ("transactional.id", transactional_id(kafka, worker)),
        ("transaction.timeout.ms", millis(kafka.transaction_timeout)),
        ("message.timeout.ms", millis(kafka.transaction_timeout)),
        ("enable.idempotence", "true".into()),
        ("acks", "all".into()),
        // The broker's limit holds for a whole batch: with these no batch is above what every record was cut to.
        ("message.max.bytes", record_bytes_max.to_string()),
        ("batch.size", record_bytes_max.min(MESSAGE_BYTES_MAX).to_string()),
    ]);
    settings
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}
