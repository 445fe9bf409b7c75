//! One series: the calls (or the calls with one error) of one API in one region of one account.

mod evidence;
mod fall;
mod frozen;
mod past;
mod report;
mod saved;
mod sleep;

use serde::{Deserialize, Serialize};

use self::evidence::Evidence;
use self::frozen::Frozen;
pub use self::saved::Running;
use crate::cloudtrail::event::AccountId;
use crate::cloudtrail::insight::{Insight, SourceCategory};
use crate::detect::decide::budget::{AlarmBudget, BudgetEvent, Strength};
use crate::detect::decide::episode::{Episode, Step};
use crate::detect::decide::suppression::RuleSuppression;
use crate::detect::intake::clock::Clock;
use crate::detect::model::attribution::{Budget, Values};
use crate::detect::model::days::Days;
use crate::detect::model::principals::Principal;
use crate::detect::model::recent::Recent;
use crate::detect::statistics::horizon::Horizons;
use crate::detect::statistics::prior::ViewPriors;
use crate::detect::statistics::statistic::Statistic;
use crate::detect::{DAY, Settings};
use crate::rules::Rule;

/// A Start's window: the detection minute and the four before it.
const WINDOW: i64 = 5;
/// An insight on a series within so many minutes after another one is the same thing once more.
const REPEATS_WITHIN: i64 = 28 * DAY;
/// Minutes with calls that a series holds at most, besides one: those that are open, and those that a Start can reach back to.
pub const fn cells_max(lateness: i64) -> i64 {
    lateness + 2 * WINDOW
}
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
    /// Position of the rule that decides about it.
    pub rule: Option<u32>,
}

/// What the series needs to know of its account and clock.
#[derive(Clone, Copy, Debug)]
pub struct SeriesContext<'a> {
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
    /// Score floor of the account; see [`crate::detect::decide::budget`].
    pub score_floor: f64,
    /// Bounds and knobs.
    pub settings: &'a Settings,
    /// Horizons.
    pub horizons: &'a Horizons,
}

/// What the series of an account need to know of it.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// Account.
    pub account: AccountId,
    /// First minute of its history.
    pub begin: i64,
    /// See [`SeriesContext::score_floor`].
    pub score_floor: f64,
}

impl<'a> SeriesContext<'a> {
    /// Of a region with this name, clock and first minute.
    pub fn new(
        owner: Owner,
        (region, clock, region_begin): (&'a str, &Clock, Option<i64>),
        (settings, horizons): (&'a Settings, &'a Horizons),
    ) -> Self {
        Self {
            account: owner.account,
            region,
            begin: owner.begin,
            region_begin: region_begin.unwrap_or(i64::MAX),
            closed: clock.closed(settings.lateness),
            score_floor: owner.score_floor,
            settings,
            horizons,
        }
    }

    fn rule(&self, call: &Call<'_>) -> Option<&'a Rule> {
        call.rule.map(|position| self.settings.rules.at(position))
    }

    /// What the alarm budget is multiplied by for a Start that this call tips: as the limit is the decimal logarithm of a number
    /// of minutes over the budget, it falls by the logarithm of the factor.
    fn factor(&self, call: &Call<'_>) -> f64 {
        self.rule(call).map_or(1.0, |rule| rule.action.factor())
    }
}

/// Who calls, as its account knows it.
#[derive(Debug)]
pub struct Caller<'a> {
    /// None where there was no room to remember it.
    pub principal: Option<&'a mut Principal>,
    /// Whether this call was added to what is new about it.
    pub counted: bool,
}

/// Smallest count of one minute that can be significant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct TriggerCount {
    minute: i64,
    count: u32,
}

impl TriggerCount {
    /// Of no minute.
    const NONE: Self = Self { minute: i64::MIN, count: 0 };
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    source: Box<str>,
    name: Box<str>,
    error: Option<Box<str>>,
    category: SourceCategory,
    first: i64,
    last: i64,
    /// Saved apart, for it has a version of its own.
    #[serde(skip)]
    statistic: Statistic,
    recent: Recent,
    days: Days,
    principals: Values,
    agents: Values,
    errors: Values,
    need: TriggerCount,
    /// How many ordinary calls one weighs: more than 1 for a security-relevant API. From the configuration, so never saved.
    #[serde(skip)]
    weight: f64,
    episode: Option<Box<Episode>>,
    suppression: RuleSuppression,
    /// Minutes of the last insight, from Start (inclusive) to End (exclusive); they are not learnt.
    last_episode: (i64, i64),
    /// How often it was saved whole.
    generation: u32,
    /// More has changed since than its running part can tell.
    #[serde(skip)]
    remade: bool,
}

impl Series {
    /// A series whose first call lies in `minute`.
    pub fn new(key: Key<'_>, minute: i64, context: &SeriesContext<'_>) -> Self {
        let closed = context.closed.min(minute - 1);
        let (priors, weight) = Self::known_beforehand(key, context.settings);
        Self {
            source: key.source.into(),
            name: key.name.into(),
            error: key.error.map(Into::into),
            category: key.category,
            first: minute,
            last: minute,
            statistic: Statistic::new(context.begin, closed, priors, context.horizons),
            recent: Recent::default(),
            days: Days::default(),
            principals: Values::default(),
            agents: Values::default(),
            errors: Values::default(),
            need: TriggerCount::NONE,
            weight,
            episode: None,
            suppression: RuleSuppression::default(),
            last_episode: (NEVER, NEVER),
            generation: 0,
            remade: true,
        }
    }

    /// What the configuration says of an API: its priors, and how many ordinary calls one of it weighs.
    fn known_beforehand(key: Key<'_>, settings: &Settings) -> (ViewPriors, f64) {
        let technique = settings.security.technique(key.source, key.name, key.error);
        (settings.priors.lookup(key.source, key.name, key.error), technique.map_or(1.0, |technique| technique.weight))
    }

    /// Its name.
    pub fn key(&self) -> Key<'_> {
        Key { source: &self.source, name: &self.name, error: self.error.as_deref(), category: self.category }
    }

    /// Its statistic as of minute `closed`.
    pub fn statistic_at(&self, closed: i64, horizons: &Horizons) -> Statistic {
        let mut statistic = self.statistic;
        statistic.advance(closed, false, horizons);
        statistic
    }

    /// Minute of its newest call.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Whether an insight is open.
    pub fn is_open(&self) -> bool {
        self.episode.is_some()
    }

    /// Whether an insight is open that no rule suppresses.
    pub fn is_shown(&self) -> bool {
        self.episode.as_ref().is_some_and(|episode| episode.finding.suppressed_by.is_none())
    }

    /// Gives back what it holds of the attribution budget.
    pub fn release(&self, budget: &mut Budget) {
        self.release_values(budget);
        budget.bytes -= self.key().bytes();
    }

    /// Counts one call; returns the Start that it tips, if any.
    pub(in crate::detect) fn add(
        &mut self,
        call: &Call<'_>,
        context: &SeriesContext<'_>,
        budget: &mut Budget,
        alarms: &mut AlarmBudget,
        caller: &mut Caller<'_>,
    ) -> Option<Insight> {
        if !call.late && self.need.minute != call.minute {
            self.close_minutes(context.closed, context.horizons);
        } else if call.late && self.recent.len() as i64 >= cells_max(context.settings.lateness) {
            self.close_minutes(context.closed, context.horizons);
            self.forget_closed();
            (self.need, self.remade) = (TriggerCount::NONE, true);
        }
        let (count, who) = self.count(call, context, budget);
        if call.late {
            return None;
        }
        let by_principal = self.principal_evidence(who, call, caller);
        if self.is_open() || call.minute - context.begin < context.settings.warm_up {
            return None;
        }
        let by_counts = self.count_evidence(call, count, context);
        let mut found: Option<(Evidence, Strength)> = None;
        for evidence in [by_principal, by_counts].into_iter().flatten() {
            let event = BudgetEvent {
                reason: evidence.reason,
                minute: call.minute,
                x: evidence.x,
                trend: evidence.trend,
                repeats: self.raised_before(call.minute),
            };
            let strength = alarms.note(&event, context.settings.budget);
            let fires = self.fires(&evidence, strength, call, context);
            if fires && found.is_none_or(|(_, other)| strength.log_rho < other.log_rho) {
                found = Some((evidence, strength));
            }
        }
        let (evidence, strength) = found?;
        alarms.record_start(call.minute);
        self.principals.told(who, call.minute);
        if let Some(principal) = &mut caller.principal {
            principal.told(call.minute);
        }
        Some(self.start(call, who, (evidence, strength), context, caller))
    }

    /// Whether it raised an insight lately.
    fn raised_before(&self, minute: i64) -> bool {
        minute - self.last_episode.1 < REPEATS_WITHIN
    }

    fn count(&mut self, call: &Call<'_>, context: &SeriesContext<'_>, budget: &mut Budget) -> (u32, usize) {
        let in_history = call.minute >= context.begin;
        let count = self.recent.add(call.minute, call.late);
        if in_history {
            self.remade |= !self.days.add(call.minute);
        }
        let mut attribute = |values: &mut Values, text| values.add(text, call.minute, call.late, in_history, budget);
        let who = attribute(&mut self.principals, call.principal);
        attribute(&mut self.agents, call.agent);
        if self.error.is_none() {
            attribute(&mut self.errors, call.error);
        }
        self.remade |= call.minute < self.first;
        self.first = self.first.min(call.minute);
        self.last = self.last.max(call.minute);
        (count, who)
    }

    /// Teaches the statistic the closed minutes up to `until`.
    fn close_minutes(&mut self, until: i64, horizons: &Horizons) {
        if until <= self.statistic.closed() {
            return;
        }
        self.remade = true;
        self.statistic = self.closed_statistic(until, horizons);
        self.forget_closed();
    }

    /// Forgets minutes that are learnt and that no Start can reach back to. A call may be late by hours, and a series may have none but
    /// late ones.
    fn forget_closed(&mut self) {
        let keep_from = self.statistic.closed() - WINDOW;
        self.recent.forget_before(keep_from);
        for values in [&mut self.principals, &mut self.agents, &mut self.errors] {
            values.forget_before(keep_from);
        }
    }

    /// Its statistic when the minutes up to `until` are closed.
    pub(in crate::detect) fn closed_statistic(&self, until: i64, horizons: &Horizons) -> Statistic {
        let mut statistic = self.statistic;
        let frozen = Frozen {
            last: self.last_episode,
            open_since: self.episode.as_ref().map_or(i64::MAX, |episode| episode.start),
        };
        for (minute, count) in self.recent.counts() {
            if minute > statistic.closed() && minute <= until && count > 0 {
                frozen.pass_over(&mut statistic, minute - 1, horizons);
                statistic.close(minute, f64::from(count), frozen.contains(minute), horizons);
            }
        }
        frozen.pass_over(&mut statistic, until, horizons);
        statistic
    }

    /// Leaky sum at `minute` from all calls of earlier minutes.
    fn sum_before(&self, minute: i64, horizons: &Horizons) -> f64 {
        let closed = self.statistic.closed();
        let open: f64 = self
            .recent
            .counts()
            .filter(|&(m, _)| m > closed && m < minute)
            .map(|(m, count)| f64::from(count) * horizons.sum.factor_over((minute - m) as f64))
            .sum();
        self.statistic.sum_at(minute, horizons) + open
    }

    /// Whether a minute of its open insight is closed and not looked at yet.
    pub fn is_due(&self, context: &SeriesContext<'_>) -> bool {
        self.episode.as_ref().is_some_and(|episode| episode.next() <= context.closed)
    }

    /// The clock has moved: closes the minutes of an open insight; returns its End, if it is over. `now` is the clock, seconds.
    pub fn tick(&mut self, now: i64, context: &SeriesContext<'_>) -> Option<Insight> {
        let mut episode = self.episode.take()?;
        while episode.next() <= context.closed {
            self.remade = true;
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
}
