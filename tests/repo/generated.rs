//! Pages generated from their sources: `INSIGHTD_BLESS=1 cargo test --test repo` rewrites them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use insightd::config::Config;
use insightd::metrics::{Metrics, families};
use regex::Regex;

use crate::tidy::root;

/// Compares a page with its expected text, or writes it.
fn assert_page(path: &str, wanted: &str) {
    let file = root().join(path);
    if std::env::var_os("INSIGHTD_BLESS").is_some() {
        fs::write(&file, wanted).expect("written");
    }
    let there = fs::read_to_string(&file).unwrap_or_default();
    let line = there.lines().zip(wanted.lines()).position(|(there, wanted)| there != wanted);
    assert!(
        there == wanted,
        "{path} is stale from line {}: INSIGHTD_BLESS=1 cargo test --test repo writes it anew",
        line.unwrap_or_else(|| there.lines().count().min(wanted.lines().count())) + 1
    );
}

const CONFIGURATION: &str = "\
# Configuration

For operators: every key, its default and why it is there. Generated from
[config/default.toml](../config/default.toml); a test keeps it so.

Defaults < file (`--config`) < environment. `insightd check --config FILE` validates, shows the result with secrets masked
and where each value comes from, and names all errors at once.

* **Environment**: `INSIGHTD__SECTION__KEY`, such as `INSIGHTD__KAFKA__GROUP_ID=insightd`. Lists have commas. A dot of a
  librdkafka key is an underscore: `INSIGHTD__KAFKA__CLIENT__SASL_PASSWORD`.
* **Durations**: `100ms`, `10min`, `36h`, `7d`. **Sizes**: `512 KiB`, `32 MiB`, or bytes as a number.
* **`[kafka.client]`** takes any librdkafka key, in quotes or as nested tables: `\"security.protocol\"`, `\"sasl.mechanisms\"`,
  `\"ssl.ca.location\"`, ... except those that carry a guarantee or that another key sets.
* **Rules** are `[[rules]]` in the file: [Rules](rules.md).

The keys to set first: `kafka.bootstrap_servers`, `kafka.instance_id` where the host name is not stable,
`kafka.create_topics`, `input.topics`, `input.keyed_by_account`, `output.topic`, `dlq.topic`,
`detect.false_insights_per_account_per_week`, `http.listen`.
";

#[test]
fn the_configuration_page_is_that_of_default_toml() {
    let defaults = fs::read_to_string(root().join("config/default.toml")).expect("config/default.toml");
    let mut page = CONFIGURATION.to_owned();
    let mut comment: Vec<&str> = Vec::new();
    let mut keys = 0;
    for line in defaults.lines() {
        if let Some(text) = line.strip_prefix('#') {
            comment.push(text.trim());
        } else if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let _ = write!(page, "\n## {section}\n\n");
            if !comment.is_empty() {
                let _ = writeln!(page, "{}", comment.join(" "));
            }
            if section != "kafka.client" {
                let gap = if comment.is_empty() { "" } else { "\n" };
                let _ = writeln!(page, "{gap}| key | default | type | |\n|---|---|---|---|");
            }
            comment.clear();
        } else if let Some((key, value)) = line.split_once(" = ") {
            let cell = |text: &str| text.replace('|', "\\|");
            let text = comment.join(" ");
            let _ = writeln!(page, "| `{key}` | `{}` | {} | {} |", cell(value), type_of(value), cell(&text));
            comment.clear();
            keys += 1;
        } else {
            comment.clear();
        }
    }
    assert!(keys > 50, "only {keys} keys were found");
    assert_page("docs/configuration.md", &page);
}

/// The type of a default value, with its unit.
fn type_of(value: &str) -> &'static str {
    let is = |pattern: &str| Regex::new(pattern).expect("a pattern").is_match(value);
    if value.starts_with('[') {
        "list of texts"
    } else if value == "true" || value == "false" {
        "true or false"
    } else if is(r#"^"\d+ ?(ms|s|min|h|d)"$"#) {
        "duration"
    } else if is(r#"^"\d+ [KMG]iB"$"#) {
        "size"
    } else if value.starts_with('"') {
        "text"
    } else {
        "number"
    }
}

const METRICS: &str = "\
# Metrics

For those who monitor insightd. Generated from the registry; a test keeps it so.

`/metrics` on `http.listen`, Prometheus text format. Counts of records and insights are those of committed transactions, and
a scrape sees whole commits only. Counters with fixed label values start at 0.

One alert is enough to start: `insightd_insight_open == 1`. One about the daemon itself:
`insightd_kafka_lag_records > 10000` for ten minutes. [deploy/prometheus](../deploy/prometheus) has a full set,
[Operations](operations.md) what to do at each.

| metric | type | labels | |
|---|---|---|---|
";

#[test]
fn the_metrics_page_is_that_of_the_registry() {
    let metrics = Metrics::new(&Config::default_config()).expect("names differ");
    let rendered = metrics.render().expect("it encodes");
    let mut page = METRICS.to_owned();
    for family in families() {
        let labels = family.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let help = family.help.replace('|', "\\|");
        let _ = writeln!(page, "| `{}` | {} | {labels} | {help} |", family.name, family.kind.label());
    }
    page.push_str(
        "\n## Label values\n\nFixed values; other labels take names of accounts, APIs, topics, rules and workers.\n\n",
    );
    page.push_str("| metric | label | values |\n|---|---|---|\n");
    for ((name, label), values) in fixed_values(&rendered) {
        let values = values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(page, "| `{name}` | `{label}` | {values} |");
    }
    assert_page("docs/metrics.md", &page);
}

fn fixed_values(rendered: &str) -> BTreeMap<(String, String), BTreeSet<String>> {
    let sample = Regex::new(r"^(\w+)\{(.*)\} ").expect("a pattern");
    let label = Regex::new(r#"(\w+)="([^"]*)""#).expect("a pattern");
    let mut values: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for found in rendered.lines().filter_map(|line| sample.captures(line)) {
        for pair in label.captures_iter(&found[2]).filter(|pair| !matches!(&pair[1], "le" | "version" | "revision")) {
            values.entry((found[1].to_owned(), pair[1].to_owned())).or_default().insert(pair[2].to_owned());
        }
    }
    values
}
