//! Drops (`detect.direction = "both"`): a series with steady calls falls silent, or far below its usual rate.
//! No call shows that, so drops are looked for when the clock closes a minute; a running minute may still
//! fill.

use super::budget::AlarmBudget;
use super::evidence::Evidence;
use super::start::{Decision, Trigger};
use crate::cloudtrail::insight::{Insight, Reason};
use crate::detect::model::series::{Call, Series, SeriesContext};
use crate::detect::statistics::expectation::Side;

/// Standard deviations below the usual rate from which on a minute is unusual, as for the end of an insight.
const UNUSUAL: f64 = 2.0;

/// Weighs a drop in the minute that the clock has closed last against the alarm budget of the account.
pub(crate) fn decide(series: &mut Series, context: &SeriesContext<'_>, alarms: &mut AlarmBudget) -> Option<Decision> {
    let evidence = series.drop_evidence(context)?;
    let strength = alarms.note(&evidence.budget_event(evidence.minute, series), context.settings.budget);
    strength.fires(1.0).then_some(Decision { evidence, strength })
}

impl Series {
    /// Whether a minute without a call would be unusual: from some four calls a minute on, or more if they
    /// vary. Below that single minutes show nothing, and drops are not looked for.
    pub(crate) fn is_steady(&self) -> bool {
        let usual = self.statistic.usual_rate();
        usual.mean > UNUSUAL * usual.sd
    }

    fn drop_evidence(&mut self, context: &SeriesContext<'_>) -> Option<Evidence> {
        let minute = context.closed;
        if self.is_open() || minute <= self.statistic.closed() || minute - context.begin < context.settings.warm_up {
            return None;
        }
        self.close_minutes(minute - 1, context.horizons);
        let usual = self.statistic.usual_rate();
        let count = f64::from(self.recent.count(minute));
        if count >= usual.mean - UNUSUAL * usual.sd {
            return None;
        }
        let sum = self.statistic.sum_at(minute, context.horizons) + count;
        let score = self.statistic.score(minute, count, sum, Side::Fall, context.horizons);
        let x = score.value - context.score_floor;
        let (trend, expected) = (score.trend, score.expected);
        (x >= 0.0).then_some(Evidence { reason: Reason::Counts, x, trend, minute, expected, falls: true })
    }

    /// Opens an insight about a drop and returns its Start. `now` is the clock, seconds.
    pub(crate) fn start_drop(&mut self, decision: &Decision, now: i64, context: &SeriesContext<'_>) -> Insight {
        let minute = decision.evidence.minute;
        // No call triggers a drop, and the insight names no principal.
        let call =
            Call { minute, time: now, late: false, event_id: "", principal: "", agent: "", error: "null", rule: None };
        self.start(decision, Trigger { call: &call, who: 0, principal_new_to_account: false }, context)
    }

    /// First minute from `earliest` on of the low stretch that ends with the detection minute.
    pub(super) fn first_low_minute(&self, detection: i64, earliest: i64) -> i64 {
        let usual = self.statistic.usual_rate();
        let low = |minute: &i64| f64::from(self.recent.count(*minute)) < usual.mean - UNUSUAL * usual.sd;
        (earliest..=detection).rev().take_while(low).last().unwrap_or(detection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudtrail::insight::State;
    use crate::detect::DAY;
    use crate::detect::decide::budget::Strength;
    use crate::detect::decide::fixture::{MIDNIGHT, Surroundings};
    use crate::detect::statistics::expectation::Expectation;

    const API: &str = "DescribeInstances";

    /// A series that has closed these minutes and no other: with one minute of c calls, its usual rate is c
    /// and its spread is the root of c.
    fn closed(counts: &[f64], surroundings: &Surroundings) -> Series {
        let mut series = surroundings.series(API, MIDNIGHT);
        for (minute, &count) in (MIDNIGHT..).zip(counts) {
            series.statistic.close(minute, count, false, &surroundings.horizons);
        }
        series
    }

    /// If it breaks, a quiet API raises an insight in every minute without a call.
    #[test]
    fn only_a_steady_series_can_fall_silent() {
        let steady = |counts: &[f64]| closed(counts, &Surroundings::new(MIDNIGHT)).is_steady();
        assert!(!steady(&[4.0]), "two spreads of 2 below 4 is no call at all");
        assert!(steady(&[5.0]) && !steady(&[1.0]));
        assert!(!steady(&[25.0, 5.0]), "15 a minute, with a spread of 10");
        assert!(steady(&[17.0, 13.0]), "15 a minute, with a spread of 3.9");
    }

    /// What a minute with `calls` shows after one minute of nine calls in an account of `age` minutes.
    fn after_nine(calls: u32, age: i64) -> Option<f64> {
        let mut surroundings = Surroundings::new(MIDNIGHT);
        let mut series = closed(&[9.0], &surroundings);
        let minute = MIDNIGHT + 1;
        surroundings.settings.warm_up = 2160;
        surroundings.begin = minute - age;
        surroundings.count_calls(&mut series, "dana", minute, calls);
        surroundings.closed = minute;
        series.drop_evidence(&surroundings.context()).map(|evidence| evidence.x)
    }

    /// If it breaks, ordinary dips raise insights, or outages do not.
    #[test]
    fn a_minute_two_spreads_below_the_usual_rate_is_no_drop() {
        // 9 - 2 x 3 = 3.
        assert!(after_nine(3, 2160).is_none());
        assert!(after_nine(2, 2160).is_some() && after_nine(0, 2160).is_some());
    }

    #[test]
    fn a_new_account_shows_no_drops_until_it_is_warm() {
        let found = [2158, 2159, 2160].map(|age| after_nine(0, age).is_some());
        assert_eq!(found, [false, false, true]);
    }

    /// Two weeks of about 20 calls a minute, then half an hour of 7 that ends with the last closed minute.
    fn falling(score_floor: f64) -> (Surroundings, Series, f64) {
        let minute = MIDNIGHT + 14 * DAY + 30;
        let usual = [11.0, 29.0, 20.0, 26.0, 14.0, 20.0];
        let counts: Vec<f64> = usual.into_iter().cycle().take(14 * 1440).chain([7.0; 30]).collect();
        let mut surroundings = Surroundings { score_floor, ..Surroundings::new(MIDNIGHT) };
        let mut series = closed(&counts, &surroundings);
        surroundings.count_calls(&mut series, "dana", minute, 7);
        surroundings.closed = minute;
        // The leaky sum with its half-life of an hour, over all minutes, the last one included.
        let sum = counts.iter().chain(&[7.0]).fold(0.0, |sum, count| sum * (-1.0_f64 / 60.0).exp2() + count);
        (surroundings, series, sum)
    }

    /// If it breaks, a service that half fails for a long time is not found.
    #[test]
    fn the_strength_of_a_drop_is_its_score_above_the_floor() {
        let (surroundings, mut series, sum) = falling(2.0);
        let (minute, before) = (surroundings.closed, series.statistic);
        let score = before.score(minute, 7.0, sum, Side::Fall, &surroundings.horizons);
        let by_the_minute = before.score(minute, 7.0, 1e9, Side::Fall, &surroundings.horizons);
        assert!(score.value > by_the_minute.value + 1.0, "the slow view finds it");
        let evidence = series.drop_evidence(&surroundings.context()).expect("evidence");
        assert!((evidence.x - (score.value - 2.0)).abs() < 1e-9, "{} {}", evidence.x, score.value);
        assert_eq!((evidence.minute, evidence.falls, evidence.reason), (minute, true, Reason::Counts));
        assert_eq!(series.statistic, before, "a minute is judged before it is learned");
        let (surroundings, mut series, _) = falling(score.value + 0.01);
        assert!(series.drop_evidence(&surroundings.context()).is_none(), "below the floor");
    }

    #[test]
    fn a_minute_is_looked_at_once_and_not_in_an_open_insight() {
        let (mut surroundings, mut series, _) = falling(0.0);
        let evidence = series.drop_evidence(&surroundings.context()).expect("evidence");
        let strength = Strength { rate: 1.0, log_rho: 0.0, cooldown: 0.0 };
        let mut open = series.clone();
        open.start_drop(&Decision { evidence, strength }, 0, &surroundings.context());
        assert!(open.drop_evidence(&surroundings.context()).is_none(), "its insight is open");
        series.close_minutes(surroundings.closed, &surroundings.horizons);
        assert!(series.drop_evidence(&surroundings.context()).is_none(), "it is learned already");
        surroundings.closed += 1;
        assert!(series.drop_evidence(&surroundings.context()).is_some(), "the next minute");
    }

    #[test]
    fn a_drop_starts_an_insight_within_the_budget() {
        let reason = |budget: f64| {
            let (mut surroundings, mut series, _) = falling(0.0);
            surroundings.settings.budget = budget;
            let mut alarms = AlarmBudget::new(MIDNIGHT, 2160);
            decide(&mut series, &surroundings.context(), &mut alarms).map(|decision| decision.evidence.falls)
        };
        assert_eq!((reason(1000.0), reason(1e-9)), (Some(true), None));
    }

    /// If it breaks, the record of an outage blames a caller, and begins too early or too late.
    #[test]
    fn a_drop_starts_with_its_first_low_minute_and_blames_no_one() {
        let mut surroundings = Surroundings::new(MIDNIGHT);
        let mut series = closed(&[9.0], &surroundings);
        // Below 3 is low; the run that ends with the detection minute begins in minute 3.
        for (minute, calls) in [(1, 2), (2, 3), (4, 2), (5, 1)] {
            surroundings.count_calls(&mut series, "dana", MIDNIGHT + minute, calls);
        }
        let expected = Expectation { mean: 9.0, sd: 0.5 };
        let minute = MIDNIGHT + 5;
        let evidence = Evidence { reason: Reason::Counts, x: 3.0, trend: 0.0, minute, expected, falls: true };
        let strength = Strength { rate: 0.01, log_rho: -3.0, cooldown: 0.0 };
        let now = (minute + 11) * 60;
        let start = series.start_drop(&Decision { evidence, strength }, now, &surroundings.context());
        assert_eq!((start.state, start.start, start.insight_count), (State::Start, MIDNIGHT + 3, 2 + 3 + 2 + 1));
        assert_eq!((start.finding.detected_at, start.finding.detection_minute), (now, minute));
        assert_eq!((&*start.finding.tipping_event, start.finding.rule), ("", None));
        assert!(series.episode.as_ref().is_some_and(|episode| episode.two_sided), "low minutes go on with it");
    }
}
