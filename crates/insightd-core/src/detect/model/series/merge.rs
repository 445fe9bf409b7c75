//! Merging a backfill into a series: calls of records that are older than the history of its account.

use super::{Series, TriggerCount};
use crate::detect::model::quota::MemoryQuota;
use crate::detect::statistics::horizon::Horizons;
use crate::detect::statistics::prior::ViewPriors;
use crate::detect::statistics::statistic::Statistic;

impl Series {
    /// Gives up an open insight without an End, because its Start was never published. The statistic does not
    /// learn its minutes.
    pub(crate) fn abandon_insight(&mut self) {
        if let Some(episode) = self.episode.take() {
            self.last_episode = (episode.start, episode.next().max(episode.start));
            for values in self.attributes_mut() {
                values.begin_episode();
            }
            self.needs_full_save = true;
        }
    }

    /// Charges the quota for a series that comes from another detector.
    pub(crate) fn adopt(&mut self, quota: &mut MemoryQuota) {
        self.needs_full_save = true;
        quota.bytes += self.key().bytes();
        self.attributes().into_iter().for_each(|values| values.charge(quota));
    }

    /// Merges an earlier part of the same series: `earlier` ends before minute `until`, in which the
    /// account's own history began.
    pub(crate) fn merge(&mut self, mut earlier: Self, until: i64, horizons: &Horizons, quota: &mut MemoryQuota) {
        earlier.abandon_insight();
        earlier.close_minutes(until - 1, horizons);
        self.statistic.merge(&earlier.statistic, horizons);
        self.days.merge(&earlier.days);
        let minute = self.last;
        self.principals.merge(earlier.principals, minute, quota);
        self.agents.merge(earlier.agents, minute, quota);
        self.errors.merge(earlier.errors, minute, quota);
        self.first = self.first.min(earlier.first);
        if earlier.last_episode.1 > self.last_episode.1 {
            self.last_episode = earlier.last_episode;
        }
        self.statistic_changed();
    }

    /// Merges a silence from minute `begin` to before minute `until`.
    pub(crate) fn merge_silence(&mut self, begin: i64, until: i64, horizons: &Horizons) {
        self.statistic.merge(&Statistic::new(begin, until - 1, ViewPriors::default(), horizons), horizons);
        self.statistic_changed();
    }

    /// Drops what was computed from its statistic.
    fn statistic_changed(&mut self) {
        self.trigger = TriggerCount::NONE;
        self.needs_full_save = true;
    }
}
