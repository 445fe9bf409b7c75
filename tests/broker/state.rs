//! `insightd state` on a changelog that a daemon wrote.

use std::process::Output;

use serde_json::Value;

use crate::exactly_once::send;
use crate::setup::Setup;
use insightd_test_support::clock::DAY;
use insightd_test_support::delivery::Conditions;
use insightd_test_support::insightd::{Daemon, command};
use insightd_test_support::load::{Load, PARTITIONS};
use insightd_test_support::payload::Message;
use insightd_test_support::traffic::Plan;

struct Command {
    /// Holds the configuration.
    _folder: tempfile::TempDir,
    file: std::path::PathBuf,
}

impl Command {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("insightd.toml");
        std::fs::write(&file, config).expect("written");
        Self { _folder: folder, file }
    }

    fn run(&self, what: &str, options: &[&str]) -> Output {
        command().args(["state", what, "--config"]).arg(&self.file).args(options).output().expect("it runs")
    }

    fn lines(&self, what: &str, options: &[&str]) -> Vec<Value> {
        let output = self.run(what, options);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

#[test]
fn the_state_can_be_shown_and_reset() {
    let plan = Plan { length: 3 * DAY, attacks: 2, poll_every: 240, ..Plan::usual(5) };
    let load = Load::new(&plan, &Conditions::usual(5));
    let setup = Setup::new("state");
    let messages: Vec<&Message> = load.messages.iter().collect();
    send(&setup.broker.feeder(&setup.input), &messages);
    let mut daemon = Daemon::start_ready(&setup.config());
    setup.wait_until_read(&mut daemon);
    // Gauges are refreshed once a second.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let series = daemon.metric("insightd_series", &[]).expect("the metric") as usize;
    let command = Command::new(&setup.config());
    let refused = command.run("reset", &["--yes"]);
    assert_eq!(refused.status.code(), Some(74), "a member runs: {}", String::from_utf8_lossy(&refused.stderr));
    daemon.stop();

    let all = command.lines("export", &[]);
    let of = |kind: &str| all.iter().filter(|line| line["kind"] == kind).collect::<Vec<_>>();
    assert_eq!(of("partition").len(), PARTITIONS as usize);
    assert_eq!(of("series").len(), series, "as many as the daemon had");
    let next: Vec<i64> = of("partition").iter().map(|line| line["next"].as_i64().expect("an offset")).collect();
    assert_eq!(next, setup.broker.committed(&setup.group, &setup.input), "EO-1");
    let one = of("series")[0];
    let (account, name) = (one["account"].as_str().expect("an account"), one["eventName"].as_str().expect("a name"));
    let some = command.lines("inspect", &["--account", account, "--event-name", name]);
    assert!(some.contains(one) && some.iter().all(|line| line["eventName"] == name && line["account"] == account));

    let warned = command.run("reset", &[]);
    assert!(warned.status.success() && String::from_utf8_lossy(&warned.stderr).contains("add --yes"));
    assert_eq!(command.lines("export", &[]), all, "nothing was done");
    assert!(command.run("reset", &["--yes"]).status.success());
    assert!(command.lines("export", &[]).iter().all(|line| line["kind"] == "partition" && line["state"].is_null()));

    let mut daemon = Daemon::start_ready(&setup.config());
    assert_eq!(daemon.metric("insightd_series", &[]), Some(0.0));
    let lost = daemon.metric("insightd_state_restores_total", &[("found", "state_lost")]);
    assert_eq!(lost, Some(f64::from(PARTITIONS)), "it says so");
    daemon.stop();
}
