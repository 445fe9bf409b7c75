//! The minutes that a statistic does not learn: those of insights.

use crate::detect::statistics::horizon::Horizons;
use crate::detect::statistics::statistic::Statistic;

/// Minutes of insights, which the moments do not learn.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrozenMinutes {
    /// The last insight, from Start (inclusive) to End (exclusive).
    pub(super) last: (i64, i64),
    /// Start of the open one.
    pub(super) open_since: i64,
}

impl FrozenMinutes {
    /// Whether the minute is one of them.
    pub(super) fn contains(&self, minute: i64) -> bool {
        minute >= self.open_since || (self.last.0..self.last.1).contains(&minute)
    }

    /// Passes over the empty minutes up to `to`, each one frozen or not by itself: a silence may lead into an
    /// insight or out of one.
    pub(super) fn pass_over(&self, statistic: &mut Statistic, to: i64, horizons: &Horizons) {
        for (until, frozen) in [(self.last.0, false), (self.last.1, true), (self.open_since, false), (i64::MAX, true)] {
            statistic.advance(to.min(until - 1), frozen, horizons);
        }
    }
}
