//! A series that falls asleep, and is woken by a call.

use super::{NEVER, Series, TriggerCount};
use crate::detect::Settings;
use crate::detect::decide::suppression::RuleSuppression;
use crate::detect::model::attribution::{Budget, Values};
use crate::detect::model::days::Days;
use crate::detect::model::dormant::{Dormant, Falling, Remembered, SILENT};
use crate::detect::model::recent::Recent;
use crate::detect::statistics::compact::Covered;
use crate::detect::statistics::horizon::Horizons;
use crate::detect::statistics::statistic::Statistic;

impl Series {
    /// What is left of it, if it has been silent for long: all minutes up to `closed` are closed, in an account whose history begins
    /// at minute `begin`.
    pub fn sleep(&self, closed: i64, begin: i64, horizons: &Horizons) -> Option<Dormant> {
        // Where drops are looked for it may be closed further.
        let until = self.statistic.closed().max(self.last + SILENT);
        if self.is_open() || until > closed {
            return None;
        }
        let statistic = self.closed_statistic(until, horizons);
        Dormant::new(&Falling {
            key: self.key(),
            first: self.first,
            last: self.last,
            closed: until,
            ended: self.last_episode.1,
            statistic: statistic.compact(begin.min(self.first), horizons),
            callers: self.principals.kept(self.first),
        })
    }

    /// A series as it was before it fell asleep, but for what is nothing by now; its statistic passes over the silence with the next call.
    pub fn woken(dormant: &Dormant, begin: i64, settings: &Settings, horizons: &Horizons) -> Self {
        let (key, first) = (dormant.key(), dormant.first());
        let (priors, weight) = Self::known_beforehand(key, settings);
        let covered = Covered { begin: begin.min(first), closed: dormant.closed() };
        let ended = dormant.ended().unwrap_or(NEVER);
        Self {
            source: key.source.into(),
            name: key.name.into(),
            error: key.error.map(Into::into),
            category: key.category,
            first,
            last: dormant.last(),
            statistic: Statistic::from_compact(dormant.statistic(), covered, priors, horizons),
            recent: Recent::default(),
            days: Days::default(),
            principals: Values::of_kept(dormant.callers()),
            agents: Values::default(),
            errors: Values::default(),
            need: TriggerCount::NONE,
            weight,
            episode: None,
            suppression: RuleSuppression::default(),
            last_episode: (ended, ended),
            generation: 0,
            remade: true,
        }
    }

    /// Gives back what its values hold of the attribution budget.
    pub fn release_values(&self, budget: &mut Budget) {
        self.all_values().into_iter().for_each(|values| values.release(budget));
    }

    /// Who was remembered over its last sleep and has not called again.
    pub fn remembered(&self) -> Option<Remembered> {
        self.principals.remembered()
    }

    /// Sets who was remembered, after the rest was read as saved.
    pub fn set_remembered(&mut self, remembered: Option<Remembered>) {
        self.principals.set_remembered(remembered);
    }
}
