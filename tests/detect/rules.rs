//! Effects of the operator's rules on counts and insights, in the engine that `run` and `replay` drive.

use std::io::Write as _;

use insightd::config::Config;
use insightd_core::cloudtrail::insight::{Insight, State};
use insightd_core::pipeline::{DeadLetterRecord, Outcome, Output, Pipeline, Tally};
use serde_json::{Value, json};

/// A Sunday, 2026-03-01T00:00Z.
const BEGIN: i64 = 1_772_323_200;
const MINUTE: i64 = 60;
const DAY: i64 = 86_400;
/// The minute of the burst: a Wednesday, 00:10.
const BURST: i64 = BEGIN + 3 * DAY + 10 * MINUTE;

const CI: &str = "arn:aws:sts::111122223333:assumed-role/ci";
const DANA: &str = "arn:aws:iam::111122223333:user/dana";

/// Calls `(time, principal, API)`.
type Calls = Vec<(i64, &'static str, &'static str)>;

#[derive(Default)]
struct Seen(Vec<Insight>);

impl Output for Seen {
    fn insight(&mut self, insight: Insight) {
        self.0.push(insight);
    }

    fn dead_letter(&mut self, record: DeadLetterRecord<'_>) {
        panic!("{}: {}", record.reason, record.detail);
    }
}

fn record(number: usize, time: i64, principal: &str, name: &str) -> Value {
    let time = jiff::Timestamp::from_second(time).expect("a time").to_string();
    let service = principal == CI;
    json!({
        "eventVersion": "1.09",
        "userIdentity": {
            "type": if service { "AssumedRole" } else { "IAMUser" },
            "arn": if service { format!("{principal}/run-{number}") } else { principal.to_owned() },
            "invokedBy": if service { json!("ci.amazonaws.com") } else { Value::Null },
        },
        "eventTime": time,
        "eventSource": "ec2.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-west-1",
        "userAgent": "aws-cli/2.15.30",
        "eventID": format!("{number:032x}"),
        "readOnly": name.starts_with("Describe"),
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    })
}

/// Four quiet days of one API: a call by each of two principals every twenty minutes.
fn quiet() -> Calls {
    (0..12 * 24)
        .flat_map(|n| {
            [(BEGIN + n * 20 * MINUTE, CI, "RunInstances"), (BEGIN + n * 20 * MINUTE + 9, DANA, "RunInstances")]
        })
        .collect()
}

/// Four quiet days of calls by CI alone.
fn quiet_ci() -> Calls {
    quiet().into_iter().filter(|call| call.1 == CI).collect()
}

fn burst(calls: i64, at: i64, principal: &'static str) -> Calls {
    (0..calls).map(|n| (at + n % 60, principal, "RunInstances")).collect()
}

fn with(mut calls: Calls, more: Calls) -> Calls {
    calls.extend(more);
    calls.sort_by_key(|call| call.0);
    calls
}

struct Run {
    insights: Vec<Insight>,
    tally: Tally,
    /// Maximum of `insights_open` over all minutes.
    open_max: u64,
}

impl Run {
    fn starts(&self) -> Vec<&Insight> {
        self.insights.iter().filter(|insight| insight.state == State::Start).collect()
    }

    fn suppressed_by(&self) -> Vec<Option<&str>> {
        self.insights.iter().map(|insight| insight.finding.suppressed_by.as_deref()).collect()
    }
}

fn config(rules: &str) -> Config {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(rules.as_bytes()).expect("written");
    Config::load_from(Some(file.path()), []).unwrap_or_else(|faults| panic!("{faults}"))
}

fn run(rules: &str, calls: &Calls) -> Run {
    let mut pipeline = Pipeline::new(&config(rules));
    let mut seen = Seen::default();
    let mut open_max = 0;
    let now = BEGIN + 30 * DAY;
    for (number, (time, principal, name)) in calls.iter().enumerate() {
        let record = record(number, *time, principal, name).to_string();
        pipeline.payload(record.as_bytes(), None, now, &mut seen);
        open_max = open_max.max(pipeline.gauges().insights_open);
    }
    pipeline.finish(&mut seen);
    let tally = pipeline.take_tally();
    assert_eq!(tally.total(), calls.len() as u64, "CNT-1");
    Run { insights: seen.0, tally, open_max }
}

fn rule(action: &str, conditions: &str) -> String {
    format!("[[rules]]\nname = \"r\"\naction = \"{action}\"\n{conditions}\n")
}

fn ci(action: &str) -> String {
    rule(action, &format!("principal = \"{CI}\""))
}

#[test]
fn without_rules_the_burst_is_one_insight() {
    let run = run("", &with(quiet(), burst(60, BURST, CI)));
    assert_eq!(run.suppressed_by(), [None, None]);
    assert_eq!((run.open_max, run.tally.insights[0]), (1, [1, 1]));
    assert!(run.tally.rule_records.is_empty() && run.tally.rule_insights.is_empty());
}

/// An excluded record is out of scope and enters no number of any insight.
#[test]
fn an_excluded_record_is_in_no_number() {
    let calls = with(quiet(), with(burst(60, BURST, CI), burst(60, BURST, DANA)));
    let by_ci = calls.iter().filter(|call| call.1 == CI).count() as u64;
    let excluded = run(&ci("exclude"), &calls);
    assert_eq!(excluded.tally.outcome(Outcome::OutOfScope), by_ci);
    assert_eq!((excluded.tally.rule_records[0], excluded.tally.rule_insights.first()), (by_ci, None));
    // Equal to a run without the records, from the same beginning of the account.
    let alone: Calls = calls.iter().filter(|call| call.1 == DANA || call.0 == BEGIN).copied().collect();
    let without = run(&ci("exclude"), &alone);
    assert_eq!(excluded.starts().len(), 1);
    for (one, other) in excluded.insights.iter().zip(&without.insights) {
        assert_eq!((one.insight_count, one.baseline_count), (other.insight_count, other.baseline_count));
        assert_eq!(one.principals, other.principals);
        assert!(one.principals.insight.iter().all(|(principal, _)| principal == DANA));
    }
    assert!(run(&ci("exclude"), &with(quiet(), burst(60, BURST, CI))).insights.is_empty());
}

/// Excluded records begin the history of their account, as do all records out of scope.
#[test]
fn excluded_records_begin_the_history_of_their_account() {
    let calls = with(quiet(), burst(60, BURST, DANA));
    let only_ci_at_first: Calls = calls.iter().filter(|call| call.1 == CI || call.0 >= BURST - DAY).copied().collect();
    assert!(!run(&ci("exclude"), &only_ci_at_first).starts().is_empty(), "the account is old enough");
    let nothing_at_first: Calls = calls.iter().filter(|call| call.0 >= BURST - DAY).copied().collect();
    assert_eq!(run(&ci("exclude"), &nothing_at_first).starts().len(), 0, "the account is too young");
}

/// A marked insight carries the rule's name on its Start and End and does not count as open.
#[test]
fn a_marked_insight_names_its_rule_and_is_not_open() {
    let run = run(&ci("mark"), &with(quiet(), burst(60, BURST, CI)));
    assert_eq!(run.suppressed_by(), [Some("r"), Some("r")]);
    assert_eq!((run.open_max, run.tally.insights[0], run.tally.rule_insights.as_slice()), (0, [1, 1], &[1][..]));
    let mut line = Vec::new();
    run.insights[1].write_json(&mut line, true);
    let explained: Value = serde_json::from_slice(&line).expect("JSON");
    assert_eq!(explained["insightd"]["suppressedBy"], "r");
}

#[test]
fn the_record_that_tips_the_start_decides() {
    let calls = with(quiet(), burst(60, BURST, DANA));
    let marked = run(&ci("mark"), &calls);
    assert_eq!(
        (marked.suppressed_by(), marked.open_max),
        (vec![None, None], 1),
        "another principal's burst is not marked"
    );
    assert_eq!((marked.tally.rule_insights.first(), marked.tally.rule_records[0] > 0), (None, true));
}

/// A dropped insight is counted by its rule alone, and the series continues.
#[test]
fn a_dropped_insight_is_counted_by_its_rule_alone() {
    let later = BURST + 6 * 3600;
    let calls = with(quiet(), with(burst(60, BURST, CI), burst(90, later, DANA)));
    let plain = run("", &calls);
    let dropped = run(&ci("drop"), &calls);
    assert_eq!((plain.starts().len(), dropped.starts().len()), (2, 1));
    assert_eq!(dropped.insights, plain.insights[2..], "later insights are as if it had been published");
    assert_eq!((dropped.tally.rule_insights.as_slice(), dropped.tally.insights[0]), (&[1][..], [1, 1]));
    assert_eq!(
        dropped.tally.outcome(Outcome::Counted),
        plain.tally.outcome(Outcome::Counted),
        "records count as without the rule"
    );
}

/// Fewest calls in one minute that start an insight.
fn least(rules: &str) -> usize {
    let quiet_with = |&calls: &i64| run(rules, &with(quiet_ci(), burst(calls, BURST, CI))).insights.is_empty();
    let calls: Vec<i64> = (1..200).collect();
    calls[calls.partition_point(quiet_with)] as usize
}

/// Sensitivity moves the trigger count of an insight both ways.
#[test]
fn sensitivity_moves_the_trigger_both_ways() {
    let factor = |factor: &str| rule("sensitivity", &format!("principal = \"{CI}\"\nfactor = {factor}"));
    let [rare, usual, one, ready] =
        [factor("0.001"), String::new(), factor("1"), factor("1000")].map(|rules| least(&rules));
    assert!(rare > usual && usual > ready, "{rare}, {usual}, {ready} calls");
    assert_eq!(usual, one);
    let calls = with(quiet_ci(), burst(rare as i64, BURST, CI));
    let (plain, shifted) = (run("", &calls), run(&factor("0.001"), &calls));
    let limits = (plain.starts()[0].finding.limit, shifted.starts()[0].finding.limit);
    assert!(limits.0 < limits.1, "the insight reports the limit in force: {limits:?}");
    assert_eq!((shifted.suppressed_by(), shifted.open_max), (vec![None, None], 1), "an ordinary insight");
    assert_eq!(shifted.tally.rule_insights, [1]);
    // The rule does not affect other principals.
    let other = with(quiet(), burst(60, BURST, DANA));
    assert_eq!(run(&factor("0.001"), &other).insights, run("", &other).insights);
}

/// Regression: a suppressed burst of fifteen calls left sums above the limit, and the next call of another
/// principal started an insight.
#[test]
fn a_suppressed_burst_does_not_trip_the_next_principal() {
    let rules = rule("sensitivity", &format!("principal = \"{CI}\"\nfactor = 0.000001"));
    let bystander = with(quiet(), burst(15, BURST, CI));
    assert_eq!(run("", &bystander).starts().len(), 1);
    assert_eq!(run(&rules, &bystander).starts().len(), 0);
    let attacker = with(bystander.clone(), burst(60, BURST + 5 * MINUTE, DANA));
    assert_eq!(run(&rules, &attacker).starts().len(), 1, "calls beyond the suppressed burst start an insight");
    let later = with(bystander, burst(60, BURST + 3 * 3600, DANA));
    assert_eq!(run(&rules, &later).starts().len(), 1, "the suppression has expired after an hour");
}

#[test]
fn the_first_rule_decides_so_a_factor_of_one_is_an_exception() {
    let except = rule("sensitivity", "event_name = \"Run*\"\nfactor = 1").replace("\"r\"", "\"except\"");
    let calls = with(quiet(), burst(60, BURST, CI));
    let run = run(&(except + &ci("drop")), &calls);
    assert_eq!(run.suppressed_by(), [None, None]);
    assert_eq!(run.tally.rule_records, [calls.len() as u64, 0]);
}

#[test]
fn until_and_schedule_use_event_time() {
    let calls = with(quiet(), burst(60, BURST, CI));
    let marks =
        |more: &str| run(&rule("mark", &format!("principal = \"{CI}\"\n{more}")), &calls).suppressed_by()[0].is_some();
    assert!(marks("schedule = \"Tue 23:00-01:00\""), "the window reaches into Wednesday");
    assert!(marks("schedule = \"Wed 01:00-02:00 Europe/Berlin\""));
    assert!(!marks("schedule = \"Wed 01:00-02:00\"") && !marks("schedule = \"Tue 00:00-01:00\""));
    assert!(marks("until = 2026-03-04T00:10:59Z") && !marks("until = 2026-03-04T00:10:00Z"));
}

#[test]
fn a_service_is_known_by_invoked_by() {
    let calls = with(quiet(), burst(60, BURST, CI));
    assert_eq!(run(&rule("mark", "invoked_by = \"ci.amazonaws.com\""), &calls).suppressed_by(), [Some("r"), Some("r")]);
    let danas = with(quiet(), burst(60, BURST, DANA));
    assert_eq!(
        run(&rule("mark", "invoked_by = \"*\""), &danas).suppressed_by(),
        [None, None],
        "nobody invoked for dana"
    );
}

#[test]
fn what_could_not_count_anyway_is_no_match() {
    let reads: Calls = (0..10).map(|n| (BEGIN + n, CI, "DescribeInstances")).collect();
    assert_eq!(run(&ci("exclude"), &reads).tally.rule_records, [0]);
}

/// The first records of an account, and those after a long silence, are quarantined until another record
/// confirms their time.
#[test]
fn a_quarantined_record_meets_its_rule_when_applied() {
    let sparse: Calls = (0..16).map(|n| (BEGIN + n * 6 * 3600, DANA, "RunInstances")).collect();
    let run = run(&ci("mark"), &with(sparse, burst(60, BURST, CI)));
    assert_eq!(run.suppressed_by(), [Some("r"), Some("r")]);
    assert_eq!(run.tally.rule_records, [60], "each counts once");
}
