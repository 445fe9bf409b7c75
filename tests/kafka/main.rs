//! Tests `KafkaBroker` against librdkafka's in-process mock cluster: late answers to rebalances, errors
//! injected by request, brokers that go down. The mock is no oracle of exactly-once (it ignores aborts,
//! generations and isolation): what a real broker does is tested in `tests/broker`.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use insightd::config::Config;
use insightd::kafka::KafkaBroker;
use insightd::kafka::broker::Connection;
use insightd::stream::broker::{Action, Assigned, Broker, Cause, Message, Outgoing, Polled, Position, TopicPartition};
use insightd::stream::publisher::RecordLimits;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Code};

const WAIT: Duration = Duration::from_secs(30);
const TOPIC: &str = "cloudtrail";

/// A mock cluster with topics, and a group of its own.
struct Mock {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Mock {
    fn start(partitions: i32) -> Self {
        let cluster = MockCluster::new(1).expect("a mock cluster");
        cluster.create_topic(TOPIC, partitions, 1).expect("the input topic");
        cluster.create_topic("insights", 1, 1).expect("the output topic");
        Self { cluster }
    }

    fn config(&self, start: &str, instance: &str) -> Config {
        let variables = [
            ("INSIGHTD__KAFKA__BOOTSTRAP_SERVERS", self.cluster.bootstrap_servers()),
            ("INSIGHTD__KAFKA__INSTANCE_ID", instance.to_owned()),
            ("INSIGHTD__KAFKA__TRANSACTION_TIMEOUT", "3s".to_owned()),
            ("INSIGHTD__KAFKA__SESSION_TIMEOUT", "6s".to_owned()),
            ("INSIGHTD__INPUT__START", start.to_owned()),
        ];
        let variables = variables.map(|(key, value)| (OsString::from(key), OsString::from(value)));
        Config::load_from(None, variables).expect("a configuration")
    }

    fn connect(&self, start: &str, instance: &str) -> KafkaBroker {
        let config = self.config(start, instance);
        let connection = Connection {
            config: &config,
            worker: 0,
            topics: &[TOPIC.to_owned()],
            limits: RecordLimits { output: 100_000, dlq: 100_000 },
            on_error: Arc::new(|_: &str| ()),
            calls: Arc::default(),
        };
        #[expect(clippy::print_stdout, reason = "shown when a test fails")]
        let mut waiting = |reason: &str| println!("waiting: {reason}");
        KafkaBroker::connect(&connection, &|| false, &mut waiting).expect("connected").expect("not stopped")
    }

    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.cluster.bootstrap_servers());
        client
    }

    fn feed(&self, partition: i32, payloads: &[&str]) {
        let producer: BaseProducer = self.client().create().expect("a producer");
        for payload in payloads {
            let record = BaseRecord::<(), str>::to(TOPIC).partition(partition).payload(payload);
            producer.send(record).map_err(|(error, _)| error).expect("queued");
        }
        producer.flush(WAIT).expect("delivered");
    }

    fn commit_for_the_group(&self, offset: i64) {
        let consumer: BaseConsumer = self.client().set("group.id", "insightd").create().expect("a consumer");
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(TOPIC, 0, Offset::Offset(offset)).expect("an offset");
        consumer.commit(&offsets, CommitMode::Sync).expect("committed");
    }
}

/// A position to commit.
fn at(number: i32, next: i64) -> Position {
    Position { partition: partition(number), next, state: 1 }
}

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new(TOPIC, number)
}

/// Polls until `accept` returns a value for an event; answers assignments and revocations in between.
fn poll_until<T>(
    broker: &KafkaBroker,
    what: &str,
    mut accept: impl FnMut(Polled<<KafkaBroker as Broker>::Message<'_>>) -> Option<T>,
) -> T {
    let until = Instant::now() + WAIT;
    while Instant::now() < until {
        let polled = broker.poll(Duration::from_millis(20)).expect("polled");
        if let Some(found) = accept(polled) {
            return found;
        }
    }
    panic!("no {what} within {WAIT:?}");
}

fn assigned(broker: &KafkaBroker) -> Vec<Assigned> {
    let partitions = poll_until(broker, "assignment", |polled| match polled {
        Polled::Assign(partitions) => Some(partitions),
        _ => None,
    });
    let assigned = broker.assign(&partitions).expect("assigned");
    broker.resume(&partitions).expect("fetching");
    assigned
}

fn read(broker: &KafkaBroker) -> (i64, String) {
    poll_until(broker, "message", |polled| match polled {
        Polled::Message(message) => {
            let payload = message.payload().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            Some((message.offset(), payload.expect("a payload")))
        }
        _ => None,
    })
}

const INSIGHT: Outgoing<'static> = Outgoing {
    topic: "insights",
    partition: None,
    key: Some(b"000000000001"),
    value: Some(b"{}"),
    headers: &[("insight-state", b"Start")],
};

/// A transaction takes milliseconds, and dropping a member does not wait for a response.
#[test]
fn transactions_are_fast_and_dropping_a_member_is_too() {
    let mock = Mock::start(1);
    mock.feed(0, &["a", "b"]);
    let broker = mock.connect("earliest", "one");
    assert_eq!(assigned(&broker), [Assigned { partition: partition(0), position: 0, committed: false, state: None }]);
    assert_eq!(read(&broker), (0, "a".to_owned()));
    assert_eq!(read(&broker), (1, "b".to_owned()));
    let end = poll_until(&broker, "end", |polled| match polled {
        Polled::End(partition) => Some(partition),
        _ => None,
    });
    assert_eq!(end, partition(0));

    let mut fastest = Duration::MAX;
    for n in 0..5 {
        let began = Instant::now();
        broker.begin().expect("begun");
        broker.produce(&INSIGHT).expect("queued");
        broker.commit_with_offsets(&[at(0, n)]).expect("committed");
        fastest = fastest.min(began.elapsed());
    }
    // Left to the library, each takes 200 ms and more.
    assert!(fastest < Duration::from_millis(100), "{fastest:?}");

    let began = Instant::now();
    drop(broker);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_new_group_begins_where_input_start_says() {
    let mock = Mock::start(1);
    mock.feed(0, &["a", "b"]);
    let broker = mock.connect("latest", "one");
    assert_eq!(assigned(&broker), [Assigned { partition: partition(0), position: 2, committed: false, state: None }]);
    mock.feed(0, &["c"]);
    assert_eq!(read(&broker), (2, "c".to_owned()));
}

#[test]
fn a_known_group_continues_at_its_offset() {
    let mock = Mock::start(1);
    mock.feed(0, &["a", "b", "c"]);
    mock.commit_for_the_group(1);
    let broker = mock.connect("latest", "one");
    assert_eq!(assigned(&broker), [Assigned { partition: partition(0), position: 1, committed: true, state: None }]);
    assert_eq!(read(&broker), (1, "b".to_owned()));
}

#[test]
fn a_missing_offset_is_reported_and_skipped() {
    let mock = Mock::start(1);
    mock.feed(0, &["a", "b"]);
    mock.commit_for_the_group(1000);
    let broker = mock.connect("earliest", "one");
    assigned(&broker);
    let skipped = poll_until(&broker, "skip", |polled| match polled {
        Polled::Skipped(skipped) => Some((skipped.partition, skipped.from, skipped.to)),
        _ => None,
    });
    assert_eq!(skipped, (partition(0), 1000, 2));
    mock.feed(0, &["c"]);
    assert_eq!(read(&broker), (2, "c".to_owned()));
}

/// The other member gets its share only after the answer, and neither member reads in between.
#[test]
fn a_revocation_waits_for_its_answer() {
    let mock = Mock::start(2);
    let first = mock.connect("earliest", "one");
    assert_eq!(assigned(&first).len(), 2);
    let second = mock.connect("earliest", "two");
    let lost = poll_until(&first, "revocation", |polled| {
        let _ = second.poll(Duration::ZERO).expect("polled");
        match polled {
            Polled::Revoke { lost } => Some(lost),
            _ => None,
        }
    });
    assert!(!lost);
    mock.feed(0, &["a"]);
    let until = Instant::now() + Duration::from_millis(700);
    while Instant::now() < until {
        for member in [&first, &second] {
            let polled = member.poll(Duration::from_millis(10)).expect("polled");
            assert!(!matches!(polled, Polled::Message(_) | Polled::Assign(_)), "before the answer");
        }
    }
    // The member may still commit offsets, because it owns the partitions until the answer.
    first.begin().expect("begun");
    first.commit_with_offsets(&[at(0, 0)]).expect("committed");
    first.unassign().expect("given back");

    let mut shares = [None, None];
    let until = Instant::now() + WAIT;
    // On a loaded machine the group may need another round, in which one member holds both for a moment and
    // gives them back.
    while shares != [Some(1), Some(1)] && Instant::now() < until {
        for (share, member) in shares.iter_mut().zip([&first, &second]) {
            match member.poll(Duration::from_millis(10)).expect("polled") {
                Polled::Assign(partitions) => *share = Some(member.assign(&partitions).expect("assigned").len()),
                Polled::Revoke { .. } => {
                    member.unassign().expect("given back");
                    *share = None;
                }
                _ => {}
            }
        }
    }
    assert_eq!(shares, [Some(1), Some(1)]);
}

/// Offsets of an unowned partition never reach the broker.
#[test]
fn offsets_of_an_unowned_partition_are_not_sent() {
    let mock = Mock::start(1);
    let broker = mock.connect("earliest", "one");
    assigned(&broker);
    broker.begin().expect("begun");
    let failure = broker.commit_with_offsets(&[at(7, 1)]).expect_err("not held");
    assert_eq!(failure.action, Action::AbortAndRewind);
    assert!(failure.message.starts_with("OWN-1"), "{failure}");
    broker.abort().expect("aborted");
}

/// The transaction of a stale generation is aborted, and the next one succeeds.
#[test]
fn a_stale_generation_aborts_one_transaction() {
    for code in [Code::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, Code::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID] {
        let mock = Mock::start(1);
        let broker = mock.connect("earliest", "one");
        assigned(&broker);
        mock.cluster.request_errors(Api::TxnOffsetCommit, &[code]);
        broker.begin().expect("begun");
        broker.produce(&INSIGHT).expect("queued");
        let failure = broker.commit_with_offsets(&[at(0, 1)]).expect_err("refused");
        assert_eq!((failure.action, failure.cause), (Action::AbortAndRewind, Cause::Other), "{failure}");
        broker.abort().expect("aborted");
        broker.begin().expect("begun");
        broker.commit_with_offsets(&[at(0, 1)]).expect("committed");
    }
}

#[test]
fn a_busy_coordinator_is_retried() {
    let mock = Mock::start(1);
    let broker = mock.connect("earliest", "one");
    assigned(&broker);
    let busy = Code::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
    mock.cluster.request_errors(Api::TxnOffsetCommit, &[busy; 2]);
    mock.cluster.request_errors(Api::EndTxn, &[busy; 2]);
    broker.begin().expect("begun");
    broker.produce(&INSIGHT).expect("queued");
    broker.commit_with_offsets(&[at(0, 1)]).expect("committed");
}

/// A fenced producer is fatal and named as such, whichever call notices.
#[test]
fn a_fenced_producer_is_fatal_at_any_call() {
    let fenced = Code::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    for api in [Api::AddPartitionsToTxn, Api::AddOffsetsToTxn, Api::TxnOffsetCommit, Api::EndTxn] {
        let mock = Mock::start(1);
        let broker = mock.connect("earliest", "one");
        assigned(&broker);
        mock.cluster.request_errors(api, &[fenced]);
        broker.begin().expect("begun");
        broker.produce(&INSIGHT).expect("queued");
        let failure = broker.commit_with_offsets(&[at(0, 1)]).expect_err("fenced");
        assert_eq!((failure.action, failure.cause), (Action::Fatal, Cause::ProducerFenced), "{failure}");
    }
}

#[test]
fn a_record_that_the_broker_refuses_aborts_the_transaction() {
    let mock = Mock::start(1);
    let broker = mock.connect("earliest", "one");
    assigned(&broker);
    mock.cluster.request_errors(Api::Produce, &[Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    broker.begin().expect("begun");
    broker.produce(&INSIGHT).expect("queued");
    let failure = broker.commit_with_offsets(&[at(0, 1)]).expect_err("refused");
    assert_eq!(failure.action, Action::AbortAndRewind, "{failure}");
    assert!(failure.message.contains("max.message.bytes"), "{failure}");
    broker.abort().expect("aborted");
}

/// Regression: this stopped the worker. After a failed write the client accepts no more records ("erroneous
/// state").
#[test]
fn a_write_after_a_refused_one_aborts() {
    let mock = Mock::start(1);
    let broker = mock.connect("earliest", "one");
    assigned(&broker);
    mock.cluster.request_errors(Api::Produce, &[Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    broker.begin().expect("begun");
    broker.produce(&INSIGHT).expect("queued");
    let until = Instant::now() + WAIT;
    let failure = loop {
        assert!(Instant::now() < until, "the client still accepts records");
        drop(broker.poll(Duration::from_millis(20)).expect("polled"));
        if let Err(failure) = broker.produce(&INSIGHT) {
            break failure;
        }
    };
    assert_eq!((failure.action, failure.cause), (Action::AbortAndRewind, Cause::Other), "{failure}");
    assert!(failure.message.contains("max.message.bytes"), "{failure}");
    broker.abort().expect("aborted");
    // The mock misses the refused batch and has the next transaction aborted as well, with a new epoch.
    let refused = || {
        broker.begin().expect("begun");
        broker.produce(&INSIGHT).expect("queued");
        let failure = broker.commit_with_offsets(&[at(0, 1)]).err()?;
        assert_eq!(failure.action, Action::AbortAndRewind, "{failure}");
        broker.abort().expect("aborted");
        Some(failure)
    };
    let failures: Vec<_> = (0..3).map_while(|_| refused()).collect();
    assert!(failures.len() < 3, "{failures:?}");
}

#[test]
fn loss_and_return_of_all_brokers_are_reported_once() {
    let mock = Mock::start(1);
    let broker = mock.connect("earliest", "one");
    assigned(&broker);
    poll_until(&broker, "end", |polled| matches!(polled, Polled::End(_)).then_some(()));
    mock.cluster.broker_down(1).expect("down");
    poll_until(&broker, "loss", |polled| matches!(polled, Polled::Down(_)).then_some(()));
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        let polled = broker.poll(Duration::from_millis(20)).expect("polled");
        assert!(
            !matches!(polled, Polled::Down(_) | Polled::Up | Polled::End(_)),
            "connectivity or the end of a partition is reported twice"
        );
    }
    mock.cluster.broker_up(1).expect("up");
    poll_until(&broker, "return", |polled| matches!(polled, Polled::Up).then_some(()));
    // Reports the end of the partition again only now: messages may have arrived during the outage.
    poll_until(&broker, "end", |polled| matches!(polled, Polled::End(_)).then_some(()));
    mock.feed(0, &["a"]);
    assert_eq!(read(&broker), (0, "a".to_owned()));
}
