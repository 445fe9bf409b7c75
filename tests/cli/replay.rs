//! `insightd replay` as a command: which files it reads in which order, what it writes where, its exit codes.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::{Output, Stdio};

use insightd_test_support::replaying::*;
use serde_json::{Value, json};

/// Insights are the only lines of standard output, and they repeat byte for byte.
#[test]
fn standard_output_holds_insights_only_and_repeats() {
    let folder = Folder::new();
    let file = folder.write("burst.ndjson", burst());
    let first = replay([&file]);
    assert!(first.status.success());
    assert_eq!(text(&first.stderr), "");
    let lines: Vec<Value> = text(&first.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let states: Vec<_> = lines.iter().map(|line| line["insightDetails"]["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["Start", "End"]);
    assert_eq!(replay([&file]).stdout, first.stdout);
}

#[test]
fn explain_adds_exactly_two_fields() {
    let folder = Folder::new();
    let file = folder.write("burst.ndjson", burst());
    let keys = |output: &Output| -> Vec<BTreeSet<String>> {
        let lines = text(&output.stdout).lines();
        lines
            .map(|line| serde_json::from_str::<Value>(line).unwrap().as_object().unwrap().keys().cloned().collect())
            .collect()
    };
    let (plain, explained) = (keys(&replay([&file])), keys(&replay([OsStr::new("--explain"), file.as_os_str()])));
    assert_eq!(plain.len(), 2);
    for (plain, explained) in plain.iter().zip(&explained) {
        let added: Vec<_> = explained.difference(plain).collect();
        assert_eq!(added, ["detectedAt", "insightd"]);
        assert!(plain.is_subset(explained));
    }
}

#[test]
fn eventbridge_wraps_the_same_records() {
    let folder = Folder::new();
    let file = folder.write("burst.ndjson", burst());
    let bare = replay([&file]);
    let wrapped = replay([OsStr::new("--format"), OsStr::new("eventbridge"), file.as_os_str()]);
    let bare: Vec<Value> = text(&bare.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let wrapped: Vec<Value> = text(&wrapped.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(wrapped.iter().map(|event| event["detail"].clone()).collect::<Vec<_>>(), bare);
    assert!(wrapped.iter().all(|event| event["detail-type"] == "AWS Insight via CloudTrail"));
}

#[test]
fn stats_add_up() {
    let folder = Folder::new();
    let mut read = record(1, 1);
    read["readOnly"] = json!(true);
    let mut timeless = record(1, 2);
    timeless["eventTime"] = json!("never");
    let s3 = json!({"Records": [{"eventSource": "aws:s3", "s3": {}}]});
    let late = record(0, 9);
    let lines = [record(600, 3), record(600, 3), record(601, 4), read, timeless, late, json!(17), s3];
    let file = folder.write("mixed.ndjson", lines.map(|line| format!("{line}\n")).concat() + "{\"cut\":");
    let stats = stats([&file]);
    let expected = [
        ("records", 8),
        ("counted", 2),
        ("duplicates", 1),
        ("out_of_scope", 1),
        ("too_late", 1),
        ("malformed", 3),
        ("shed", 0),
        ("read_only", 1),
        ("series", 1),
        ("insights_started", 0),
        ("insights_ended", 0),
        ("insights_open", 0),
        ("unconfirmed", 0),
    ];
    for (name, count) in expected {
        assert_eq!(stats[name], count, "{name} in {stats:#}");
    }
    assert!(stats["late"].is_u64(), "{stats:#}");
    assert_eq!(stats["payloads_skipped"], json!({"s3_notification": 1}));
    let reasons = json!({"event_time_invalid": 1, "truncated": 1, "unknown_shape": 1});
    assert_eq!(stats["malformed_by_reason"], reasons);
}

#[test]
fn a_closed_standard_output_ends_the_run_quietly() {
    let folder = Folder::new();
    let mut input = Vec::new();
    for account in 0..3000_u64 {
        input.extend(burst().replace("111122223333", &format!("{:012}", 400_000_000_000 + account)).into_bytes());
    }
    let (file, stats) = (folder.write("bursts.ndjson", &input), folder.path("stats"));
    let mut child = insightd()
        .arg("replay")
        .arg("--stats")
        .arg(&stats)
        .arg(&file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    // The reader is dropped here.
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stderr), "");
    assert!(line.starts_with("{\"eventVersion\""), "{line}");
    let stats: Value = serde_json::from_slice(&fs::read(stats).unwrap()).unwrap();
    assert!(stats["records"].as_u64().unwrap() < 3000 * 75, "the run went on: {stats}");
}

// === input ===

/// Gzip is recognized by its first bytes, and an explicit path may have any name.
#[test]
fn gzip_is_recognized_by_its_first_bytes() {
    let folder = Folder::new();
    for name in ["plain.json.gz", "no-ending", "odd.txt"] {
        for content in [burst().into_bytes(), gzip(burst().as_bytes())] {
            let file = folder.write(name, content);
            assert_eq!(stats([&file])["records"], 75, "{name}");
        }
    }
}

#[test]
fn standard_input_is_a_path_like_others() {
    let folder = Folder::new();
    let file = folder.write("burst.ndjson", burst());
    let mut child = insightd()
        .arg("replay")
        .arg("--stats")
        .arg(folder.path("stats"))
        .arg("-")
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&gzip(burst().as_bytes())).unwrap();
    let output = child.wait_with_output().unwrap();
    let stats: Value = serde_json::from_slice(&fs::read(folder.path("stats")).unwrap()).unwrap();
    assert!(output.status.success());
    assert_eq!(stats["records"], 150);
    assert_eq!(output.stdout, replay([&file]).stdout);
}

#[test]
fn insights_appear_while_standard_input_is_still_open() {
    let mut child = insightd().args(["replay", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(burst().as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("\"state\":\"Start\""), "{line}");
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn folders_are_read_in_bytewise_order_of_the_whole_path() {
    let folder = Folder::new();
    // The first of the repeated events counts, so its user agent shows which file was read first.
    let agent = |agent: &str| {
        let records = (0..60).map(|n| {
            let mut record = record(4330, n);
            record["userAgent"] = json!(agent);
            format!("{record}\n")
        });
        let quiet: String = (0..12).map(|n| format!("{}\n", record(n * 360, 0))).collect();
        quiet + &records.collect::<String>()
    };
    let winner = || {
        let output = replay([folder.0.path()]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let start: Value = serde_json::from_str(text(&output.stdout).lines().next().unwrap()).unwrap();
        start
            .pointer("/insightDetails/insightContext/attributions/1/insight/0/value")
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    };
    // `Z` < `a`, and `a.json` < `a/b.json` since `.` < `/`: the whole path counts, not folder by folder.
    let names: [&[u8]; 5] = [b"Z.ndjson", b"a.json", b"a/b.json", b"b.ndjson.gz", b"\xff.json"];
    for name in names.iter().rev() {
        let shown = name.escape_ascii().to_string();
        let content = agent(&shown).into_bytes();
        let packed = if name.ends_with(b".gz") { gzip(&content) } else { content };
        folder.write(OsStr::from_bytes(name), packed);
        assert_eq!(winner(), shown);
    }
}

/// Other files are counted in one line, and links to folders are not followed.
#[test]
fn other_files_are_counted_and_links_not_followed() {
    let folder = Folder::new();
    folder.write("a.ndjson", burst());
    folder.write("deep/er/b.json", burst());
    for other in ["notes.txt", "deep/c.json.bak", "d.csv", "e.JSON"] {
        folder.write(other, burst());
    }
    symlink(folder.0.path(), folder.path("round")).unwrap();
    symlink(folder.path("a.ndjson"), folder.path("link.ndjson")).unwrap();
    let stats_file = folder.path("stats");
    let output = replay([OsStr::new("--stats"), stats_file.as_os_str(), folder.0.path().as_os_str()]);
    assert!(output.status.success());
    let lines: Vec<_> = text(&output.stderr).lines().collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("4 other files"), "{lines:?}");
    let stats: Value = serde_json::from_slice(&fs::read(stats_file).unwrap()).unwrap();
    assert_eq!(stats["records"], 3 * 75, "two files and a link to one");
}

/// Statistics of an earlier run are no input, and input is never overwritten.
#[test]
fn stats_are_no_input_and_never_overwrite_input() {
    let folder = Folder::new();
    let file = folder.write("a.ndjson", burst());
    let stats = folder.path("stats.json");
    let arguments = [OsStr::new("--stats"), stats.as_os_str(), folder.0.path().as_os_str()];
    let first = (replay(arguments).stdout, fs::read(&stats).unwrap());
    assert_eq!((replay(arguments).stdout, fs::read(&stats).unwrap()), first);

    let output = replay([OsStr::new("--stats"), file.as_os_str(), file.as_os_str()]);
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(fs::read_to_string(&file).unwrap(), burst());
}

// === exit codes ===

#[test]
fn malformed_input_and_empty_folders_are_no_failure() {
    let folder = Folder::new();
    fs::create_dir(folder.path("empty")).unwrap();
    assert_eq!(stats([folder.path("empty")])["records"], 0);
    let broken = folder.write("broken.json", "{\"Records\":[{]");
    assert_eq!(stats([broken])["malformed"], 1);
    let empty = folder.write("empty.json", "");
    assert_eq!(stats([empty])["payloads_skipped"], json!({"empty": 1}));
}

#[test]
fn failures_have_their_code_and_one_clear_line() {
    let folder = Folder::new();
    let file = folder.write("a.ndjson", burst());
    let file = file.to_str().unwrap();
    let bad = folder.write("bad.toml", "[input]\nlatenes = \"10 min\"\n");
    let bad = bad.to_str().unwrap();
    let missing = folder.path("missing.json");
    let missing = missing.to_str().unwrap();
    let nowhere = folder.path("no/such/folder/stats");
    let nowhere = nowhere.to_str().unwrap();
    let table: [(&[&str], &[i32], &str); 7] = [
        (&[], &[64], "PATH"),
        (&["--nonsense", file], &[64], "--nonsense"),
        (&["--format", "xml", file], &[64], "xml"),
        (&[missing], &[66], "missing.json"),
        (&[file, missing], &[66], "missing.json"),
        (&["--config", bad, file], &[78], "latenes"),
        (&["--stats", nowhere, file], &[73, 74], "no/such/folder/stats"),
    ];
    for (arguments, codes, named) in table {
        let output = replay(arguments);
        assert!(codes.contains(&output.status.code().unwrap()), "{arguments:?}: {:?}", output.status);
        assert!(text(&output.stderr).contains(named), "{arguments:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "", "{arguments:?}: nothing is done before all is checked");
    }
    for (arguments, codes, _) in &table[3..] {
        if codes != &[78] {
            assert_eq!(text(&replay(*arguments).stderr).lines().count(), 1, "{arguments:?}");
        }
    }
}

#[test]
fn a_file_that_ends_while_it_is_read_is_no_failure() {
    let folder = Folder::new();
    let file = folder.write("a.ndjson", burst());
    let mut content = String::new();
    fs::File::open(&file).unwrap().read_to_string(&mut content).unwrap();
    fs::write(&file, &content[..content.len() - 100]).unwrap();
    let stats = stats([&file]);
    assert_eq!((&stats["records"], &stats["malformed"]), (&json!(75), &json!(1)));
}

#[test]
fn an_invalid_command_line_is_explained_in_one_line() {
    for arguments in [&["replay"][..], &["replay", "--bogus", "x"], &["replay", "--format", "x", "y"], &["bogus"]] {
        let output =
            std::process::Command::new(env!("CARGO_BIN_EXE_insightd")).args(arguments).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        assert!(said.starts_with("insightd: ") && output.stdout.is_empty(), "{arguments:?}: {said}");
    }
}
