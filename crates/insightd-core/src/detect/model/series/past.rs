//! A series and what was before it: calls of records that are older than its account's own history.

use super::{Series, TriggerCount};
use crate::detect::model::attribution::Budget;
use crate::detect::statistics::horizon::Horizons;
use crate::detect::statistics::prior::ViewPriors;
use crate::detect::statistics::statistic::Statistic;

impl Series {
    /// Gives up an open insight without an End: nobody has seen its Start. Its minutes are not learnt.
    pub fn forget_open(&mut self) {
        if let Some(episode) = self.episode.take() {
            self.last_episode = (episode.start, episode.next().max(episode.start));
            for values in [&mut self.principals, &mut self.agents, &mut self.errors] {
                values.begin_episode();
            }
            self.remade = true;
        }
    }

    /// It comes from another detector, and is new to this one.
    pub fn taken_over(&mut self, budget: &mut Budget) {
        self.remade = true;
        budget.bytes += self.key().bytes();
        self.all_values().into_iter().for_each(|values| values.charge(budget));
    }

    /// Takes in what it was before: `past` ends before minute `until`, with which its own account's history began.
    pub fn absorb(&mut self, mut past: Self, until: i64, horizons: &Horizons, budget: &mut Budget) {
        past.forget_open();
        past.close_minutes(until - 1, horizons);
        self.statistic.merge(&past.statistic, horizons);
        self.days.absorb(&past.days);
        let minute = self.last;
        self.principals.absorb(past.principals, minute, budget);
        self.agents.absorb(past.agents, minute, budget);
        self.errors.absorb(past.errors, minute, budget);
        self.first = self.first.min(past.first);
        if past.last_episode.1 > self.last_episode.1 {
            self.last_episode = past.last_episode;
        }
        self.learnt_more();
    }

    /// Nothing called it from minute `begin` on before minute `until`.
    pub fn was_silent(&mut self, begin: i64, until: i64, horizons: &Horizons) {
        self.statistic.merge(&Statistic::new(begin, until - 1, ViewPriors::default(), horizons), horizons);
        self.learnt_more();
    }

    /// What was computed from its statistic does not hold any more.
    fn learnt_more(&mut self) {
        self.need = TriggerCount::NONE;
        self.remade = true;
    }
}
