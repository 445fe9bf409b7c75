//! Compares the samples and commands on the pages with the output and the options of the program.
//!
//! A block is a sample if the line above it is an HTML comment `sample: COMMAND` or `sample json: COMMAND`.
//! In a text sample a line `...` stands for any number of lines, and `...` inside a line for any text. A JSON
//! sample equals one line of the output as a value; an element `"..."` of an array stands for any number of
//! elements.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use regex::Regex;
use serde_json::Value;

use crate::markdown::{Block, Page, pages};
use crate::tidy::{assert_none, root};

fn insightd(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_insightd"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("INSIGHTD_")) {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(root()).stdin(std::process::Stdio::null()).output().expect("it runs")
}

fn printed(command: &str) -> String {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("insightd"), "a sample is of insightd: {command}");
    let output = insightd(&words.collect::<Vec<_>>());
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Samples of all pages, with their commands.
fn samples(kind: &str) -> Vec<(String, Block, String)> {
    let mut found = Vec::new();
    for page in pages() {
        for block in page.blocks() {
            let command = block.mark.as_deref().and_then(|mark| mark.strip_prefix(kind)).map(str::trim);
            if let Some(command) = command.map(str::to_owned) {
                found.push((page.path.clone(), block, command));
            }
        }
    }
    assert!(found.len() >= 2, "only {} samples were found of {kind}", found.len());
    found
}

#[test]
fn text_samples_are_what_the_program_prints() {
    for (page, block, command) in samples("sample:") {
        let output = printed(&command);
        let output: Vec<&str> = output.lines().map(str::trim_end).collect();
        let sample: Vec<&str> = block.lines.iter().map(|line| line.trim_end()).collect();
        if let Err(chunk) = is_excerpt(&sample, &output) {
            panic!("{page}: `{command}` does not print\n{}\nbut\n{}", chunk.join("\n"), output.join("\n"));
        }
    }
}

/// Checks that the parts of the sample between the ellipses occur in this order; returns the first part that
/// does not.
fn is_excerpt<'a>(sample: &'a [&'a str], output: &[&str]) -> Result<(), &'a [&'a str]> {
    let chunks: Vec<&[&str]> = sample.split(|line| *line == "...").collect();
    let mut at = 0;
    for (number, chunk) in chunks.iter().enumerate() {
        let (first, last) = (number == 0, number + 1 == chunks.len());
        let place = if first {
            alike(chunk, output.get(..chunk.len())).then_some(0)
        } else if last {
            output.len().checked_sub(chunk.len()).filter(|&place| place >= at && alike(chunk, output.get(place..)))
        } else if chunk.is_empty() {
            Some(at)
        } else {
            output[at..].windows(chunk.len()).position(|part| alike(chunk, Some(part))).map(|place| at + place)
        };
        let whole = !first || !last || output.len() == chunk.len();
        at = place.filter(|_| whole).ok_or(*chunk)? + chunk.len();
    }
    Ok(())
}

fn alike(chunk: &[&str], lines: Option<&[&str]>) -> bool {
    lines.is_some_and(|lines| {
        lines.len() == chunk.len() && chunk.iter().zip(lines).all(|(one, other)| is_line(one, other))
    })
}

fn is_line(sample: &str, line: &str) -> bool {
    match sample.split_once("...") {
        None => sample == line,
        Some((first, rest)) => line.strip_prefix(first).is_some_and(|after| {
            after.char_indices().map(|(at, _)| at).chain([after.len()]).any(|at| is_line(rest, &after[at..]))
        }),
    }
}

#[test]
fn an_ellipsis_inside_a_line_is_any_text() {
    assert!(is_line("line ...", "line 83") && is_line("a ... c ... e", "a b c d e") && is_line("a...b", "ab"));
    assert!(!is_line("line ...", "lane 83") && !is_line("a ... c", "a b d") && !is_line("...b", "a"));
}

#[test]
fn an_excerpt_is_anchored_and_in_order() {
    let output = ["a", "b", "c", "d"];
    for good in
        [&["a", "b", "c", "d"][..], &["a", "...", "d"], &["...", "c", "..."], &["...", "b", "...", "d"], &["..."]]
    {
        assert_eq!(is_excerpt(good, &output), Ok(()), "{good:?}");
    }
    for bad in [&["a", "b"][..], &["b", "..."], &["...", "c"], &["...", "c", "...", "b", "..."], &["...", "x", "..."]] {
        assert!(is_excerpt(bad, &output).is_err(), "{bad:?}");
    }
}

#[test]
fn json_samples_are_lines_that_the_program_prints() {
    for (page, block, command) in samples("sample json:") {
        let sample: Value = serde_json::from_str(&block.lines.join("\n")).unwrap_or_else(|e| panic!("{page}: {e}"));
        let output = printed(&command);
        let mut lines = output.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON lines"));
        assert!(lines.any(|line| is_value(&sample, &line)), "{page}: `{command}` prints no such record:\n{sample}");
    }
}

fn is_value(sample: &Value, value: &Value) -> bool {
    match (sample, value) {
        (Value::Object(sample), Value::Object(value)) => {
            sample.len() == value.len()
                && sample.iter().all(|(key, inner)| value.get(key).is_some_and(|other| is_value(inner, other)))
        }
        (Value::Array(sample), Value::Array(value)) => are_values(sample, value),
        (Value::Number(sample), Value::Number(value)) => sample.as_f64() == value.as_f64(),
        _ => sample == value,
    }
}

fn are_values(sample: &[Value], value: &[Value]) -> bool {
    match sample {
        [] => value.is_empty(),
        [gap, rest @ ..] if gap == "..." => (0..=value.len()).any(|skipped| are_values(rest, &value[skipped..])),
        [first, rest @ ..] => {
            value.split_first().is_some_and(|(other, others)| is_value(first, other) && are_values(rest, others))
        }
    }
}

#[test]
fn a_json_sample_may_leave_elements_out_but_change_none() {
    let value = serde_json::json!({"a": [1, 2, 3], "b": 0});
    for good in [r#"{"a": [1, "..."], "b": 0.0}"#, r#"{"b": 0, "a": ["...", 3]}"#] {
        assert!(is_value(&serde_json::from_str(good).expect("JSON"), &value), "{good}");
    }
    for bad in [r#"{"a": [1, "..."]}"#, r#"{"a": ["...", 2], "b": 0}"#, r#"{"a": [1, 2, 3], "b": 1}"#] {
        assert!(!is_value(&serde_json::from_str(bad).expect("JSON"), &value), "{bad}");
    }
}

/// Recomputes the table of docs/detection.md from the Start and the End that the program prints.
#[test]
fn the_worked_example_is_the_arithmetic_of_a_record() {
    let page = Page::at("docs/detection.md");
    let (_, table) = page.text.split_once("<!-- worked example: RunInstances -->").expect("the mark");
    let rows = table.trim_start().lines().take_while(|line| line.starts_with('|')).skip(2);
    let documented: BTreeMap<&str, &str> = rows
        .map(|row| {
            let mut cells = row.split('|').map(str::trim).skip(1);
            (cells.next().expect("a name"), cells.next().expect("a value"))
        })
        .collect();
    assert_eq!(documented, worked_example());
}

fn worked_example() -> BTreeMap<&'static str, &'static str> {
    let output = printed("insightd replay samples");
    let records: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |state: &str| {
        let is_it =
            |r: &&Value| r["insightDetails"]["eventName"] == "RunInstances" && r["insightDetails"]["state"] == state;
        records.iter().find(is_it).expect("the samples have it")
    };
    let (start, end) = (of("Start"), of("End"));
    let statistics = |record: &Value| record["insightDetails"]["insightContext"]["statistics"].clone();
    let (s, e) = (statistics(start), statistics(end));
    let average = |of: &Value, side: &str| of[side]["average"].as_f64().expect("a number");
    let minutes = |of: &Value, side: &str| of[side].as_f64().expect("a number");
    let calls = |average: f64, minutes: f64| {
        let calls = average * minutes;
        assert!((calls - calls.round()).abs() < 1e-4, "{average} x {minutes} is no whole number of calls");
        calls.round().to_string()
    };
    let time = |record: &Value| record["eventTime"].as_str().expect("a time").to_owned();
    let (at, until): (jiff::Timestamp, jiff::Timestamp) =
        (time(start).parse().expect("RFC 3339"), time(end).parse().expect("RFC 3339"));
    let begin = at.as_second() - (minutes(&s, "baselineDuration") * 60.0) as i64;
    assert_eq!(begin.rem_euclid(86_400), 0, "the window begins at midnight");
    assert_eq!(at.as_second().div_euclid(86_400) - begin.div_euclid(86_400), 7, "seven days before the Start's day");
    assert_eq!((until.as_second() - at.as_second()) as f64, minutes(&e, "insightDuration") * 60.0);
    assert_eq!(s["baseline"], e["baseline"], "frozen at the Start");
    let table = [
        ("Start", time(start)),
        ("baseline_start", jiff::Timestamp::from_second(begin).expect("in range").to_string()),
        ("baselineDuration", s["baselineDuration"].to_string()),
        ("baseline calls", calls(average(&s, "baseline"), minutes(&s, "baselineDuration"))),
        ("baseline.average", average(&s, "baseline").to_string()),
        ("Start calls", calls(average(&s, "insight"), minutes(&s, "insightDuration"))),
        ("Start.insight.average", average(&s, "insight").to_string()),
        ("End", time(end)),
        ("End.insightDuration", e["insightDuration"].to_string()),
        ("End calls", calls(average(&e, "insight"), minutes(&e, "insightDuration"))),
        ("End.insight.average", average(&e, "insight").to_string()),
    ];
    table.into_iter().map(|(name, value)| (name, &*value.leak())).collect()
}

/// The score that docs/detection.md computes by hand.
#[test]
fn the_worked_score_is_what_backtest_prints() {
    let page = Page::at("docs/detection.md");
    let documented =
        Regex::new(r"<!-- score: two calls after seven silent days -->\*\*([\d.]+)\*\*").expect("a pattern");
    let documented = documented.captures(&page.text).expect("the mark")[1].to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("counts.csv");
    let begin: jiff::Timestamp = "2026-03-02T00:00:00Z".parse().expect("RFC 3339");
    let row = |minute: i64, count: u32| {
        let at = jiff::Timestamp::from_second(begin.as_second() + minute * 60).expect("in range");
        format!("{at},{count}\n")
    };
    let silent: String = (0..7 * 1440).map(|minute| row(minute, 0)).collect();
    std::fs::write(&file, silent + &row(7 * 1440, 2)).expect("written");
    let output = insightd(&["backtest", &file.to_string_lossy()]);
    let output = String::from_utf8(output.stdout).expect("UTF-8");
    let score: f64 =
        output.lines().last().and_then(|row| row.split(',').nth(3)).expect("a row").parse().expect("a number");
    assert_eq!(format!("{score:.3}"), documented);
}

#[test]
fn configurations_on_the_pages_load() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut seen = 0;
    for page in pages() {
        for block in page.blocks().into_iter().filter(|block| block.language == "toml") {
            let file = folder.path().join("insightd.toml");
            std::fs::write(&file, block.lines.join("\n")).expect("written");
            // Standard input is empty, so the program reads only the configuration.
            let output = insightd(&["replay", "--config", &file.to_string_lossy(), "-"]);
            assert!(output.status.success(), "{}: {}", page.path, String::from_utf8_lossy(&output.stderr));
            seen += 1;
        }
    }
    assert!(seen >= 2, "only {seen} configurations were found");
}

/// The help text of a command.
fn help(command: &[&str]) -> String {
    let output = insightd(&[command, &["--help"]].concat());
    assert!(output.status.success(), "insightd {} --help fails", command.join(" "));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Commands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let (_, list) = help.split_once("Commands:\n").unwrap_or_default();
    let list = list.lines().take_while(|line| !line.is_empty());
    let names = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Command lines of insightd in blocks and in code spans.
fn command_lines(page: &Page) -> Vec<String> {
    let in_blocks =
        Regex::new(r"(?m)(?:^|&& |\| |; )(?:insightd|cargo run --release --) ([^|&#\n]*)").expect("a pattern");
    let in_prose = Regex::new(r"`insightd ([a-z][^`|]*)`").expect("a pattern");
    let mut lines = Vec::new();
    for block in page.blocks().into_iter().filter(|block| block.language == "sh") {
        lines.extend(in_blocks.captures_iter(&block.lines.join("\n")).map(|found| found[1].to_owned()));
    }
    lines.extend(in_prose.captures_iter(&page.prose().replace('\n', " ")).map(|found| found[1].to_owned()));
    lines
}

#[test]
fn commands_on_the_pages_exist_and_all_are_named() {
    let top = subcommands(&help(&[]));
    assert!(top.len() >= 9, "{top:?}");
    let (mut broken, mut named) = (Vec::new(), Vec::new());
    for page in pages().iter().filter(|page| page.path != "CHANGELOG.md") {
        for line in command_lines(page) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if !top.iter().any(|name| name == words[0]) {
                broken.push(format!("{}: insightd {line}", page.path));
                continue;
            }
            let mut command = vec![words[0]];
            let mut text = help(&command);
            let inner = subcommands(&text);
            if let Some(word) = words.get(1).filter(|word| inner.iter().any(|name| name == *word)) {
                command.push(word);
                text = help(&command);
            }
            named.push(command.join(" "));
            let flags = words.iter().filter_map(|word| word.strip_prefix("--")).filter(|flag| !flag.is_empty());
            broken.extend(
                flags
                    .filter(|flag| !text.contains(&format!("--{flag}")))
                    .map(|flag| format!("{}: {} --{flag}", page.path, words[0])),
            );
        }
    }
    assert_none(broken, "a command that insightd does not have");
    for name in top {
        let inner = subcommands(&help(&[&name]));
        let wanted =
            if inner.is_empty() { vec![name] } else { inner.iter().map(|inner| format!("{name} {inner}")).collect() };
        assert_none(wanted.into_iter().filter(|name| !named.contains(name)).collect(), "a command that no page shows");
    }
}

#[test]
fn benches_and_tests_on_the_pages_exist() {
    let target = Regex::new(r"--(bench|test) ([a-z_]+)").expect("a pattern");
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let mut lost = Vec::new();
    for page in pages() {
        for found in target.captures_iter(&page.text) {
            let name = &found[2];
            let is_there = match &found[1] {
                "bench" => manifest.contains(&format!("name = \"{name}\"")),
                _ => {
                    ["{}.rs", "{}/main.rs"].iter().any(|at| root().join("tests").join(at.replace("{}", name)).exists())
                }
            };
            if !is_there {
                lost.push(format!("{}: {}", page.path, &found[0]));
            }
        }
    }
    assert_none(lost, "a target that neither Cargo.toml nor tests/ has");
}
