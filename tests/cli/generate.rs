//! `insightd generate` as a command: the files of a seed, what `replay` finds in them, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Output;

use flate2::read::GzDecoder;
use insightd_generate::call::{Call, Kind};
use insightd_generate::{Organization, Plan};
use insightd_test_support::replaying::*;
use serde_json::Value;

/// 2025-01-06.
const START: i64 = 1_736_121_600;

fn plan(seed: u64) -> Plan {
    Plan { seed, accounts: 3, start: START, days: 2, activity: 0.05, attacks: 4, quiet_days: 1 }
}

fn generate(plan: &Plan, out: &Path, more: &[&str]) -> Output {
    let Plan { seed, accounts, days, activity, attacks, quiet_days, .. } = plan;
    let numbers = [
        ("--seed", seed.to_string()),
        ("--accounts", accounts.to_string()),
        ("--days", days.to_string()),
        ("--activity", activity.to_string()),
        ("--attacks", attacks.to_string()),
        ("--quiet-days", quiet_days.to_string()),
    ];
    let mut command = insightd();
    command.arg("generate").arg("--out").arg(out).args(more);
    for (option, number) in numbers {
        command.arg(option).arg(number);
    }
    command.output().unwrap()
}

fn generated(plan: &Plan, out: &Path, more: &[&str]) {
    let output = generate(plan, out, more);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "", "standard output is left alone");
}

/// Every file below a folder, by relative path.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            files.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
    files
}

fn records(file: &[u8]) -> Vec<Value> {
    let mut json = String::new();
    GzDecoder::new(file).read_to_string(&mut json).unwrap();
    let mut file: Value = serde_json::from_str(&json).unwrap();
    serde_json::from_value(file["Records"].take()).unwrap()
}

/// The same seed gives the same bytes on one thread and on three.
#[test]
fn the_seed_decides_the_bytes_on_any_number_of_threads() {
    let folder = Folder::new();
    generated(&plan(11), &folder.path("one"), &["--threads", "1"]);
    generated(&plan(11), &folder.path("three"), &["--threads", "3"]);
    generated(&plan(12), &folder.path("other"), &["--threads", "3"]);
    let (one, three, other) = (tree(&folder.path("one")), tree(&folder.path("three")), tree(&folder.path("other")));
    assert!(one.len() > 100, "{} files", one.len());
    assert!(one == three, "the trees of one thread and of three differ");
    assert!(one != other, "another seed gives the same tree");
}

#[test]
fn replay_counts_everything_and_finds_the_repeats() {
    let folder = Folder::new();
    let plan = plan(21);
    generated(&plan, &folder.path("out"), &[]);
    let organization = Organization::new(plan);
    let (mut calls, mut in_scope) = (0, 0);
    for account in organization.accounts() {
        for call in account.calls() {
            calls += 1;
            let counts = call.kind != Kind::Data && (!call.api.read || call.event(account).error.is_some());
            in_scope += u64::from(counts);
        }
    }
    let delivered: u64 = tree(&folder.path("out/AWSLogs")).values().map(|file| records(file).len() as u64).sum();
    let stats = stats([folder.path("out/AWSLogs")]);
    println!("{calls} calls, {delivered} records: {stats:#}");
    assert_eq!(
        (&stats["records"], &stats["malformed"], &stats["shed"], &stats["too_late"]),
        (&delivered.into(), &0.into(), &0.into(), &0.into())
    );
    assert_eq!(stats["counted"], in_scope);
    let repeats = delivered - calls;
    assert!((calls / 200..calls / 50).contains(&repeats), "{repeats} repeats of {calls} calls");
    // A repeat of an out-of-scope record is out of scope again.
    let duplicates = stats["duplicates"].as_u64().unwrap();
    assert!(duplicates > 0 && duplicates <= repeats, "{duplicates} duplicates, {repeats} repeats");
    assert_eq!(stats["out_of_scope"].as_u64().unwrap(), delivered - in_scope - duplicates);
}

#[test]
fn a_tree_is_laid_out_like_a_trails_bucket() {
    let folder = Folder::new();
    generated(&plan(31), &folder.path("out"), &[]);
    let name = regex::Regex::new(
        r"^AWSLogs/(\d{12})/CloudTrail/([a-z0-9-]+)/(\d{4})/(\d\d)/(\d\d)/(\d{12})_CloudTrail_([a-z0-9-]+)_(\d{8})T(\d\d)(\d\d)Z_[A-Z2-7]{16}\.json\.gz$",
    )
    .unwrap();
    let mut accounts = BTreeSet::new();
    for (path, bytes) in tree(&folder.path("out")) {
        let path = path.to_str().unwrap();
        if path == "labels.json" {
            continue;
        }
        let part = name.captures(path).unwrap_or_else(|| panic!("{path}"));
        assert_eq!((&part[1], &part[2]), (&part[6], &part[7]), "{path}");
        assert_eq!(format!("{}{}{}", &part[3], &part[4], &part[5]), part[8], "{path}");
        accounts.insert(part[1].to_owned());
        let written = format!("{}-{}-{}T{}:{}:00Z", &part[3], &part[4], &part[5], &part[9], &part[10]);
        let written: jiff::Timestamp = written.parse().unwrap();
        for record in records(&bytes) {
            assert_eq!((&record["recipientAccountId"], &record["awsRegion"]), (&part[1].into(), &part[2].into()));
            let time: jiff::Timestamp = record["eventTime"].as_str().unwrap().parse().unwrap();
            let late = written.as_second() - time.as_second();
            // A repeat comes in a later file.
            assert!((120..=1200).contains(&late), "{late} s late: {path}");
        }
    }
    assert_eq!(accounts.len(), 3);
}

#[test]
fn labels_locate_the_attacks() {
    let folder = Folder::new();
    let plan = plan(41);
    generated(&plan, &folder.path("out"), &["--labels", folder.path("truth.json").to_str().unwrap()]);
    assert!(!folder.path("out/labels.json").exists());
    let labels: Value = serde_json::from_slice(&fs::read(folder.path("truth.json")).unwrap()).unwrap();
    let attacks = labels["attacks"].as_array().unwrap();
    assert_eq!((attacks.len(), &labels["seed"]), (4, &41.into()));
    // What a label says is in the files: its calls of its series, by its principal, in its time.
    let organization = Organization::new(plan);
    for label in attacks {
        let account = organization.accounts().iter().find(|account| label["account"] == account.id()).unwrap();
        let of_label = |call: &Call| {
            (label["start"].as_i64().unwrap()..=label["end"].as_i64().unwrap()).contains(&call.time)
                && label["principal"] == account.principal(call.actor)
        };
        let calls = account.calls().filter(of_label).count() as u64;
        assert!(calls >= label["calls"].as_u64().unwrap(), "{calls} calls of {label}");
    }
}

#[test]
fn conflicting_arguments_are_refused_before_any_write() {
    let folder = Folder::new();
    let full = folder.write("full/file", "mine");
    let refuse = |arguments: &[&str], code: i32, expected: &str| {
        let output = insightd().arg("generate").args(arguments).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    };
    let (full_folder, new) = (full.parent().unwrap().to_str().unwrap(), folder.path("new"));
    let new = new.to_str().unwrap();
    refuse(&["--out", full_folder, "--days", "2"], 73, "is not empty");
    refuse(&["--out", full.to_str().unwrap(), "--days", "2"], 73, "cannot create the folder");
    refuse(&[], 64, "--out");
    refuse(&["--out", new, "--kafka", "insightd.toml"], 64, "--kafka");
    refuse(&["--out", new, "--rate", "100"], 64, "--rate");
    refuse(&["--out", new, "--start", "yesterday"], 64, "2025-01-06");
    refuse(&["--out", new, "--activity", "0"], 64, "above 0");
    refuse(&["--out", new, "--accounts", "0"], 64, "--accounts");
    refuse(&["--out", new, "--days", "3", "--quiet-days", "3"], 64, "leaves no day");
    refuse(&["--out", new, "--labels", &format!("{new}/AWSLogs/labels.json")], 64, "among the log files");
    refuse(&["--kafka", "no-such-file.toml"], 78, "no-such-file.toml");
    let away = folder.write("away.toml", "[kafka]\nbootstrap_servers = [\"127.0.0.1:1\"]\n");
    refuse(&["--kafka", away.to_str().unwrap()], 69, "127.0.0.1:1");
    assert_eq!(fs::read(&full).unwrap(), b"mine");
    assert!(!folder.path("new").exists());
}
