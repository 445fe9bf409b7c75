//! One series: the calls (or the calls with one error) of one API in one region of one account.
//!
//! Counts, attributions and the statistic; what they are evidence of is decided in [`crate::detect::decide`].

mod dormancy;
mod frozen;
mod merge;
mod running;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use self::running::RunningSeries;
use crate::cloudtrail::event::AccountId;
use crate::detect::decide::episode::Episode;
use crate::detect::decide::suppression::RuleSuppression;
use crate::detect::model::attribution::{AttributeValues, AttributedCall};
use crate::detect::model::days::Days;
use crate::detect::model::key::{SeriesKey, SeriesName};
use crate::detect::model::quota::MemoryQuota;
use crate::detect::model::recent::Recent;
use crate::detect::model::series::frozen::FrozenMinutes;
use crate::detect::statistics::horizon::Horizons;
use crate::detect::statistics::prior::ViewPriors;
use crate::detect::statistics::statistic::Statistic;
use crate::detect::{DAY, Settings};
use crate::rules::Rule;

/// Minutes of a Start's window: the detection minute and the four before it.
pub(crate) const WINDOW: i64 = 5;
/// Minutes after an insight within which another one on the same series repeats it.
const REPEATS_WITHIN: i64 = 28 * DAY;
/// A minute before all others.
const NEVER: i64 = i64::MIN / 2;

/// Minutes with calls that a series holds at most, besides one: the open ones, and those that a Start can
/// reach back to.
pub(crate) const fn cells_max(lateness: i64) -> i64 {
    lateness + 2 * WINDOW
}

/// One call, as a series counts it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// Minute of its eventTime.
    pub(crate) minute: i64,
    /// Its eventTime, seconds.
    pub(crate) time: i64,
    /// Whether its minute was closed already.
    pub(crate) late: bool,
    /// Its eventID, or empty.
    pub(crate) event_id: &'a str,
    /// Attributed identity.
    pub(crate) principal: &'a str,
    /// Attributed user agent.
    pub(crate) agent: &'a str,
    /// `errorCode`, or the string `"null"`.
    pub(crate) error: &'a str,
    /// Position of the rule that decides about its record.
    pub(crate) rule: Option<u32>,
}

impl<'a> Call<'a> {
    /// Its value of each attribute: principal, user agent, error.
    pub(crate) fn attributes(&self) -> [&'a str; 3] {
        [self.principal, self.agent, self.error]
    }
}

/// What a series needs to know of its account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountFacts {
    /// Account.
    pub(crate) account: AccountId,
    /// First minute of its history.
    pub(crate) begin: i64,
    /// See [`SeriesContext::score_floor`].
    pub(crate) score_floor: f64,
}

/// What a series needs to know of its region.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RegionFacts<'a> {
    /// Region.
    pub(crate) region: &'a str,
    /// First minute of the region in this account.
    pub(crate) begin: i64,
    /// Last closed minute of the clock.
    pub(crate) closed: i64,
}

/// What a series needs to know of its account, its region and the configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeriesContext<'a> {
    /// Account.
    pub(crate) account: AccountId,
    /// Region.
    pub(crate) region: &'a str,
    /// First minute of the account's history.
    pub(crate) begin: i64,
    /// First minute of the region in this account.
    pub(crate) region_begin: i64,
    /// Last closed minute of the clock.
    pub(crate) closed: i64,
    /// Score floor of the account; see [`crate::detect::decide::budget`].
    pub(crate) score_floor: f64,
    /// Bounds and knobs.
    pub(crate) settings: &'a Settings,
    /// Horizons.
    pub(crate) horizons: &'a Horizons,
}

impl<'a> SeriesContext<'a> {
    /// For the series of one region.
    pub(crate) fn new(
        AccountFacts { account, begin, score_floor }: AccountFacts,
        RegionFacts { region, begin: region_begin, closed }: RegionFacts<'a>,
        settings: &'a Settings,
        horizons: &'a Horizons,
    ) -> Self {
        Self { account, region, begin, region_begin, closed, score_floor, settings, horizons }
    }

    /// The rule that decides about a call.
    pub(crate) fn rule(&self, call: &Call<'_>) -> Option<&'a Rule> {
        call.rule.map(|position| self.settings.rules.at(position))
    }

    /// Factor of the alarm budget for a Start that this call triggers. The limit is the decimal logarithm of
    /// a number of minutes over the budget, so it falls by the logarithm of the factor.
    pub(crate) fn factor(&self, call: &Call<'_>) -> f64 {
        self.rule(call).map_or(1.0, |rule| rule.action.factor())
    }
}

/// The smallest count of one minute that can be significant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TriggerCount {
    /// The minute.
    pub(crate) minute: i64,
    /// Its count.
    pub(crate) count: u32,
}

impl TriggerCount {
    /// Of no minute.
    pub(crate) const NONE: Self = Self { minute: i64::MIN, count: 0 };
}

/// What counting a call says of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountedCall {
    /// Calls of its minute so far; late ones are not included.
    pub(crate) count: u32,
    /// Position of its principal among those of the series.
    pub(crate) who: usize,
}

/// One series. The copy that a transaction keeps for its undo shares what seldom changes: the name, the open
/// insight, and the texts of the attribution values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    name: Arc<SeriesName>,
    first: i64,
    last: i64,
    /// Saved apart, because it has a version of its own.
    #[serde(skip)]
    pub(crate) statistic: Statistic,
    pub(crate) recent: Recent,
    pub(crate) days: Days,
    pub(crate) principals: AttributeValues,
    pub(crate) agents: AttributeValues,
    pub(crate) errors: AttributeValues,
    pub(crate) trigger: TriggerCount,
    /// Weight of one call, in ordinary calls: more than 1 for a security-relevant API. From the
    /// configuration, so never saved.
    #[serde(skip)]
    pub(crate) weight: f64,
    pub(crate) episode: Option<Arc<Episode>>,
    pub(crate) suppression: RuleSuppression,
    /// Minutes of the last insight, from Start (inclusive) to End (exclusive); the statistic does not learn
    /// them.
    pub(crate) last_episode: (i64, i64),
    /// How often it was saved whole.
    generation: u32,
    /// Whether more has changed since it was last saved whole than its running part holds.
    #[serde(skip)]
    pub(crate) needs_full_save: bool,
}

impl Series {
    /// A series whose first call lies in `minute`.
    pub(crate) fn new(key: SeriesKey<'_>, minute: i64, context: &SeriesContext<'_>) -> Self {
        let closed = context.closed.min(minute - 1);
        let (priors, weight) = Self::configured(key, context.settings);
        Self {
            name: Arc::new(key.into()),
            first: minute,
            last: minute,
            statistic: Statistic::new(context.begin, closed, priors, context.horizons),
            recent: Recent::default(),
            days: Days::default(),
            principals: AttributeValues::default(),
            agents: AttributeValues::default(),
            errors: AttributeValues::default(),
            trigger: TriggerCount::NONE,
            weight,
            episode: None,
            suppression: RuleSuppression::default(),
            last_episode: (NEVER, NEVER),
            generation: 0,
            needs_full_save: true,
        }
    }

    /// What the configuration says of an API: its priors, and the weight of one call.
    fn configured(key: SeriesKey<'_>, settings: &Settings) -> (ViewPriors, f64) {
        let technique = settings.security.technique(key.source, key.name, key.error);
        (settings.priors.lookup(key.source, key.name, key.error), technique.map_or(1.0, |technique| technique.weight))
    }

    /// Its name.
    pub(crate) fn key(&self) -> SeriesKey<'_> {
        self.name.key()
    }

    /// Minute of its first call.
    pub(crate) fn first(&self) -> i64 {
        self.first
    }

    /// Minute of its newest call.
    pub(crate) fn last(&self) -> i64 {
        self.last
    }

    /// Whether an insight is open.
    pub(crate) fn is_open(&self) -> bool {
        self.episode.is_some()
    }

    /// Whether an insight is open that no rule suppresses.
    pub(crate) fn is_shown(&self) -> bool {
        self.episode.as_ref().is_some_and(|episode| episode.finding.suppressed_by.is_none())
    }

    /// Whether a minute of its open insight is closed and not looked at yet.
    pub(crate) fn is_due(&self, context: &SeriesContext<'_>) -> bool {
        self.episode.as_ref().is_some_and(|episode| episode.next() <= context.closed)
    }

    /// Whether it raised an insight in the four weeks before `minute`.
    pub(crate) fn raised_before(&self, minute: i64) -> bool {
        minute - self.last_episode.1 < REPEATS_WITHIN
    }

    /// Its attributes: principals, user agents, errors.
    pub(crate) fn attributes(&self) -> [&AttributeValues; 3] {
        [&self.principals, &self.agents, &self.errors]
    }

    /// Its attributes, to be changed.
    pub(crate) fn attributes_mut(&mut self) -> [&mut AttributeValues; 3] {
        [&mut self.principals, &mut self.agents, &mut self.errors]
    }

    /// Returns to the quota what it holds of it.
    pub(crate) fn release(&self, quota: &mut MemoryQuota) {
        self.release_values(quota);
        quota.bytes -= self.key().bytes();
    }

    /// Counts one call.
    pub(crate) fn count(
        &mut self,
        call: &Call<'_>,
        context: &SeriesContext<'_>,
        quota: &mut MemoryQuota,
    ) -> CountedCall {
        if !call.late && self.trigger.minute != call.minute {
            self.close_minutes(context.closed, context.horizons);
        } else if call.late && self.recent.len() as i64 >= cells_max(context.settings.lateness) {
            self.close_minutes(context.closed, context.horizons);
            self.drop_closed();
            (self.trigger, self.needs_full_save) = (TriggerCount::NONE, true);
        }
        let in_history = call.minute >= context.begin;
        let count = self.recent.add(call.minute, call.late);
        if in_history {
            self.needs_full_save |= !self.days.add(call.minute);
        }
        let attributed = AttributedCall { minute: call.minute, late: call.late, in_history };
        let who = self.principals.add(call.principal, attributed, quota);
        self.agents.add(call.agent, attributed, quota);
        if self.key().error.is_none() {
            self.errors.add(call.error, attributed, quota);
        }
        self.needs_full_save |= call.minute < self.first;
        self.first = self.first.min(call.minute);
        self.last = self.last.max(call.minute);
        CountedCall { count, who }
    }

    /// Teaches the statistic the closed minutes up to `until`.
    pub(crate) fn close_minutes(&mut self, until: i64, horizons: &Horizons) {
        if until <= self.statistic.closed() {
            return;
        }
        self.needs_full_save = true;
        self.statistic = self.closed_statistic(until, horizons);
        self.drop_closed();
    }

    /// Drops minutes that are learned and that no Start can reach back to. A call may be late by hours, and a
    /// series may have none but late ones.
    fn drop_closed(&mut self) {
        let keep_from = self.statistic.closed() - WINDOW;
        self.recent.forget_before(keep_from);
        for values in self.attributes_mut() {
            values.forget_before(keep_from);
        }
    }

    /// Its statistic when the minutes up to `until` are closed.
    pub(crate) fn closed_statistic(&self, until: i64, horizons: &Horizons) -> Statistic {
        let mut statistic = self.statistic;
        let frozen = FrozenMinutes {
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

    /// Its statistic as of minute `closed`, without calls since it last closed a minute.
    pub(crate) fn statistic_at(&self, closed: i64, horizons: &Horizons) -> Statistic {
        let mut statistic = self.statistic;
        statistic.advance(closed, false, horizons);
        statistic
    }

    /// Leaky sum in `minute` of all calls of earlier minutes.
    pub(crate) fn sum_before(&self, minute: i64, horizons: &Horizons) -> f64 {
        let closed = self.statistic.closed();
        let open: f64 = self
            .recent
            .counts()
            .filter(|&(m, _)| m > closed && m < minute)
            .map(|(m, count)| f64::from(count) * horizons.sum.factor_over((minute - m) as f64))
            .sum();
        self.statistic.sum_at(minute, horizons) + open
    }

    /// Calls of the eight days that end with the newest call.
    pub(crate) fn calls_of_days(&self) -> u64 {
        self.days.window(self.last)
    }

    /// Who called most in those days.
    pub(crate) fn top_principals(&self) -> Vec<(String, u64)> {
        self.principals.top_baseline(self.last + 1)
    }

    /// Start of the open insight.
    pub(crate) fn open_since(&self) -> Option<i64> {
        self.episode.as_ref().map(|episode| episode.start)
    }
}
