//! One soak: its size, its cluster, topics and processes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, Instant};

use insightd_test_support::broker::Broker;
use insightd_test_support::insightd::Daemon;
use insightd_test_support::load::PARTITIONS;

/// The size of a soak.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub is_long: bool,
    pub seed: u64,
    pub kills: usize,
    pub brokers: u32,
    /// Days of the traffic that contains every kind of disorder and damage.
    pub days: i64,
    /// Longest life of a ready process until the test kills it, milliseconds. Long enough for commits between
    /// the kills.
    pub life_max_ms: i64,
}

impl Form {
    /// The long form if `INSIGHTD_KILLS` is set, else the short form.
    pub fn asked_for() -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
        let seed = number("INSIGHTD_SEED").unwrap_or(4242);
        match number("INSIGHTD_KILLS") {
            Some(kills) => Self { is_long: true, seed, kills: kills as usize, brokers: 3, days: 60, life_max_ms: 6000 },
            None => Self { is_long: false, seed, kills: 8, brokers: 3, days: 8, life_max_ms: 2500 },
        }
    }
}

/// Name of the group, and prefix of all other names.
const NAME: &str = "soak";

/// A cluster with topics, and the state that the threads of a soak share.
pub struct Scene {
    pub form: Form,
    pub broker: Broker,
    pub folder: tempfile::TempDir,
    /// Kills begun so far.
    pub begun: AtomicUsize,
    /// Whether all kills are done.
    pub done: AtomicBool,
    /// When a broker was last down. A daemon may exit by itself then.
    pub away: Mutex<Option<Instant>>,
    /// Log lines of brokers: generations of the group.
    generations: Mutex<BTreeSet<String>>,
    /// Log lines of brokers: transactions whose markers they skipped.
    markerless: Mutex<BTreeSet<String>>,
}

impl Scene {
    /// Starts a cluster and creates the topics.
    pub fn new(form: Form) -> Self {
        let brokers = form.brokers.to_string();
        let broker = Broker::start(NAME, &["--brokers", &brokers]);
        let copies = form.brokers as i32;
        // Keeps checkpoints for at least a minute, so that the judge reads each of them. Compacts older ones
        // soon, because a restart reads the whole changelog.
        let compacted = [
            ("cleanup.policy", "compact"),
            ("min.compaction.lag.ms", "60000"),
            ("segment.bytes", "8388608"),
            ("min.cleanable.dirty.ratio", "0.1"),
        ];
        let scene = Self {
            form,
            broker,
            folder: tempfile::tempdir().expect("a folder"),
            begun: AtomicUsize::new(0),
            done: AtomicBool::new(false),
            away: Mutex::new(None),
            generations: Mutex::default(),
            markerless: Mutex::default(),
        };
        scene.broker.create_topic_with(&scene.input(), scene.partitions(), copies, &[]);
        scene.broker.create_topic_with(&format!("{NAME}.state"), scene.partitions(), copies, &compacted);
        scene.broker.create_topic_with(&format!("{NAME}.insights"), 2, copies, &[]);
        scene.broker.create_topic_with(&format!("{NAME}.dlq"), 1, copies, &[]);
        std::fs::write(scene.config_file(), scene.config("producer")).expect("written");
        scene
    }

    fn partitions(&self) -> i32 {
        if self.form.is_long { 2 * PARTITIONS } else { PARTITIONS }
    }

    /// Input topic.
    pub fn input(&self) -> String {
        format!("{NAME}.cloudtrail")
    }

    /// The configuration of the producer and the judge.
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("insightd.toml")
    }

    /// The configuration of a process. Disables idle advances, so that the output depends on the records
    /// alone.
    fn config(&self, process: &str) -> String {
        let servers: Vec<String> = self.broker.address.split(',').map(|server| format!("\"{server}\"")).collect();
        format!(
            r#"
[kafka]
bootstrap_servers = [{}]
group_id = "{NAME}"
instance_id = "{NAME}-{process}"
session_timeout = "15s"
[input]
topics = ["{}"]
start = "earliest"
keyed_by_account = true
idle_after = "1day"
[state]
topic = "{NAME}.state"
[output]
topic = "{NAME}.insights"
[dlq]
topic = "{NAME}.dlq"
"#,
            servers.join(", "),
            self.input()
        )
    }

    /// Starts a process with this name; `crash` names the point at which it dies.
    pub fn start(&self, process: &str, crash: Option<&str>) -> Daemon {
        Daemon::start_with(&self.config(process), crash.map(|points| ("FAILPOINTS", points)))
    }

    /// Messages of the input that the group has committed.
    pub fn messages_read(&self) -> i64 {
        self.broker.committed(NAME, &self.input()).iter().sum()
    }

    /// Messages in the input.
    pub fn messages_produced(&self) -> i64 {
        self.broker.ends(&self.input()).iter().sum()
    }

    /// Waits until the whole input is read and committed.
    pub fn wait_until_read(&self, daemons: &mut [Daemon; 2]) {
        let ends = self.broker.ends(&self.input());
        daemons[0].wait_until("the input is read to its end", |_| self.broker.committed(NAME, &self.input()) == ends);
        assert!(daemons.iter_mut().all(|daemon| daemon.ended().is_none()), "both are alive");
    }

    /// Whether a broker is down, or was a moment ago.
    pub fn broker_was_away_recently(&self) -> bool {
        self.away.lock().expect("no panic").is_some_and(|at| at.elapsed() < Duration::from_secs(90))
    }

    /// Saves the relevant log lines of a node; a restart discards its log.
    pub fn note_log(&self, node: u32) {
        let log = self.broker.log(node);
        let stable = format!("Stabilized group {NAME} ");
        // Whole lines with their time: a new coordinator logs the same generation again.
        let lines = |text: &str| log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect::<Vec<_>>();
        self.generations.lock().expect("no panic").extend(lines(&stable));
        // Without its marker a transaction stays open in a partition, and what its successor commits there
        // commits it too.
        self.markerless.lock().expect("no panic").extend(lines("likely deleted already and hence can be skipped"));
    }

    /// The number of rebalances, each of which ends with a stable group of a new generation; and the log
    /// lines about skipped markers.
    pub fn broker_messages(&self) -> (usize, Vec<String>) {
        (1..=self.form.brokers).for_each(|node| self.note_log(node));
        let rebalances = self.generations.lock().expect("no panic").len();
        (rebalances, self.markerless.lock().expect("no panic").iter().cloned().collect())
    }
}
