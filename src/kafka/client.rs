//! The settings of the clients: first sensible defaults, then `[kafka.client]`, then what the guarantees
//! depend on.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::config::{Config, Kafka};
use crate::stream::publisher::RecordLimits;

/// Interval at which the library reports where partitions end and which brokers are reachable.
pub(super) const STATISTICS_INTERVAL: Duration = Duration::from_secs(1);
/// How long the producer of generated traffic waits for a broker to accept a record.
#[cfg(feature = "generate")]
pub(super) const FEEDER_PATIENCE: Duration = Duration::from_secs(30);
/// Largest request the library makes by default, bytes; records are kept below it unless `[kafka.client]`
/// says otherwise.
const MESSAGE_BYTES_MAX: usize = 1_000_000;

/// Settings of one client.
type Settings = Vec<(&'static str, String)>;
/// Settings that `[kafka.client]` may change, each with its other name.
type Tunable = Vec<(&'static str, &'static str, String)>;

/// The largest records that the producer makes, for topics that allow so much (their `max.message.bytes`).
pub(super) fn record_limits(kafka: &Kafka, allowed: RecordLimits) -> RecordLimits {
    let largest = configured(kafka, "message.max.bytes").unwrap_or(MESSAGE_BYTES_MAX);
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

/// Settings of the producer that replays dead-letter records, for an input topic (`output`) and a
/// dead-letter topic with these limits.
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

/// Settings of a consumer that reads assigned partitions and commits nothing: `committed` records, or all.
pub(super) fn reader(config: &Config, committed: bool) -> ClientConfig {
    let kafka = &config.kafka;
    let mut settings = connection();
    settings.extend([
        // The library assigns nothing without a group. This one is never joined, so no member notices, and
        // the right to it is granted already.
        ("group.id", kafka.group_id.clone()),
        ("isolation.level", if committed { "read_committed" } else { "read_uncommitted" }.into()),
        ("enable.auto.commit", "false".into()),
        ("enable.auto.offset.store", "false".into()),
        // Retention may delete the first offset meanwhile.
        ("auto.offset.reset", "earliest".into()),
        ("enable.partition.eof", "true".into()),
        // At the end of a partition a fetch waits at the broker for more, half a second by default, and the
        // next partition waits with it. What is to be read exists already.
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

/// Settings of a client that only asks about the cluster.
pub(super) fn probe(config: &Config) -> ClientConfig {
    let kafka = &config.kafka;
    assemble(kafka, format!("insightd-{}", kafka.instance_id), Vec::new(), connection())
}

/// A number of `[kafka.client]`. The library itself refuses one that cannot be read.
fn configured(kafka: &Kafka, key: &str) -> Option<usize> {
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
        // The library accepts both names, in no certain order.
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
        // Bounds what is fetched and not read yet, in KiB.
        ("queued.max.messages.kbytes", "", "65536".into()),
        // When that bound is reached, fetching pauses for this long. The default of a second is longer than a
        // worker needs to empty the queue: measured on loopback, it was then idle for four fifths of the
        // time.
        ("fetch.queue.backoff.ms", "", "10".into()),
    ]
}

fn tunable_producer() -> Tunable {
    vec![
        // An insight does not wait to share a batch; a burst of dead-letter records still shares batches,
        // because requests queue up.
        ("linger.ms", "queue.buffering.max.ms", "0".into()),
        ("compression.type", "compression.codec", "lz4".into()),
    ]
}

#[cfg(feature = "generate")]
fn tunable_feeder() -> Tunable {
    vec![
        // Full batches: nothing waits for a single record.
        ("linger.ms", "queue.buffering.max.ms", "20".into()),
        ("compression.type", "compression.codec", "lz4".into()),
        // Bounds the queue, in KiB.
        ("queue.buffering.max.kbytes", "", "65536".into()),
        partitioner(),
    ]
}

/// As in Java's producers, so that an account stays in the partition where other producers put it.
fn partitioner() -> (&'static str, &'static str, String) {
    ("partitioner", "", "murmur2_random".into())
}

/// In order and once, and an error if no broker accepts a record in time.
#[cfg(feature = "generate")]
fn feeder_guarantee() -> Settings {
    let mut settings = connection();
    settings.extend([
        ("enable.idempotence", "true".into()),
        ("acks", "all".into()),
        ("message.timeout.ms", millis(FEEDER_PATIENCE)),
    ]);
    settings
}

/// All clients: they reconnect soon after a broker is back, before an open transaction times out.
fn connection() -> Settings {
    vec![("reconnect.backoff.max.ms", "500".into()), ("allow.auto.create.topics", "false".into())]
}

fn consumer_guarantee(kafka: &Kafka, worker: usize) -> Settings {
    let mut settings = connection();
    settings.extend([
        ("group.id", kafka.group_id.clone()),
        ("group.instance.id", kafka.member_id(worker)),
        // Eager: with a cooperative assignor, partitions that stay would continue to commit under a past
        // generation.
        ("group.protocol", "classic".into()),
        ("partition.assignment.strategy", "range".into()),
        ("session.timeout.ms", millis(kafka.session_timeout)),
        ("max.poll.interval.ms", millis(kafka.max_poll_interval)),
        ("isolation.level", "read_committed".into()),
        // The producer commits offsets, inside the transaction.
        ("enable.auto.commit", "false".into()),
        ("enable.auto.offset.store", "false".into()),
        // The start is decided at assignment; anything else is an error, not a guess.
        ("auto.offset.reset", "error".into()),
        ("enable.partition.eof", "true".into()),
        ("statistics.interval.ms", millis(STATISTICS_INTERVAL)),
    ]);
    settings
}

fn producer_guarantee(kafka: &Kafka, transactional_id: String, limits: RecordLimits) -> Settings {
    let batch_bytes_max =
        configured(kafka, "batch.size").unwrap_or(MESSAGE_BYTES_MAX).min(limits.output.min(limits.dlq));
    let mut settings = connection();
    settings.extend([
        // A transactional call that waits for a coordinator tries again only when some connection changes
        // state; closing idle connections causes such changes. Without it, a call survived the loss of a
        // broker in 2 of 14 trials; with it, in all. Never for a consumer: it would cut off a member that
        // waits for the others in a rebalance, and its heartbeats (every 3 s) as well, until its session
        // ends.
        ("connections.max.idle.ms", "3000".into()),
        ("transactional.id", transactional_id),
        ("transaction.timeout.ms", millis(kafka.transaction_timeout)),
        ("message.timeout.ms", millis(kafka.transaction_timeout)),
        ("enable.idempotence", "true".into()),
        ("acks", "all".into()),
        // The broker's limit applies to a whole batch: with these no batch exceeds the limit that records are
        // cut to.
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
    fn the_settings_that_the_guarantees_depend_on_are_set() {
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
        assert_eq!(probe(&config).get("group.id"), None);
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
    fn the_configuration_refuses_every_key_that_is_fixed_here() {
        let kafka = &config(&[]).kafka;
        let mut keys: Vec<&str> = consumer_guarantee(kafka, 0).into_iter().map(|(key, _)| key).collect();
        keys.extend(
            producer_guarantee(kafka, "id".into(), RecordLimits { output: 1, dlq: 1 }).into_iter().map(|(key, _)| key),
        );
        #[cfg(feature = "generate")]
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
    fn a_sensible_default_can_be_changed_by_either_name() {
        let alias = config(&[("INSIGHTD__KAFKA__CLIENT__QUEUE_BUFFERING_MAX_MS", "20")]);
        let client = producer(&alias, 0, RecordLimits { output: 90_000, dlq: 90_000 });
        assert_eq!((client.get("linger.ms"), client.get("queue.buffering.max.ms")), (None, Some("20")));
        // A series has to fit into one record as well, and so do the quarantined records of a region.
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
