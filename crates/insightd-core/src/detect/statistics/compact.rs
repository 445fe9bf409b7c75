//! The form in which a dormant series stores its statistic, the same in memory and in the changelog.
//!
//! Numbers are rounded once, when the series becomes dormant. Sums with half-lives of hours have decayed to
//! nothing by then and are not stored; what follows from the age of the account is computed again.

use serde::{Deserialize, Serialize};

use crate::detect::statistics::horizon::Horizons;
use crate::detect::statistics::incident::{EVIDENCE_MAX, INCIDENTS_MAX, IncidentTail};
use crate::detect::statistics::prior::ViewPriors;
use crate::detect::statistics::statistic::Statistic;
use crate::detect::statistics::tail::Tail;
use crate::detect::statistics::views::{LevelView, MomentView};

/// A nonnegative number in two bytes, exact to 0.2 %: the exponent of an `f32` and the first eight bits of
/// its mantissa.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CompactFloat([u8; 2]);

impl CompactFloat {
    /// The nearest representable number.
    pub(in crate::detect) fn new(value: f64) -> Self {
        const LARGEST: f64 = 1e38;
        let bits = (value.clamp(0.0, LARGEST) as f32).to_bits();
        Self((((bits + (1 << 14)) >> 15) as u16).to_le_bytes())
    }

    /// The number; 0 if damaged bytes do not represent one.
    pub(in crate::detect) fn get(self) -> f64 {
        let value = f32::from_bits(u32::from(u16::from_le_bytes(self.0)) << 15);
        if value.is_finite() { f64::from(value) } else { 0.0 }
    }
}

/// Compact form of a tail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CompactTail {
    /// K: exceedances.
    pub(in crate::detect) count: CompactFloat,
    /// X: their summed excess.
    pub(in crate::detect) excess: CompactFloat,
}

/// Compact form of an incident tail whose last incident is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CompactIncidentTail {
    /// What it learned.
    pub(in crate::detect) tail: CompactTail,
    /// Excess of the highest peak learned.
    pub(in crate::detect) top: CompactFloat,
    /// Incidents counted for the trend.
    pub(in crate::detect) incidents: u8,
    /// Evidence of a trend, in 255ths of the maximum.
    pub(in crate::detect) evidence: u8,
}

/// Compact form of the burst or the slow view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CompactView {
    /// Mean, calls.
    pub(in crate::detect) mean: CompactFloat,
    /// Mean of the squares.
    pub(in crate::detect) square: CompactFloat,
    /// Weight of the moments, in 255ths of what all minutes since the account's history began would weigh.
    pub(in crate::detect) weight: u8,
    /// Its tail.
    pub(in crate::detect) tail: CompactIncidentTail,
}

/// Compact form of a statistic whose short sums have decayed to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CompactStatistic {
    /// The burst view.
    pub(in crate::detect) burst: CompactView,
    /// The slow view.
    pub(in crate::detect) slow: CompactView,
    /// Tail of the level view; the rest of that view has decayed.
    pub(in crate::detect) level: CompactTail,
}

/// The minutes that a statistic covers.
#[derive(Clone, Copy, Debug)]
pub(in crate::detect) struct Covered {
    /// First minute of the account's history.
    pub(in crate::detect) begin: i64,
    /// Last closed minute.
    pub(in crate::detect) closed: i64,
}

impl Covered {
    fn minutes(self) -> f64 {
        (self.closed - self.begin + 1).max(1) as f64
    }
}

impl Tail {
    fn compact(&self) -> CompactTail {
        CompactTail { count: CompactFloat::new(self.count), excess: CompactFloat::new(self.excess) }
    }

    fn from_compact(compact: CompactTail) -> Self {
        Self { count: compact.count.get(), excess: compact.excess.get() }
    }
}

impl IncidentTail {
    fn compact(&self) -> CompactIncidentTail {
        CompactIncidentTail {
            tail: self.tail.compact(),
            top: CompactFloat::new(self.top),
            incidents: self.incidents.min(INCIDENTS_MAX) as u8,
            evidence: (self.evidence / EVIDENCE_MAX * 255.0).round() as u8,
        }
    }

    fn from_compact(compact: CompactIncidentTail) -> Self {
        Self {
            tail: Tail::from_compact(compact.tail),
            running: None,
            top: compact.top.get(),
            incidents: u32::from(compact.incidents).min(INCIDENTS_MAX),
            evidence: f64::from(compact.evidence) / 255.0 * EVIDENCE_MAX,
        }
    }
}

impl MomentView {
    /// `full` is the weight of all minutes since the account's history began.
    fn compact(&self, full: f64) -> CompactView {
        let mean = |sum: f64| CompactFloat::new(if self.weight > 0.0 { sum / self.weight } else { 0.0 });
        CompactView {
            mean: mean(self.m1),
            square: mean(self.m2),
            weight: (self.weight / full * 255.0).round() as u8,
            tail: self.tail.compact(),
        }
    }

    fn from_compact(compact: CompactView, full: f64) -> Self {
        let weight = f64::from(compact.weight) / 255.0 * full;
        let (m1, m2) = (compact.mean.get() * weight, compact.square.get() * weight);
        Self { m1, m2, weight, tail: IncidentTail::from_compact(compact.tail) }
    }
}

impl Statistic {
    /// The compact form of a statistic that has closed so many minutes without a call that its short sums
    /// have decayed to nothing. `begin` is the first minute of the account's history.
    pub(in crate::detect) fn compact(&self, begin: i64, horizons: &Horizons) -> CompactStatistic {
        let full = horizons.moments.ones(Covered { begin, closed: self.closed }.minutes());
        CompactStatistic {
            burst: self.burst.compact(full),
            slow: self.slow.compact(full),
            level: self.level.tail.compact(),
        }
    }

    /// The statistic that was stored as `compact` after it had closed the minutes `covered`.
    pub(in crate::detect) fn from_compact(
        compact: &CompactStatistic,
        covered: Covered,
        priors: ViewPriors,
        horizons: &Horizons,
    ) -> Self {
        let minutes = covered.minutes();
        let full = horizons.moments.ones(minutes);
        Self {
            closed: covered.closed,
            sum: 0.0,
            minutes: horizons.tail.ones(minutes),
            burst: MomentView::from_compact(compact.burst, full),
            slow: MomentView::from_compact(compact.slow, full),
            level: LevelView {
                weight: horizons.level.ones(minutes),
                error_weight: horizons.error.ones(minutes),
                tail: Tail::from_compact(compact.level),
                ..LevelView::default()
            },
            priors,
        }
    }
}

#[cfg(test)]
mod tests;
