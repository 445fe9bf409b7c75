//! Real CloudTrail logs of an attacked account. They are not part of the project; without them nothing is
//! compared.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::setup::{Setup, assert_same, by_account, expected};
use insightd_test_support::insightd::{Daemon, assert_adds_up, replay, shared, sum_of};

/// The log files in the order in which `replay` reads the folder: bytewise by name.
fn files(folder: &PathBuf) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort_unstable();
    files
}

/// One message for each file and account in it: a real file holds one account's records, but the topic must
/// be keyed by account in any case.
fn messages(files: &[PathBuf]) -> Vec<(String, Vec<u8>)> {
    let mut messages = Vec::new();
    for file in files {
        let mut accounts: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let whole: Value = serde_json::from_slice(&std::fs::read(file).expect("a file")).expect("a log file is JSON");
        for record in whole["Records"].as_array().expect("Records") {
            let account = record["recipientAccountId"].as_str().expect("an account").to_owned();
            accounts.entry(account).or_default().push(record.clone());
        }
        for (account, records) in accounts {
            messages.push((account, serde_json::to_vec(&serde_json::json!({ "Records": records })).expect("JSON")));
        }
    }
    messages
}

/// Real logs of an attacked account give the same insights as `replay`.
#[test]
fn real_attack_logs_give_what_replay_gives() {
    let Some(folder) = shared("data/cloudtrail/invictus-ir_aws_dataset/CloudTrail") else {
        println!("no real logs on this machine: nothing compared");
        return;
    };
    let warm_up = "[baseline]\nwarm_up = 0\n";
    let replayed = replay(&folder, Some(warm_up), &[]);
    assert_adds_up(&replayed.stats);
    assert_eq!(replayed.count("records"), 2900);

    let setup = Setup::new("real");
    let feeder = setup.broker.feeder(&setup.input);
    for (account, payload) in messages(&files(&folder)) {
        let partition = i32::from(account.as_bytes()[11]) % 3;
        feeder.send(partition, Some(&account), &payload);
    }
    feeder.flush();
    let mut daemon = Daemon::start_ready(&setup.config_with("keyed_by_account = true\nidle_after = \"1h\"", warm_up));
    setup.wait_until_read(&mut daemon);
    let (_, text) = daemon.get("/metrics").expect("metrics");
    daemon.stop();

    let outcome = |name: &str| sum_of(&text, "insightd_records_total", &[("outcome", name)]).expect("the metric");
    for (metric, stat) in [
        ("counted", "counted"),
        ("out_of_scope", "out_of_scope"),
        ("malformed", "malformed"),
        ("duplicate", "duplicates"),
        ("too_late", "too_late"),
    ] {
        assert_eq!(outcome(metric), replayed.count(stat) as f64, "{stat}");
    }

    let found = by_account(setup.insights().iter().map(|got| got.text()));
    let count: usize = found.values().map(Vec::len).sum();
    println!("{count} insights in real logs, {} with those at the end of replay", replayed.insights.len());
    assert!(count > 0, "no insight in the logs of an attack");
    assert_same(&found, &expected(&replayed, &found));
}
