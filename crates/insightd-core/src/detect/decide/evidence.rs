//! What speaks for an insight when a call arrives: the counts of its series, and how new it is that this
//! principal calls.
//!
//! Evidence has a reason and a strength x (see [`super::budget`]). Whether it starts an insight is decided in
//! [`super::start`].

use crate::cloudtrail::insight::Reason;
use crate::detect::DAY;
use crate::detect::decide::budget::BudgetEvent;
use crate::detect::model::principals::{self, Novelty, Principal};
use crate::detect::model::series::{Call, CountedCall, Series, SeriesContext, TriggerCount};
use crate::detect::statistics::expectation::{Expectation, Side};

/// Minimum calls in about an hour that count as evidence; a single call does not.
const ENOUGH: f64 = 1.5;
/// Record of a principal that has none, calls: an occasional caller may well call a few times in a row.
const LEAST_RECORD: f64 = 3.0;
/// Share of the weight of a security-relevant API that counts for a principal who uses it.
const USED_WEIGHT: f64 = 0.5;
/// Share of that weight, as decimal logarithm, that is added to the score of its counts: in an account where
/// it is called every day a burst of it is usually ordinary work.
const COUNT_WEIGHT: f64 = 0.4;
/// Tail index of the records of a principal: sessions beyond the record by a factor f come f^(-1/.33) as
/// often.
const RECORD_TAIL: f64 = 0.33;
/// Weeks since a principal's first call beyond which its record is no more reliable.
const RECORD_WEEKS: f64 = 4.0;
/// Weight of a call that a principal makes with a tool it never used, in ordinary calls: stolen credentials
/// are used from elsewhere, with the tools of the thief.
const STRANGE_WEIGHT: f64 = 6.0;

/// One reason to raise an insight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence {
    /// Its kind.
    pub(crate) reason: Reason,
    /// Its strength.
    pub(crate) x: f64,
    /// The part of it that is evidence of a trend, decimal logarithm.
    pub(crate) trend: f64,
    /// The minute it is about.
    pub(crate) minute: i64,
    /// Expected count of the minute.
    pub(crate) expected: Expectation,
    /// Whether it is a drop.
    pub(crate) falls: bool,
}

impl Evidence {
    /// The event of the alarm budget, in minute `minute`, that this evidence is.
    pub(crate) fn budget_event(&self, minute: i64, series: &Series) -> BudgetEvent {
        let &Self { reason, x, trend, .. } = self;
        BudgetEvent { reason, minute, x, trend, repeats: series.raised_before(minute) }
    }
}

/// Who calls, as its account knows it.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    /// None where there was no room to remember it.
    pub(crate) principal: Option<&'a mut Principal>,
    /// Whether this record is already part of what is new about it: a failed write enters two series, and is
    /// one call.
    pub(crate) novelty_counted: bool,
}

/// What a call that was counted is evidence of. By the caller first, then by the counts.
pub(crate) fn of_call(
    series: &mut Series,
    counted: CountedCall,
    call: &Call<'_>,
    context: &SeriesContext<'_>,
    caller: &mut Caller<'_>,
) -> [Option<Evidence>; 2] {
    if call.late {
        return [None, None];
    }
    let by_caller = of_caller(series, counted.who, call, caller);
    if series.is_open() || call.minute - context.begin < context.settings.warm_up {
        return [None, None];
    }
    [by_caller, of_counts(series, counted.count, call, context)]
}

/// What the counts show: the score of the call's minute, and, for a late call in an open minute, of the
/// newest one, whose leaky sum it raises.
fn of_counts(series: &mut Series, count: u32, call: &Call<'_>, context: &SeriesContext<'_>) -> Option<Evidence> {
    let newest = series.last();
    if call.minute < newest {
        series.trigger = TriggerCount::NONE;
        return of_minute(series, call.minute, context).or_else(|| of_minute(series, newest, context));
    }
    if series.trigger.minute != call.minute {
        let before = series.sum_before(call.minute, context.horizons);
        let limit = context.score_floor - weight_shift(series);
        let count = series.statistic.trigger_count(call.minute, before, limit, context.horizons);
        series.trigger = TriggerCount { minute: call.minute, count };
    }
    if count < series.trigger.count { None } else { of_minute(series, call.minute, context) }
}

fn of_minute(series: &Series, minute: i64, context: &SeriesContext<'_>) -> Option<Evidence> {
    if minute <= series.statistic.closed() {
        return None;
    }
    let count = f64::from(series.recent.count(minute));
    let sum = series.sum_before(minute, context.horizons) + count;
    let score = series.statistic.score(minute, count, sum, Side::Rise, context.horizons);
    let x = score.value + weight_shift(series) - context.score_floor;
    let (trend, expected) = (score.trend, score.expected);
    (x >= 0.0).then_some(Evidence { reason: Reason::Counts, x, trend, minute, expected, falls: false })
}

/// What a security-relevant API adds to its score.
fn weight_shift(series: &Series) -> f64 {
    COUNT_WEIGHT * series.weight.max(1.0).log10()
}

/// What the caller shows: how much of its calls is new to the account, new to itself, or beyond what it ever
/// did here. `who` is its position among the principals of the series.
fn of_caller(series: &Series, who: usize, call: &Call<'_>, caller: &mut Caller<'_>) -> Option<Evidence> {
    let now = call.minute;
    let profile = series.principals.profile(who)?;
    let principal = caller.principal.as_deref_mut()?;
    let here = profile.sum(now);
    let strange = principal.uses(principals::tool(call.agent), now);
    let evidence = |reason, x: f64| {
        let expected = Expectation { mean: 0.0, sd: 1.0 };
        (x >= 0.0).then_some(Evidence { reason, x, trend: 0.0, minute: now, expected, falls: false })
    };
    let mut novelty = |sum: &mut Novelty, before: f64, weight: f64, reason| {
        if !std::mem::replace(&mut caller.novelty_counted, true) {
            sum.add(now, before, weight);
        }
        if here < ENOUGH { None } else { evidence(reason, (sum.at(now) / ENOUGH).ln()) }
    };
    // A principal that an insight named on this series is not new here, however new it is to the account.
    if profile.known_for(now) < DAY && principal.known_for(now) < DAY {
        return novelty(&mut principal.fresh, here - 1.0, series.weight, Reason::NewPrincipal);
    }
    if profile.known_for(now) < DAY {
        let weight = if strange { STRANGE_WEIGHT * series.weight } else { series.weight };
        return novelty(&mut principal.novel, here - 1.0, weight, Reason::NewToPrincipal);
    }
    if strange {
        let before = principal.strange.at(now);
        principal.strange.add(now, 1.0);
        return novelty(&mut principal.novel, before, STRANGE_WEIGHT * series.weight, Reason::NewToPrincipal);
    }
    let weeks = (profile.known_for(now) as f64 / (7 * DAY) as f64).min(RECORD_WEEKS);
    let beyond = here / (ENOUGH * profile.record().max(LEAST_RECORD));
    evidence(Reason::BeyondHabit, beyond.ln() + RECORD_TAIL * weeks.ln() + USED_WEIGHT * series.weight.max(1.0).ln())
}

#[cfg(test)]
mod tests;
