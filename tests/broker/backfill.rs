//! `insightd load` into a running or a later daemon: loaded twice, interrupted, and for records that the
//! topic still holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use insightd::config::Config;
use insightd_core::cloudtrail::insight::{Insight, rfc3339};
use insightd_core::pipeline::{self, Cutoff, DeadLetterRecord, Outcome, Pipeline};
use serde_json::Value;

use crate::exactly_once::send;
use crate::setup::{Setup, assert_same, by_account};
use insightd_test_support::clock::{DAY, HOUR};
use insightd_test_support::delivery::Conditions;
use insightd_test_support::insightd::{Daemon, Signal, command};
use insightd_test_support::load::{Load, write};
use insightd_test_support::payload::Message;
use insightd_test_support::traffic::Plan;

/// Wall clock, seconds since 1970, near that of the processes: a record dated further ahead is malformed.
const NOW: i64 = 1_790_000_000;

/// Collects insights as they are written.
#[derive(Default)]
struct Lines(Vec<String>);

impl pipeline::Output for Lines {
    fn insight(&mut self, insight: Insight) {
        let mut line = Vec::new();
        insight.write_json(&mut line, false);
        self.0.push(String::from_utf8(line).expect("UTF-8"));
    }

    fn dead_letter(&mut self, _: DeadLetterRecord<'_>) {}
}

/// A trail's files and the command line.
struct Trail {
    folder: tempfile::TempDir,
    config: PathBuf,
}

impl Trail {
    fn new(setup: &Setup, messages: &[&Message]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("insightd.toml");
        std::fs::write(&config, setup.config().replace("[input]", "create_topics = true\n[input]")).expect("written");
        write(messages, &folder.path().join("trail"));
        Self { folder, config }
    }

    fn files(&self) -> PathBuf {
        self.folder.path().join("trail")
    }

    fn command(&self, options: &[&str]) -> std::process::Command {
        let mut command = command();
        command.arg("load").arg("--config").arg(&self.config).args(options).arg(self.files());
        command
    }

    fn load(&self) -> String {
        let Output { status, stderr, .. } = self.command(&[]).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        println!("{stderr}");
        assert!(status.success(), "{stderr}");
        stderr
    }

    fn series(&self) -> BTreeMap<String, (String, String, u64)> {
        let output = command().args(["state", "export", "--config"]).arg(&self.config).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let text = |line: &Value, field: &str| line[field].as_str().unwrap_or("-").to_owned();
        lines
            .filter(|line| line["kind"] == "series")
            .map(|line| {
                let named = ["account", "region", "eventSource", "eventName", "errorCode"].map(|f| text(&line, f));
                let calls = line["callsOfEightDays"].as_u64().expect("a number");
                (named.join(" "), (text(&line, "firstCall"), text(&line, "lastCall"), calls))
            })
            .collect()
    }
}

/// A pipeline that folds files as `load` does.
fn backfill_pipeline(config: &Config) -> Pipeline {
    Pipeline::for_backfill(config, 1, Cutoff::new(hashbrown::HashMap::new(), i64::MAX))
}

fn read_files(pipeline: &mut Pipeline, folder: &Path, out: &mut Lines) {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    for file in files {
        pipeline.stream(&mut std::fs::File::open(file).expect("a file"), NOW, out).expect("it can be read");
    }
}

/// Regression: each probe of the backfill topic waited half a second behind a fetch of the idle input, and
/// after ten partitions the probes started over with the first one.
#[test]
fn an_idle_daemon_merges_every_backfill() {
    const PARTITIONS: i32 = 24;
    let plan = Plan { length: DAY, attacks: 0, quiet: 36 * HOUR, poll_every: 240, ..Plan::usual(80) };
    let load = Load::new(&plan, &Conditions::usual(80));
    let setup = Setup::without_topics("load-many");
    for (topic, partitions) in
        [(&setup.input, PARTITIONS), (&setup.state(), PARTITIONS), (&setup.output, 2), (&setup.dlq, 1)]
    {
        setup.broker.create_topic(topic, partitions);
    }
    let trail = Trail::new(&setup, &load.messages.iter().collect::<Vec<_>>());
    let mut daemon = Daemon::start_ready(&setup.config());
    let mut loader = trail.command(&[]).stderr(Stdio::null()).spawn().expect("it runs");
    daemon.wait_until("the backfills are merged", |daemon| {
        daemon.metric("insightd_history_accounts_total", &[("outcome", "taken")]) == Some(6.0)
    });
    assert!(loader.wait().expect("it ends").success());
    daemon.stop();
}

/// Regression: a backfill that was merged in a failed transaction was not read again before the next start,
/// because its offsets counted as read.
#[test]
fn a_backfill_is_merged_after_a_failed_transaction() {
    let plan = Plan { length: DAY, attacks: 0, quiet: 36 * HOUR, poll_every: 240, ..Plan::usual(79) };
    let load = Load::new(&plan, &Conditions::usual(79));
    let setup = Setup::new("load-failed");
    let trail = Trail::new(&setup, &load.messages.iter().collect::<Vec<_>>());
    let mut daemon = Daemon::start_ready(&setup.config());
    let taken = |daemon: &Daemon| daemon.metric("insightd_history_accounts_total", &[("outcome", "taken")]);
    let aborted = |daemon: &Daemon| daemon.metric("insightd_transactions_total", &[("outcome", "aborted")]);

    // Now only transaction markers fit into the changelog.
    setup.broker.alter_topic(&setup.state(), &[("max.message.bytes", "200")]);
    let mut loader = trail.command(&[]).stderr(Stdio::null()).spawn().expect("it runs");
    daemon.wait_until("a transaction is aborted", |daemon| aborted(daemon) > Some(0.0));
    assert_eq!(taken(&daemon), Some(0.0), "{}", daemon.log());
    setup.broker.alter_topic(&setup.state(), &[]);
    daemon.wait_until("the backfills are merged", |daemon| taken(daemon) == Some(6.0));
    assert!(loader.wait().expect("it ends").success());
    daemon.stop();
}

/// A daemon that starts after a load continues as if it had seen the history itself.
#[test]
fn a_daemon_started_after_a_load_knows_the_history() {
    let plan = Plan { length: 4 * DAY, attacks: 12, quiet: 36 * HOUR, poll_every: 240, ..Plan::usual(77) };
    let load = Load::new(&plan, &Conditions::usual(77));
    let all: Vec<&Message> = load.messages.iter().collect();
    let setup = Setup::new("load");
    let trail = Trail::new(&setup, &all[..all.len() / 2]);
    assert!(trail.load().contains("no process of the group"));
    let again = trail.load();
    assert!(again.contains("nothing to load") || again.contains("no process of the group"), "{again}");

    // The topic still holds the loaded records. The key decides each account's partition.
    let feeder = setup.broker.feeder(&setup.input);
    all.iter().for_each(|message| feeder.send_by_key(message.account, &message.payload));
    feeder.flush();
    let mut daemon = Daemon::start_ready(&setup.config());
    setup.wait_until_read(&mut daemon);
    let taken = daemon.metric("insightd_history_accounts_total", &[("outcome", "taken")]);
    let others: f64 = ["overlaps", "no_room", "no_account", "incomplete", "damaged", "newer"]
        .iter()
        .filter_map(|outcome| daemon.metric("insightd_history_accounts_total", &[("outcome", outcome)]))
        .sum();
    assert_eq!((taken, others), (Some(6.0), 0.0), "{}", daemon.log());
    daemon.stop();

    let config = Config::default_config();
    let (mut expected, mut pipeline) = (Lines::default(), backfill_pipeline(&config));
    read_files(&mut pipeline, &trail.files(), &mut Lines::default());
    pipeline.finish_backfill();
    for message in &all {
        pipeline.payload(&message.payload, None, NOW, &mut expected);
    }
    assert!(expected.0.len() >= 10, "{} insights", expected.0.len());
    // After a reset, the backfill topic does not bring the old state back.
    let reset = command().args(["state", "reset", "--yes", "--config"]).arg(&trail.config).output().expect("it runs");
    assert!(reset.status.success(), "{}", String::from_utf8_lossy(&reset.stderr));
    let mut daemon = Daemon::start_ready(&setup.config());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(daemon.metric("insightd_history_accounts_total", &[("outcome", "taken")]), Some(0.0));
    daemon.stop();

    let insights = setup.insights();
    let found = by_account(insights.iter().map(|got| got.text()));
    assert_same(&found, &by_account(expected.0.iter().map(String::as_str)));
}

/// A running daemon adopts a backfill once, although it and the load are killed and the load is repeated.
#[test]
fn kills_and_repeated_loads_backfill_once() {
    let plan = Plan { length: 3 * DAY, attacks: 4, poll_every: 240, ..Plan::usual(78) };
    let load = Load::new(&plan, &Conditions::usual(78));
    let all: Vec<&Message> = load.messages.iter().collect();
    let setup = Setup::new("load");
    // A trail's bucket holds all files, those of the daemon's own time included.
    let trail = Trail::new(&setup, &all);
    let feeder = setup.broker.feeder(&setup.input);
    send(&feeder, &all[all.len() / 2..]);
    let mut daemon = Daemon::start_ready(&setup.config());
    setup.wait_until_read(&mut daemon);
    // The command is killed while it reads, then the daemon while it merges.
    let mut loading = trail.command(&["--no-wait"]).stderr(Stdio::null()).spawn().expect("it runs");
    std::thread::sleep(Duration::from_millis(300));
    let _ = loading.kill();
    loading.wait().expect("it ends");
    let sent = trail.command(&["--no-wait"]).output().expect("it runs");
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    for pause in [400, 2500, 900] {
        std::thread::sleep(Duration::from_millis(pause));
        daemon.signal(Signal::KILL);
        daemon.wait();
        daemon = Daemon::start(&setup.config());
    }
    trail.load();
    let once = trail.series();
    assert!(trail.load().contains("nothing to load"));
    assert_eq!(trail.series(), once);
    daemon.stop();

    let mut pipeline = backfill_pipeline(&Config::default_config());
    read_files(&mut pipeline, &trail.files(), &mut Lines::default());
    let mut expected = BTreeMap::new();
    pipeline.each_series(&mut |s| {
        let named = [&s.account.to_string(), s.region, s.key.source, s.key.name, s.key.error.unwrap_or("-")].join(" ");
        expected.insert(named, (rfc3339(s.first * 60), rfc3339(s.last * 60), s.calls));
    });
    assert!(expected.len() > 50, "{} series", expected.len());
    // A few records are missed: they belong to the daemon's own minutes, which the load leaves alone, but
    // arrived before the daemon started. And a record can be too late for the daemon but in time for the
    // load, whose clock ends where the daemon started. No other record may be counted more often.
    let too_late = pipeline.take_tally().outcome(Outcome::TooLate);
    let (mut missed, mut more) = (0, 0);
    for (name, (first, last, calls)) in &expected {
        let found = &once[name];
        assert_eq!((&found.0, &found.1), (first, last), "{name}");
        missed += calls.saturating_sub(found.2);
        more += found.2.saturating_sub(*calls);
    }
    let all: u64 = expected.values().map(|(_, _, calls)| calls).sum();
    assert_eq!(once.len(), expected.len());
    assert!(missed <= all / 1000 && all > 8_000, "{missed} of {all} calls");
    // Each record may enter a call-rate and an error-rate series.
    assert!(more <= 2 * too_late, "{more} calls more, {too_late} came too late");
}
