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
