//! `insightd backtest` as a command: rows of counts by their contract, CloudTrail files as tables and JSON,
//! plots, learned priors, faults.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use insightd_test_support::replaying::*;
use regex::Regex;
use serde_json::Value;

fn backtest<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    insightd().arg("backtest").args(arguments).output().unwrap()
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// Standard output of a run that must succeed.
fn sound<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> String {
    let output = backtest(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

/// Ten days of about twenty calls a minute, with a five-minute burst and an hour of silence near the end.
fn counts() -> String {
    let mut rows = "timestamp,value\n".to_owned();
    for minute in 0..14_400_u32 {
        let value = match minute {
            13_000..13_005 => 400,
            14_000..14_060 => 0,
            _ => 15 + minute * 7919 % 11,
        };
        let (day, hour) = (1 + minute / 1440, minute / 60 % 24);
        rows += &format!("2026-03-{day:02} {hour:02}:{:02}:00,{value}\n", minute % 60);
    }
    rows
}

struct Scored {
    timestamp: String,
    value: String,
    score: f64,
    insight: bool,
}

fn scored(output: &str) -> Vec<Scored> {
    let mut lines = output.lines();
    assert_eq!(lines.next(), Some("timestamp,value,baseline,score,insight"));
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), 5, "{line}");
        let (baseline, score): (f64, f64) = (fields[2].parse().unwrap(), fields[3].parse().unwrap());
        assert!(baseline.is_finite() && score.is_finite() && score >= 0.0, "{line}");
        assert!(["0", "1"].contains(&fields[4]), "{line}");
        Scored { timestamp: fields[0].to_owned(), value: fields[1].to_owned(), score, insight: fields[4] == "1" }
    };
    lines.map(row).collect()
}

// === counts ===

#[test]
fn each_row_comes_back_as_written_with_score_and_insight() {
    let folder = Folder::new();
    let input = counts();
    let file = folder.write("counts.csv", &input);
    let rows = scored(&sound([&file]));
    let written: Vec<String> = rows.iter().map(|row| format!("{},{}", row.timestamp, row.value)).collect();
    assert_eq!(written, input.lines().skip(1).collect::<Vec<_>>());
    let highest = rows.iter().enumerate().skip(2000).max_by(|a, b| a.1.score.total_cmp(&b.1.score)).unwrap();
    assert_eq!(highest.0, 13_000, "the burst has the highest score");
    assert!(rows[13_000].insight && rows[13_004].insight && !rows[12_999].insight && !rows[13_030].insight);
    assert_eq!(sound([&file]).as_bytes(), backtest([&file]).stdout, "the same input gives the same bytes");
}

#[test]
fn drops_score_only_where_both_directions_count() {
    let folder = Folder::new();
    let file = folder.write("counts.csv", counts());
    let file = file.to_str().unwrap();
    let at_drop = |arguments: &[&str]| scored(&sound(arguments))[14_010].score;
    assert_eq!(at_drop(&[file]), 0.0);
    assert_eq!(at_drop(&["--direction", "up", file]), 0.0);
    assert!(at_drop(&["--direction", "both", file]) > 1.0);
    let config = folder.write("both.toml", "[detect]\ndirection = \"both\"\n");
    assert!(at_drop(&["--config", config.to_str().unwrap(), file]) > 1.0);
    assert_eq!(at_drop(&["--direction", "up", "--config", config.to_str().unwrap(), file]), 0.0);
}

#[test]
fn rows_have_several_forms_and_only_earlier_rows_count() {
    let folder = Folder::new();
    let plain = counts();
    let first: String = plain.lines().take(3000).map(|line| format!("{line}\n")).collect();
    let crlf = format!("\u{feff}{}", first.replace(',', " , ").replace('\n', "\r\n"));
    let iso = first.lines().skip(1).map(|line| line.replacen(' ', "T", 1).replacen(',', "Z,", 1) + "\n").collect();
    let scores = |name: &str, content: &str| -> Vec<f64> {
        scored(&sound([folder.write(name, content)])).iter().map(|row| row.score).collect()
    };
    let whole = scores("whole.csv", &plain);
    for (name, content) in [("first.csv", &first), ("crlf.csv", &crlf), ("iso.csv", &iso)] {
        assert_eq!(scores(name, content), whole[..2999], "{name}");
    }
}

#[test]
fn widths_from_a_minute_to_a_week_and_empty_files() {
    let folder = Folder::new();
    let file = folder.write("counts.csv", counts());
    let file = file.to_str().unwrap();
    for bucket in ["60s", "300s", "5min", "3600s", "604800s", "7d"] {
        assert_eq!(scored(&sound(["--bucket", bucket, file])).len(), 14_400, "{bucket}");
    }
    for empty in ["", "timestamp,value\n"] {
        assert!(scored(&sound([folder.write("empty.csv", empty)])).is_empty());
    }
}

#[test]
fn standard_input_is_recognized_by_its_contents() {
    let folder = Folder::new();
    let from_file = sound([folder.write("counts.csv", counts())]);
    let through = |input: &[u8]| {
        let mut child =
            insightd().args(["backtest", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.status.success());
        text(&output.stdout).to_owned()
    };
    assert_eq!(through(counts().as_bytes()), from_file);
    assert_eq!(through(&gzip(counts().as_bytes())), from_file);
    assert_eq!(sound([folder.write("counts.csv.gz", gzip(counts().as_bytes()))]), from_file);
    assert_eq!(sound([folder.write("no-ending", counts())]), from_file);

    let records = through(burst().as_bytes());
    assert!(records.contains("75 records of 1 files") && records.contains("RunInstances"), "{records}");
    assert_eq!(through(&gzip(burst().as_bytes())), records);
}

// === CloudTrail ===

#[test]
fn what_would_have_fired_is_what_replay_writes() {
    let report = sound([OsStr::new("--json"), samples().as_os_str()]);
    let report: Value = serde_json::from_str(&report).unwrap();
    let replayed = replay([OsStr::new("--explain"), samples().as_os_str()]);
    let records = text(&replayed.stdout).lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut starts: Vec<(String, String, String)> = records
        .filter(|record| record["insightDetails"]["state"] == "Start")
        .map(|record| {
            let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
            (text("/recipientAccountId"), text("/insightDetails/eventName"), text("/eventTime"))
        })
        .collect();
    let text = |insight: &Value, key: &str| insight[key].as_str().unwrap().to_owned();
    let insights = report["insights"].as_array().unwrap();
    let mut found: Vec<_> =
        insights.iter().map(|i| (text(i, "account"), text(i, "event_name"), text(i, "start"))).collect();
    starts.sort();
    found.sort();
    assert!(!found.is_empty());
    assert_eq!(found, starts);
    for insight in insights {
        assert!(insight["score"].as_f64().unwrap() >= insight["limit"].as_f64().unwrap(), "{insight}");
        assert!(insight["calls"].as_f64().unwrap() > insight["calls_expected"].as_f64().unwrap(), "{insight}");
        assert!(insight["duration_minutes"].as_i64().unwrap() >= 1, "{insight}");
        assert!(insight["top_principal"].as_str().unwrap().starts_with("arn:"), "{insight}");
    }
}

#[test]
fn tables_add_up_to_the_insights_and_budgets_are_half_and_twice() {
    let report: Value = serde_json::from_str(&sound([OsStr::new("--json"), samples().as_os_str()])).unwrap();
    let all = report["insights"].as_array().unwrap().len() as u64;
    for table in ["accounts", "apis", "noisiest_series"] {
        let rows = report[table].as_array().unwrap();
        assert_eq!(rows.iter().map(|row| row["insights"].as_u64().unwrap()).sum::<u64>(), all, "{table}");
        for row in rows {
            let by_severity: u64 = ["low", "medium", "high"].iter().map(|s| row[s].as_u64().unwrap()).sum();
            assert_eq!(by_severity, row["insights"].as_u64().unwrap(), "{row}");
        }
    }
    let budgets = report["budgets"].as_array().unwrap();
    assert_eq!(budgets.iter().map(|b| b["budget"].as_f64().unwrap()).collect::<Vec<_>>(), [0.5, 1.0, 2.0]);
    assert_eq!(budgets[1]["insights"].as_u64(), Some(all));
    let counted: Vec<u64> = budgets.iter().map(|b| b["insights"].as_u64().unwrap()).collect();
    assert!(counted[0] <= counted[2], "{counted:?}");
    assert_eq!(report["records"]["malformed"], 0);
    assert_eq!(report["accounts"].as_array().unwrap().len(), 2);
    assert!(report["account_weeks"].as_f64().unwrap() > 1.5);
}

/// The numbers at another budget are those of a run with that budget.
#[test]
fn the_row_of_half_the_budget_is_a_run_at_half_the_budget() {
    let folder = Folder::new();
    let half = folder.write("half.toml", "[detect]\nfalse_insights_per_account_per_week = 0.5\n");
    let run = |arguments: &[&OsStr]| -> Value { serde_json::from_str(&sound(arguments)).unwrap() };
    let (json, config) = (OsStr::new("--json"), OsStr::new("--config"));
    let at_one = run(&[json, samples().as_os_str()]);
    let at_half = run(&[json, config, half.as_os_str(), samples().as_os_str()]);
    assert_eq!(at_one["budgets"][0], at_half["budgets"][1]);
    assert_eq!(at_one["budgets"][1], at_half["budgets"][2]);
}

#[test]
fn the_report_says_what_fired_where_and_how_often() {
    let report = sound([samples()]);
    for wanted in [
        "What would have fired",
        "score",
        "limit",
        "Accounts",
        "APIs",
        "Noisiest series",
        "Budgets",
        "0.5",
        "111122223333",
    ] {
        assert!(report.contains(wanted), "{wanted} is not in:\n{report}");
    }
    assert!(!report.contains('\u{1b}'));
}

#[test]
fn a_history_shorter_than_the_warm_up_is_reported() {
    let folder = Folder::new();
    let few: String = (0..20).map(|n| format!("{}\n", record(n * 60, n))).collect();
    let report = sound([folder.write("few.ndjson", few)]);
    assert!(report.contains("1 of 1 accounts have less history than baseline.warm_up (1day 12h)"), "{report}");
    assert!(report.contains("  nothing\n"), "{report}");
    let none = sound([folder.write("none.ndjson", "")]);
    assert!(none.contains("no record entered a series"), "{none}");
}

#[test]
fn unreadable_files_are_reported_and_the_others_count() {
    let folder = Folder::new();
    folder.write("a.ndjson", burst());
    // Its owner can open it, but its first bytes cannot be read.
    std::os::unix::fs::symlink("/proc/self/mem", folder.path("b.json")).unwrap();
    let output = backtest([folder.0.path()]);
    assert_eq!(output.status.code(), Some(74), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("b.json: ") && text(&output.stderr).contains("1 of the files"));
    assert!(text(&output.stdout).contains("RunInstances"), "{}", text(&output.stdout));
}

// === plots ===

/// Every element is closed by its own name, in order.
fn assert_well_formed(svg: &str) {
    let tag = Regex::new(r#"<(/?)([a-zA-Z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(/?)>"#).unwrap();
    let mut open = Vec::new();
    let mut end = 0;
    for found in tag.captures_iter(svg) {
        let between = &svg[end..found.get(0).unwrap().start()];
        assert!(!between.contains(['<', '>']), "{between}");
        end = found.get(0).unwrap().end();
        match (&found[1], &found[4]) {
            ("/", "") => assert_eq!(open.pop().as_deref(), Some(&found[2])),
            ("", "") => open.push(found[2].to_owned()),
            ("", "/") => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(open.is_empty() && svg[end..].trim().is_empty());
    assert!(svg.starts_with("<svg width=\"1280\" height=\"640\""), "{}", &svg[..80]);
    assert!(!svg.contains("NaN"));
}

#[test]
fn counts_are_drawn_with_their_insight() {
    let folder = Folder::new();
    let (file, plot) = (folder.write("a<b>&c.csv", counts()), folder.path("plot.svg"));
    let drawn = sound([OsStr::new("--plot"), plot.as_os_str(), file.as_os_str()]);
    assert_eq!(drawn, sound([&file]), "a plot changes no row");
    let svg = fs::read_to_string(&plot).unwrap();
    assert_well_formed(&svg);
    assert!(svg.contains("2026-03-05") && svg.contains("insight (1)"), "{svg}");
    assert!(svg.len() < 200_000, "{} bytes", svg.len());
}

#[test]
fn the_noisiest_series_is_drawn_unless_one_is_named() {
    let folder = Folder::new();
    let (file, plot) = (folder.write("burst.ndjson", burst()), folder.path("plot.svg"));
    let (flag, name) = (OsStr::new("--plot"), OsStr::new("--series"));
    sound([flag, plot.as_os_str(), file.as_os_str()]);
    let noisiest = fs::read_to_string(&plot).unwrap();
    assert_well_formed(&noisiest);
    assert!(noisiest.contains("111122223333/eu-west-1/ec2.amazonaws.com/RunInstances"));
    assert!(noisiest.contains("insight (1)") && noisiest.contains("60"), "{noisiest}");
    let named = OsStr::new("111122223333/eu-west-1/ec2.amazonaws.com/RunInstances");
    sound([flag, plot.as_os_str(), name, named, file.as_os_str()]);
    assert_eq!(fs::read_to_string(&plot).unwrap(), noisiest);
    let absent = backtest([flag, plot.as_os_str(), name, OsStr::new("111122223333/r/s/n"), file.as_os_str()]);
    assert_eq!(absent.status.code(), Some(65));
    assert!(text(&absent.stderr).contains("there is no series 111122223333/r/s/n"), "{}", text(&absent.stderr));
}

// === priors ===

#[test]
fn a_learned_table_is_loaded_by_detect_priors() {
    let folder = Folder::new();
    let table = folder.path("priors.toml");
    let learned = backtest([OsStr::new("--learn-priors"), table.as_os_str(), samples().as_os_str()]);
    assert!(learned.status.success(), "{}", text(&learned.stderr));
    let document: toml::Table = fs::read_to_string(&table).unwrap().parse().unwrap();
    let apis = document["api"].as_array().unwrap();
    assert!(!apis.is_empty());
    for api in apis {
        for view in ["burst", "slow"] {
            let rate = api[view]["rate"].as_float().unwrap();
            assert!(rate > 0.0 && rate < 1e-2, "{api}");
        }
    }
    let config = folder.write("with.toml", format!("[detect]\npriors = {:?}\n", table.to_str().unwrap()));
    let output = backtest([OsStr::new("--config"), config.as_os_str(), samples().as_os_str()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    // Again with the table in use: a table must not be learned from another table.
    let again = folder.path("again.toml");
    sound([
        OsStr::new("--config"),
        config.as_os_str(),
        OsStr::new("--learn-priors"),
        again.as_os_str(),
        samples().as_os_str(),
    ]);
    let again: toml::Table = fs::read_to_string(&again).unwrap().parse().unwrap();
    assert_eq!(again, document);

    fs::write(&table, fs::read_to_string(&table).unwrap().replace("version = 1", "version = 9")).unwrap();
    let refused = backtest([OsStr::new("--config"), config.as_os_str(), samples().as_os_str()]);
    assert_eq!(refused.status.code(), Some(78));
    assert!(text(&refused.stderr).contains("version 9 is not known"), "{}", text(&refused.stderr));
}

// === exit codes ===

#[test]
fn failures_have_their_code_and_one_clear_line() {
    let folder = Folder::new();
    let name = |path: PathBuf| path.to_str().unwrap().to_owned();
    let csv = name(folder.write("a.csv", "timestamp,value\n2026-03-04 00:00:00,1\n"));
    let wrong = name(folder.write("wrong.csv", "timestamp,value\n2026-03-04 00:00:00,1\n2026-03-04 00:01:00,many\n"));
    let json = name(folder.write("a.ndjson", burst()));
    let bad = name(folder.write("bad.toml", "[detect]\ndirection = \"down\"\n"));
    let (missing, nowhere) = (name(folder.path("missing.csv")), name(folder.path("no/such/plot.svg")));
    let out = name(folder.path("out"));
    let table: &[(&[&str], i32, &str)] = &[
        (&[], 64, "PATH"),
        (&[&missing], 66, "missing.csv"),
        (&[&wrong], 65, "wrong.csv, line 3: \"many\" is no number"),
        (&["--bucket", "59s", &csv], 64, "--bucket 59s"),
        (&["--bucket", "8d", &csv], 64, "--bucket 8d"),
        (&["--bucket", "soon", &csv], 64, "--bucket soon"),
        (&["--direction", "down", &csv], 64, "up or both"),
        (&["--config", &bad, &csv], 78, "down"),
        (&["--json", &csv], 64, "--json is for CloudTrail files"),
        (&["--learn-priors", &out, &csv], 64, "--learn-priors is for CloudTrail files"),
        (&["--plot", &out, "--series", "1/2/3/4", &csv], 64, "--series is for CloudTrail files"),
        (&["--plot", &nowhere, &csv], 74, "no/such/plot.svg"),
        (&["--plot", &nowhere, &json], 74, "no/such/plot.svg"),
        (&[&csv, &csv], 64, "counts alone"),
        (&[&csv, &json], 64, "counts alone"),
        (&["--bucket", "60s", &json], 64, "--bucket is for counts"),
        (&["--series", "111122223333/r/s/n", &json], 64, "--plot"),
        (&["--plot", &out, "--series", "RunInstances", &json], 64, "account/region/source/name"),
        (&["--plot", &out, &json, "-"], 64, "standard input"),
    ];
    for (arguments, code, wanted) in table {
        let output = backtest(*arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {said}");
        assert!(said.contains(wanted), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
    }
}
