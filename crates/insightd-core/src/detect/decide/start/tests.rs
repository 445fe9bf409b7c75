//! What starts an insight, and every number of its Start.

use super::*;
use crate::cloudtrail::insight::{InsightType, Severity};
use crate::detect::decide::fixture::{MIDNIGHT, Surroundings, call};
use crate::rules::{Action, Rule, Rules};

/// Detection minute of these tests: 10:03 UTC of the account's ninth day.
const DETECTION: i64 = MIDNIGHT + 8 * DAY + 603;
/// A strength whose score is a round number: see `the_score_and_limit_are_those_of_a_calibrated_tail`.
const STRENGTH: Strength = Strength { rate: 0.01, log_rho: -1.0, cooldown: 0.25 };

fn evidence(reason: Reason, x: f64) -> Evidence {
    let expected = Expectation { mean: 1.0, sd: 1.0 };
    Evidence { reason, x, trend: 0.0, minute: DETECTION, expected, falls: false }
}

fn rule(action: Action) -> Arc<Rules> {
    Arc::new(Rules::new(vec![Rule { name: "nightly".into(), action, conditions: vec![], until: None, schedule: None }]))
}

fn start(series: &mut Series, surroundings: &Surroundings, call: &Call<'_>, strength: Strength) -> Insight {
    let decision = Decision { evidence: evidence(Reason::Counts, 3.0), strength };
    series.start(&decision, Trigger { call, who: 0, principal_new_to_account: true }, &surroundings.context())
}

fn owned<const N: usize>(values: [(&str, u64); N]) -> Vec<(String, u64)> {
    values.map(|(text, calls)| (text.to_owned(), calls)).to_vec()
}

/// If it breaks, the record names wrong averages or wrong people, and its reader looks in the wrong place.
#[test]
fn a_start_reports_its_window_its_baseline_and_its_callers() {
    let mut surroundings = Surroundings::new(MIDNIGHT);
    let mut series = surroundings.series("DescribeInstances", MIDNIGHT + 600);
    for (who, minute, calls) in [
        ("dana", MIDNIGHT + 600, 3),            // a day before the baseline window
        ("dana", MIDNIGHT + DAY, 2),            // its first minute
        ("erin", MIDNIGHT + 7 * DAY + 1439, 4), // the minute before the Start's day
        ("dana", DETECTION - 10, 1),
        ("dana", DETECTION - 5, 1),    // a minute before the window of the Start
        ("erin", DETECTION - 4, 2),    // the first minute of that window, still in the baseline
        ("mallory", DETECTION - 2, 5), // the Start
        ("mallory", DETECTION - 1, 3),
        ("erin", DETECTION, 1),
        ("mallory", DETECTION, 6),
    ] {
        surroundings.count_calls(&mut series, who, minute, calls);
    }
    let tipping = Call { event_id: "tip", ..call("mallory", DETECTION) };
    let insight = start(&mut series, &surroundings, &tipping, STRENGTH);
    assert_eq!((insight.state, insight.kind), (State::Start, InsightType::ApiCallRate));
    // The runs up to the detection minute deviate by 6, 8 / sqrt 2, 12 / sqrt 3, 11 / 2 and 12 / sqrt 5.
    assert_eq!((insight.start, insight.event_minute), (DETECTION - 2, DETECTION - 2));
    assert_eq!((insight.baseline_count, insight.baseline_minutes), (2 + 4 + 1 + 1 + 2, 7 * 1440 + 601));
    assert_eq!((insight.insight_count, insight.insight_minutes), (2 + 5 + 3 + 1 + 6, 5));
    assert_eq!(insight.principals.insight, owned([("mallory", 14), ("erin", 3)]));
    assert_eq!(insight.principals.baseline, owned([("erin", 6), ("dana", 4)]));
    let errors = insight.errors.as_ref().expect("a call-rate record attributes errors");
    assert_eq!((&errors.insight, &errors.baseline), (&owned([("null", 17)]), &owned([("null", 10)])));
    let finding = &insight.finding;
    assert_eq!((finding.detected_at, &*finding.tipping_event), (DETECTION * 60, "tip"));
    assert_eq!((finding.detection_minute, finding.observed.to_bits()), (DETECTION, 7.0_f64.to_bits()));
    assert!(finding.principal_new, "mallory is not in the baseline");
    let opened = series.opened(insight.account, &insight.region).expect("an insight is open");
    assert_eq!((opened.state, opened.start, opened.insight_count), (State::Start, DETECTION - 2, 17));
    assert_eq!(opened.finding, insight.finding, "the open insight is the one that was raised");
}

/// If it breaks, the score and the limit of a record no longer tell by how much an insight passed.
#[test]
fn the_score_and_limit_are_those_of_a_calibrated_tail() {
    let numbers = |action: Option<Action>| {
        let mut surroundings = Surroundings { score_floor: 3.0, ..Surroundings::new(MIDNIGHT) };
        surroundings.settings.rules = action.map(rule).unwrap_or_default();
        let mut series = surroundings.series("DescribeInstances", DETECTION);
        let call = Call { rule: action.map(|_| 0), ..call("dana", DETECTION) };
        surroundings.count(&mut series, &call);
        let finding = start(&mut series, &surroundings, &call, STRENGTH).finding;
        (finding.score, finding.limit, finding.rule, finding.suppressed_by)
    };
    // Ten incidents a week reach the floor 3; one in a hundred weeks is a thousand times rarer. log10 of rho
    // is -1 and need only be -.25, so the limit is .75 lower.
    let close = |found: f64, expected: f64| (found - expected).abs() < 1e-12;
    let (score, limit, rule, suppressed_by) = numbers(None);
    assert!(close(score, 6.0) && close(limit, 5.25), "{score} {limit}");
    assert_eq!((rule, suppressed_by), (None, None));
    let (score, limit, rule, suppressed_by) = numbers(Some(Action::Sensitivity(0.1)));
    assert!(close(score, 6.0) && close(limit, 6.25), "a tenth of the budget asks for ten times the rarity: {limit}");
    assert_eq!((rule, suppressed_by), (Some(0), None));
    assert_eq!(numbers(Some(Action::Mark)).3.as_deref(), Some("nightly"));
}

/// How many minutes before its detection minute a Start lies, with these calls in the seven minutes up to it,
/// this expected mean and standard deviation, and an insight that ended so many minutes before it.
fn minutes_before(counts: [u32; 7], (mean, sd): (f64, f64), last_insight_end: Option<i64>) -> i64 {
    let mut surroundings = Surroundings::new(MIDNIGHT);
    let mut series = surroundings.series("DescribeInstances", DETECTION - 6);
    for (minute, calls) in (DETECTION - 6..).zip(counts) {
        surroundings.count_calls(&mut series, "dana", minute, calls);
    }
    if let Some(end) = last_insight_end {
        series.last_episode = (DETECTION - end - 10, DETECTION - end);
    }
    let evidence = Evidence { expected: Expectation { mean, sd }, ..evidence(Reason::Counts, 3.0) };
    DETECTION - series.start_minute(&evidence, usize::MAX)
}

/// If it breaks, records and the attack that they report begin at different times.
#[test]
fn a_start_lies_where_the_significant_run_begins() {
    // Deviations of the runs of 1 to 5 minutes, times sd.
    let cases = [
        ([0, 0, 2, 0, 5, 3, 7], (1.0, 1.0), 2, "6, 5.7, 6.9, 5.5, 5.4: three minutes"),
        ([0, 0, 8, 0, 0, 0, 7], (1.0, 10.0), 0, "6, 3.5, 2.3, 1.5, 4.5: one minute, whatever the spread"),
        ([0, 0, 12, 12, 12, 12, 20], (10.0, 3.0), 0, "10, 8.5, 8.1, 8, 8.0: one minute far above a busy rate"),
        ([0, 0, 0, 4, 0, 0, 4], (0.0, 1.0), 0, "4, 2.8, 2.3, 4, 3.6: of equal runs the shortest"),
        ([0, 0, 0, 0, 0, 2, 1], (2.0, 1.0), 0, "no minute is above expectation: the detection minute"),
        ([9, 50, 1, 1, 1, 1, 9], (1.0, 1.0), 0, "a run has at most five minutes"),
    ];
    for (counts, expected, minutes, why) in cases {
        assert_eq!(minutes_before(counts, expected, None), minutes, "{why}");
    }
}

/// If it breaks, two insights of one series overlap, and count the same calls twice.
#[test]
fn a_start_never_reaches_into_the_insight_before_it() {
    let counts = [0, 0, 2, 0, 5, 9, 7];
    assert_eq!(minutes_before(counts, (1.0, 1.0), None), 2);
    assert_eq!(minutes_before(counts, (1.0, 1.0), Some(2)), 2, "from the first minute after it on");
    assert_eq!(minutes_before(counts, (1.0, 1.0), Some(1)), 1);
}

#[test]
fn evidence_about_a_principal_starts_with_its_first_call() {
    let mut surroundings = Surroundings::new(MIDNIGHT);
    let mut series = surroundings.series("DescribeInstances", DETECTION - 4);
    for (who, ago) in [("dana", 4), ("mallory", 2), ("mallory", 0)] {
        surroundings.count_calls(&mut series, who, DETECTION - ago, 3);
    }
    let who = surroundings.count(&mut series, &call("mallory", DETECTION)).who;
    assert_eq!(series.start_minute(&evidence(Reason::NewPrincipal, 1.0), who), DETECTION - 2);
}

/// A Start of an API: log10 of rho, and the ages of its series and of its region, minutes.
struct Case {
    name: &'static str,
    log_rho: f64,
    series_age: i64,
    region_age: i64,
}

const PLAIN: Case = Case { name: "DescribeInstances", log_rho: -1.99, series_age: DAY, region_age: DAY };

fn finding(case: &Case) -> Finding {
    let mut surroundings = Surroundings { region_begin: DETECTION - case.region_age, ..Surroundings::new(MIDNIGHT) };
    let mut series = surroundings.series(case.name, DETECTION - case.series_age);
    let call = call("mallory", DETECTION);
    surroundings.count(&mut series, &call);
    start(&mut series, &surroundings, &call, Strength { log_rho: case.log_rho, ..STRENGTH }).finding
}

/// If it breaks, alerts by severity wake people for nothing or let them sleep.
#[test]
fn each_grave_circumstance_raises_the_severity() {
    // A principal new to the account is one point in all of these.
    assert_eq!(finding(&PLAIN).severity, Severity::Low);
    let second_points = [
        Case { log_rho: -2.0, ..PLAIN },
        Case { name: "RunInstances", ..PLAIN },
        Case { series_age: DAY - 1, ..PLAIN },
        Case { series_age: DAY - 1, region_age: DAY - 1, ..PLAIN },
    ];
    for (at, case) in second_points.iter().enumerate() {
        assert_eq!(finding(case).severity, Severity::Medium, "case {at}");
    }
    assert_eq!(finding(&Case { name: "RunInstances", log_rho: -2.0, ..PLAIN }).severity, Severity::High);
}

#[test]
fn a_series_or_region_is_new_for_one_day() {
    let new = |series_age, region_age| {
        let finding = finding(&Case { series_age, region_age, ..PLAIN });
        (finding.series_new, finding.region_new)
    };
    assert_eq!(new(DAY, DAY), (false, false));
    assert_eq!(new(DAY - 1, DAY), (true, false));
    assert_eq!(new(DAY - 1, DAY - 1), (true, true));
    assert_eq!(new(0, 0), (true, true));
}

#[test]
fn the_top_caller_is_new_if_the_baseline_lacks_it() {
    let principal_new = |usual: &str| {
        let mut surroundings = Surroundings::new(MIDNIGHT);
        let mut series = surroundings.series("DescribeInstances", DETECTION - 5);
        // Before the window of the Start, however many they are.
        surroundings.count_calls(&mut series, usual, DETECTION - 5, 50);
        let call = call("mallory", DETECTION);
        surroundings.count(&mut series, &call);
        start(&mut series, &surroundings, &call, STRENGTH).finding.principal_new
    };
    assert!(principal_new("dana") && !principal_new("mallory"));
}

/// An account of four weeks, with the series that decides.
struct Account {
    surroundings: Surroundings,
    series: Series,
    alarms: AlarmBudget,
}

impl Account {
    fn new(action: Option<Action>) -> Self {
        let mut surroundings = Surroundings::new(DETECTION - 28 * DAY);
        surroundings.settings.rules = action.map(rule).unwrap_or_default();
        let series = surroundings.series("DescribeInstances", DETECTION);
        let alarms = AlarmBudget::new(surroundings.begin, 2160);
        Self { surroundings, series, alarms }
    }

    fn decide(&mut self, evidence: [Option<Evidence>; 2], rule: Option<u32>) -> Option<Reason> {
        let call = Call { rule, ..call("dana", DETECTION) };
        let context = self.surroundings.context();
        let decision = decide(&mut self.series, evidence, &mut self.alarms, &call, &context);
        decision.map(|decision| decision.evidence.reason)
    }
}

/// If it breaks, the header `insight-reason` names the lesser reason.
#[test]
fn the_strongest_evidence_is_the_reason() {
    // After four weeks W = 2.16. Counts: log10(10 / 3.16 e^(-3 / .434) / .03) = -1.0. A new principal:
    // log10(.5 / 3.16 e^(-6 / 1.2) / .42) = -2.6.
    let (counts, caller) = (evidence(Reason::Counts, 3.0), evidence(Reason::NewPrincipal, 6.0));
    assert_eq!(Account::new(None).decide([Some(caller), Some(counts)], None), Some(Reason::NewPrincipal));
    assert_eq!(Account::new(None).decide([Some(counts), Some(caller)], None), Some(Reason::NewPrincipal));
    // Both rates underflow to 0.
    let beyond_measure = [Reason::NewPrincipal, Reason::Counts].map(|reason| Some(evidence(reason, 2000.0)));
    assert_eq!(Account::new(None).decide(beyond_measure, None), Some(Reason::NewPrincipal), "the caller comes first");
}

/// If it breaks, each burst of a noisy account raises an insight, or the account never gets used to them.
#[test]
fn weak_evidence_starts_nothing_but_is_noted() {
    // log10(10 / 3.16 e^(-1 / .434) / .03) = 1.0.
    let mut account = Account::new(None);
    let before = account.alarms;
    assert_eq!(account.decide([None, Some(evidence(Reason::Counts, 1.0))], None), None);
    assert!(account.alarms != before, "the budget learns from it");
    assert_eq!(Account::new(None).decide([None, None], None), None);
}

/// If it breaks, the operator's exception for a nightly job raises an insight with the next call of anyone.
#[test]
fn suppressed_calls_start_no_insight_for_another_caller() {
    let counts = |x: f64| [None, Some(evidence(Reason::Counts, x))];
    let mut account = Account::new(Some(Action::Sensitivity(0.01)));
    account.series.needs_full_save = false;
    assert_eq!(account.decide(counts(3.0), Some(0)), None, "-1.0 at a hundredth of the budget is 1.0");
    assert!(account.series.needs_full_save, "a restart must not forget it");
    assert_eq!(account.decide(counts(3.2), None), None, "explained by the suppressed calls");
    assert_eq!(account.decide(counts(3.3), None), Some(Reason::Counts), "twice as rare as what they explain");
    let caller = [Some(evidence(Reason::NewPrincipal, 6.0)), None];
    assert_eq!(account.decide(caller, None), Some(Reason::NewPrincipal), "they explain no one else's novelty");
    // Under the rule itself the stricter limit is what protects: log10 of rho is -2.2 at x = 3.52.
    let mut account = Account::new(Some(Action::Sensitivity(0.1)));
    account.series.suppression.note(DETECTION, 4.0);
    assert_eq!(account.decide(counts(4.1), Some(0)), Some(Reason::Counts));
    assert_eq!(account.decide(counts(4.1), None), None);
}

#[test]
fn only_counts_that_a_rule_suppressed_are_remembered() {
    let noted = |reason, x, rule| {
        let mut account = Account::new(Some(Action::Sensitivity(0.01)));
        account.decide([None, Some(evidence(reason, x))], rule);
        account.series.suppression.explains(DETECTION, 0.0)
    };
    assert!(noted(Reason::Counts, 3.0, Some(0)));
    assert!(!noted(Reason::Counts, 3.0, None), "it started an insight");
    assert!(!noted(Reason::Counts, 9.0, Some(0)), "it started one even under the rule");
    assert!(!noted(Reason::Counts, 1.0, Some(0)), "it would have started none without the rule");
    assert!(!noted(Reason::NewPrincipal, 3.0, Some(0)), "it is no sum that stays high");
}
