//! How a series becomes dormant, and active again with its next call.

use std::sync::Arc;

use super::{NEVER, Series, TriggerCount};
use crate::detect::Settings;
use crate::detect::decide::suppression::RuleSuppression;
use crate::detect::model::attribution::AttributeValues;
use crate::detect::model::days::Days;
use crate::detect::model::dormant::{Dormant, Remembered, SILENT, SilentSeries};
use crate::detect::model::quota::MemoryQuota;
use crate::detect::model::recent::Recent;
use crate::detect::statistics::compact::Covered;
use crate::detect::statistics::horizon::Horizons;
use crate::detect::statistics::statistic::Statistic;

impl Series {
    /// Its dormant form, if it has been silent for long. All minutes up to `closed` are closed; the history
    /// of its account begins in minute `begin`.
    pub(crate) fn dormant(&self, closed: i64, begin: i64, horizons: &Horizons) -> Option<Dormant> {
        // Where drops are looked for it may be closed further.
        let until = self.statistic.closed().max(self.last + SILENT);
        if self.is_open() || until > closed {
            return None;
        }
        let statistic = self.closed_statistic(until, horizons);
        Dormant::new(&SilentSeries {
            key: self.key(),
            first: self.first,
            last: self.last,
            closed: until,
            ended: self.last_episode.1,
            statistic: statistic.compact(begin.min(self.first), horizons),
            callers: self.principals.callers_to_remember(self.first),
        })
    }

    /// A series as it was before it became dormant, without what has decayed to nothing. Its statistic passes
    /// over the silence with the next call.
    pub(crate) fn activated(dormant: &Dormant, begin: i64, settings: &Settings, horizons: &Horizons) -> Self {
        let (key, first) = (dormant.key(), dormant.first());
        let (priors, weight) = Self::configured(key, settings);
        let covered = Covered { begin: begin.min(first), closed: dormant.closed() };
        let ended = dormant.ended().unwrap_or(NEVER);
        Self {
            name: Arc::new(key.into()),
            first,
            last: dormant.last(),
            statistic: Statistic::from_compact(dormant.statistic(), covered, priors, horizons),
            recent: Recent::default(),
            days: Days::default(),
            principals: AttributeValues::of_remembered(dormant.callers()),
            agents: AttributeValues::default(),
            errors: AttributeValues::default(),
            trigger: TriggerCount::NONE,
            weight,
            episode: None,
            suppression: RuleSuppression::default(),
            last_episode: (ended, ended),
            generation: 0,
            needs_full_save: true,
        }
    }

    /// Returns to the quota what its attribution values hold of it.
    pub(crate) fn release_values(&self, quota: &mut MemoryQuota) {
        self.attributes().into_iter().for_each(|values| values.release(quota));
    }

    /// The callers that it remembers from when it was dormant and that have not called again.
    pub(crate) fn remembered(&self) -> Option<Remembered> {
        self.principals.remembered()
    }

    /// Sets the callers that it remembers, after a restore.
    pub(crate) fn set_remembered(&mut self, remembered: Option<Remembered>) {
        self.principals.set_remembered(remembered);
    }
}
