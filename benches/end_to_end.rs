//! The daemon beside a real Apache Kafka: records a second of `run`, memory at 10,000 series, and the time
//! from a burst being sent to its insight being read.
//!
//! `KAFKA_HEAP=1g KAFKA_JVM=-XX:+UseG1GC cargo bench --bench end_to_end`. Broker, daemon and this program
//! share the machine, so the numbers are those of all three together. `INSIGHTD_RECORDS` sets how many
//! records are loaded (default 400,000).

#![allow(clippy::print_stdout, reason = "a program that prints a table")]
#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use insightd_test_support::broker::{Broker, broker};
use insightd_test_support::clock::iso;
use insightd_test_support::insightd::Daemon;
use rdkafka::config::ClientConfig;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use serde_json::json;

/// Accounts and APIs of the load: 10,000 series.
const ACCOUNTS: usize = 100;
const APIS: usize = 100;
/// Bursts timed.
const BURSTS: usize = 300;
/// Calls of a burst, in one message.
const CALLS: usize = 40;

fn main() {
    let broker = broker();
    throughput(broker, 1);
    latency(broker);
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64
}

fn record(account: usize, api: usize, time: i64, number: usize, read: bool) -> String {
    let account = format!("{account:012}");
    let arn = format!("arn:aws:sts::{account}:assumed-role/service-{}/session-{number}", api % 7);
    json!({
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLEEXAMPLE123:session", "arn": arn, "accountId": account,
            "accessKeyId": "ASIAEXAMPLEEXAMPLE00",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role", "principalId": "AROAEXAMPLEEXAMPLE123", "accountId": account, "userName": "service",
                    "arn": format!("arn:aws:iam::{account}:role/service"),
                },
                "attributes": {"creationDate": iso(time - 600), "mfaAuthenticated": "false"},
            },
        },
        "eventTime": iso(time), "eventSource": "ec2.amazonaws.com",
        "eventName": format!("{}Thing{api}", if read { "Describe" } else { "Modify" }),
        "awsRegion": "eu-west-1", "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-sdk-go-v2/1.24.1 os/linux lang/go/1.21.5 md/GOOS/linux md/GOARCH/amd64 api/ec2/1.142.0",
        "requestParameters": {"resourcesSet": {"items": [{"resourceId": "i-0123456789abcdef0"}]}, "filterSet": {}},
        "responseElements": null,
        "requestID": format!("{number:08x}-1111-4111-8111-000000000000"),
        "eventID": format!("{number:08x}-2222-4222-9222-{time:012x}"),
        "readOnly": read, "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": account,
        "eventCategory": "Management",
    })
    .to_string()
}

struct Topics {
    name: String,
}

impl Topics {
    fn new(broker: &Broker, name: &str) -> Self {
        let topics = Self { name: name.to_owned() };
        for topic in [topics.input(), topics.output(), format!("{name}.dlq"), format!("{name}-state")] {
            broker.create_topic(&topic, 1);
        }
        topics
    }

    fn input(&self) -> String {
        format!("{}.cloudtrail", self.name)
    }

    fn output(&self) -> String {
        format!("{}.insights", self.name)
    }

    fn config(&self, broker: &Broker, sections: &str) -> String {
        format!(
            "[kafka]\nbootstrap_servers = [\"{}\"]\ngroup_id = \"{n}\"\ninstance_id = \"{n}\"\n\
             [input]\ntopics = [\"{n}.cloudtrail\"]\nstart = \"earliest\"\n\
             [output]\ntopic = \"{n}.insights\"\n[dlq]\ntopic = \"{n}.dlq\"\n{sections}",
            broker.address,
            n = self.name
        )
    }
}

/// Everything lies on the topic when the daemon starts; timed from its first record to its last commit.
fn throughput(broker: &Broker, partition_count: usize) {
    let records: usize = std::env::var("INSIGHTD_RECORDS").ok().and_then(|n| n.parse().ok()).unwrap_or(400_000);
    let topics = Topics::new(broker, "throughput");
    let (feeder, begin) = (broker.feeder(&topics.input()), now() - 2 * 86_400);
    let mut bytes = 0;
    for number in 0..records {
        // A fixed multiplicative step visits the series in a scattered order; six records of seven are reads,
        // as in real trails.
        let series = number.wrapping_mul(2_654_435_761) % (ACCOUNTS * APIS);
        let time = begin + (number * 86_400 / records) as i64;
        let payload = record(series / APIS, series % APIS, time, number, number % 7 != 0);
        bytes += payload.len();
        feeder.send(0, None, payload.as_bytes());
    }
    feeder.flush();
    let mut daemon = Daemon::start_ready(&topics.config(broker, ""));
    let count = |daemon: &Daemon| daemon.metric("insightd_records_total", &[]).unwrap_or(0.0);
    daemon.wait_until("the first records are committed", |daemon| count(daemon) > 0.0);
    let (first, begun) = (count(&daemon), Instant::now());
    daemon.wait_until("all records are committed", |daemon| count(daemon) >= records as f64);
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "run, {partition_count} partition, one record a message, {} bytes each: {:.0} records/s, {:.0} MB/s",
        bytes / records,
        (records as f64 - first) / seconds,
        (records as f64 - first) / seconds * (bytes / records) as f64 / 1e6
    );
    println!(
        "memory at {:.0} series: {:.0} MiB resident",
        daemon.metric("insightd_series", &[]).unwrap_or(0.0),
        daemon.resident_kib().unwrap_or(0) as f64 / 1024.0
    );
    daemon.stop();
}

/// Each burst is the first activity of a new account, all its calls in one message; timed from handing it to
/// the producer, so the time includes the way to the broker.
fn latency(broker: &Broker) {
    let topics = Topics::new(broker, "latency");
    let mut daemon = Daemon::start_ready(&topics.config(broker, "[baseline]\nwarm_up = \"0\"\n"));
    let tail = broker.tail(&topics.output());
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", &broker.address)
        .set("linger.ms", "0")
        .create()
        .expect("a producer");
    let input = topics.input();
    let mut times = Histogram::<u64>::new(3).expect("three digits");
    for burst in 0..BURSTS {
        let lines: Vec<String> = (0..CALLS).map(|i| record(burst, 0, now(), burst * CALLS + i, false)).collect();
        let payload = lines.join("\n");
        let sent = Instant::now();
        producer.send(BaseRecord::<(), str>::to(&input).payload(&payload)).expect("room in the queue");
        let wanted = format!("{burst:012}");
        while !tail
            .poll(Duration::from_millis(1))
            .is_some_and(|read| read.is_ok_and(|message| message.key() == Some(wanted.as_bytes())))
        {
            assert!(sent.elapsed() < Duration::from_secs(30), "burst {burst} raised nothing:\n{}", daemon.log());
        }
        times.record(sent.elapsed().as_micros() as u64).expect("below the maximum");
        std::thread::sleep(Duration::from_millis(20));
    }
    let ms = |quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
    println!(
        "burst sent to insight read, {BURSTS} bursts: p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
        ms(0.5),
        ms(0.99),
        times.max() as f64 / 1000.0
    );
    daemon.stop();
}
