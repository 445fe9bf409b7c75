//! `dlq list` and `dlq replay` against a real broker: a record that is readable now is replayed exactly once,
//! even if processes are killed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use serde_json::Value;

use crate::setup::Setup;
use insightd_test_support::broker::Got;
use insightd_test_support::clock::{at, iso};
use insightd_test_support::insightd::{Daemon, PATIENCE, command};
use insightd_test_support::random::Random;
use insightd_test_support::record;
use insightd_test_support::traffic::{Call, Kind, Plan};

/// Calls of one account.
fn calls(count: usize) -> Vec<Call> {
    let plan = Plan { accounts: 1, length: 24 * 3600, attacks: 0, start: at(2025, 3, 3, 9, 0, 0), ..Plan::usual(5) };
    let calls: Vec<Call> = plan.calls().into_iter().filter(|call| call.kind == Kind::Call).take(count).collect();
    assert_eq!(calls.len(), count);
    calls
}

/// A configuration file, deleted on drop.
struct Configuration(tempfile::TempDir);

impl Configuration {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("insightd.toml"), text).expect("written");
        Self(folder)
    }

    fn dlq(&self, words: &[&str]) -> Command {
        let mut command = command();
        command.arg("dlq").args(words).arg("--config").arg(self.0.path().join("insightd.toml")).stdin(Stdio::null());
        command
    }

    /// Runs a command that must succeed; returns its standard output.
    fn run(&self, words: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.dlq(words).output().expect("insightd can be run");
        assert!(status.success(), "dlq {words:?} ended with {status}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).expect("UTF-8")
    }

    /// The dead-letter records that `list --json` prints.
    fn list(&self, words: &[&str]) -> Vec<Value> {
        let text = self.run(&[&["list", "--json"], words].concat());
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }
}

/// The number at the start of the report's line with these words; 0 without such a line.
fn reported(report: &str, words: &str) -> u64 {
    let line = report.lines().find(|line| line.contains(words));
    line.map_or(0, |line| {
        line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{line}"))
    })
}

/// The replay markers in the dead-letter topic.
fn marks(letters: &[Got]) -> Vec<&str> {
    letters.iter().filter_map(|letter| letter.header("replayed")).collect()
}

/// The daemon's count of records with this outcome.
fn outcome(daemon: &Daemon, name: &str) -> f64 {
    daemon.metric("insightd_records_total", &[("outcome", name)]).unwrap_or(0.0)
}

/// Messages exceed a limit; after the limit is raised, each replays once.
#[test]
fn dead_letters_below_a_raised_limit_replay_once() {
    let calls = calls(6);
    let setup = Setup::new("healed");
    let feeder = setup.broker.feeder(&setup.input);
    let narrow = "payload_bytes_max = \"4 KiB\"\n";
    let config = setup.config_with(&format!("keyed_by_account = true\nidle_after = \"1h\"\n{narrow}"), "");
    let large = insightd_test_support::payload::records(&calls.iter().map(record::json).collect::<Vec<_>>());
    assert!(large.len() > 5000, "{}", large.len());
    feeder.send(2, Some(calls[0].account), large.as_bytes());
    feeder.send(2, Some(calls[0].account), b"noise");
    feeder.flush();
    let mut daemon = Daemon::start_ready(&config);
    setup.wait_until_read(&mut daemon);
    assert_eq!((outcome(&daemon, "shed"), outcome(&daemon, "malformed")), (1.0, 1.0));
    daemon.stop();

    // Under the old limit all still fail, and nothing is written.
    let old = Configuration::new(&config);
    let report = old.run(&["replay"]);
    assert_eq!((reported(&report, "replayed: "), reported(&report, "still fail: payload_bytes")), (0, 1), "{report}");

    let raised = config.replace(narrow, "");
    assert_ne!(raised, config);
    let new = Configuration::new(&raised);
    let shed = listed_as_shed(&new, &setup, &large);

    let mut daemon = Daemon::start_ready(&raised);
    let dry = new.run(&["replay", "--dry-run"]);
    assert_eq!((reported(&dry, "would be replayed"), reported(&dry, "still fail: not_json")), (1, 1), "{dry}");
    assert_eq!(setup.broker.ends(&setup.input)[2], 2, "a dry run writes nothing");

    let report = new.run(&["replay"]);
    assert_eq!((reported(&report, "replayed: "), reported(&report, "still fail: not_json")), (1, 1), "{report}");
    assert!(report.contains("6 records"), "{report}");
    // They are old, but the daemon has nothing newer of the account, so none is too late.
    assert_eq!(reported(&report, "warning: "), 6, "{report}");
    daemon.wait_until("the replayed records are counted", |daemon| {
        daemon.metric("insightd_records_total", &[("envelope", "records")]) == Some(6.0)
    });
    assert_eq!(outcome(&daemon, "too_late") + outcome(&daemon, "malformed") + outcome(&daemon, "duplicate"), 0.0);
    assert!(outcome(&daemon, "counted") > 0.0);
    assert_eq!(daemon.metric("insightd_misrouted_records_total", &[]).unwrap_or(0.0), 0.0, "the key is the account");

    let again = new.run(&["replay"]);
    assert_eq!((reported(&again, "replayed: "), reported(&again, "were replayed before")), (0, 1), "{again}");
    daemon.stop();
    let input = setup.broker.read_committed(&setup.input);
    assert_eq!(input.len(), 3, "{input:?}");
    assert_eq!(
        (input[2].partition, input[2].key.as_deref(), input[2].text()),
        (2, Some(calls[0].account), large.as_str())
    );
    let letters = setup.dead_letters();
    assert_eq!(marks(&letters), [format!("{}/0/{}", setup.dlq, shed["letter"]["offset"])]);
    assert_eq!((letters[2].header("reason"), letters[2].value.len()), (Some("replayed"), 0));
    assert_eq!(new.list(&[]).len(), 1, "what was replayed is no longer outstanding");
    let all = new.list(&["--all"]);
    assert_eq!(all.iter().filter(|line| line["replayed"] == true).count(), 1, "{all:?}");
}

/// Milliseconds since 1970. Dead-letter records must be younger than the topic's retention, or the broker
/// deletes them during the test.
fn now_millis() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    now.as_millis() as i64
}

/// Writes a dead-letter record as the daemon does, with a chosen time.
fn letter(setup: &Setup, millis: i64, reason: &str, offset: i64, cut: bool, value: &str) {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &setup.broker.address).create().expect("a producer");
    let offset = offset.to_string();
    let mut headers = OwnedHeaders::new();
    let texts = [
        ("reason", reason),
        ("detail", "d"),
        ("topic", &setup.input),
        ("partition", "1"),
        ("offset", &offset),
        ("record-index", "0"),
    ];
    for (key, value) in texts.into_iter().chain(cut.then_some(("truncated", "true"))) {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    let record = BaseRecord::<(), str>::to(&setup.dlq).payload(value).timestamp(millis).headers(headers);
    producer.send(record).map_err(|(error, _)| error).expect("sent");
    producer.flush(PATIENCE).expect("delivered");
}

/// Filters by reason and time choose what is listed and what is replayed.
#[test]
fn filters_choose_what_is_listed_and_replayed() {
    const HOUR: i64 = 3_600_000;
    let calls = calls(5);
    let setup = Setup::new("chosen");
    let start = now_millis() / HOUR * HOUR - 10 * HOUR;
    let hour = |n: i64| iso((start + n * HOUR) / 1000);
    let reasons = ["payload_bytes", "envelope_unsupported", "payload_bytes", "event_time_future", "payload_bytes"];
    for (n, (call, reason)) in calls.iter().zip(reasons).enumerate() {
        letter(&setup, start + n as i64 * HOUR, reason, n as i64, n == 4, &record::json(call));
    }
    let new = Configuration::new(&setup.config());
    let offsets = |words: &[&str]| -> Vec<i64> {
        new.list(words).iter().map(|line| line["offset"].as_i64().expect("an offset")).collect()
    };
    assert_eq!(offsets(&[]), [0, 1, 2, 3, 4]);
    assert_eq!(offsets(&["--reason", "payload_bytes"]), [0, 2, 4]);
    assert_eq!(offsets(&["--reason", "payload_bytes", "--reason", "event_time_future"]), [0, 2, 3, 4]);
    assert_eq!(offsets(&["--since", &hour(1)]), [1, 2, 3, 4]);
    assert_eq!(offsets(&["--until", &hour(3)]), [0, 1, 2]);
    assert_eq!(offsets(&["--since", &hour(1), "--until", &hour(4), "--limit", "2"]), [1, 2]);
    assert_eq!(offsets(&["--since", "2099-01-01"]), [0_i64; 0]);

    let one = hour(1);
    let chosen = ["replay", "--reason", "payload_bytes", "--since", &one];
    let report = new.run(&chosen);
    assert_eq!((reported(&report, "replayed: "), reported(&report, "were cut")), (1, 1), "{report}");
    let again = new.run(&chosen);
    assert_eq!((reported(&again, "replayed: "), reported(&again, "were replayed before")), (0, 1), "{again}");
    let rest = new.run(&["replay", "--limit", "2"]);
    assert_eq!(reported(&rest, "replayed: "), 2, "{rest}");
    let values: Vec<String> =
        setup.broker.read_committed(&setup.input).iter().map(|got| got.text().to_owned()).collect();
    assert_eq!(values, [2, 0, 1].map(|n: usize| record::json(&calls[n])));

    let slip = new.dlq(&["list", "--reason", "payload_byte"]).output().expect("insightd can be run");
    assert_eq!(slip.status.code(), Some(64), "{}", String::from_utf8_lossy(&slip.stderr));
}

/// Dead-letter records of other programs, and records whose source has expired, are reported and left alone.
#[test]
fn foreign_and_expired_dead_letters_are_left_alone() {
    let call = &calls(1)[0];
    let mut setup = Setup::new("others");
    let good = record::json(call);
    letter(&setup, now_millis(), "not_json", 0, false, &good);
    let feeder = setup.broker.feeder(&setup.dlq);
    feeder.send(0, None, b"written by another program");
    feeder.send(0, None, good.as_bytes());
    feeder.flush();
    // The same records for a daemon that reads another topic, and for one whose topic has fewer
    // partitions.
    let narrow = format!("{}-narrow", setup.input);
    setup.broker.create_topic(&narrow, 1);
    let elsewhere =
        Configuration::new(&setup.config().replace(&format!("\"{}\"", setup.input), &format!("\"{narrow}\"")));
    let report = elsewhere.run(&["replay"]);
    assert_eq!(reported(&report, "from a topic that input.topics does not name"), 1, "{report}");
    assert_eq!(reported(&report, "do not say where they came from"), 1, "{report}");
    setup.input = narrow;
    letter(&setup, now_millis(), "not_json", 0, false, &good);
    let report = elsewhere.run(&["replay"]);
    assert_eq!(reported(&report, "a partition that the topic no longer has"), 1, "{report}");
    assert_eq!(marks(&setup.dead_letters()).len(), 0);

    let missing = Configuration::new(&setup.config().replace(&setup.dlq, "no-such-topic"));
    for words in [["list"], ["replay"]] {
        let output = missing.dlq(&words).output().expect("insightd can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains("no-such-topic"), "{said}");
    }
}

/// How often the input topic holds each value, and how many markers each dead-letter record has.
fn tally(setup: &Setup) -> (BTreeMap<String, usize>, BTreeMap<String, usize>) {
    let mut values = BTreeMap::new();
    for got in setup.broker.read_committed(&setup.input) {
        *values.entry(got.text().to_owned()).or_default() += 1;
    }
    let mut marked = BTreeMap::new();
    for mark in marks(&setup.dead_letters()) {
        *marked.entry(mark.to_owned()).or_default() += 1;
    }
    (values, marked)
}

/// A transactional producer.
fn transactional(setup: &Setup, id: &str) -> BaseProducer {
    let producer: BaseProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", &setup.broker.address)
        .set("transactional.id", format!("{}-{id}", setup.group))
        .set("transaction.timeout.ms", "600000")
        .create()
        .expect("a producer");
    producer.init_transactions(PATIENCE).expect("registered");
    producer
}

/// Writes what `dlq replay` writes for the record at offset 0, in a transaction that stays open.
fn replay_by_hand(setup: &Setup, value: &str) -> (BaseProducer, String) {
    let producer = transactional(setup, "dlq-replay");
    producer.begin_transaction().expect("begun");
    let mark = format!("{}/0/0", setup.dlq);
    let headers = OwnedHeaders::new().insert(Header { key: "replayed", value: Some(&mark) });
    let again = BaseRecord::<(), str>::to(&setup.input).partition(1).payload(value);
    producer.send(again).map_err(|(error, _)| error).expect("sent");
    let marking = BaseRecord::<(), str>::to(&setup.dlq).payload("").headers(headers);
    producer.send(marking).map_err(|(error, _)| error).expect("sent");
    producer.flush(PATIENCE).expect("written");
    (producer, mark)
}

/// The state after a replay was killed between its writes and its commit: records in both topics, transaction
/// open. Constructed by hand so that it is certain to occur.
#[test]
fn a_replay_killed_before_its_commit_leaves_no_trace() {
    let setup = Setup::new("corpse");
    let value = record::json(&calls(1)[0]);
    letter(&setup, now_millis(), "not_json", 0, false, &value);
    let (corpse, mark) = replay_by_hand(&setup, &value);
    assert_eq!(tally(&setup), (BTreeMap::new(), BTreeMap::new()), "nothing is committed");

    let new = Configuration::new(&setup.config());
    let report = new.run(&["replay"]);
    assert_eq!((reported(&report, "replayed: "), reported(&report, "were replayed before")), (1, 0), "{report}");
    let once = (BTreeMap::from([(value, 1)]), BTreeMap::from([(mark, 1)]));
    assert_eq!(tally(&setup), once);
    // If the other replay was merely slow, it is fenced now.
    assert!(corpse.commit_transaction(PATIENCE).is_err());
    new.run(&["replay"]);
    assert_eq!(tally(&setup), once);
}

/// A reader of committed records sees nothing behind another producer's open transaction, not even committed
/// markers. A replay that mistakes this for the end of the topic replays records twice.
#[test]
fn a_replay_waits_for_markers_in_an_open_transaction() {
    let setup = Setup::new("hidden");
    let value = record::json(&calls(1)[0]);
    letter(&setup, now_millis(), "not_json", 0, false, &value);
    let other = transactional(&setup, "other");
    other.begin_transaction().expect("begun");
    other.send(BaseRecord::<(), str>::to(&setup.dlq).payload("open")).map_err(|(error, _)| error).expect("sent");
    other.flush(PATIENCE).expect("written");
    let (earlier, mark) = replay_by_hand(&setup, &value);
    earlier.commit_transaction(PATIENCE).expect("committed");
    assert_eq!(marks(&setup.dead_letters()).len(), 0, "the mark does not lie behind the open transaction");

    let new = Configuration::new(&setup.config());
    let mut replay = new.dlq(&["replay"]).stdout(Stdio::null()).spawn().expect("insightd can be started");
    std::thread::sleep(Duration::from_secs(3));
    assert!(replay.try_wait().expect("asked").is_none(), "it did not wait for the open transaction");
    other.abort_transaction(PATIENCE).expect("aborted");
    assert!(replay.wait().expect("ended").success());
    assert_eq!(tally(&setup), (BTreeMap::from([(value, 1)]), BTreeMap::from([(mark, 1)])));
    let report = new.run(&["replay"]);
    assert_eq!((reported(&report, "replayed: "), reported(&report, "were replayed before")), (0, 1), "{report}");
}

/// Real processes, killed at seeded times until one finishes.
#[test]
fn a_killed_replay_repeats_no_dead_letter() {
    const RECORDS: usize = 20_000;
    let seed = 4_711;
    println!("kills by seed {seed}");
    let mut random = Random::new(seed);
    let setup = Setup::new("killed");
    let template = record::json(&calls(1)[0]);
    let id = "\"eventID\":\"";
    let from = template.find(id).expect("an eventID") + id.len();
    let values: Vec<String> =
        (0..RECORDS).map(|n| format!("{}{n:08x}{}", &template[..from], &template[from + 8..])).collect();
    write_dead_letters(&setup, &values);

    let new = Configuration::new(&setup.config());
    let (mut kills, mut within) = (0, 0);
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < 3 * PATIENCE, "it never comes to its end");
        let before: i64 = setup.broker.ends(&setup.input).iter().sum();
        let mut replay = new.dlq(&["replay"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        // Each is killed a little later than the one before, after it has written something.
        let more = 1 + random.between(0, 600);
        let ended = loop {
            if let Some(status) = replay.try_wait().expect("asked") {
                break Some(status);
            }
            if kills < 6 && written(&setup) >= before + more {
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        if let Some(status) = ended {
            assert!(status.success());
            break;
        }
        replay.kill().expect("killed");
        replay.wait().expect("ended");
        kills += 1;
        let (values, marked) = tally(&setup);
        within += usize::from(values.len() < RECORDS);
        assert_eq!(values.len(), marked.len(), "a record without its mark, or a mark without its record");
        assert!(values.values().chain(marked.values()).all(|count| *count == 1), "something was written twice");
    }
    println!("{kills} kills, {within} of them before the end");
    assert!(within >= 2, "only {within} kills fell within the work");
    let (found, marked) = tally(&setup);
    assert_eq!(
        found.keys().collect::<BTreeSet<_>>(),
        values.iter().collect::<BTreeSet<_>>(),
        "a dead-letter record was lost"
    );
    assert_eq!(marked.len(), RECORDS);
    assert!(found.values().chain(marked.values()).all(|count| *count == 1), "something was written twice");
    assert_eq!(reported(&new.run(&["replay"]), "were replayed before"), RECORDS as u64);
}

/// Dead-letter records of these values, spread over three partitions.
fn write_dead_letters(setup: &Setup, values: &[String]) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &setup.broker.address)
        .set("queue.buffering.max.messages", "100000")
        .create()
        .expect("a producer");
    for (n, value) in values.iter().enumerate() {
        let (partition, offset) = ((n % 3).to_string(), n.to_string());
        let texts = [
            ("reason", "not_json"),
            ("topic", setup.input.as_str()),
            ("partition", &partition),
            ("offset", &offset),
            ("record-index", "0"),
        ];
        let headers = texts
            .into_iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(value) }));
        producer
            .send(BaseRecord::<(), str>::to(&setup.dlq).payload(value).headers(headers))
            .map_err(|(e, _)| e)
            .expect("sent");
    }
    producer.flush(PATIENCE).expect("delivered");
}

/// The records beyond the limit, as `list` prints them in both formats.
fn listed_as_shed(new: &Configuration, setup: &Setup, large: &str) -> Value {
    let listed = new.list(&[]);
    assert_eq!(listed.len(), 2, "{listed:?}");
    let shed = listed.iter().find(|line| line["reason"] == "payload_bytes").expect("the large one").clone();
    assert_eq!(
        (&shed["topic"], &shed["partition"], &shed["offset"]),
        (&Value::from(setup.input.as_str()), &2.into(), &0.into())
    );
    assert_eq!((&shed["value"], &shed["replayed"]), (&Value::from(large), &false.into()));
    let table = new.run(&["list"]);
    for said in ["payload_bytes", "not_json", &format!("{}[2]@0#0", setup.input), "{\"Records\":[", "RECORDS"] {
        assert!(table.contains(said), "{said}:\n{table}");
    }
    shed
}

/// Records in the input topic, committed or not.
fn written(setup: &Setup) -> i64 {
    setup.broker.high_watermarks(&setup.input).iter().sum()
}
