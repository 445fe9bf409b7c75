//! One soak: its size, its cluster, topics and processes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, Instant};

use insightd_test_support::broker::Broker;
use insightd_test_support::insightd::Daemon;
use insightd_test_support::load::PARTITIONS;

/// How large it is.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub is_long: bool,
    pub seed: u64,
    pub kills: usize,
    pub brokers: u32,
    /// Days of the traffic with everything in it that can go wrong.
    pub days: i64,
    /// How long a process lives at most, once it is ready, until it is killed from outside, milliseconds.
    /// Long enough for work to be done between the kills.
    pub life_max_ms: i64,
}

impl Form {
    /// By `INSIGHTD_KILLS`, or the short one.
    pub fn asked_for() -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
        let seed = number("INSIGHTD_SEED").unwrap_or(4242);
        match number("INSIGHTD_KILLS") {
            Some(kills) => Self { is_long: true, seed, kills: kills as usize, brokers: 3, days: 60, life_max_ms: 6000 },
            None => Self { is_long: false, seed, kills: 8, brokers: 3, days: 8, life_max_ms: 2500 },
        }
    }
}

/// Name of the group, and of everything else.
const NAME: &str = "soak";

/// See the module.
pub struct Scene {
    pub form: Form,
    pub broker: Broker,
    pub folder: tempfile::TempDir,
    /// Kills that were begun.
    pub begun: AtomicUsize,
    /// All kills are done.
    pub done: AtomicBool,
    /// When a broker was away last: a daemon may end by itself then.
    pub away: Mutex<Option<Instant>>,
    /// What brokers have said: generations of the group.
    generations: Mutex<BTreeSet<String>>,
    /// What brokers have said: transactions whose markers they left out.
    markerless: Mutex<BTreeSet<String>>,
}

impl Scene {
    /// Cluster and topics.
    pub fn new(form: Form) -> Self {
        let brokers = form.brokers.to_string();
        let broker = Broker::start(NAME, &["--brokers", &brokers]);
        let copies = form.brokers as i32;
        // Heads are kept for a minute at least, so that whoever follows sees each of them; what is older is
        // compacted soon: a restart reads all that is there.
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

    /// The configuration that producer and judge read.
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("insightd.toml")
    }

    /// The configuration of a process. No clock moves by itself, so that what comes out depends on the
    /// records alone.
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

    /// Starts a process of this name; `crash` says at which point it dies.
    pub fn start(&self, process: &str, crash: Option<&str>) -> Daemon {
        Daemon::start_with(&self.config(process), crash.map(|points| ("FAILPOINTS", points)))
    }

    /// Messages of the input behind which the group has committed.
    pub fn messages_read(&self) -> i64 {
        self.broker.committed(NAME, &self.input()).iter().sum()
    }

    /// Messages that are in the input.
    pub fn messages_produced(&self) -> i64 {
        self.broker.ends(&self.input()).iter().sum()
    }

    /// Waits until everything is read and committed.
    pub fn wait_until_read(&self, daemons: &mut [Daemon; 2]) {
        let ends = self.broker.ends(&self.input());
        daemons[0].wait_until("the input is read to its end", |_| self.broker.committed(NAME, &self.input()) == ends);
        assert!(daemons.iter_mut().all(|daemon| daemon.ended().is_none()), "both are alive");
    }

    /// Whether a broker is away, or was a moment ago.
    pub fn broker_was_away_recently(&self) -> bool {
        self.away.lock().expect("no panic").is_some_and(|at| at.elapsed() < Duration::from_secs(90))
    }

    /// Takes down what a node has said, whose log is lost when it is started again.
    pub fn note_log(&self, node: u32) {
        let log = self.broker.log(node);
        let stable = format!("Stabilized group {NAME} ");
        // Time and all: a coordinator that takes over says its generation anew.
        let lines = |text: &str| log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect::<Vec<_>>();
        self.generations.lock().expect("no panic").extend(lines(&stable));
        // Without its marker a transaction stays open in a partition, and what its successor commits there
        // commits it too.
        self.markerless.lock().expect("no panic").extend(lines("likely deleted already and hence can be skipped"));
    }

    /// Rebalances, each of which ends with a stable group of a new generation; and what brokers have said of
    /// markers that they left out.
    pub fn broker_messages(&self) -> (usize, Vec<String>) {
        (1..=self.form.brokers).for_each(|node| self.note_log(node));
        let rebalances = self.generations.lock().expect("no panic").len();
        (rebalances, self.markerless.lock().expect("no panic").iter().cloned().collect())
    }
}
