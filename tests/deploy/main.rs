//! Rules and dashboard of `deploy/` name only what the daemon exports, so that a renamed metric, label or
//! label value fails here and not on call. What the files mean is checked by the tools that read them
//! (`tests/run deploy`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use insightd::config::Config;
use insightd::metrics::{Kind, Metrics, families};
use regex::Regex;

/// Labels that Prometheus adds to what it scrapes, or to a histogram.
const OF_PROMETHEUS: [&str; 3] = ["job", "instance", "le"];

/// Metric names with their labels.
type Metric = BTreeMap<String, BTreeSet<String>>;

fn read(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern")
}

/// The metrics of the daemon, a histogram by its three suffixes.
fn declared() -> Metric {
    let mut metrics = Metric::new();
    for family in families() {
        let suffixes: &[&str] = if family.kind == Kind::Histogram { &["_bucket", "_sum", "_count"] } else { &[""] };
        let labels: BTreeSet<String> = family.labels.iter().map(|label| (*label).to_owned()).collect();
        for suffix in suffixes {
            metrics.insert(format!("{}{suffix}", family.name), labels.clone());
        }
    }
    metrics
}

/// Every string of the dashboard, a line each.
fn dashboard() -> String {
    fn strings(value: &serde_json::Value, into: &mut String) {
        match value {
            serde_json::Value::String(text) => *into += &format!("{text}\n"),
            serde_json::Value::Array(values) => values.iter().for_each(|value| strings(value, into)),
            serde_json::Value::Object(fields) => fields.values().for_each(|value| strings(value, into)),
            _ => {}
        }
    }
    let mut text = String::new();
    strings(&serde_json::from_str(&read("deploy/grafana/insightd.json")).expect("JSON"), &mut text);
    text
}

fn files() -> [(&'static str, String); 3] {
    [
        ("the rules", read("deploy/prometheus/insightd.rules.yml")),
        ("the tests of the rules", read("deploy/prometheus/insightd.rules.test.yml")),
        ("the dashboard", dashboard()),
    ]
}

#[test]
fn every_metric_named_in_deploy_is_exported() {
    let (metrics, named) = (declared(), pattern(r"\b(?:insightd|process)_[a-z_]+\b"));
    for (file, text) in files() {
        let names: BTreeSet<&str> = named.find_iter(&text).map(|found| found.as_str()).collect();
        assert!(names.len() > 15, "{file}: only {names:?} were recognized");
        let unknown: Vec<_> = names.into_iter().filter(|name| !metrics.contains_key(*name)).collect();
        assert!(unknown.is_empty(), "{file}: the daemon does not export {unknown:?}");
    }
}

#[test]
fn every_label_asked_for_is_a_label_of_that_metric() {
    let metrics = declared();
    let (selector, matcher) = (pattern(r"\b((?:insightd|process)_\w+)\{([^}]*)\}"), pattern(r"(\w+)\s*(?:=~|!=|!~|=)"));
    let grouped = pattern(r"\b(?:by|on|without|group_left)\s*\(([^)]*)\)");
    let known: BTreeSet<&str> = metrics.values().flatten().map(String::as_str).chain(OF_PROMETHEUS).collect();
    for (file, text) in files() {
        for found in selector.captures_iter(&text) {
            for label in matcher.captures_iter(&found[2]).map(|label| label[1].to_owned()) {
                let own = metrics.get(&found[1]).is_some_and(|labels| labels.contains(&label));
                assert!(own || OF_PROMETHEUS.contains(&label.as_str()), "{file}: {} has no label {label}", &found[1]);
            }
        }
        for found in grouped.captures_iter(&text) {
            let labels = found[1].split(',').map(str::trim).filter(|label| !label.is_empty());
            let unknown: Vec<_> = labels.filter(|label| !known.contains(label)).collect();
            assert!(unknown.is_empty(), "{file}: no metric has the labels {unknown:?}");
        }
    }
}

/// Such as `outcome=~"aborted|fenced"`: the values are there from the start, at 0.
#[test]
fn every_label_value_asked_for_is_exported_from_the_start() {
    let exported = Metrics::new(&Config::default_config()).expect("metrics").render().expect("a text");
    let selector = pattern(r"\b(insightd_\w+)\{([^}]*)\}");
    let matcher = pattern(r#"(\w+)=~?"([\w|]+)""#);
    let mut tried = 0;
    for text in [read("deploy/prometheus/insightd.rules.yml"), dashboard()] {
        for found in selector.captures_iter(&text) {
            for (label, value) in matcher.captures_iter(&found[2]).map(|m| (m[1].to_owned(), m[2].to_owned())) {
                for value in value.split('|').filter(|_| !OF_PROMETHEUS.contains(&label.as_str())) {
                    let pair = format!("{label}=\"{value}\"");
                    let there = exported.lines().any(|line| line.starts_with(&found[1]) && line.contains(&pair));
                    assert!(there, "{}{{{pair}}} does not exist", &found[1]);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried >= 3, "only {tried} values were recognized");
}
