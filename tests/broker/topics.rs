//! Topics and partitions: what must exist, and what the daemon refuses.

use crate::setup::Setup;
use insightd_test_support::broker::broker;
use insightd_test_support::insightd::{Daemon, command};

#[test]
fn a_missing_topic_is_named_with_the_command_to_create_it() {
    let setup = Setup::without_topics("missing");
    setup.broker.create_topic(&setup.input, 3);
    let mut daemon = Daemon::start(&setup.config());
    let status = daemon.wait();
    let log = daemon.log();
    assert_eq!(status.code(), Some(78), "{log}");
    for said in [setup.output.as_str(), setup.dlq.as_str(), "kafka-topics", "create_topics"] {
        assert!(log.contains(said), "{said} is not named:\n{log}");
    }
}

#[test]
fn create_topics_creates_missing_topics() {
    let setup = Setup::without_topics("creates");
    let mut daemon = Daemon::start_ready(&setup.config().replace("[kafka]\n", "[kafka]\ncreate_topics = true\n"));
    for topic in [&setup.input, &setup.output, &setup.dlq] {
        assert!(setup.broker.partitions(topic) > 0, "{topic} was not made");
    }
    daemon.stop();
}

/// `run` and `check` refuse several partitions without `input.keyed_by_account`.
#[test]
fn several_partitions_require_keyed_by_account() {
    let setup = Setup::new("unkeyed");
    let config = setup.config_with("keyed_by_account = false", "");
    let mut daemon = Daemon::start(&config);
    let status = daemon.wait();
    assert_eq!(status.code(), Some(78), "{}", daemon.log());
    assert!(daemon.log().contains("input.keyed_by_account"), "{}", daemon.log());

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("insightd.toml");
    std::fs::write(&file, config).expect("written");
    let output = command().arg("check").arg("--config").arg(&file).output().expect("insightd can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("input.keyed_by_account"), "{said}");
}

#[test]
fn one_partition_needs_no_keys() {
    let setup = Setup::without_topics("single");
    for topic in [&setup.input, &setup.output, &setup.dlq, &setup.state()] {
        setup.broker.create_topic(topic, 1);
    }
    let mut daemon = Daemon::start_ready(&setup.config_with("keyed_by_account = false", ""));
    daemon.stop();
}

/// Otherwise a pattern such as `^.*` would feed the daemon its own insights.
#[test]
fn a_pattern_never_reads_the_daemons_own_topics() {
    let setup = Setup::new("own");
    let pattern = format!("^{}\\\\.", setup.group);
    let config =
        setup.config().replace(&format!("topics = [\"{}\"]", setup.input), &format!("topics = [\"{pattern}\"]"));
    assert!(config.contains(&pattern));
    let feeder = broker().feeder(&setup.input);
    feeder.send(0, Some("111122223333"), b"no record");
    feeder.flush();
    let mut daemon = Daemon::start_ready(&config);
    daemon.wait_until("the damaged record is a dead-letter record", |_| setup.dead_letters().len() == 1);
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(setup.dead_letters().len(), 1, "it read its own dead-letter records");
    daemon.stop();

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("insightd.toml");
    std::fs::write(&file, config).expect("written");
    let output = command().arg("check").arg("--config").arg(&file).output().expect("insightd can be run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains(&setup.output) && said.contains(&setup.dlq), "what was excluded is not named: {said}");
}

/// A static member that only closes keeps its place until the session ends, 45 s by default; a stopped daemon
/// leaves at once.
#[test]
fn a_stopped_daemon_releases_its_partitions_at_once() {
    let setup = Setup::new("leaves");
    let config = setup.config().replace("session_timeout = \"15s\"", "session_timeout = \"45s\"");
    assert!(config.contains("45s"));
    let second = config.replace("instance_id = \"", "instance_id = \"second-");
    assert_ne!(second, config, "the second process needs an id of its own");
    let mut first = Daemon::start_ready(&config);
    let mut other = Daemon::start_ready(&second);
    first.stop();
    let stopped = std::time::Instant::now();
    let all = |daemon: &Daemon| daemon.metric("insightd_partitions_assigned", &[("worker", "0")]) == Some(3.0);
    other.wait_until("the other one has all partitions", all);
    assert!(stopped.elapsed() < std::time::Duration::from_secs(20), "after {:?}", stopped.elapsed());
    other.stop();
}
