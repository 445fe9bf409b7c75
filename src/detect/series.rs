//! One series: the calls (or the calls with one error) of one API in one region of one account.

use super::Settings;
use super::attribution::{Budget, Values, baseline_count};
use super::days::{Days, baseline_start};
use super::episode::{Episode, Step};
use super::horizon::Horizons;
use super::recent::Recent;
use super::statistic::{Expectation, Statistic};
use crate::cloudtrail::event::AccountId;
use crate::cloudtrail::insight::{Attribution, Finding, Insight, InsightType, SourceCategory, State};

/// A Start's window: the detection minute and the four before it.
const WINDOW: i64 = 5;
/// A minute before all others.
const NEVER: i64 = i64::MIN / 2;

/// What a series is called. The error makes it an error-rate series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key<'a> {
    /// `eventSource`
    pub source: &'a str,
    /// `eventName`
    pub name: &'a str,
    /// `errorCode` of an error-rate series
    pub error: Option<&'a str>,
    /// Management or data events
    pub category: SourceCategory,
}

impl Key<'_> {
    /// Bytes of its texts.
    pub fn bytes(&self) -> usize {
        self.source.len() + self.name.len() + self.error.map_or(0, str::len)
    }
}

/// One call, as a series sees it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Minute of its eventTime.
    pub minute: i64,
    /// Its eventTime, seconds.
    pub time: i64,
    /// Its minute was closed already.
    pub late: bool,
    /// Its eventID, or empty.
    pub event_id: &'a str,
    /// Attributed identity.
    pub principal: &'a str,
    /// Attributed user agent.
    pub agent: &'a str,
    /// `errorCode`, or the string `"null"`.
    pub error: &'a str,
}

/// What the series needs to know of its account and clock.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Account.
    pub account: AccountId,
    /// Region.
    pub region: &'a str,
    /// First minute of the account's history.
    pub begin: i64,
    /// First minute of the region in this account.
    pub region_begin: i64,
    /// Last closed minute of the clock.
    pub closed: i64,
    /// Score from which an insight starts.
    pub limit: f64,
    /// Bounds and knobs.
    pub settings: &'a Settings,
    /// Horizons.
    pub horizons: &'a Horizons,
}

/// Minutes of insights, which the moments do not learn.
#[derive(Clone, Copy, Debug)]
struct Frozen {
    /// The last insight, from Start (inclusive) to End (exclusive).
    last: (i64, i64),
    /// Start of the open one.
    open_since: i64,
}

impl Frozen {
    fn contains(&self, minute: i64) -> bool {
        minute >= self.open_since || (self.last.0..self.last.1).contains(&minute)
    }

    /// Passes over the empty minutes up to `to`, each by its own right: a silence may lead into an insight or out of one.
    fn pass_over(&self, statistic: &mut Statistic, to: i64, horizons: &Horizons) {
        for (until, frozen) in [(self.last.0, false), (self.last.1, true), (self.open_since, false), (i64::MAX, true)] {
            statistic.advance(to.min(until - 1), frozen, horizons);
        }
    }
}

/// Smallest count of one minute that can be significant.
#[derive(Clone, Copy, Debug)]
struct Need {
    minute: i64,
    count: u32,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Series {
    source: Box<str>,
    name: Box<str>,
    error: Option<Box<str>>,
    category: SourceCategory,
    first: i64,
    last: i64,
    statistic: Statistic,
    recent: Recent,
    days: Days,
    principals: Values,
    agents: Values,
    errors: Values,
    need: Need,
    episode: Option<Box<Episode>>,
    /// Minutes of the last insight, from Start (inclusive) to End (exclusive); they are not learnt.
    last_episode: (i64, i64),
}

impl Series {
    /// A series whose first call lies in `minute`.
    pub fn new(key: Key<'_>, minute: i64, context: &Context<'_>) -> Self {
        let closed = context.closed.min(minute - 1);
        Self {
            source: key.source.into(),
            name: key.name.into(),
            error: key.error.map(Into::into),
            category: key.category,
            first: minute,
            last: minute,
            statistic: Statistic::new(context.begin, closed, context.horizons),
            recent: Recent::default(),
            days: Days::default(),
            principals: Values::default(),
            agents: Values::default(),
            errors: Values::default(),
            need: Need { minute: i64::MIN, count: 0 },
            episode: None,
            last_episode: (NEVER, NEVER),
        }
    }

    /// Its name.
    pub fn key(&self) -> Key<'_> {
        Key { source: &self.source, name: &self.name, error: self.error.as_deref(), category: self.category }
    }

    /// Minute of its newest call.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Whether an insight is open.
    pub fn is_open(&self) -> bool {
        self.episode.is_some()
    }

    /// Gives back what it holds of the attribution budget.
    pub fn release(&self, budget: &mut Budget) {
        for values in [&self.principals, &self.agents, &self.errors] {
            values.release(budget);
        }
        budget.bytes -= self.key().bytes();
    }

    /// Counts one call; returns the Start that it tips, if any.
    pub fn add(&mut self, call: &Call<'_>, context: &Context<'_>, budget: &mut Budget) -> Option<Insight> {
        if !call.late && self.need.minute != call.minute {
            self.close_minutes(context);
        }
        let count = self.count(call, context, budget);
        if call.late || self.is_open() {
            return None;
        }
        let newest = self.last;
        if call.minute < newest {
            // A late call in an open minute also raises the leaky sum of the minutes after it.
            self.need.minute = i64::MIN;
            return self.try_start(call, call.minute, context).or_else(|| self.try_start(call, newest, context));
        }
        if self.need.minute != call.minute {
            let before = self.sum_before(call.minute, context.horizons);
            let count = self.statistic.needed(call.minute, before, context.limit, context.horizons);
            self.need = Need { minute: call.minute, count };
        }
        if count < self.need.count {
            return None;
        }
        self.try_start(call, call.minute, context)
    }

    fn count(&mut self, call: &Call<'_>, context: &Context<'_>, budget: &mut Budget) -> u32 {
        let in_history = call.minute >= context.begin;
        let count = self.recent.add(call.minute, call.late);
        if in_history {
            self.days.add(call.minute);
        }
        let mut attribute = |values: &mut Values, text| values.add(text, call.minute, call.late, in_history, budget);
        attribute(&mut self.principals, call.principal);
        attribute(&mut self.agents, call.agent);
        if self.error.is_none() {
            attribute(&mut self.errors, call.error);
        }
        self.first = self.first.min(call.minute);
        self.last = self.last.max(call.minute);
        count
    }

    /// Teaches the statistic the minutes that its clock has closed since the last call.
    fn close_minutes(&mut self, context: &Context<'_>) {
        let from = self.statistic.closed();
        if context.closed <= from {
            return;
        }
        let frozen = Frozen {
            last: self.last_episode,
            open_since: self.episode.as_ref().map_or(i64::MAX, |episode| episode.start),
        };
        for (minute, count) in self.recent.counts() {
            if minute > self.statistic.closed() && minute <= context.closed && count > 0 {
                frozen.pass_over(&mut self.statistic, minute - 1, context.horizons);
                self.statistic.close(minute, f64::from(count), frozen.contains(minute), context.horizons);
            }
        }
        frozen.pass_over(&mut self.statistic, context.closed, context.horizons);
        let keep_from = context.closed - WINDOW;
        self.recent.forget_before(keep_from);
        for values in [&mut self.principals, &mut self.agents, &mut self.errors] {
            values.forget_before(keep_from);
        }
    }

    /// Leaky sum at `minute` from all calls of earlier minutes.
    fn sum_before(&self, minute: i64, horizons: &Horizons) -> f64 {
        let closed = self.statistic.closed();
        let open: f64 = self
            .recent
            .counts()
            .filter(|&(m, _)| m > closed && m < minute)
            .map(|(m, count)| f64::from(count) * horizons.sum.keep_over((minute - m) as f64))
            .sum();
        self.statistic.sum_at(minute, horizons) + open
    }

    fn try_start(&mut self, call: &Call<'_>, detection: i64, context: &Context<'_>) -> Option<Insight> {
        if detection - context.begin < context.settings.warm_up || detection <= self.statistic.closed() {
            return None;
        }
        let count = f64::from(self.recent.count(detection));
        let sum = self.sum_before(detection, context.horizons) + count;
        let score = self.statistic.score(detection, count, sum, context.horizons);
        if score.value < context.limit {
            return None;
        }
        let start = self.start_minute(detection, score.expected);
        let principals = self.principals.top_recent(detection - WINDOW + 1, detection);
        let baselines = [&self.principals, &self.agents, &self.errors].map(|values| values.top_baseline(start));
        let finding = Finding {
            detected_at: call.time,
            tipping_event: call.event_id.to_owned(),
            detection_minute: detection,
            observed: count,
            expected: score.expected.mean,
            score: score.value,
            limit: context.limit,
            series_new: start - self.first < super::DAY,
            region_new: start - context.region_begin < super::DAY,
            principal_new: principals.first().is_some_and(|(top, _)| baselines[0].iter().all(|(text, _)| text != top)),
        };
        let mut episode = Episode::new(start, detection, self.statistic.usual(), finding);
        episode.baseline_count = baseline_count(&self.days, &self.recent, start);
        episode.baseline_minutes = (start - baseline_start(start).max(context.begin)).max(1) as u64;
        episode.baselines = baselines;
        let insight_count = self.recent.total(detection - WINDOW + 1, detection);
        let attributions = [
            principals,
            self.agents.top_recent(detection - WINDOW + 1, detection),
            self.errors.top_recent(detection - WINDOW + 1, detection),
        ];
        let insight =
            self.insight(State::Start, &episode, start, (insight_count, WINDOW as u64), attributions, context);
        self.episode = Some(Box::new(episode));
        for values in [&mut self.principals, &mut self.agents, &mut self.errors] {
            values.begin_episode();
        }
        Some(insight)
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

    /// The clock has moved: closes the minutes of an open insight; returns its End, if it is over. `now` is the clock, seconds.
    pub fn tick(&mut self, now: i64, context: &Context<'_>) -> Option<Insight> {
        let mut episode = self.episode.take()?;
        while episode.next() <= context.closed {
            let minute = episode.next();
            let step = episode.close(self.recent.count(minute), context.settings.end_after);
            let unusual = minute < episode.end();
            for values in [&mut self.principals, &mut self.agents, &mut self.errors] {
                values.close_episode_minute(minute, unusual);
            }
            if step == Step::Over {
                return Some(self.end(episode, now, context));
            }
        }
        self.episode = Some(episode);
        None
    }

    fn end(&mut self, episode: Box<Episode>, now: i64, context: &Context<'_>) -> Insight {
        let minutes = (episode.end() - episode.start) as u64;
        let attributions = [self.principals.top_episode(), self.agents.top_episode(), self.errors.top_episode()];
        let mut insight =
            self.insight(State::End, &episode, episode.end(), (episode.count(), minutes), attributions, context);
        insight.finding.detected_at = now;
        insight.finding.tipping_event = String::new();
        insight.finding.observed = episode.count() as f64 / minutes as f64;
        self.last_episode = (episode.start, episode.end());
        self.need.minute = i64::MIN;
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
        context: &Context<'_>,
    ) -> Insight {
        let [p, a, e] = &episode.baselines;
        let side = |insight, baseline: &Vec<(String, u64)>| Attribution { insight, baseline: baseline.clone() };
        let is_error = self.error.is_some();
        Insight {
            account: context.account,
            region: context.region.to_owned(),
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

    /// Minutes of silence before an insight were not learnt when the insight was open by the time they were closed.
    #[test]
    fn a_silence_that_leads_into_an_insight_or_out_of_one_is_learnt_but_for_the_insight() {
        let horizons = Horizons::per_minute();
        let mut busy = Statistic::new(0, 99, &horizons);
        (100..200).for_each(|minute| busy.close(minute, 10.0, false, &horizons));
        let (mut lazy, mut eager) = (busy, busy);
        let frozen = Frozen { last: (300, 400), open_since: 600 };
        frozen.pass_over(&mut lazy, 700, &horizons);
        for (to, skipped) in [(299, false), (399, true), (599, false), (700, true)] {
            eager.advance(to, skipped, &horizons);
        }
        assert_eq!(lazy.closed(), 700);
        assert_eq!(lazy.expectation(), eager.expectation());
        assert!(lazy.expectation().mean < busy.expectation().mean, "the silence before the insights is learnt");
        let never = Frozen { last: (NEVER, NEVER), open_since: i64::MAX };
        let (mut plain, mut all) = (busy, busy);
        never.pass_over(&mut plain, 700, &horizons);
        all.advance(700, false, &horizons);
        assert_eq!(plain.expectation(), all.expectation());
        assert!(plain.expectation().mean < lazy.expectation().mean);
    }
}
