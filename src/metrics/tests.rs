//! The exposition, as a scraper reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use insightd_core::cloudtrail::event::AccountId;
use insightd_core::cloudtrail::insight::{Attribution, Finding, Insight, InsightType, SourceCategory, State};
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};
use insightd_core::invariants::Invariant;
use insightd_core::pipeline::{Gauges, Outcome, Tally};
use insightd_core::rules::{Action, Rule, Rules};

use super::{CONTENT_TYPE, Family, Kind, Metrics, Rebalance, RestoreOutcome, Task, Transaction, Truncated, families};
use crate::config::Config;

fn metrics() -> Arc<Metrics> {
    let rule =
        |name: &str, action| Rule { name: name.into(), action, conditions: Vec::new(), until: None, schedule: None };
    let rules = Rules::new(vec![rule("ci", Action::Exclude), rule("patch-night", Action::Mark)]);
    let mut config = Config { rules: Arc::new(rules), ..Config::default_config() };
    config.metrics.insight_hold = Duration::ZERO;
    Metrics::new(&config).expect("names differ")
}

/// Samples of an exposition: `name{labels}` to value.
fn samples(metrics: &Metrics) -> BTreeMap<String, f64> {
    let text = metrics.render().expect("it encodes");
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("name and value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    text.lines().filter(|line| !line.starts_with('#')).map(sample).collect()
}

fn sum(samples: &BTreeMap<String, f64>, family: &str, label: &str) -> f64 {
    let prefix = format!("{family}{{");
    samples.iter().filter(|(name, _)| name.starts_with(&prefix) && name.contains(label)).map(|(_, value)| value).sum()
}

fn insight(account: &str, name: &str, state: State) -> Insight {
    Insight {
        account: AccountId::parse(account).expect("an account"),
        region: "eu-central-1".into(),
        source: "ec2.amazonaws.com".into(),
        name: name.into(),
        error: None,
        category: SourceCategory::Management,
        kind: InsightType::ApiCallRate,
        state,
        start: 28_000_000,
        event_minute: 28_000_000,
        baseline_count: 25,
        baseline_minutes: 10_000,
        insight_count: 90,
        insight_minutes: 6,
        principals: Attribution::default(),
        agents: Attribution::default(),
        errors: None,
        finding: Finding { detected_at: 1000, ..Finding::default() },
    }
}

fn open_gauge(account: &str, name: &str) -> String {
    // The encoder orders labels by name.
    format!(
        "insightd_insight_open{{account=\"{account}\",error_code=\"\",event_name=\"{name}\",\
         event_source=\"ec2.amazonaws.com\",insight_type=\"ApiCallRateInsight\",region=\"eu-central-1\"}}"
    )
}

/// A tally in which every cell differs from every other.
fn full_tally() -> Tally {
    let mut tally = Tally::default();
    let mut next = 0;
    let mut number = || {
        next += 1;
        next
    };
    tally.records.iter_mut().flatten().for_each(|cell| *cell = number());
    tally.malformed.iter_mut().for_each(|cell| *cell = number());
    tally.shed.iter_mut().for_each(|cell| *cell = number());
    tally.skipped.iter_mut().for_each(|cell| *cell = number());
    tally.insights.iter_mut().flatten().for_each(|cell| *cell = number());
    (tally.late, tally.inferred, tally.misrouted, tally.read_only) = (1001, 1002, 1003, 1004);
    (tally.payloads, tally.payload_bytes) = (1005, 1006);
    (tally.attributions_summarized, tally.dedup_shortened, tally.quarantine_overflow) = (1007, 1008, 1009);
    tally.principals_full = 1010;
    (tally.rule_records, tally.rule_insights) = (vec![1010, 1011], vec![0, 1012]);
    tally.delays_s = vec![0, 1, 200, 200, 400, 100_000];
    tally
}

#[test]
fn every_cell_of_a_tally_arrives_under_its_own_labels() {
    let (metrics, tally) = (metrics(), full_tally());
    metrics.committed(&tally);
    metrics.committed(&tally);
    let samples = samples(&metrics);
    let twice = |name: &str, count: u64| assert_eq!(samples.get(name), Some(&(2.0 * count as f64)), "{name}");
    for (e, envelope) in Envelope::ALL.iter().enumerate() {
        for (o, outcome) in Outcome::ALL.iter().enumerate() {
            let (envelope, outcome) = (envelope.label(), outcome.label());
            let name = format!("insightd_records_total{{envelope=\"{envelope}\",outcome=\"{outcome}\"}}");
            twice(&name, tally.records[e][o]);
        }
    }
    for (i, fault) in DecodeError::ALL.iter().enumerate() {
        twice(&format!("insightd_malformed_records_total{{reason=\"{}\"}}", fault.label()), tally.malformed[i]);
    }
    for (i, limit) in Limit::ALL.iter().enumerate() {
        twice(&format!("insightd_shed_records_total{{limit=\"{}\"}}", limit.label()), tally.shed[i]);
        twice(&format!("insightd_limits_reached_total{{limit=\"{}\"}}", limit.label()), tally.shed[i]);
    }
    for (i, kind) in Skipped::ALL.iter().enumerate() {
        twice(&format!("insightd_payloads_skipped_total{{kind=\"{}\"}}", kind.label()), tally.skipped[i]);
    }
    let insights =
        |kind: &str, state: &str| format!("insightd_insights_total{{insight_type=\"{kind}\",state=\"{state}\"}}");
    twice(&insights("ApiCallRateInsight", "Start"), tally.insights[0][0]);
    twice(&insights("ApiCallRateInsight", "End"), tally.insights[0][1]);
    twice(&insights("ApiErrorRateInsight", "Start"), tally.insights[1][0]);
    twice(&insights("ApiErrorRateInsight", "End"), tally.insights[1][1]);
    twice("insightd_duplicate_records_total", tally.outcome(Outcome::Duplicate));
    twice("insightd_late_records_total", 1001);
    twice("insightd_readonly_inferred_total", 1002);
    twice("insightd_misrouted_records_total", 1003);
    twice("insightd_readonly_records_total", 1004);
    twice("insightd_payloads_total", 1005);
    twice("insightd_payload_bytes_total", 1006);
    twice("insightd_limits_reached_total{limit=\"attribution_values\"}", 1007);
    twice("insightd_limits_reached_total{limit=\"dedup_events\"}", 1008);
    twice("insightd_limits_reached_total{limit=\"held_records\"}", 1009);
    twice("insightd_limits_reached_total{limit=\"principals\"}", 1010);
    twice("insightd_rule_matches_total{action=\"exclude\",rule=\"ci\"}", 1010);
    twice("insightd_rule_matches_total{action=\"mark\",rule=\"patch-night\"}", 1011);
    twice("insightd_rule_insights_total{action=\"exclude\",rule=\"ci\"}", 0);
    twice("insightd_rule_insights_total{action=\"mark\",rule=\"patch-night\"}", 1012);
    twice("insightd_event_delay_seconds_count", 6);
    twice("insightd_event_delay_seconds_sum", 100_801);
    twice("insightd_event_delay_seconds_bucket{le=\"1\"}", 2);
    twice("insightd_event_delay_seconds_bucket{le=\"180\"}", 2);
    twice("insightd_event_delay_seconds_bucket{le=\"240\"}", 4);
    twice("insightd_event_delay_seconds_bucket{le=\"86400\"}", 5);
}

#[test]
fn fixed_labels_exist_before_the_first_event() {
    let samples = samples(&metrics());
    for name in [
        "insightd_records_total{envelope=\"eventbridge\",outcome=\"counted\"}",
        "insightd_dead_letters_total{reason=\"not_json\"}",
        "insightd_transactions_total{outcome=\"fenced\"}",
        "insightd_rebalances_total{kind=\"lost\"}",
        "insightd_limits_reached_total{limit=\"open_insights\"}",
        "insightd_accounts{state=\"learning\"}",
        "insightd_insights_open",
        "insightd_rule_matches_total{action=\"mark\",rule=\"patch-night\"}",
    ] {
        assert_eq!(samples.get(name), Some(&0.0), "{name}");
    }
    let build = samples.iter().find(|(name, _)| name.starts_with("insightd_build_info{")).expect("build info");
    assert!(build.0.contains(concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"")), "{build:?}");
    assert_eq!(*build.1, 1.0);
    assert!(samples["process_start_time_seconds"] > 1.6e9);
}

#[test]
fn a_suppressed_insight_has_no_gauge() {
    let (metrics, task) = (metrics(), Task::new(0, "ct", 0));
    let mut marked = insight("000000000001", "RunInstances", State::Start);
    marked.finding.suppressed_by = Some("patch-night".into());
    metrics.insight(&task, &marked, 1000, false);
    let gauge = open_gauge("000000000001", "RunInstances");
    assert_eq!(samples(&metrics).get(&gauge), None);
    metrics.insight(&task, &insight("000000000001", "RunInstances", State::Start), 1000, false);
    assert_eq!(samples(&metrics).get(&gauge), Some(&1.0));
}

/// And a dropped task takes its share with it.
#[test]
fn gauges_are_sums_over_tasks() {
    let metrics = metrics();
    let (one, two) = (Task::new(0, "ct", 0), Task::new(1, "ct", 1));
    let levels = Gauges {
        series: 10,
        accounts_learning: 2,
        accounts_live: 3,
        insights_open: 1,
        unconfirmed: 4,
        clock: 1_700_000_000,
        dedup_events: 7,
    };
    metrics.gauges(&one, &Gauges { series: 99, ..levels });
    metrics.gauges(&one, &levels);
    metrics.gauges(&two, &Gauges { clock: 1_700_000_060, ..levels });
    metrics.lag("ct", 0, 12);
    let both = samples(&metrics);
    assert_eq!(both["insightd_series"], 20.0);
    assert_eq!(both["insightd_accounts{state=\"learning\"}"], 4.0);
    assert_eq!(both["insightd_accounts{state=\"live\"}"], 6.0);
    assert_eq!(both["insightd_insights_open"], 2.0);
    assert_eq!(both["insightd_records_unconfirmed"], 8.0);
    assert_eq!(both["insightd_dedup_events"], 14.0);
    assert_eq!(both["insightd_clock_timestamp_seconds{partition=\"1\",topic=\"ct\"}"], 1_700_000_060.0);
    assert_eq!(both["insightd_kafka_lag_records{partition=\"0\",topic=\"ct\"}"], 12.0);

    metrics.drop_task(&one);
    let left = samples(&metrics);
    assert_eq!(left["insightd_series"], 10.0);
    assert!(!left.keys().any(|name| name.contains("partition=\"0\"")), "{left:?}");
    assert!(left.contains_key("insightd_clock_timestamp_seconds{partition=\"1\",topic=\"ct\"}"));
}

#[test]
fn an_insight_is_a_gauge_from_start_to_end() {
    let (metrics, task) = (metrics(), Task::new(0, "ct", 0));
    metrics.insight(&task, &insight("000123456789", "RunInstances", State::Start), 1007, false);
    let open = samples(&metrics);
    let gauge = open_gauge("000123456789", "RunInstances");
    assert_eq!(open[&gauge], 1.0);
    let rate = gauge.replace("insightd_insight_open", "insightd_insight_rate_calls_per_minute");
    let baseline = gauge.replace("insightd_insight_open", "insightd_insight_baseline_calls_per_minute");
    assert_eq!(open[&rate], 15.0);
    assert_eq!(open[&baseline], 0.0025);
    assert_eq!(open["insightd_detection_latency_seconds_sum"], 7.0);

    metrics.insight(&task, &insight("000123456789", "RunInstances", State::End), 2000, false);
    let ended = samples(&metrics);
    assert!(![gauge, rate, baseline].iter().any(|name| ended.contains_key(name)), "{ended:?}");
    assert_eq!(ended["insightd_detection_latency_seconds_count"], 1.0, "an End has no latency of detection");
}

#[test]
fn a_historic_insight_has_no_gauge_and_no_latency() {
    let (metrics, task) = (metrics(), Task::new(0, "ct", 0));
    metrics.insight(&task, &insight("000123456789", "RunInstances", State::Start), 90_000, true);
    let samples = samples(&metrics);
    assert!(!samples.keys().any(|name| name.starts_with("insightd_insight_open")), "{samples:?}");
    assert_eq!(samples["insightd_detection_latency_seconds_count"], 0.0);
    assert_eq!(samples["insightd_insights_historic_total"], 1.0);
}

#[test]
fn open_insights_beyond_the_limit_are_only_counted() {
    let mut config = Config::default_config();
    config.metrics.open_insights_max = 2;
    config.metrics.insight_hold = Duration::ZERO;
    let metrics = Metrics::new(&config).expect("names differ");
    let task = Task::new(0, "ct", 0);
    for name in ["A", "B", "C", "D"] {
        metrics.insight(&task, &insight("000000000001", name, State::Start), 1000, false);
    }
    let shown = |metrics: &Metrics| {
        samples(metrics).keys().filter(|name| name.starts_with("insightd_insight_open{")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(shown(&metrics), [open_gauge("000000000001", "A"), open_gauge("000000000001", "B")]);
    assert_eq!(samples(&metrics)["insightd_limits_reached_total{limit=\"open_insights\"}"], 2.0);

    // The End of an insight that is not shown removes no gauge; the End of one that is shown makes room.
    metrics.insight(&task, &insight("000000000001", "C", State::End), 1000, false);
    metrics.insight(&task, &insight("000000000001", "A", State::End), 1000, false);
    metrics.insight(&task, &insight("000000000001", "E", State::Start), 1000, false);
    assert_eq!(shown(&metrics), [open_gauge("000000000001", "B"), open_gauge("000000000001", "E")]);
}

/// A scrape sees even a short insight, and no alert resolves while another process takes over the partition.
#[test]
fn a_gauge_outlives_its_insight_and_its_task() {
    let mut config = Config::default_config();
    config.metrics.insight_hold = Duration::from_secs(3600);
    config.metrics.open_insights_max = 2;
    let metrics = Metrics::new(&config).expect("names differ");
    let (old, new) = (Task::new(0, "ct", 0), Task::new(1, "ct", 0));
    metrics.insight(&old, &insight("000000000001", "A", State::Start), 1000, false);
    metrics.insight(&old, &insight("000000000001", "A", State::End), 1000, false);
    metrics.insight(&old, &insight("000000000001", "B", State::Start), 1000, false);
    metrics.drop_task(&old);
    let shown = |name: &str| samples(&metrics).contains_key(&open_gauge("000000000001", name));
    assert!(shown("A") && shown("B"));
    metrics.reopen(&new, &insight("000000000001", "B", State::Start));
    metrics.insight(&new, &insight("000000000001", "C", State::Start), 1000, false);
    assert!(!shown("A"), "an ended insight gives way to an open one");
    assert!(shown("B") && shown("C"));
}

#[test]
fn a_dropped_task_drops_only_its_own_open_insights() {
    let metrics = metrics();
    let (one, two) = (Task::new(0, "ct", 0), Task::new(0, "ct", 1));
    metrics.insight(&one, &insight("000000000001", "Mine", State::Start), 1000, false);
    metrics.insight(&one, &insight("000000000001", "Both", State::Start), 1000, false);
    metrics.insight(&two, &insight("000000000001", "Both", State::Start), 1000, false);
    metrics.drop_task(&one);
    let left = samples(&metrics);
    assert!(!left.contains_key(&open_gauge("000000000001", "Mine")));
    assert!(left.contains_key(&open_gauge("000000000001", "Both")));
    metrics.drop_task(&two);
    assert!(!samples(&metrics).keys().any(|name| name.starts_with("insightd_insight_")));
}

#[test]
fn kafka_is_counted_by_outcome_kind_and_worker() {
    let metrics = metrics();
    metrics.transaction(Transaction::Committed, Duration::from_millis(12));
    metrics.transaction(Transaction::Aborted, Duration::from_secs(3));
    metrics.transaction(Transaction::Fenced, Duration::from_secs(11));
    metrics.kafka_error("AllBrokersDown");
    metrics.violated(Invariant::Cnt1, 2);
    metrics.broker_up(1, true);
    metrics.broker_up(1, false);
    metrics.rebalance(1, Rebalance::Assigned, 3);
    metrics.rebalance(1, Rebalance::Revoked, 0);
    metrics.rebalance(0, Rebalance::Lost, 0);
    metrics.dead_letter("not_json");
    metrics.truncated(Truncated::DeadLetterRecord);
    metrics.truncated(Truncated::Insight);
    let samples = samples(&metrics);
    for (name, value) in [
        ("insightd_transactions_total{outcome=\"committed\"}", 1.0),
        ("insightd_transactions_total{outcome=\"aborted\"}", 1.0),
        ("insightd_transactions_total{outcome=\"fenced\"}", 1.0),
        ("insightd_transaction_duration_seconds_bucket{le=\"0.025\"}", 1.0),
        ("insightd_transaction_duration_seconds_count", 3.0),
        ("insightd_kafka_errors_total{kind=\"AllBrokersDown\"}", 1.0),
        ("insightd_invariant_violations_total{invariant=\"CNT-1\"}", 2.0),
        ("insightd_invariant_violations_total{invariant=\"EO-1\"}", 0.0),
        ("insightd_broker_up{worker=\"1\"}", 0.0),
        ("insightd_rebalances_total{kind=\"assigned\"}", 1.0),
        ("insightd_rebalances_total{kind=\"revoked\"}", 1.0),
        ("insightd_rebalances_total{kind=\"lost\"}", 1.0),
        ("insightd_partitions_assigned{worker=\"1\"}", 0.0),
        ("insightd_dead_letters_total{reason=\"not_json\"}", 1.0),
        ("insightd_records_cut_total{kind=\"dead_letter\"}", 1.0),
        ("insightd_records_cut_total{kind=\"insight\"}", 1.0),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name}");
    }
}

/// Stops the writers when it goes out of scope.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// CNT-1 over families holds at any scrape: a scrape sees a commit as a whole or not at all.
#[test]
fn a_scrape_beside_running_commits_sees_whole_commits_only() {
    let metrics = metrics();
    let mut tally = Tally::default();
    for (row, envelope) in tally.records.iter_mut().zip(0u64..) {
        row[Outcome::Duplicate as usize] = envelope + 1;
        row[Outcome::Malformed as usize] = 2;
        row[Outcome::Shed as usize] = 3;
    }
    tally.malformed[0] = tally.outcome(Outcome::Malformed);
    tally.shed[5] = tally.outcome(Outcome::Shed);
    tally.delays_s = vec![1; usize::try_from(tally.outcome(Outcome::Duplicate)).expect("small")];
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Also if an assertion fails: the scope waits for the writers.
        let _ended = Ended(&stop);
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    metrics.committed(&tally);
                }
            });
        }
        for _ in 0..200 {
            let seen = samples(&metrics);
            let records = |outcome: &str| sum(&seen, "insightd_records_total", &format!("outcome=\"{outcome}\""));
            assert_eq!(records("duplicate"), seen["insightd_duplicate_records_total"]);
            assert_eq!(records("duplicate"), seen["insightd_event_delay_seconds_count"]);
            assert_eq!(records("malformed"), sum(&seen, "insightd_malformed_records_total", ""));
            assert_eq!(records("shed"), sum(&seen, "insightd_shed_records_total", ""));
        }
    });
    assert!(samples(&metrics)["insightd_duplicate_records_total"] > 0.0, "nothing ran beside the scrapes");
}

/// A metrics page in which every family has a sample.
fn full_page() -> String {
    let (metrics, task) = (metrics(), Task::new(0, "ct", 0));
    metrics.committed(&full_tally());
    metrics.gauges(&task, &Gauges { clock: 1, ..Gauges::default() });
    metrics.lag("ct", 0, 1);
    metrics.kafka_error("x");
    metrics.broker_up(0, true);
    metrics.rebalance(0, Rebalance::Assigned, 1);
    metrics.state_restored(&task, RestoreOutcome::State, Duration::from_secs(1));
    metrics.insight(&task, &insight("000000000001", "Run\"Inst\\ances\n", State::Start), 1000, false);
    metrics.render().expect("it encodes")
}

/// The catalog is what is exported: every family, with its type and help text, and no other.
#[test]
fn the_catalog_is_what_a_scrape_shows() {
    let page = full_page();
    let lines =
        |prefix: &str| -> BTreeSet<&str> { page.lines().filter_map(|line| line.strip_prefix(prefix)).collect() };
    let (mut helps, mut types) = (lines("# HELP "), lines("# TYPE "));
    for Family { name, kind, labels, help, buckets } in families() {
        assert!(helps.remove(format!("{name} {help}").as_str()), "{name}: its help text is not exported");
        assert!(types.remove(format!("{name} {}", kind.label()).as_str()), "{name}: its type is not exported");
        let sample =
            page.lines().filter_map(|line| line.strip_prefix(name)).find(|rest| rest.starts_with(['{', ' ', '_']));
        let sample = sample.unwrap_or_else(|| panic!("{name} has no sample"));
        for label in *labels {
            assert!(sample.contains(&format!("{label}=\"")), "{name} is exported without its label {label}");
        }
        assert_eq!(*kind == Kind::Histogram, !buckets.is_empty(), "{name}");
    }
    assert!(helps.is_empty() && types.is_empty(), "exported but not in the catalog: {helps:?} {types:?}");
}

/// What `promtool check metrics` asks for, and the naming rules of Prometheus' documentation.
#[test]
fn names_follow_prometheus_conventions() {
    let mut names = BTreeSet::new();
    for Family { name, kind, help, .. } in families() {
        assert!(names.insert(name), "{name} is declared twice");
        assert!(help.ends_with('.') && help.len() > 10, "{name}: {help}");
        assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name} is a {}", kind.label());
        assert!(name.starts_with("insightd_") || name.starts_with("process_"), "{name}");
        assert!(*kind != Kind::Histogram || name.ends_with("_seconds"), "{name} has no base unit");
        assert!(!["_ms", "_minutes", "_kb", "_percent"].iter().any(|unit| name.ends_with(unit)), "{name}");
    }
    assert!(names.len() >= 40, "{names:?}");
    assert!(full_page().contains(r#"event_name="Run\"Inst\\ances\n""#), "label values are escaped");
    assert!(CONTENT_TYPE.starts_with("text/plain; version=0.0.4"));
}

/// `promtool check metrics` itself, where it is installed.
#[test]
fn promtool_finds_no_fault() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let started =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut promtool) = started else {
        eprintln!("promtool is not installed: only names_follow_prometheus_conventions has checked");
        return;
    };
    promtool.stdin.take().expect("piped").write_all(full_page().as_bytes()).expect("written");
    let output = promtool.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
