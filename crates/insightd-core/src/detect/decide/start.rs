//! Whether evidence starts an insight, and the Start that it raises: its minute, its window, and who called
//! with what.
//!
//! A counted call is evidence. Its account decides here and spends its own alarm budget; the series records
//! what was decided.

use std::sync::Arc;

use super::budget::{AlarmBudget, Strength};
use super::episode::Episode;
use super::evidence::Evidence;
use super::insight::{Attributions, InsightWindow, insight};
use super::severity::{Circumstances, FAR_BEYOND};
use crate::cloudtrail::insight::{Finding, Insight, Reason, State};
use crate::detect::DAY;
use crate::detect::decide::budget::INCIDENTS_ABOVE_FLOOR;
use crate::detect::intake::dedup;
use crate::detect::model::baseline::{baseline_count, baseline_minutes};
use crate::detect::model::series::{Call, Series, SeriesContext, WINDOW};
use crate::detect::statistics::expectation::Expectation;

/// Evidence that starts an insight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision {
    /// The strongest evidence of the call.
    pub(crate) evidence: Evidence,
    /// Its strength against the budget.
    pub(crate) strength: Strength,
}

/// The call that triggers a Start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trigger<'a> {
    /// The call.
    pub(crate) call: &'a Call<'a>,
    /// Position of its principal among those of the series.
    pub(crate) who: usize,
    /// Whether its principal is new to the account.
    pub(crate) principal_new_to_account: bool,
}

/// Weighs the evidence of one call against the alarm budget of the account, and by the rule that decides
/// about the call. All evidence is noted, whether or not it starts an insight: the budget learns from it.
pub(crate) fn decide(
    series: &mut Series,
    evidence: [Option<Evidence>; 2],
    alarms: &mut AlarmBudget,
    call: &Call<'_>,
    context: &SeriesContext<'_>,
) -> Option<Decision> {
    let factor = context.factor(call);
    let mut decision: Option<Decision> = None;
    for evidence in evidence.into_iter().flatten() {
        let strength = alarms.note(&evidence.budget_event(call.minute, series), context.settings.budget);
        let starts = starts(series, &evidence, strength, factor);
        if starts && decision.is_none_or(|other| strength.log_rho < other.strength.log_rho) {
            decision = Some(Decision { evidence, strength });
        }
    }
    decision
}

/// Whether evidence starts an insight when the rule of its call multiplies the budget by `factor`. A rule
/// that makes an API less sensitive leaves the calls it suppresses in the leaky sum; until they decay, they
/// must not trigger an insight for another caller either.
fn starts(series: &mut Series, evidence: &Evidence, strength: Strength, factor: f64) -> bool {
    let within_budget = strength.fires(factor);
    if evidence.reason != Reason::Counts {
        return within_budget;
    }
    if !within_budget && strength.fires(1.0) {
        series.suppression.note(evidence.minute, evidence.x);
        series.needs_full_save = true;
    }
    within_budget && !(factor >= 1.0 && series.suppression.explains(evidence.minute, evidence.x))
}

impl Series {
    /// Opens an insight and returns its Start.
    pub(crate) fn start(&mut self, decision: &Decision, trigger: Trigger<'_>, context: &SeriesContext<'_>) -> Insight {
        let evidence = &decision.evidence;
        let detection = evidence.minute;
        let start = self.start_minute(evidence, trigger.who);
        let finding = self.finding(decision, trigger, start, context);
        let mut episode = Episode::new(start, detection, self.statistic.usual_rate(), finding);
        episode.two_sided = evidence.falls;
        episode.baseline_count = baseline_count(&self.days, &self.recent, start);
        episode.baseline_minutes = baseline_minutes(start, context.begin);
        episode.baselines = self.attributes().map(|values| values.top_baseline(start));
        episode.start_count = self.recent.total(detection - WINDOW + 1, detection);
        let attributions =
            Attributions(self.attributes().map(|values| values.top_recent(detection - WINDOW + 1, detection)));
        let window = InsightWindow::of_start(&episode);
        let insight = insight(self, State::Start, &episode, window, attributions, (context.account, context.region));
        self.episode = Some(Arc::new(episode));
        self.needs_full_save = true;
        for values in self.attributes_mut() {
            values.begin_episode();
        }
        insight
    }

    fn finding(&self, decision: &Decision, trigger: Trigger<'_>, start: i64, context: &SeriesContext<'_>) -> Finding {
        let Decision { evidence, strength } = decision;
        let Trigger { call, principal_new_to_account, .. } = trigger;
        let detection = evidence.minute;
        let top_principals = self.principals.top_recent(detection - WINDOW + 1, detection);
        let baseline_principals = self.principals.top_baseline(start);
        let is_in_baseline = |top: &str| baseline_principals.iter().any(|(text, _)| text == top);
        let series_new = start - self.first() < DAY;
        let region_new = start - context.region_begin < DAY;
        let circumstances = Circumstances {
            far_beyond_budget: strength.log_rho <= FAR_BEYOND,
            security_relevant: self.weight > 1.0,
            principal_new_to_account,
            series_or_region_new: series_new || region_new,
        };
        // The rate of incidents as strong as this one, as the score of a calibrated tail that would be
        // reached as often.
        let score = context.score_floor + INCIDENTS_ABOVE_FLOOR.log10() - strength.rate.log10();
        let rule = context.rule(call);
        Finding {
            detected_at: call.time,
            tipping_event: dedup::cut(call.event_id).to_owned(),
            detection_minute: detection,
            observed: f64::from(self.recent.count(detection)),
            expected: self.statistic.expectation().mean,
            score,
            limit: score + strength.log_rho + strength.cooldown - context.factor(call).log10(),
            series_new,
            region_new,
            reason: evidence.reason,
            severity: circumstances.severity(),
            rule: call.rule,
            suppressed_by: rule.filter(|rule| rule.action.suppresses()).map(|rule| Arc::clone(&rule.name)),
            principal_new: top_principals.first().is_some_and(|(top, _)| !is_in_baseline(top)),
        }
    }

    /// The Start minute of an insight with this evidence.
    fn start_minute(&self, evidence: &Evidence, who: usize) -> i64 {
        let detection = evidence.minute;
        let earliest = (detection - WINDOW + 1).max(self.last_episode.1);
        match evidence.reason {
            Reason::Counts if evidence.falls => self.first_low_minute(detection, earliest),
            Reason::Counts => self.first_high_minute(detection, earliest, evidence.expected),
            _ => (earliest..=detection).find(|&minute| self.principals.count_of(who, minute) > 0).unwrap_or(detection),
        }
    }

    /// First minute of the significant stretch whose count lies above expectation. The stretch is the run of
    /// one to five minutes, ending with the detection minute, whose calls deviate most from what is expected
    /// of as many minutes.
    fn first_high_minute(&self, detection: i64, earliest: i64, expected: Expectation) -> i64 {
        let (mut best, mut best_z, mut sum) = (detection, f64::NEG_INFINITY, 0.0);
        for minute in (earliest..=detection).rev() {
            sum += f64::from(self.recent.count(minute));
            let minutes = (detection - minute + 1) as f64;
            let z = (sum - minutes * expected.mean) / (expected.sd * minutes.sqrt());
            if z > best_z {
                (best, best_z) = (minute, z);
            }
        }
        (best..=detection).find(|&m| f64::from(self.recent.count(m)) > expected.mean).unwrap_or(detection)
    }
}

#[cfg(test)]
mod tests;
