//! The compact form of a statistic whose series is dormant: rounded once, the same in memory and in the changelog.

use serde::{Deserialize, Serialize};

/// A number from 0 on in two bytes, exact to 0.2 %: exponent and the first eight bits of an `f32`'s mantissa.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Half([u8; 2]);

impl Half {
    /// The nearest one.
    pub fn new(value: f64) -> Self {
        const LARGEST: f64 = 1e38;
        let bits = (value.clamp(0.0, LARGEST) as f32).to_bits();
        Self((((bits + (1 << 14)) >> 15) as u16).to_le_bytes())
    }

    /// The number; 0 where damaged bytes are none.
    pub fn get(self) -> f64 {
        let value = f32::from_bits(u32::from(u16::from_le_bytes(self.0)) << 15);
        if value.is_finite() { f64::from(value) } else { 0.0 }
    }
}

/// Exceedances and their summed excess.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTail {
    /// Exceedances.
    pub count: Half,
    /// Their excess.
    pub excess: Half,
}

/// The tail of the burst or the slow view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptIncidents {
    /// What it learnt.
    pub tail: KeptTail,
    /// Excess of the largest accepted burst.
    pub top: Half,
    /// Incidents remembered for the trend.
    pub incidents: u8,
    /// Evidence of a trend, in 255ths of the most there can be.
    pub evidence: u8,
}

/// The burst or the slow view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptView {
    /// Mean, calls.
    pub mean: Half,
    /// Mean of the squares.
    pub square: Half,
    /// Minutes learnt, in 255ths of all since the account's history began.
    pub weight: u8,
    /// Its tail.
    pub tail: KeptIncidents,
}

/// A statistic whose short sums have run out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptStatistic {
    /// The burst view.
    pub burst: KeptView,
    /// The slow view.
    pub slow: KeptView,
    /// Tail of the level view, of which nothing else is left.
    pub level: KeptTail,
}
