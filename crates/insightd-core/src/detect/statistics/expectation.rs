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

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Expectation = Expectation { mean: 10.0, sd: 2.0 };

    #[test]
    fn z_counts_standard_deviations_from_the_mean() {
        assert_eq!(USUAL.z(16.0), 3.0);
        assert_eq!(USUAL.z(7.0), -1.5);
    }

    #[test]
    fn a_burst_is_learned_as_three_standard_deviations() {
        assert_eq!([16.1, 1e9].map(|x| USUAL.clip(x)), [16.0, 16.0]);
        assert_eq!([3.9, 0.0].map(|x| USUAL.clip(x)), [4.0, 4.0]);
        assert_eq!([4.0, 11.5, 16.0].map(|x| USUAL.clip(x)), [4.0, 11.5, 16.0]);
    }

    #[test]
    fn one_more_call_at_the_threshold_is_e_cubed_times_rarer() {
        for sd in [0.5, 1.0, 40.0] {
            let usual = Expectation { mean: 1.0, sd };
            let z = usual.z(usual.mean + THRESHOLD * sd + 1.0);
            // P(Z > z) / P(Z > 3) of the Pareto tail with mean excess b.
            let rarer = (z / THRESHOLD).powf(-1.0 / usual.least_excess());
            assert!((rarer - (-3.0_f64).exp()).abs() < 1e-12, "sd {sd}: {rarer}");
        }
    }

    #[test]
    fn a_side_sees_only_its_own_deviations() {
        assert_eq!([2.0, -2.0].map(|z| Side::Rise.deviation(z)), [2.0, -2.0]);
        assert_eq!([2.0, -2.0].map(|z| Side::Fall.deviation(z)), [-2.0, 2.0]);
        assert_eq!([2.0, -2.0].map(|z| Side::Either.deviation(z)), [2.0, 2.0]);
    }
}
