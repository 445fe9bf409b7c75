//! Drops (`detect.direction = "both"`): a series that calls steadily falls silent, or far below its usual rate. No call tells of it, so it is
//! looked for when the clock closes a minute; a running minute may still fill.

use super::evidence::Evidence;
use super::{Call, Caller, Series, SeriesContext};
use crate::cloudtrail::insight::{Insight, Reason};
use crate::detect::decide::budget::{AlarmBudget, BudgetEvent};
use crate::detect::statistics::expectation::Side;

/// Spreads below the usual rate from which on a minute is unusual, as for the end of an insight.
const UNUSUAL: f64 = 2.0;

impl Series {
    /// Whether a minute without a call would be unusual: some four calls a minute at least, and more if they vary. Below that single
    /// minutes say nothing, and a drop is not looked for.
    pub fn is_steady(&self) -> bool {
        let usual = self.statistic.usual_rate();
        usual.mean > UNUSUAL * usual.sd
    }

    /// The clock (at `now`, seconds) has closed a minute; returns the Start, if that minute is part of a drop.
    pub(in crate::detect) fn look_for_drop(
        &mut self,
        now: i64,
        context: &SeriesContext<'_>,
        alarms: &mut AlarmBudget,
    ) -> Option<Insight> {
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
        if x < 0.0 {
            return None;
        }
        let repeats = self.raised_before(minute);
        let event = BudgetEvent { reason: Reason::Counts, minute, x, trend: score.trend, repeats };
        let strength = alarms.note(&event, context.settings.budget);
        if !strength.fires(1.0) {
            return None;
        }
        alarms.record_start(minute);
        let evidence =
            Evidence { reason: Reason::Counts, x, trend: score.trend, minute, expected: score.expected, falls: true };
        // Nobody's call tipped it.
        let call =
            Call { minute, time: now, late: false, event_id: "", principal: "", agent: "", error: "null", rule: None };
        let caller = Caller { principal: None, counted: true };
        Some(self.start(&call, 0, (evidence, strength), context, &caller))
    }

    /// First minute of the low stretch that ends with the detection minute, at most five long.
    pub(super) fn first_low_minute(&self, detection: i64, earliest: i64) -> i64 {
        let usual = self.statistic.usual_rate();
        let low = |minute: &i64| f64::from(self.recent.count(*minute)) < usual.mean - UNUSUAL * usual.sd;
        (earliest..=detection).rev().take_while(low).last().unwrap_or(detection)
    }
}
