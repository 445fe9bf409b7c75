//! Rules of the repository that no compiler checks, as tests. An intended exception changes the rule here,
//! with its reason.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::source::{functions, shipped, wide_comments};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder of the repository, with their paths from its root.
pub fn files(folder: &str) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if path.exists() {
            let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            found.push((name, path));
        }
    }
    found.sort();
    found
}

fn rust(folder: &str) -> Vec<(String, String)> {
    let rust = files(folder).into_iter().filter(|(name, _)| name.ends_with(".rs"));
    rust.map(|(name, path)| (name, fs::read_to_string(path).expect("UTF-8"))).collect()
}

fn is_test(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.contains("/tests/")
}

pub fn assert_none(broken: Vec<String>, rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

#[test]
fn modules_say_what_lives_in_them() {
    let all = SOURCES.into_iter().flat_map(rust);
    let silent = all.filter(|(_, text)| !text.starts_with("//!")).map(|(name, _)| name);
    assert_none(silent.collect(), "a file without an opening //! comment");
}

#[test]
fn only_the_kafka_layer_names_the_client() {
    // Messages to users may name librdkafka, the C library, because they pass on its keys.
    let names_it = |text: &str| shipped(text).replace("librdkafka", "").contains("rdkafka");
    let broken = ["src", "crates"]
        .into_iter()
        .flat_map(rust)
        .filter(|(name, text)| !name.starts_with("src/kafka") && names_it(text));
    assert_none(broken.map(|(name, _)| name).collect(), "rdkafka outside src/kafka");
}

/// `cloudtrail`, `rules`, `detect`, `generate` and `pipeline` get time as a value and return events instead
/// of doing IO, so that replay and the simulator can drive them.
#[test]
fn pure_layers_have_no_clock_no_io_and_no_log() {
    let forbidden = Regex::new(
        r"SystemTime|Instant\b|Timestamp::now|Zoned::now|\bstd::(fs|net|thread|env|process)\b|\btracing\b|\blog::|println!|eprint!|print!\(|\bdbg!|prometheus|\btokio\b|crate::(kafka|stream|http|metrics|commands)\b",
    )
    .expect("a pattern");
    let mut broken = Vec::new();
    for (name, text) in ["crates/insightd-core/src", "crates/insightd-generate/src"].into_iter().flat_map(rust) {
        if !is_test(&name) {
            broken.extend(forbidden.find_iter(&shipped(&text)).map(|found| format!("{name}: {}", found.as_str())));
        }
    }
    assert_none(broken, "a pure layer reaches outside");
}

/// A pure crate depends only on libraries of values: no runtime, client, log, configuration, terminal or
/// source of randomness.
#[test]
fn manifests_of_the_pure_crates_name_pure_crates_only() {
    const PURE: [&str; 15] = [
        "base64",
        "flate2",
        "hashbrown",
        "insightd-core",
        "jiff",
        "memchr",
        "postcard",
        "rand_distr",
        "rand_pcg",
        "serde",
        "serde_json",
        "thiserror",
        "uuid",
        "wildmatch",
        "xxhash-rust",
    ];
    for manifest in ["crates/insightd-core/Cargo.toml", "crates/insightd-generate/Cargo.toml"] {
        let text = fs::read_to_string(root().join(manifest)).expect("a manifest");
        let manifest_table: toml::Table = text.parse().expect("TOML");
        let dependencies = manifest_table["dependencies"].as_table().expect("a table");
        assert_none(
            dependencies.keys().filter(|name| !PURE.contains(&name.as_str())).cloned().collect(),
            &format!("{manifest}: a dependency that is not known to be pure"),
        );
        for key in ["build-dependencies", "target"] {
            assert!(!manifest_table.contains_key(key), "{manifest}: {key} would hide dependencies from this test");
        }
    }
}

/// Private coinages; docs/contributing/style.md lists the field's terms that replace them.
#[test]
fn retired_words_stay_away() {
    let retired = Regex::new(
        r"\b(Sightings?|requicken|readmit|equip|Awake|Onlooker|HeldBack|held_back|of_past|finish_past|absorb|Absorbed|Refusal|Stamp|Silence|Notices|Levels|Reach|Turn|Letter|Need|Organi[s]ation)\b",
    )
    .expect("a pattern");
    let mut broken = Vec::new();
    for (name, text) in SOURCES.into_iter().flat_map(rust).filter(|(name, _)| !name.starts_with("tests/repo/")) {
        broken.extend(retired.find_iter(&shipped(&text)).map(|found| format!("{name}: {}", found.as_str())));
    }
    assert_none(broken, "a retired word");
}

#[test]
fn nothing_shipped_is_unfinished() {
    let stub = Regex::new(r"\b(todo|unimplemented)!").expect("a pattern");
    let broken = ["src", "crates"].into_iter().flat_map(rust).filter(|(_, text)| stub.is_match(&shipped(text)));
    assert_none(broken.map(|(name, _)| name).collect(), "todo! or unimplemented! in what ships");
}

#[test]
fn names_say_something() {
    let empty = Regex::new(r"(^|/)(utils?|common|helpers?|misc|managers?)(\.rs|/)").expect("a pattern");
    let all = SOURCES.into_iter().flat_map(rust);
    assert_none(all.map(|(name, _)| name).filter(|name| empty.is_match(name)).collect(), "a name that says nothing");
}

/// Folders with Rust source.
const SOURCES: [&str; 5] = ["src", "crates", "tests", "benches", "fuzz/fuzz_targets"];

#[test]
fn files_stay_short() {
    const LINES_MAX: usize = 600;
    let all = SOURCES.into_iter().flat_map(rust).map(|(name, text)| (name, text.lines().count()));
    let long = all.filter(|(_, lines)| *lines > LINES_MAX).map(|(name, lines)| format!("{name}: {lines} lines"));
    assert_none(long.collect(), "more than 600 lines: split the file by what its parts are");
}

/// A ratchet: the number of exceptions may only shrink.
fn assert_at_most(exceptions: usize, broken: &[String], rule: &str) {
    assert!(broken.len() <= exceptions, "{rule}: {}, at most {exceptions}:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn functions_stay_short() {
    const LINES_MAX: usize = 60;
    const EXCEPTIONS: usize = 2;
    let mut long = Vec::new();
    for (name, text) in SOURCES.into_iter().flat_map(rust) {
        let functions = functions(&text).into_iter().filter(|function| function.lines > LINES_MAX);
        long.extend(functions.map(|function| format!("{name}: {}: {} lines", function.name, function.lines)));
    }
    assert_at_most(EXCEPTIONS, &long, "functions of more than 60 lines");
}

#[test]
fn comments_fit_their_width() {
    const COLUMNS_MAX: usize = 110;
    const EXCEPTIONS: usize = 3;
    let mut wide = Vec::new();
    for (name, text) in SOURCES.into_iter().flat_map(rust) {
        wide.extend(wide_comments(&text, COLUMNS_MAX).into_iter().map(|line| format!("{name}:{line}")));
    }
    assert_at_most(EXCEPTIONS, &wide, "comments beyond column 110");
}

#[test]
fn names_of_tests_stay_short() {
    const CHARACTERS_MAX: usize = 60;
    const EXCEPTIONS: usize = 0;
    let mut long = Vec::new();
    for (name, text) in SOURCES.into_iter().flat_map(rust) {
        let tests = functions(&text).into_iter().filter(|function| function.is_test);
        long.extend(tests.filter(|test| test.name.len() > CHARACTERS_MAX).map(|test| format!("{name}: {}", test.name)));
    }
    assert_at_most(EXCEPTIONS, &long, "names of tests beyond 60 characters (the story goes into the doc comment)");
}

#[test]
fn no_file_names_a_machine() {
    let places = Regex::new(&["/work", "/"].concat()).expect("a pattern");
    let more = [["/tmp", "/wt"].concat(), ["/root", "/"].concat(), ["/home", "/"].concat()];
    let mut broken = Vec::new();
    let all = [
        "src",
        "crates",
        "tests",
        "benches",
        "config",
        "samples",
        "deploy",
        ".ci",
        "README.md",
        "CHANGELOG.md",
        "Cargo.toml",
        "build.rs",
    ];
    for (name, path) in all.into_iter().flat_map(files) {
        let Ok(text) = fs::read_to_string(path) else { continue };
        for (n, line) in text.lines().enumerate() {
            if places.is_match(line) || more.iter().any(|place| line.contains(place.as_str())) {
                broken.push(format!("{name}:{}: {}", n + 1, line.trim()));
            }
        }
    }
    assert_none(broken, "a path on one machine");
}

/// tests/config/defaults.rs checks that this file contains every key.
#[test]
fn every_key_of_default_toml_has_a_comment() {
    let text = fs::read_to_string(root().join("config/default.toml")).expect("config/default.toml");
    let lines: Vec<&str> = text.lines().collect();
    let silent = (1..lines.len())
        .filter(|&n| lines[n].contains(" = ") && !lines[n].starts_with('#') && !lines[n - 1].starts_with('#'));
    assert_none(
        silent.map(|n| lines[n].to_owned()).collect(),
        "a key of config/default.toml without a comment above it",
    );
}
