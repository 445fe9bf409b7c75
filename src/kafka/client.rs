//! The settings of the clients: first what is merely sensible, then `[kafka.client]`, then what carries the guarantee.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::config::{Config, Kafka};
use crate::stream::publish::RecordLimits;

/// How often the library tells where partitions end and which brokers are in reach.
pub(super) const STATISTICS_INTERVAL: Duration = Duration::from_secs(1);
/// How long the producer of generated traffic waits for a broker to take a record.
#[cfg(feature = "generate")]
pub(super) const FEEDER_PATIENCE: Duration = Duration::from_secs(30);
/// Largest request the library makes by default, bytes; records are kept below it unless `[kafka.client]` says otherwise.
const MESSAGE_BYTES_MAX: usize = 1_000_000;

/// Settings of one client.
type Settings = Vec<(&'static str, String)>;
/// Settings that `[kafka.client]` may change, each with its other name.
type Tunable = Vec<(&'static str, &'static str, String)>;

/// The largest records that the producer makes, of what the topics allow (their `max.message.bytes`).
pub(super) fn record_limits(kafka: &Kafka, allowed: RecordLimits) -> RecordLimits {
    let largest = asked(kafka, "message.max.bytes").unwrap_or(MESSAGE_BYTES_MAX);
    RecordLimits { output: allowed.output.min(largest), dlq: allowed.dlq.min(largest) }
}

/// Settings of a worker's consumer.
pub(super) fn consumer(config: &Config, worker: usize) -> ClientConfig {
    let kafka = &config.kafka;
    assemble(kafka, client_id(kafka, worker), tunable_consumer(), consumer_guarantee(kafka, worker))
}

/// Settings of a worker's producer, for topics with these limits.
pub(super) fn producer(config: &Config, worker: usize, limits: RecordLimits) -> ClientConfig {
    let kafka = &config.kafka;
    let guarantee = producer_guarantee(kafka, kafka.transactional_id(worker), limits);
    assemble(kafka, client_id(kafka, worker), tunable_producer(), guarantee)
}

/// Settings of the producer that replays dead letters, for an input topic (`output`) and a dead-letter topic with these limits.
pub(super) fn replayer(config: &Config, limits: RecordLimits) -> ClientConfig {
    let kafka = &config.kafka;
    let guarantee = producer_guarantee(kafka, kafka.replay_transactional_id(), limits);
    assemble(kafka, format!("insightd-{}-dlq", kafka.instance_id), tunable_producer(), guarantee)
}

/// Settings of the producer that empties the changelog.
pub(super) fn resetter(config: &Config) -> ClientConfig {
    let kafka = &config.kafka;
    let limits = RecordLimits { output: MESSAGE_BYTES_MAX, dlq: MESSAGE_BYTES_MAX };
    let guarantee = producer_guarantee(kafka, kafka.reset_transactional_id(), limits);
    assemble(kafka, format!("insightd-{}-state", kafka.instance_id), tunable_producer(), guarantee)
}

/// Settings of the producer of `insightd load`.
pub(super) fn loader(config: &Config) -> ClientConfig {
    let kafka = &config.kafka;
    let limits = RecordLimits { output: MESSAGE_BYTES_MAX, dlq: MESSAGE_BYTES_MAX };
    let guarantee = producer_guarantee(kafka, kafka.load_transactional_id(), limits);
    let mut tunable = tunable_producer();
    tunable.push(partitioner());
    assemble(kafka, format!("insightd-{}-load", kafka.instance_id), tunable, guarantee)
}

/// Settings of a consumer that reads assigned partitions and commits nothing: of `committed` records, or of all.
pub(super) fn reader(config: &Config, committed: bool) -> ClientConfig {
    let kafka = &config.kafka;
    let mut settings = reach();
    settings.extend([
        // The library assigns nothing without a group. This one is never joined: no member of it notices, and its right is granted.
        ("group.id", kafka.group_id.clone()),
        ("isolation.level", if committed { "read_committed" } else { "read_uncommitted" }.into()),
        ("enable.auto.commit", "false".into()),
        ("enable.auto.offset.store", "false".into()),
        // Retention may be faster.
        ("auto.offset.reset", "earliest".into()),
        ("enable.partition.eof", "true".into()),
        // What is read is there. At its end a fetch would wait at the broker for more, half a second by default, and with it the next partition.
        ("fetch.wait.max.ms", "10".into()),
    ]);
    assemble(kafka, format!("insightd-{}-reader", kafka.instance_id), tunable_consumer(), settings)
}

/// Settings of a producer that feeds the input topic.
#[cfg(feature = "generate")]
pub(super) fn feeder(config: &Config) -> ClientConfig {
    let kafka = &config.kafka;
    assemble(kafka, format!("insightd-{}-generate", kafka.instance_id), tunable_feeder(), feeder_guarantee())
}

/// Settings of a client that only looks at the cluster.
pub(super) fn probe_client(config: &Config) -> ClientConfig {
    let kafka = &config.kafka;
    assemble(kafka, format!("insightd-{}", kafka.instance_id), Vec::new(), reach())
}

/// A number of `[kafka.client]`. One that cannot be read is refused by the library itself.
fn asked(kafka: &Kafka, key: &str) -> Option<usize> {
    kafka.client.get(key)?.parse().ok()
}

fn client_id(kafka: &Kafka, worker: usize) -> String {
    format!("insightd-{}", kafka.member_id(worker))
}

fn assemble(kafka: &Kafka, client_id: String, tunable: Tunable, guarantee: Settings) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set_log_level(RDKafkaLogLevel::Info);
    client.set("client.id", client_id);
    for (key, alias, value) in tunable {
        // The library takes both names, in no certain order.
        if !kafka.client.contains_key(alias) {
            client.set(key, value);
        }
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

fn tunable_consumer() -> Tunable {
    vec![
        // Bounds what lies fetched and unread, in KiB.
        ("queued.max.messages.kbytes", "", "65536".into()),
        // When that bound is reached, fetching pauses for this long. The default of a second is longer than a worker takes to empty the
        // queue: measured on loopback, it then stood idle for four fifths of the time.
        ("fetch.queue.backoff.ms", "", "10".into()),
    ]
}

fn tunable_producer() -> Tunable {
    vec![
        // An insight is not held back for company; a burst of dead letters still shares batches, as requests queue up.
        ("linger.ms", "queue.buffering.max.ms", "0".into()),
        ("compression.type", "compression.codec", "lz4".into()),
    ]
}

#[cfg(feature = "generate")]
fn tunable_feeder() -> Tunable {
    vec![
        // Full batches: nobody waits for a single record.
        ("linger.ms", "queue.buffering.max.ms", "20".into()),
        ("compression.type", "compression.codec", "lz4".into()),
        // What may lie queued, in KiB.
        ("queue.buffering.max.kbytes", "", "65536".into()),
        partitioner(),
    ]
}

/// As Java's producers do it, so that an account stays where other producers put it.
fn partitioner() -> (&'static str, &'static str, String) {
    ("partitioner", "", "murmur2_random".into())
}

/// In order and once, and an end when no broker takes it.
#[cfg(feature = "generate")]
fn feeder_guarantee() -> Settings {
    let mut settings = reach();
    settings.extend([
        ("enable.idempotence", "true".into()),
        ("acks", "all".into()),
        ("message.timeout.ms", millis(FEEDER_PATIENCE)),
    ]);
    settings
}

/// All clients: back soon after a broker is back, so that an open transaction lives to see it.
fn reach() -> Settings {
    vec![("reconnect.backoff.max.ms", "500".into()), ("allow.auto.create.topics", "false".into())]
}

fn consumer_guarantee(kafka: &Kafka, worker: usize) -> Settings {
    let mut settings = reach();
    settings.extend([
        ("group.id", kafka.group_id.clone()),
        ("group.instance.id", kafka.member_id(worker)),
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
        ("statistics.interval.ms", millis(STATISTICS_INTERVAL)),
    ]);
    settings
}

fn producer_guarantee(kafka: &Kafka, transactional_id: String, limits: RecordLimits) -> Settings {
    let batch_bytes_max = asked(kafka, "batch.size").unwrap_or(MESSAGE_BYTES_MAX).min(limits.output.min(limits.dlq));
    let mut settings = reach();
    settings.extend([
        // A transactional call that waits for a coordinator looks again only when some connection changes state; closing idle
        // ones makes such changes. Without it, a call survived the loss of a broker in 2 of 14 trials, with it in all. Never
        // for a consumer: it would cut off the member that waits for the others in a rebalance, and its heartbeats
        // (every 3 s) as well, until its session ends.
        ("connections.max.idle.ms", "3000".into()),
        ("transactional.id", transactional_id),
        ("transaction.timeout.ms", millis(kafka.transaction_timeout)),
        ("message.timeout.ms", millis(kafka.transaction_timeout)),
        ("enable.idempotence", "true".into()),
        ("acks", "all".into()),
        // The broker's limit holds for a whole batch: with these no batch is above what every record was cut to.
        ("message.max.bytes", limits.output.max(limits.dlq).to_string()),
        ("batch.size", batch_bytes_max.to_string()),
    ]);
    settings
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Config {
        let mut variables = vec![("INSIGHTD__KAFKA__INSTANCE_ID", "pod-3"), ("INSIGHTD__KAFKA__GROUP_ID", "soc")];
        variables.extend(pairs);
        let variables = variables.into_iter().map(|(key, value)| (OsString::from(key), OsString::from(value)));
        Config::load_from(None, variables).unwrap()
    }

    #[test]
    fn the_settings_that_carry_the_guarantee_are_set() {
        let config = config(&[("INSIGHTD__KAFKA__TRANSACTION_TIMEOUT", "8s")]);
        let (consumer, producer) =
            (consumer(&config, 2), producer(&config, 2, RecordLimits { output: 90_000, dlq: 70_000 }));
        let table = [
            (&consumer, "group.id", "soc"),
            (&consumer, "group.instance.id", "pod-3-2"),
            (&consumer, "isolation.level", "read_committed"),
            (&consumer, "enable.auto.commit", "false"),
            (&consumer, "enable.auto.offset.store", "false"),
            (&consumer, "auto.offset.reset", "error"),
            (&consumer, "enable.partition.eof", "true"),
            (&consumer, "partition.assignment.strategy", "range"),
            (&consumer, "session.timeout.ms", "45000"),
            (&consumer, "max.poll.interval.ms", "300000"),
            (&consumer, "reconnect.backoff.max.ms", "500"),
            (&consumer, "allow.auto.create.topics", "false"),
            (&producer, "transactional.id", "soc-pod-3-2"),
            (&producer, "transaction.timeout.ms", "8000"),
            (&producer, "message.timeout.ms", "8000"),
            (&producer, "enable.idempotence", "true"),
            (&producer, "acks", "all"),
            (&producer, "connections.max.idle.ms", "3000"),
            (&producer, "reconnect.backoff.max.ms", "500"),
            (&producer, "message.max.bytes", "90000"),
            (&producer, "batch.size", "70000"),
        ];
        for (client, key, value) in table {
            assert_eq!(client.get(key), Some(value), "{key}");
        }
        assert_eq!(probe_client(&config).get("group.id"), None);
        let replayer = replayer(&config, RecordLimits { output: 90_000, dlq: 70_000 });
        for key in ["transaction.timeout.ms", "enable.idempotence", "acks", "message.max.bytes", "batch.size"] {
            assert_eq!(replayer.get(key), producer.get(key), "{key}");
        }
        assert_eq!(replayer.get("transactional.id"), Some("soc-dlq-replay"), "the same for every process");
        for (committed, level) in [(true, "read_committed"), (false, "read_uncommitted")] {
            assert_eq!(reader(&config, committed).get("isolation.level"), Some(level));
            assert_eq!(reader(&config, committed).get("group.instance.id"), None);
        }
        // Regression: with it, an idle member lost its session every few minutes.
        assert_eq!(consumer.get("connections.max.idle.ms"), None);
    }

    #[test]
    fn the_configuration_refuses_every_key_that_is_set_here_without_asking() {
        let kafka = &config(&[]).kafka;
        let mut keys: Vec<&str> = consumer_guarantee(kafka, 0).into_iter().map(|(key, _)| key).collect();
        keys.extend(
            producer_guarantee(kafka, "id".into(), RecordLimits { output: 1, dlq: 1 }).into_iter().map(|(key, _)| key),
        );
        keys.extend(feeder_guarantee().into_iter().map(|(key, _)| key));
        // These two are taken into account instead.
        keys.retain(|key| !["message.max.bytes", "batch.size"].contains(key));
        assert!(keys.len() > 20);
        for key in keys {
            let name = format!("INSIGHTD__KAFKA__CLIENT__{}", key.to_uppercase().replace('.', "_"));
            let loaded = Config::load_from(None, [(OsString::from(name), OsString::from("1"))]);
            assert!(loaded.is_err_and(|faults| faults.to_string().contains(key)), "{key} would be overridden silently");
        }
    }

    #[test]
    fn what_is_merely_sensible_can_be_changed_by_either_name() {
        let alias = config(&[("INSIGHTD__KAFKA__CLIENT__QUEUE_BUFFERING_MAX_MS", "20")]);
        let client = producer(&alias, 0, RecordLimits { output: 90_000, dlq: 90_000 });
        assert_eq!((client.get("linger.ms"), client.get("queue.buffering.max.ms")), (None, Some("20")));
        // A series has to fit into one record as well, and the held records of a region.
        let sizes = config(&[
            ("INSIGHTD__KAFKA__CLIENT__MESSAGE_MAX_BYTES", "50000"),
            ("INSIGHTD__ATTRIBUTION__VALUES_MAX", "5"),
            ("INSIGHTD__ATTRIBUTION__VALUE_BYTES_MAX", "200 B"),
            ("INSIGHTD__INPUT__HELD_RECORDS_MAX", "4"),
        ]);
        let allowed = RecordLimits { output: 90_000, dlq: 30_000 };
        assert_eq!(record_limits(&sizes.kafka, allowed), RecordLimits { output: 50_000, dlq: 30_000 });
        let generous = RecordLimits { output: 5_000_000, dlq: 30_000 };
        assert_eq!(record_limits(&config(&[]).kafka, generous).output, MESSAGE_BYTES_MAX);
    }
}
