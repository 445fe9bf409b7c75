//! A series as it is saved: whole when one of its minutes was closed, and only its running part while calls
//! just add up.
//!
//! A busy series changes with every transaction, but only in the counts of its open minutes and in the
//! profiles of its callers ([`RunningSeries`]: some tens of bytes). Moments, daily sums, attributions and
//! names (some hundreds of bytes) change when a minute is closed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Series, TriggerCount};
use crate::detect::Settings;
use crate::detect::model::attribution::{AttributeValues, RunningAttribute};
use crate::detect::model::quota::MemoryQuota;
use crate::detect::model::recent::Recent;
use crate::detect::statistics::statistic::Statistic;

/// What calls change in a series between two times that it is saved whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunningSeries {
    /// Generation of the whole record that it belongs to.
    generation: u32,
    last: i64,
    newest: u32,
    recent: Recent,
    trigger: Option<TriggerCount>,
    values: [RunningAttribute; 3],
}

impl Series {
    /// Whether its running part holds all that has changed since it was last saved whole.
    pub(crate) fn only_runs(&self) -> bool {
        !self.needs_full_save && self.attributes().into_iter().all(AttributeValues::only_runs)
    }

    /// Notes that it is saved whole: what changes from now on is its running part.
    pub(crate) fn begin_generation(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.mark_saved();
    }

    fn mark_saved(&mut self) {
        self.needs_full_save = false;
        for values in self.attributes_mut() {
            values.saved();
        }
    }

    /// Its running part.
    pub(crate) fn running(&self) -> RunningSeries {
        RunningSeries {
            generation: self.generation,
            last: self.last,
            newest: self.days.newest(),
            recent: self.recent.clone(),
            trigger: (self.trigger.minute != i64::MIN).then_some(self.trigger),
            values: self.attributes().map(AttributeValues::running),
        }
    }

    /// Forgets how often it was saved, so that two series that are alike are written alike.
    pub(crate) fn reset_generation(&mut self) {
        self.generation = 0;
    }

    /// Completes a series from the changelog with what is saved apart from it or not at all: its statistic,
    /// and what the configuration says of its API. Charges the quota.
    pub(crate) fn attach(&mut self, statistic: &Statistic, settings: &Settings, quota: &mut MemoryQuota) {
        self.mark_saved();
        let (priors, weight) = Self::configured(self.key(), settings);
        self.statistic = *statistic;
        self.statistic.set_priors(priors);
        self.weight = weight;
        if let Some(episode) = &mut self.episode {
            // The rule that suppresses an insight is known by name, whatever the rules are now. Any other
            // rule is only a number that is reported and decides nothing.
            let harmless =
                |at: &u32| settings.rules.iter().nth(*at as usize).is_some_and(|rule| !rule.action.suppresses());
            let episode = Arc::make_mut(episode);
            episode.finding.rule = match &episode.finding.suppressed_by {
                Some(name) => settings.rules.position(name),
                None => episode.finding.rule.filter(harmless),
            };
        }
        quota.bytes += self.key().bytes();
        self.attributes().into_iter().for_each(|values| values.charge(quota));
    }

    /// Applies a running part to a series as it was saved whole. Ignores the running part of an earlier whole
    /// record. False if the two do not fit together though they say so.
    pub(crate) fn resume(&mut self, running: RunningSeries) -> bool {
        if running.generation != self.generation {
            return true;
        }
        self.last = running.last;
        self.days.set_newest(running.newest);
        self.recent = running.recent;
        self.trigger = running.trigger.unwrap_or(TriggerCount::NONE);
        self.attributes_mut().into_iter().zip(running.values).all(|(values, running)| values.resume(running))
    }
}
