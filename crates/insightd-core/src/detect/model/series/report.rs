//! What a series says when an insight begins and ends: the window, the numbers, who and with what.

use std::sync::Arc;

use super::evidence::Evidence;
use super::{Call, Caller, Series, SeriesContext, TriggerCount, WINDOW};
use crate::cloudtrail::event::AccountId;
use crate::cloudtrail::insight::{Attribution, Finding, Insight, InsightType, Reason, Severity, State};
use crate::detect::DAY;
use crate::detect::decide::budget::{INCIDENTS_ABOVE_FLOOR, Strength};
use crate::detect::decide::episode::Episode;
use crate::detect::intake::dedup;
use crate::detect::model::attribution::baseline_count;
use crate::detect::model::days::baseline_start;
use crate::detect::statistics::expectation::Expectation;

/// One point for each that holds: far beyond the budget (rho <= 1/100), a security-relevant API, a principal new to the account, a
/// series or region new to the account. None or one is low, two medium, three and more high.
fn severity(points: [bool; 4]) -> Severity {
    match points.into_iter().filter(|&point| point).count() {
        0 | 1 => Severity::Low,
        2 => Severity::Medium,
        _ => Severity::High,
    }
}

impl Series {
    /// Opens an insight: the Start that `call` tips.
    pub(super) fn start(
        &mut self,
        call: &Call<'_>,
        who: usize,
        (evidence, strength): (Evidence, Strength),
        context: &SeriesContext<'_>,
        caller: &Caller<'_>,
    ) -> Insight {
        let detection = evidence.minute;
        let start = match evidence.reason {
            Reason::Counts if evidence.falls => {
                self.first_low_minute(detection, (detection - WINDOW + 1).max(self.last_episode.1))
            }
            Reason::Counts => self.start_minute(detection, evidence.expected),
            _ => self.first_minute_of(who, detection),
        };
        let new_to_account = caller.principal.as_ref().is_some_and(|p| p.known_for(detection) < DAY);
        let principals = self.principals.top_recent(detection - WINDOW + 1, detection);
        let baselines = [&self.principals, &self.agents, &self.errors].map(|values| values.top_baseline(start));
        let series_new = start - self.first < DAY;
        let region_new = start - context.region_begin < DAY;
        // The rate of incidents as strong, as the score of a calibrated tail that would be reached as often.
        let score = context.score_floor + INCIDENTS_ABOVE_FLOOR.log10() - strength.rate.log10();
        let finding = Finding {
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
            severity: severity([strength.log_rho <= -2.0, self.weight > 1.0, new_to_account, series_new || region_new]),
            rule: call.rule,
            suppressed_by: context
                .rule(call)
                .filter(|rule| rule.action.suppresses())
                .map(|rule| Arc::clone(&rule.name)),
            principal_new: principals.first().is_some_and(|(top, _)| baselines[0].iter().all(|(text, _)| text != top)),
        };
        let mut episode = Episode::new(start, detection, self.statistic.usual_rate(), finding);
        episode.two_sided = evidence.falls;
        episode.baseline_count = baseline_count(&self.days, &self.recent, start);
        episode.baseline_minutes = (start - baseline_start(start).max(context.begin)).max(1) as u64;
        episode.baselines = baselines;
        let insight_count = self.recent.total(detection - WINDOW + 1, detection);
        episode.start_count = insight_count;
        let attributions = [
            principals,
            self.agents.top_recent(detection - WINDOW + 1, detection),
            self.errors.top_recent(detection - WINDOW + 1, detection),
        ];
        let insight = self.insight(
            State::Start,
            &episode,
            start,
            (insight_count, WINDOW as u64),
            attributions,
            (context.account, context.region),
        );
        self.episode = Some(Box::new(episode));
        self.remade = true;
        for values in [&mut self.principals, &mut self.agents, &mut self.errors] {
            values.begin_episode();
        }
        insight
    }

    /// First minute of the last five in which this principal called.
    fn first_minute_of(&self, who: usize, detection: i64) -> i64 {
        let earliest = (detection - WINDOW + 1).max(self.last_episode.1);
        (earliest..=detection).find(|&minute| self.principals.count_of(who, minute) > 0).unwrap_or(detection)
    }

    /// First minute of the significant stretch whose count lies above expectation. The stretch is the run of one to five
    /// minutes, ending with the detection minute, whose calls deviate most from what is expected of as many minutes.
    fn start_minute(&self, detection: i64, expected: Expectation) -> i64 {
        let earliest = (detection - WINDOW + 1).max(self.last_episode.1);
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

    /// The Start of the open insight, but for its attributions; none if no insight is open.
    pub fn opened(&self, account: AccountId, region: &str) -> Option<Insight> {
        let episode = self.episode.as_deref()?;
        let window = (episode.start_count, WINDOW as u64);
        Some(self.insight(State::Start, episode, episode.start, window, Default::default(), (account, region)))
    }

    /// Closes the insight: its End.
    pub(super) fn end(&mut self, episode: Box<Episode>, now: i64, context: &SeriesContext<'_>) -> Insight {
        let minutes = (episode.end() - episode.start) as u64;
        let attributions = [self.principals.top_episode(), self.agents.top_episode(), self.errors.top_episode()];
        let mut insight = self.insight(
            State::End,
            &episode,
            episode.end(),
            (episode.count(), minutes),
            attributions,
            (context.account, context.region),
        );
        insight.finding.detected_at = now;
        insight.finding.tipping_event = String::new();
        insight.finding.observed = episode.count() as f64 / minutes as f64;
        self.last_episode = (episode.start, episode.end());
        self.remade = true;
        self.need = TriggerCount::NONE;
        for values in [&mut self.principals, &mut self.agents, &mut self.errors] {
            values.begin_episode();
        }
        insight
    }

    fn insight(
        &self,
        state: State,
        episode: &Episode,
        event_minute: i64,
        (insight_count, insight_minutes): (u64, u64),
        [principals, agents, errors]: [Vec<(String, u64)>; 3],
        (account, region): (AccountId, &str),
    ) -> Insight {
        let [p, a, e] = &episode.baselines;
        let side = |insight, baseline: &Vec<(String, u64)>| Attribution { insight, baseline: baseline.clone() };
        let is_error = self.error.is_some();
        Insight {
            account,
            region: region.to_owned(),
            source: self.source.to_string(),
            name: self.name.to_string(),
            error: self.error.as_deref().map(str::to_owned),
            category: self.category,
            kind: if is_error { InsightType::ApiErrorRate } else { InsightType::ApiCallRate },
            state,
            start: episode.start,
            event_minute,
            baseline_count: episode.baseline_count,
            baseline_minutes: episode.baseline_minutes,
            insight_count,
            insight_minutes,
            principals: side(principals, p),
            agents: side(agents, a),
            errors: (!is_error).then(|| side(errors, e)),
            finding: episode.finding.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_counts_points() {
        assert_eq!(severity([false; 4]), Severity::Low);
        assert_eq!(severity([true, false, false, false]), Severity::Low);
        assert_eq!(severity([false, true, true, false]), Severity::Medium);
        assert_eq!(severity([true, true, false, true]), Severity::High);
    }
}
