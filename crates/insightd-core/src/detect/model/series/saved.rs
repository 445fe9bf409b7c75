//! A series as it is saved: whole when one of its minutes was closed, and its running part alone while calls only add up.
//!
//! A busy series changes with every transaction, but all that changes then are counts of open minutes and what its callers do in them
//! ([`Running`]: some tens of bytes). Moments, daily sums, attributions and names (some hundreds) change when a minute is closed.

use serde::{Deserialize, Serialize};

use super::{Series, TriggerCount};
use crate::detect::Settings;
use crate::detect::model::attribution::{Budget, RunningValues};
use crate::detect::model::recent::Recent;
use crate::detect::statistics::statistic::Statistic;

/// What calls change in a series between two times that it is saved whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// Of which whole record this is the running part.
    generation: u32,
    last: i64,
    newest: u32,
    recent: Recent,
    need: Option<TriggerCount>,
    values: [RunningValues; 3],
}

impl Series {
    /// Whether its running part says all that has changed since it was last saved whole.
    pub fn only_runs(&self) -> bool {
        !self.remade && self.all_values().into_iter().all(super::Values::only_runs)
    }

    /// It is about to be saved whole: what changes from now on is its running part.
    pub fn save(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.settled();
    }

    fn settled(&mut self) {
        self.remade = false;
        for values in [&mut self.principals, &mut self.agents, &mut self.errors] {
            values.saved();
        }
    }

    /// Its running part.
    pub fn running(&self) -> Running {
        Running {
            generation: self.generation,
            last: self.last,
            newest: self.days.newest(),
            recent: self.recent.clone(),
            need: (self.need.minute != i64::MIN).then_some(self.need),
            values: self.all_values().map(super::Values::running),
        }
    }

    /// Its statistic.
    pub fn statistic(&self) -> &Statistic {
        &self.statistic
    }

    /// Sets the statistic of a series that was read.
    pub fn set_statistic(&mut self, statistic: Statistic) {
        self.statistic = statistic;
    }

    /// Minute of its first call.
    pub fn first(&self) -> i64 {
        self.first
    }

    /// Calls of the eight days that end with the newest call.
    pub fn calls_of_days(&self) -> u64 {
        self.days.window(self.last)
    }

    /// Start of the open insight.
    pub fn open_since(&self) -> Option<i64> {
        self.episode.as_ref().map(|episode| episode.start)
    }

    /// Who called most in those days.
    pub fn top_principals(&self) -> Vec<(String, u64)> {
        self.principals.top_baseline(self.last + 1)
    }

    /// As if it had never been saved: so that two that are alike are written alike.
    pub fn generation_zero(&mut self) {
        self.generation = 0;
    }

    /// Gives a series that was read what is not saved with it: what the configuration says of its API. Takes its bytes from the budget.
    pub fn equip(&mut self, settings: &Settings, budget: &mut Budget) {
        self.settled();
        let (priors, weight) = Self::known_beforehand(self.key(), settings);
        self.statistic.set_priors(priors);
        self.weight = weight;
        if let Some(episode) = &mut self.episode {
            // Which rule keeps an insight from alarming anybody is known by name, whatever the rules are now. Any other is a number that
            // is told and decides nothing.
            let harmless =
                |at: &u32| settings.rules.iter().nth(*at as usize).is_some_and(|rule| !rule.action.suppresses());
            episode.finding.rule = match &episode.finding.suppressed_by {
                Some(name) => settings.rules.position(name),
                None => episode.finding.rule.filter(harmless),
            };
        }
        budget.bytes += self.key().bytes();
        self.all_values().into_iter().for_each(|values| values.charge(budget));
    }

    /// Brings a series that was read and equipped to where it was running. False if the two do not fit together though they say so; the running
    /// part of an earlier whole record is passed over.
    pub fn resume(&mut self, running: Running) -> bool {
        if running.generation != self.generation {
            return true;
        }
        self.last = running.last;
        self.days.set_newest(running.newest);
        self.recent = running.recent;
        self.need = running.need.unwrap_or(TriggerCount::NONE);
        let values = [&mut self.principals, &mut self.agents, &mut self.errors];
        values.into_iter().zip(running.values).all(|(values, running)| values.resume(running))
    }

    pub(in crate::detect) fn all_values(&self) -> [&super::Values; 3] {
        [&self.principals, &self.agents, &self.errors]
    }
}
