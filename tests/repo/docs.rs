//! Rules of the pages: no dead link, a short README, no stale statement.

use std::fs;
use std::path::Path;

use insightd_core::invariants::Invariant;
use regex::Regex;

use crate::markdown::{Page, pages};
use crate::tidy::{assert_none, files, root};

const README_LINES: usize = 150;

#[test]
fn readme_stays_short() {
    let lines = Page::at("README.md").text.lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines, more than {README_LINES}: move detail to docs/");
}

#[test]
fn links_and_anchors_lead_somewhere() {
    let pages = pages();
    let mut dead = Vec::new();
    for page in &pages {
        for link in page.links() {
            let (path, anchor) = link.split_once('#').map_or((&*link, None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { page.path.clone() } else { join(&page.path, path) };
            let there = root().join(&target).exists();
            let named = anchor.is_none_or(|anchor| {
                pages.iter().any(|other| other.path == target && other.anchors().contains(anchor))
            });
            if !(there && named) {
                dead.push(format!("{}: {link}", page.path));
            }
        }
    }
    assert_none(dead, "a dead link");
}

/// A relative link of a page, from the root of the repository.
fn join(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn every_page_is_in_the_index_of_readme() {
    let readme = Page::at("README.md");
    let pages = pages();
    let lost = pages.iter().filter(|page| page.path.starts_with("docs/") && !readme.links().contains(&page.path));
    assert_none(lost.map(|page| page.path.clone()).collect(), "a page without a link in README.md");
}

/// Code, alerts and units cite pages, mostly with an anchor.
#[test]
fn citations_of_pages_lead_somewhere() {
    let citation =
        Regex::new(r"\b((?:docs/[\w/-]+|README|SECURITY|CONTRIBUTING)\.md)(?:#([\w-]+))?").expect("a pattern");
    let folders = ["src", "crates", "tests", "benches", "fuzz", "config", "deploy"].into_iter().flat_map(files);
    let mut dead = Vec::new();
    for (name, path) in folders.filter(|(name, _)| is_text(name)) {
        for found in citation.captures_iter(&fs::read_to_string(path).expect("UTF-8")) {
            let there = root().join(&found[1]).exists();
            if !there || found.get(2).is_some_and(|anchor| !Page::at(&found[1]).anchors().contains(anchor.as_str())) {
                dead.push(format!("{name}: {}", &found[0]));
            }
        }
    }
    assert_none(dead, "a cited page does not exist");
}

fn is_text(name: &str) -> bool {
    let ends = [".rs", ".toml", ".md", ".yml", ".yaml", ".json", ".service", ".py", "Dockerfile"];
    ends.iter().any(|end| name.ends_with(end)) && !name.contains("/target/")
}

/// The pages state the facts about CloudTrail; a reader cannot resolve a section number without a page.
#[test]
fn comments_cite_pages_not_a_specification() {
    let citation = Regex::new(r"specification \d").expect("a pattern");
    let folders = ["src", "crates", "tests", "benches", "fuzz"].into_iter().flat_map(files);
    let sources = folders.filter(|(name, _)| name.ends_with(".rs") && name != "tests/repo/docs.rs");
    let cites = sources.filter(|(_, path)| citation.is_match(&fs::read_to_string(path).expect("UTF-8")));
    assert_none(cites.map(|(name, _)| name).collect(), "cites a numbered specification instead of a page");
}

/// Statements that are false, or no longer true.
const STALE: [&str; 13] = [
    "begin anew wherever its partitions go",
    "begins the baselines anew",
    "Aborted transactions (74)",
    "Aborted transactions end the process",
    "aborted one ends the process",
    "Kafka, an aborted transaction",
    "74 (an aborted transaction)",
    "score 6.4, limit 5.5",
    "cloudtrail,cloudtrail-eu",
    "320,000 records/s",
    "p99 29 ms",
    "before state was kept",
    "deploy/runbook.md#",
];

#[test]
fn stale_phrases_do_not_come_back() {
    let named = ["README.md", "SECURITY.md", "CONTRIBUTING.md"].map(|name| (name.to_owned(), root().join(name)));
    let folders = ["docs", "deploy", "config"].into_iter().flat_map(files);
    let mut broken = Vec::new();
    for (name, path) in folders.chain(named).filter(|(name, _)| is_text(name)) {
        let text = unwrapped(&fs::read_to_string(path).expect("UTF-8"));
        broken.extend(STALE.iter().filter(|phrase| text.contains(**phrase)).map(|phrase| format!("{name}: {phrase}")));
    }
    assert_none(broken, "a false statement");
}

/// The text as one line, without comment markers.
fn unwrapped(text: &str) -> String {
    let words = text.lines().flat_map(|line| line.trim_start_matches(['#', ' ']).split_whitespace());
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn words_of_the_glossary_are_used_on_the_pages() {
    let old = Regex::new(
        r"(?i)\b(organisations?|licence|history topic|taken in|held back|unrecognised|wrappings?|strangers?)\b",
    )
    .expect("a pattern");
    // Includes flags of the benches.
    let code = Regex::new("`[^`]*`").expect("a pattern");
    let read = pages().into_iter().filter(|page| page.path.starts_with("docs/") || page.path == "README.md");
    let mut broken = Vec::new();
    for page in read {
        let prose = code.replace_all(&page.prose(), "").into_owned();
        broken.extend(old.find_iter(&prose).map(|word| format!("{}: {}", page.path, word.as_str())));
    }
    // The quality bench calls new principals strangers, and its page explains the word once.
    broken.retain(|word| word != "docs/detection.md: strangers");
    assert_none(broken, "a word that docs/contributing/style.md replaces");
}

#[test]
fn the_invariants_on_the_page_are_those_of_the_code() {
    let named = Regex::new(r"(?m)^\* \*\*([A-Z]+-\d)\*\* ").expect("a pattern");
    let page = Page::at("docs/contributing/architecture.md");
    let documented: Vec<String> = named.captures_iter(&page.text).map(|found| found[1].to_owned()).collect();
    assert_eq!(documented, Invariant::ALL.map(Invariant::label));
}

/// Every command that a reader may copy creates the changelog with the program's own topic settings.
#[test]
fn the_changelog_is_created_alike_everywhere() {
    let table = Regex::new(r"(?s)const CHANGELOG: &\[\(&str, &str\)\] = &\[(.*?)\];").expect("a pattern");
    let sources = files("src").into_iter().filter(|(name, _)| name.ends_with(".rs"));
    let source: String = sources.map(|(_, path)| fs::read_to_string(path).expect("UTF-8")).collect();
    let table = table.captures(&source).expect("const CHANGELOG of src/kafka")[1].to_owned();
    let pair = Regex::new(r#"\("([^"]+)", "([^"]+)"\)"#).expect("a pattern");
    let wanted: Vec<String> = pair.captures_iter(&table).map(|c| format!("--config {}={}", &c[1], &c[2])).collect();
    assert!(wanted.len() >= 5, "{table}");
    for place in ["docs/state.md", "deploy/compose.yaml"] {
        let text = fs::read_to_string(root().join(Path::new(place))).expect("UTF-8");
        let lost: Vec<String> = wanted.iter().filter(|setting| !text.contains(setting.as_str())).cloned().collect();
        assert_none(lost, &format!("settings of the changelog that {place} lacks"));
    }
}
