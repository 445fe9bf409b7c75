//! The arithmetic of the quality bench, on examples worked out by hand: fails if the bench measures something
//! else.

use insightd_test_support::quality::{labeled, stream};
use std::collections::BTreeSet;
use std::fs;

use insightd::config::Config;
use insightd_core::cloudtrail::insight::{Insight, State};
use insightd_core::detect::{Detector, Settings};
use insightd_generate::label::{Attack, Attacker, Label, LabelSeries};
use insightd_generate::{Organization, Plan};
use insightd_test_support::quality::arithmetic::alarms::{Scored, at_most_false};
use insightd_test_support::quality::arithmetic::interpolation::at_rate;
use insightd_test_support::quality::arithmetic::matching::{AFTER_S, BEFORE_S, Start, attack_of};
use insightd_test_support::quality::arithmetic::median;
use insightd_test_support::quality::arithmetic::moments::{Exponential, Window};
use insightd_test_support::quality::arithmetic::tails::{NegativeBinomial, normal_ln_sf, score, two_sided};
use insightd_test_support::quality::arithmetic::threshold::{Scores, at_budget};
use insightd_test_support::quality::labeled::Series;

fn assert_close(value: f64, expected: f64, relative: f64) {
    assert!((value - expected).abs() <= relative * expected.abs(), "{value} is not {expected}");
}

#[test]
fn the_median_of_an_even_number_lies_between_the_middle_two() {
    assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median([4.0, 1.0, 3.0, 2.0]), Some(2.5));
    assert_eq!(median([]), None);
}

// === thresholds of count series ===

#[test]
fn the_threshold_is_the_first_unit_that_is_one_too_many() {
    // 48 units, so a budget of 1 a day allows two: the third highest unit is the threshold, and an alarm is
    // above it.
    let one = Scores { unit_maxima: vec![1.0, 9.0, 4.0], window_maxima: vec![5.0, 4.0], units: 24.0 };
    let two = Scores { unit_maxima: vec![7.0, 2.0], window_maxima: vec![8.0, 0.5], units: 24.0 };
    let bought = at_budget(&[one.clone(), two.clone()], 1.0);
    assert_eq!((bought.threshold, bought.recall), (4.0, 0.5));
    // Allows no false unit: the threshold is the highest score.
    assert_eq!(at_budget(&[one.clone(), two.clone()], 0.4).threshold, 9.0);
    // Allows more false units than exist.
    let all = at_budget(&[one, two], 24.0);
    assert_eq!((all.threshold, all.recall), (f64::NEG_INFINITY, 1.0));
}

/// Three days of minutes, one window on the third day.
fn three_days() -> Series {
    let times: Vec<i64> = (0..4320).map(|minute| 1_700_006_400 + minute * 60).collect();
    Series::new("made-up".to_owned(), times, vec![0.0; 4320], vec![(100, 200), (3000, 3010)], 60)
}

#[test]
fn the_first_third_of_a_short_series_only_trains() {
    // A day and a half would be 2160 minutes; a third of the series is less.
    let series = three_days();
    assert_eq!(series.scored_windows().collect::<Vec<_>>(), [(3000, 3010)]);
    assert_close(series.units(), (4320.0 - 1440.0) / 60.0, 1e-12);
}

/// Alarms within five minutes of a label are hits; all others are false.
#[test]
fn alarms_within_five_minutes_of_a_label_are_hits() {
    let series = three_days();
    let at = |alarm: usize| {
        let is_alarm = move |point: usize| point == alarm;
        (series.delays(is_alarm)[0], series.false_units(is_alarm))
    };
    assert_eq!(at(2994), (None, 1), "six minutes before");
    assert_eq!(at(2995), (Some(0.0), 0), "five minutes before");
    assert_eq!(at(3004), (Some(240.0), 0));
    assert_eq!(at(3015), (Some(900.0), 0), "five minutes after");
    assert_eq!(at(3016), (None, 1));
    assert_eq!(at(150), (None, 0), "during the training");
    assert_eq!(series.well_outside().filter(|point| (2950..=3060).contains(point)).count(), 0);
    assert_eq!(series.well_outside().count(), 2880 - 111);
}

#[test]
fn a_unit_is_false_once_however_many_alarms_it_holds() {
    let series = three_days();
    assert_eq!(series.false_units(|point| (2000..2005).contains(&point)), 1);
    let mut scores = vec![0.0; 4320];
    (scores[2000], scores[2004], scores[3005], scores[100]) = (3.0, 5.0, 7.0, 9.0);
    let scores = series.scores(&scores);
    assert_eq!(scores.unit_maxima.iter().filter(|highest| **highest > 0.0).collect::<Vec<_>>(), [&5.0]);
    assert_eq!(scores.window_maxima, [7.0]);
}

#[test]
fn rates_that_are_no_whole_numbers_get_a_unit() {
    assert_eq!(labeled::whole(vec![1.0, 2.0]), [1.0, 2.0]);
    // The median of those above zero is 0.5: a thousandth makes it 500.
    assert_eq!(labeled::whole(vec![0.0, 0.5, 0.25, 1.0]), [0.0, 500.0, 250.0, 1000.0]);
}

#[test]
fn a_labeled_series_is_read_from_its_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("group")).unwrap();
    let rows: String = (0..30).map(|i| format!("2026-03-02 00:{i:02}:30,{}\n", i % 3)).collect();
    fs::write(folder.path().join("group/one.csv"), format!("timestamp,value\n{rows}")).unwrap();
    let labels =
        r#"{"group/one.csv": {"bucket_seconds": 60, "windows": [["2026-03-02T00:20:00Z", "2026-03-02T00:22:30Z"]]}}"#;
    fs::write(folder.path().join("labels.json"), labels).unwrap();
    let series = labeled::load(folder.path()).unwrap();
    assert_eq!((series.len(), series[0].group.as_str(), series[0].counts.len()), (1, "group", 30));
    assert_eq!(series[0].scored_windows().collect::<Vec<_>>(), [(20, 22)]);
    fs::write(folder.path().join("group/one.csv"), "timestamp,value\nyesterday,1\n").unwrap();
    assert!(labeled::load(folder.path()).unwrap_err().contains("yesterday"));
}

// === scores of the rivals ===

#[test]
fn tails_are_those_of_scipy() {
    // scipy.stats.norm.logsf
    for (z, expected) in [
        (-3.0, -0.001_350_809_964_748_192_5),
        (1.0, -1.841_021_645_009_263_4),
        (3.0, -6.607_726_221_510_35),
        (20.0, -203.917_155_371_097_3),
        (36.0, -652.503_227_593_798_6),
        (100.0, -5_005.524_208_694_205),
    ] {
        assert_close(normal_ln_sf(z), expected, 1e-9);
    }
    // scipy.stats.nbinom.logsf(count - 1, size, p) and .logcdf(count, size, p) of these means and variances.
    for (mean, variance, count, at_least, at_most) in [
        (0.001, 0.0011, 2.0, -10.021_756_016_242_305, -2.727_100_893_727_817e-6),
        (0.5, 0.9, 3.0, -3.087_881_619_218_288, -0.018_757_426_894_910_403),
        (10.0, 40.0, 12.0, -1.077_863_858_548_400_6, -0.342_941_122_412_461_16),
        (10.0, 40.0, 60.0, -11.784_756_608_812_57, -5.922_434_815_946_864e-6),
        (10.0, 40.0, 2.0, -0.035_058_392_497_445_28, -2.597_779_380_376_009),
        (1000.0, 5000.0, 900.0, -0.077_101_361_122_492_29, -2.572_532_692_091_687),
        (3.0, 300.0, 4000.0, -47.281_372_391_170_11, -2.893_964_696_824_278_6e-21),
    ] {
        let tail = NegativeBinomial::by_moments(mean, variance);
        assert_close(tail.ln_at_least(count), at_least, 1e-7);
        if at_most < -1e-12 {
            assert_close(tail.ln_at_most(count), at_most, 1e-7);
        }
    }
    assert_eq!(NegativeBinomial::by_moments(3.0, 9.0).ln_at_least(0.0), 0.0);
}

/// A tail too small for floating point still ranks.
#[test]
fn tails_beyond_floating_point_still_rank() {
    let tail = NegativeBinomial::by_moments(1.0, 1.5);
    let (far, farther) = (score(tail.ln_at_least(5000.0)), score(tail.ln_at_least(5001.0)));
    assert!(far > 1000.0 && farther > far && farther.is_finite(), "{far} {farther}");
}

#[test]
fn two_sides_count_twice_and_no_score_is_negative() {
    assert_close(two_sided(-20.0_f64), (20.0 - 2.0_f64.ln()) / 10.0_f64.ln(), 1e-12);
    assert_eq!(two_sided(-0.1), 0.0);
    assert_eq!(score(0.0), 0.0);
}

#[test]
fn the_window_holds_a_week_and_empty_minutes_count() {
    let mut window = Window::new(10, 0);
    window.learn(0, 4.0);
    window.learn(3, 2.0);
    let four = window.before(4);
    assert_close(four.mean, 6.0 / 4.0, 1e-12);
    assert_close(four.variance, 20.0 / 4.0 - 2.25, 1e-12);
    assert_close(four.z(5.0), 3.5 / 3.0_f64.sqrt(), 1e-12);
    // Bucket 0 is just in the window of bucket 10, and out of that of bucket 11.
    assert_close(window.before(10).mean, 0.6, 1e-12);
    assert_close(window.before(11).mean, 0.2, 1e-12);
}

#[test]
fn empty_minutes_at_once_are_empty_minutes_one_by_one() {
    let (mut at_once, mut one_by_one) = (Exponential::new(60.0, 3.0, 0), Exponential::new(60.0, 3.0, 0));
    for count in [5.0, 2.0] {
        let gap = 250;
        let from = if count == 5.0 { 0 } else { gap + 1 };
        (from..from + gap).for_each(|minute| one_by_one.learn(minute, 0.0));
        let (closed, looped) = (at_once.before(from + gap), one_by_one.before(from + gap));
        assert_close(closed.mean, looped.mean, 1e-9);
        assert_close(closed.variance, looped.variance, 1e-9);
        at_once.learn(from + gap, count);
        one_by_one.learn(from + gap, count);
    }
}

/// A rival gets the lowest threshold that its false insights allow.
#[test]
fn a_rival_gets_the_lowest_threshold_within_budget() {
    let one = |score, series, minute, attack| Scored { score, series, minute, attack };
    let scored = vec![
        one(9.0, 1, 100, None),
        // 30 minutes after an alarm of the same series: the same insight, while another series has its own.
        one(8.0, 1, 130, None),
        one(7.0, 2, 130, Some(4)),
        // 60 minutes of quiet: a new one.
        one(6.0, 1, 190, None),
        // Before the attack's alarm, and near: now the insight begins here, and is false.
        one(5.0, 2, 110, None),
    ];
    let raised = at_most_false(scored.clone(), 1, 3.0);
    assert_eq!((raised.threshold, raised.false_insights, raised.found), (7.0, 1, BTreeSet::from([4])));
    let raised = at_most_false(scored.clone(), 2, 3.0);
    assert_eq!((raised.threshold, raised.found), (6.0, BTreeSet::from([4])));
    let raised = at_most_false(scored.clone(), 3, 3.0);
    assert_eq!((raised.threshold, raised.false_insights, raised.found), (3.0, 3, BTreeSet::new()));
    assert_eq!(at_most_false(scored, 0, 3.0).threshold, f64::INFINITY);
}

#[test]
fn equal_scores_are_added_together() {
    let one = |series| Scored { score: 5.0, series, minute: 0, attack: None };
    let raised = at_most_false(vec![one(1), one(2)], 1, 3.0);
    assert_eq!((raised.threshold, raised.false_insights), (f64::INFINITY, 0));
}

#[test]
fn an_alarm_between_two_insights_makes_them_one() {
    let one = |score, minute| Scored { score, series: 1, minute, attack: None };
    // Two insights 100 minutes apart; the alarm between them joins them.
    let raised = at_most_false(vec![one(9.0, 0), one(8.0, 100), one(7.0, 50)], 2, 3.0);
    assert_eq!((raised.threshold, raised.false_insights), (3.0, 1));
}

// === matching and curves ===

fn label() -> Label {
    let series = |name: &str, error: Option<&str>| LabelSeries {
        event_source: "iam.amazonaws.com".to_owned(),
        event_name: name.to_owned(),
        error_code: error.map(str::to_owned),
        calls: 9,
    };
    Label {
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        attack: Attack::CredentialBurst,
        attacker: Attacker::Stranger,
        principal: "arn:aws:iam::111122223333:user/someone".to_owned(),
        start: 10_000,
        end: 20_000,
        calls: 18,
        series: vec![series("CreateUser", None), series("CreateAccessKey", Some("AccessDenied"))],
    }
}

/// An insight belongs to an attack by account, region, series, and time.
#[test]
fn an_insight_is_matched_to_its_attack() {
    let labels = [label()];
    let start = Start {
        account: "111122223333",
        region: "us-east-1",
        source: "iam.amazonaws.com",
        name: "CreateUser",
        error: None,
        time: 12_000,
    };
    let is_hit = |start: Start<'_>| attack_of(&labels, &start).is_some();
    assert!(is_hit(start));
    assert!(is_hit(Start { time: 10_000 - BEFORE_S, ..start }) && !is_hit(Start { time: 9_999 - BEFORE_S, ..start }));
    assert!(is_hit(Start { time: 20_000 + AFTER_S, ..start }) && !is_hit(Start { time: 20_001 + AFTER_S, ..start }));
    assert!(!is_hit(Start { account: "111122223334", ..start }));
    assert!(!is_hit(Start { region: "us-east-2", ..start }));
    assert!(!is_hit(Start { source: "sts.amazonaws.com", ..start }));
    assert!(!is_hit(Start { error: Some("AccessDenied"), ..start }), "its call rate, not its error rate");
    let keys = Start { name: "CreateAccessKey", ..start };
    assert!(!is_hit(keys) && is_hit(Start { error: Some("AccessDenied"), ..keys }));
    assert!(!is_hit(Start { error: Some("Throttling"), ..keys }));
}

#[test]
fn a_curve_is_straight_over_the_logarithm_of_the_rate() {
    let curve = [(10.0, 0.9), (0.1, 0.3), (1.0, 0.7)];
    assert_close(at_rate(&curve, 1.0).unwrap(), 0.7, 1e-12);
    assert_close(at_rate(&curve, 10.0_f64.sqrt()).unwrap(), 0.8, 1e-12);
    assert_close(at_rate(&curve, 0.1 * 10.0_f64.sqrt()).unwrap(), 0.5, 1e-12);
    assert_eq!((at_rate(&curve, 0.05), at_rate(&curve, 20.0)), (None, None));
    assert!(at_rate(&[(0.0, 0.1), (1.0, 0.9)], 0.1).is_some_and(|recall| recall.is_finite()));
}

// === what is fed ===

fn organization() -> Organization {
    let plan = Plan { seed: 5, accounts: 1, start: 1_772_409_600, days: 4, activity: 0.5, attacks: 12, quiet_days: 2 };
    Organization::new(plan)
}

fn starts<'a>(
    organization: &'a Organization,
    calls: impl Iterator<Item = insightd_generate::call::Call> + 'a,
) -> Vec<Insight> {
    let mut detector = Detector::new(Settings { budget: 10.0, ..Settings::from(&Config::default_config()) });
    let mut starts = Vec::new();
    let mut emit = |insight: Insight| starts.extend((insight.state == State::Start).then_some(insight));
    for call in calls {
        detector.observe(&call.event(&organization.accounts()[0]), None, &mut emit);
    }
    starts
}

#[test]
fn calls_that_are_left_out_change_no_insight() {
    let organization = organization();
    let account = &organization.accounts()[0];
    for in_order in [false, true] {
        let all = stream::all(account, in_order);
        let some = stream::that_matter(account, in_order);
        let (fed, full) = (some.len(), account.calls().count());
        assert!(fed * 2 < full, "{fed} of {full} calls are fed");
        let (some, all) = (starts(&organization, some.into_iter()), starts(&organization, all));
        assert!(!all.is_empty(), "nothing was raised, so nothing is compared");
        assert_eq!(some, all, "in order of time: {in_order}");
    }
}

#[test]
fn delivery_repeats_records_and_puts_them_out_of_order() {
    let organization = organization();
    let calls: Vec<_> = stream::all(&organization.accounts()[0], false).collect();
    let mut serials: Vec<u64> = calls.iter().map(|call| call.serial).collect();
    assert!(!calls.is_sorted_by_key(|call| call.time));
    serials.sort_unstable();
    assert!(serials.windows(2).any(|pair| pair[0] == pair[1]), "no call twice");
    assert!(stream::all(&organization.accounts()[0], true).is_sorted_by_key(|call| call.time));
}
