//! What a view expects of a minute, and how far a count deviates from it.

use serde::{Deserialize, Serialize};

use crate::detect::statistics::tail::{THRESHOLD, excess};

/// One more call is at most e^3, 20 times, rarer than one call less. Counts are whole numbers: if all
/// exceedances of a quiet, steady series are the same two calls, barely beyond the threshold, their mean
/// excess says nothing about how much rarer three calls are.
const STEP_LN_MAX: f64 = 3.0;
/// Standard deviations at which a learned value is clipped.
pub(super) const CLIP: f64 = 3.0;

/// Mean and standard deviation that a count is compared with, calls per minute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// Expected calls.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

impl Expectation {
    /// Lower bound of the mean excess b of a tail: with it, one more call at the threshold is e^3 times
    /// rarer.
    pub(super) fn least_excess(self) -> f64 {
        excess(THRESHOLD + 1.0 / self.sd) / STEP_LN_MAX
    }

    /// Deviation of `x` in standard deviations: z.
    pub(super) fn z(self, x: f64) -> f64 {
        (x - self.mean) / self.sd
    }

    /// `x`, at most three standard deviations from the mean, so that one burst does not spoil the moments.
    pub(super) fn clip(self, x: f64) -> f64 {
        x.clamp(self.mean - CLIP * self.sd, self.mean + CLIP * self.sd)
    }
}

/// Which side of the expectation is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Above it: an open minute, whose count can only rise.
    Rise,
    /// Below it: a closed minute.
    Fall,
    /// Both.
    Either,
}

impl Side {
    /// The deviation toward this side, of `z` standard deviations.
    pub(super) fn deviation(self, z: f64) -> f64 {
        match self {
            Self::Rise => z,
            Self::Fall => -z,
            Self::Either => z.abs(),
        }
    }
}
