//! Generated traffic into a topic of a real broker.

use std::collections::{BTreeMap, BTreeSet};

use insightd_generate::delivery::{Delivery, Merged};
use insightd_generate::{Organization, Plan};
use serde_json::Value;

use crate::setup::Setup;
use insightd_test_support::insightd::{Daemon, command, sum_of};

/// 2025-01-06.
const START: i64 = 1_736_121_600;
const OPTIONS: [&str; 14] = [
    "--seed",
    "5",
    "--accounts",
    "4",
    "--days",
    "1",
    "--activity",
    "0.03",
    "--attacks",
    "0",
    "--quiet-days",
    "0",
    "--start",
    "2025-01-06",
];

fn organization() -> Organization {
    Organization::new(Plan { seed: 5, accounts: 4, start: START, days: 1, activity: 0.03, attacks: 0, quiet_days: 0 })
}

fn generate(config: &str, more: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("insightd.toml");
    std::fs::write(&file, config).expect("written");
    let output = command()
        .args(["generate", "--kafka"])
        .arg(&file)
        .args(OPTIONS)
        .args(more)
        .output()
        .expect("insightd can be run");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Every record arrives once, keyed by its account, in order of delivery.
#[test]
fn every_record_arrives_once_keyed_and_in_order() {
    let setup = Setup::new("generated");
    let (code, said) = generate(&setup.config(), &[]);
    assert_eq!(code, Some(0), "{said}");
    let got = setup.broker.read_committed(&setup.input);

    let organization = organization();
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let accounts = organization.accounts();
    for (account, file) in Merged::new(accounts.iter().map(|account| Delivery::new(account.id(), account.calls()))) {
        let id = accounts[account].id();
        let ids = file.calls.iter().map(|call| insightd_generate::call::event_id(id, call.serial));
        expected.entry(id.to_owned()).or_default().extend(ids);
    }
    let total: usize = expected.values().map(Vec::len).sum();
    assert_eq!(got.len(), total);
    assert!(said.contains(&format!("generated {total} records")), "{said}");

    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut partitions: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
    for message in &got {
        let record: Value = serde_json::from_slice(&message.value).expect("one record");
        let key = message.key.clone().expect("a key");
        assert_eq!(record["recipientAccountId"], key.as_str());
        partitions.entry(key.clone()).or_default().insert(message.partition);
        found.entry(key).or_default().push(record["eventID"].as_str().expect("an id").to_owned());
    }
    assert!(found == expected, "an account's records are not those of its files in their order");
    assert!(partitions.values().all(|partitions| partitions.len() == 1), "{partitions:?}");
}

/// Without `--start` the traffic ends yesterday, within what the daemon reads and counts.
#[test]
fn the_daemon_counts_what_was_generated() {
    let setup = Setup::new("generated-run");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("insightd.toml");
    std::fs::write(&file, setup.config()).expect("written");
    let output =
        command().args(["generate", "--kafka"]).arg(&file).args(&OPTIONS[..12]).output().expect("insightd can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut daemon = Daemon::start_ready(&setup.config());
    setup.wait_until_read(&mut daemon);
    let (_, text) = daemon.get("/metrics").expect("metrics");
    daemon.stop();
    let outcome = |name: &str| sum_of(&text, "insightd_records_total", &[("outcome", name)]).unwrap_or(0.0);
    let total: i64 = setup.broker.ends(&setup.input).iter().sum();
    let all = ["counted", "duplicate", "out_of_scope", "too_late", "malformed", "shed"].map(outcome);
    assert_eq!(all.iter().sum::<f64>(), total as f64, "{all:?}");
    assert!(all[0] > 0.0 && all[1] > 0.0, "{all:?}");
    assert_eq!(all[3..], [0.0, 0.0, 0.0], "{all:?}");
}

#[test]
fn records_respect_the_configured_rate() {
    let setup = Setup::new("generated-slow");
    let begun = std::time::Instant::now();
    let (code, said) = generate(&setup.config(), &["--lapse", "28800"]);
    assert_eq!(code, Some(0), "{said}");
    // A day of event time in three seconds.
    assert!(begun.elapsed().as_secs_f64() > 2.5, "{:?}", begun.elapsed());
}

#[test]
fn an_unsuitable_topic_is_refused() {
    let setup = Setup::without_topics("generated-missing");
    let (code, said) = generate(&setup.config(), &[]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains(&setup.input) && !said.contains(&setup.output), "{said}");

    setup.broker.create_topic(&setup.input, 3);
    let (code, said) = generate(&setup.config_with("keyed_by_account = false", ""), &[]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("input.keyed_by_account"), "{said}");
}

#[test]
fn a_broker_that_dies_ends_generate_with_the_reason() {
    let own = insightd_test_support::broker::Broker::start("generated-dies", &[]);
    own.create_topic("cloudtrail", 1);
    let config = format!("[kafka]\nbootstrap_servers = [\"{}\"]\n", own.address);
    let kill = std::thread::spawn(move || {
        let begun = std::time::Instant::now();
        while own.ends("cloudtrail") == [0] {
            assert!(begun.elapsed() < insightd_test_support::insightd::PATIENCE, "nothing arrives");
        }
        own.script("kill", &["1"]);
    });
    // Without an end of its own within a minute.
    let (code, said) = generate(&config, &["--rate", "20"]);
    kill.join().expect("the broker was killed");
    assert_eq!(code, Some(74), "{said}");
    assert!(said.contains("topic cloudtrail") && said.contains("30 s"), "{said}");
}
