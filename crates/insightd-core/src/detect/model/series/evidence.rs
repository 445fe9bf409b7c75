//! What speaks for an insight when a call arrives: the counts of its series, and how new it is that this principal calls.

use super::{Call, Caller, Series, SeriesContext, TriggerCount};
use crate::cloudtrail::insight::Reason;
use crate::detect::DAY;
use crate::detect::decide::budget::Strength;
use crate::detect::model::principals::{self, Novelty};
use crate::detect::statistics::expectation::{Expectation, Side};

/// Calls within an hour or so from which on a principal's calls are evidence: one call is none.
const ENOUGH: f64 = 1.5;
/// What a record of nothing counts as, calls: somebody who calls now and then may well call a few times in a row.
const LEAST_RECORD: f64 = 3.0;
/// Share of the weight of a security-relevant API that counts for a principal who uses it.
const USED_WEIGHT: f64 = 0.5;
/// Share of it, as decimal logarithm, that is added to the score of its counts: in an account where it is called every day a burst of
/// it is ordinary work as a rule.
const COUNT_WEIGHT: f64 = 0.4;
/// Tail index of the records of a principal: sessions beyond the record by a factor f come f^(-1/.33) as often.
const RECORD_TAIL: f64 = 0.33;
/// Weeks of acquaintance beyond which a record is no more reliable.
const RECORD_WEEKS: f64 = 4.0;

/// How many calls one weighs that a principal makes with a tool it never used: stolen credentials are used from elsewhere, with what the
/// thief has.
const STRANGE_WEIGHT: f64 = 6.0;

/// One reason to raise an insight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    /// Its kind.
    pub(super) reason: Reason,
    /// How strong; see [`crate::detect::decide::budget`].
    pub(super) x: f64,
    /// What of it is evidence of a trend, decimal logarithm.
    pub(super) trend: f64,
    /// The minute it is about.
    pub(super) minute: i64,
    /// Expected count of the minute.
    pub(super) expected: Expectation,
    /// Whether it is a drop.
    pub(super) falls: bool,
}

impl Series {
    /// Whether evidence raises an insight, by the budget and by the rule of the call that tips it.
    pub(super) fn fires(
        &mut self,
        evidence: &Evidence,
        strength: Strength,
        call: &Call<'_>,
        context: &SeriesContext<'_>,
    ) -> bool {
        let factor = context.factor(call);
        let fires = strength.fires(factor);
        if evidence.reason == Reason::Counts {
            if !fires && strength.fires(1.0) {
                self.suppression.note(evidence.minute, evidence.x);
                self.remade = true;
            }
            return fires && !(factor >= 1.0 && self.suppression.explains(evidence.minute, evidence.x));
        }
        fires
    }

    /// What the counts say: the score of the call's minute, and, for a late call in an open minute, of the newest one, whose
    /// leaky sum it raises.
    pub(super) fn count_evidence(
        &mut self,
        call: &Call<'_>,
        count: u32,
        context: &SeriesContext<'_>,
    ) -> Option<Evidence> {
        let newest = self.last;
        if call.minute < newest {
            self.need = TriggerCount::NONE;
            return self.score_evidence(call.minute, context).or_else(|| self.score_evidence(newest, context));
        }
        if self.need.minute != call.minute {
            let before = self.sum_before(call.minute, context.horizons);
            let count =
                self.statistic.trigger_count(call.minute, before, context.score_floor - self.shift(), context.horizons);
            self.need = TriggerCount { minute: call.minute, count };
        }
        if count < self.need.count { None } else { self.score_evidence(call.minute, context) }
    }

    fn score_evidence(&self, minute: i64, context: &SeriesContext<'_>) -> Option<Evidence> {
        if minute <= self.statistic.closed() {
            return None;
        }
        let count = f64::from(self.recent.count(minute));
        let sum = self.sum_before(minute, context.horizons) + count;
        let score = self.statistic.score(minute, count, sum, Side::Rise, context.horizons);
        let x = score.value + self.shift() - context.score_floor;
        let (trend, expected) = (score.trend, score.expected);
        (x >= 0.0).then_some(Evidence { reason: Reason::Counts, x, trend, minute, expected, falls: false })
    }

    /// What a security-relevant API adds to its score.
    fn shift(&self) -> f64 {
        COUNT_WEIGHT * self.weight.max(1.0).log10()
    }

    /// What the caller says: how much of its calls is new to the account, new to itself, or beyond what it ever did here.
    pub(super) fn principal_evidence(&self, who: usize, call: &Call<'_>, caller: &mut Caller<'_>) -> Option<Evidence> {
        let now = call.minute;
        let profile = self.principals.profile(who)?;
        let principal = caller.principal.as_deref_mut()?;
        let here = profile.sum(now);
        let strange = principal.uses(principals::tool(call.agent), now);
        let evidence = |reason, x: f64| {
            let expected = Expectation { mean: 0.0, sd: 1.0 };
            (x >= 0.0).then_some(Evidence { reason, x, trend: 0.0, minute: now, expected, falls: false })
        };
        let mut novelty = |sum: &mut Novelty, before: f64, weight: f64, reason| {
            // A failed write is one call, though it enters two series.
            if !std::mem::replace(&mut caller.counted, true) {
                sum.add(now, before, weight);
            }
            if here < ENOUGH { None } else { evidence(reason, (sum.at(now) / ENOUGH).ln()) }
        };
        // A principal that an insight named on this series is no news here, however new it is to the account.
        if profile.known_for(now) < DAY && principal.known_for(now) < DAY {
            return novelty(&mut principal.fresh, here - 1.0, self.weight, Reason::NewPrincipal);
        }
        if profile.known_for(now) < DAY {
            let weight = if strange { STRANGE_WEIGHT * self.weight } else { self.weight };
            return novelty(&mut principal.novel, here - 1.0, weight, Reason::NewToPrincipal);
        }
        if strange {
            let before = principal.strange.at(now);
            principal.strange.add(now, 1.0);
            return novelty(&mut principal.novel, before, STRANGE_WEIGHT * self.weight, Reason::NewToPrincipal);
        }
        let weeks = (profile.known_for(now) as f64 / (7 * DAY) as f64).min(RECORD_WEEKS);
        let beyond = here / (ENOUGH * profile.record().max(LEAST_RECORD));
        evidence(Reason::BeyondHabit, beyond.ln() + RECORD_TAIL * weeks.ln() + USED_WEIGHT * self.weight.max(1.0).ln())
    }
}
