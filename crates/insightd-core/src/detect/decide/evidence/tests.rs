//! What one call is evidence of. Expected strengths are those of docs/detection.md, "Four kinds of evidence".

use super::*;
use crate::detect::decide::fixture::{MIDNIGHT, Surroundings, call};
use crate::detect::ids::{PrincipalId, principal_hash};
use crate::detect::model::principals::{PrincipalChanges, Principals};
use crate::detect::undo::TransactionEpoch;

const ORDINARY: &str = "DescribeInstances";
/// Weighs three ordinary calls in the fixture's settings.
const SECURITY_RELEVANT: &str = "RunInstances";
/// A minute in an account that is 60 days old.
const NOW: i64 = MIDNIGHT + 60 * DAY + 600;

/// One account with one API.
struct Scene {
    surroundings: Surroundings,
    series: Series,
    principals: Principals,
    changes: PrincipalChanges,
}

impl Scene {
    fn new(name: &str) -> Self {
        let surroundings = Surroundings::new(MIDNIGHT);
        let series = surroundings.series(name, MIDNIGHT);
        let changes = PrincipalChanges::new(TransactionEpoch::FIRST);
        Self { surroundings, series, principals: Principals::default(), changes }
    }

    /// The principal, of which a record, of this API or another one, is in minute `minute`.
    fn principal(&mut self, name: &str, minute: i64) -> &mut Principal {
        let id = PrincipalId { account: 0, hash: principal_hash(name) };
        self.principals.observe(id, minute, true, &mut self.changes);
        self.principals.change(id, &mut self.changes).expect("it was observed")
    }

    fn observe(&mut self, call: &Call<'_>) -> [Option<Evidence>; 2] {
        self.principal(call.principal, call.minute);
        let counted = self.surroundings.count(&mut self.series, call);
        let id = PrincipalId { account: 0, hash: principal_hash(call.principal) };
        let principal = self.principals.change(id, &mut self.changes);
        let mut caller = Caller { principal, novelty_counted: false };
        of_call(&mut self.series, counted, call, &self.surroundings.context(), &mut caller)
    }

    /// What the last of so many calls in one minute shows of its caller: reason and strength.
    fn caller(&mut self, call: &Call<'_>, calls: u32) -> Option<(Reason, f64)> {
        let mut evidence = [None, None];
        (0..calls).for_each(|_| evidence = self.observe(call));
        evidence[0].map(|evidence| (evidence.reason, evidence.x))
    }
}

fn assert_is(found: Option<(Reason, f64)>, expected: (Reason, f64), why: &str) {
    let (reason, x) = found.expect(why);
    assert!(reason == expected.0 && (x - expected.1).abs() < 1e-5, "{why}: {reason:?} {x}, expected {expected:?}");
}

/// If it breaks, an intruder's first calls weigh more or less than they should: attacks are missed, or
/// each new colleague raises an insight.
#[test]
fn calls_of_a_new_principal_weigh_what_the_api_weighs() {
    for (name, calls, length) in
        [(ORDINARY, 2, 2.0), (ORDINARY, 3, 3.0), (SECURITY_RELEVANT, 2, 6.0), (SECURITY_RELEVANT, 3, 9.0)]
    {
        let found = Scene::new(name).caller(&call("mallory", NOW), calls);
        assert_is(found, (Reason::NewPrincipal, (length / 1.5_f64).ln()), name);
    }
    assert_eq!(Scene::new(SECURITY_RELEVANT).caller(&call("mallory", NOW), 1), None, "a single call is no evidence");
}

/// Two calls an hour apart are one and a half of them now: the least that counts.
#[test]
fn one_and_a_half_calls_in_an_hour_are_enough() {
    let second_call = |minutes| {
        let mut scene = Scene::new(ORDINARY);
        scene.observe(&call("mallory", NOW));
        scene.caller(&call("mallory", NOW + minutes), 1)
    };
    assert_is(second_call(60), (Reason::NewPrincipal, 0.0), "1 / 2 + 1 calls");
    assert_eq!(second_call(61), None);
}

/// If it breaks, a stolen key is taken for its owner, or its owner for a thief.
#[test]
fn a_principal_is_new_for_its_first_day() {
    let reason = |of_principal, of_profile| {
        let mut scene = Scene::new(ORDINARY);
        scene.principal("mallory", NOW - of_principal);
        if of_profile > 0 {
            scene.observe(&call("mallory", NOW - of_profile));
        }
        scene.caller(&call("mallory", NOW), 20).map(|(reason, _)| reason)
    };
    assert_eq!(reason(0, 0), Some(Reason::NewPrincipal));
    assert_eq!(reason(DAY - 1, 0), Some(Reason::NewPrincipal));
    assert_eq!(reason(DAY - 1, DAY - 1), Some(Reason::NewPrincipal));
    assert_eq!(reason(DAY, 0), Some(Reason::NewToPrincipal));
    assert_eq!(reason(DAY, DAY - 1), Some(Reason::NewToPrincipal));
    assert_eq!(reason(DAY, DAY), Some(Reason::BeyondHabit));
}

/// If it breaks, the calls that an insight has reported raise the next one.
#[test]
fn a_principal_named_by_an_insight_is_no_longer_new_here() {
    let mut scene = Scene::new(ORDINARY);
    scene.caller(&call("mallory", NOW), 3);
    scene.series.principals.acknowledge(0, NOW);
    scene.principal("mallory", NOW).acknowledge(NOW);
    // A day old as of now: 23 calls against a record of three, in a seventh of a week.
    let x = (23.0 / 4.5_f64).ln() + 0.33 * (1.0 / 7.0_f64).ln();
    assert_is(scene.caller(&call("mallory", NOW), 20), (Reason::BeyondHabit, x), "known since the insight");
}

/// If it breaks, stolen credentials used from elsewhere are not told from their owner's routine.
#[test]
fn calls_with_a_strange_tool_weigh_six_times_as_much() {
    let three_calls = |name, profile_age: i64, agent| {
        let mut scene = Scene::new(name);
        scene.principal("dana", NOW - 10 * DAY).uses(principals::tool("aws-cli/2.0"), NOW - 10 * DAY);
        if profile_age > 0 {
            scene.observe(&call("dana", NOW - profile_age));
        }
        scene.caller(&Call { agent, ..call("dana", NOW) }, 3)
    };
    let new = |length: f64| (Reason::NewToPrincipal, (length / 1.5).ln());
    assert_is(three_calls(ORDINARY, 0, "aws-cli/2.1"), new(3.0), "an update is no other tool");
    assert_is(three_calls(ORDINARY, 0, "curl/8"), new(18.0), "an API that it never called");
    assert_is(three_calls(SECURITY_RELEVANT, 0, "curl/8"), new(54.0), "one of those that attackers need");
    assert_is(three_calls(ORDINARY, 9 * DAY, "curl/8"), new(18.0), "an API that it uses");
    assert_is(three_calls(SECURITY_RELEVANT, 9 * DAY, "curl/8"), new(54.0), "a security-relevant one that it uses");
    assert_eq!(three_calls(ORDINARY, 9 * DAY, "aws-cli/2.1"), None, "three calls are its habit");
}

/// If it breaks, insiders who copy everything look like any day's work, or a routine run raises an insight.
#[test]
fn a_habit_is_exceeded_by_the_documented_formula() {
    let forty_calls = |weight: f64, age: i64, record: u32| {
        let mut scene = Scene::new(ORDINARY);
        scene.series.weight = weight;
        scene.caller(&call("dana", NOW - age), 1);
        if record > 1 {
            scene.caller(&call("dana", NOW - DAY), record);
        }
        scene.caller(&call("dana", NOW), 40)
    };
    let beyond =
        |times: f64, weeks: f64, weight: f64| (Reason::BeyondHabit, times.ln() + 0.33 * weeks.ln() + 0.5 * weight.ln());
    assert_is(forty_calls(1.0, 14 * DAY, 10), beyond(40.0 / 15.0, 2.0, 1.0), "two weeks");
    assert_is(forty_calls(1.0, 5040, 10), beyond(40.0 / 15.0, 0.5, 1.0), "half a week");
    assert_is(forty_calls(1.0, 56 * DAY, 10), beyond(40.0 / 15.0, 4.0, 1.0), "at most four weeks");
    assert_is(forty_calls(1.0, 14 * DAY, 1), beyond(40.0 / 4.5, 2.0, 1.0), "a record of at least three");
    assert_is(forty_calls(3.0, 14 * DAY, 10), beyond(40.0 / 15.0, 2.0, 3.0), "a security-relevant API");
    assert_is(forty_calls(0.1, 14 * DAY, 10), beyond(40.0 / 15.0, 2.0, 1.0), "a routine API loses nothing");
}

/// A series without a call in the seven days of its account before `NOW`, all of whose minutes are closed.
fn silent_week(name: &str, score_floor: f64) -> Scene {
    let surroundings = Surroundings { closed: NOW - 1, score_floor, ..Surroundings::new(NOW - 7 * DAY) };
    let series = surroundings.series(name, NOW);
    Scene { surroundings, series, ..Scene::new(name) }
}

impl Scene {
    /// Evidence of the counts after single calls, each by another principal, in these minutes after `NOW`.
    fn counts(&mut self, minutes: &[i64]) -> Option<Evidence> {
        let mut evidence = [None, None];
        for (at, minute) in minutes.iter().enumerate() {
            evidence = self.observe(&call(&format!("user-{at}"), NOW + minute));
        }
        evidence[1]
    }
}

/// If it breaks, the few calls of a quiet attacker are no evidence, or everything is.
#[test]
fn the_strength_of_counts_is_their_score_above_the_floor() {
    // docs/detection.md, "The calibrated tail": two calls after seven silent days score 4.457. Three calls in
    // as many minutes: S = 1 + 2^(-1/60) + 2^(-2/60) = 2.96567, z = S / .500103, and with k, n and b of that
    // example the score is 4.975780.
    let strength = |name, minutes: &[i64]| silent_week(name, 1.0).counts(minutes).expect("evidence").x;
    let close = |found: f64, expected: f64| (found - expected).abs() < 1e-5;
    assert!(close(strength(ORDINARY, &[0, 0]), 3.457_315));
    assert!(close(strength(ORDINARY, &[0, 1, 2]), 3.975_780));
    assert!(close(strength(SECURITY_RELEVANT, &[0, 0]), 3.648_164), "and .4 log10 of the weight 3");
    let weight_3 = silent_week(SECURITY_RELEVANT, 4.6).counts(&[0, 0]).expect("above the floor with its weight").x;
    assert!(close(weight_3, 0.048_164), "{weight_3}");
    assert!(silent_week(ORDINARY, 4.6).counts(&[0, 0]).is_none());
}

/// If it breaks, a burst that arrives out of order is not found.
#[test]
fn a_late_call_completes_its_minute_or_the_newest_one() {
    let minute = |minutes: &[i64]| silent_week(ORDINARY, 4.455).counts(minutes).map(|evidence| evidence.minute - NOW);
    assert_eq!(minute(&[5, 3, 3]), Some(3), "two calls in its own minute: 4.457");
    assert_eq!(minute(&[5, 4]), None, "two calls a minute apart: 4.450");
    assert_eq!(minute(&[5, 4, 3]), Some(5), "the sum of three minutes: 4.976");
}

/// If it breaks, every call of a busy series is scored in full, and the daemon falls behind.
#[test]
fn a_minute_is_scored_from_its_trigger_count_on() {
    let mut scene = silent_week(ORDINARY, 4.0);
    assert!(scene.counts(&[0]).is_none());
    assert_eq!(scene.series.trigger, TriggerCount { minute: NOW, count: 2 }, "two calls score 4.457");
    scene.series.trigger.count = 4;
    assert!(scene.counts(&[0, 0]).is_none(), "what was worked out for this minute is not worked out again");
    assert!(scene.counts(&[0]).is_some());
    scene.counts(&[1]);
    assert_eq!(scene.series.trigger.minute, NOW + 1);
}

/// If it breaks, a fresh installation floods its operator with insights about accounts it does not know.
#[test]
fn an_account_is_silent_until_it_is_warm() {
    let evidence = |age: i64| {
        let mut scene = Scene::new(ORDINARY);
        scene.surroundings.settings.warm_up = 2160;
        scene.observe(&call("mallory", MIDNIGHT + age));
        scene.observe(&call("mallory", MIDNIGHT + age)).map(|evidence| evidence.is_some())
    };
    assert_eq!(evidence(2158), [false, false]);
    assert_eq!(evidence(2159), [false, false]);
    assert_eq!(evidence(2160), [true, true]);
}

/// If it breaks, one failed write, which enters two series, counts as two.
#[test]
fn a_record_in_two_series_is_new_once() {
    let mut scene = Scene::new(ORDINARY);
    scene.caller(&call("mallory", NOW), 3);
    let call = call("mallory", NOW);
    let counted = scene.surroundings.count(&mut scene.series, &call);
    let mut principal = *scene.principal("mallory", NOW);
    let mut caller = Caller { principal: Some(&mut principal), novelty_counted: true };
    let evidence = of_caller(&scene.series, counted.who, &call, &mut caller).map(|evidence| evidence.x);
    assert!(evidence.is_some_and(|x| (x - 2.0_f64.ln()).abs() < 1e-5), "three calls, not four: {evidence:?}");
}
