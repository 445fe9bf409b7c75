//! The calibrated tail of one view: how improbable is a deviation of z standard deviations, given what the
//! series has shown?
//!
//! Counts are not normally distributed, so z by itself is no probability. The tail is fitted to the series
//! instead, by the peaks-over-threshold method of extreme value theory: only the deviations above a threshold
//! u = 3 matter, and their excess `e = ln(z / 3)` is taken to be exponential. Then z itself is Pareto
//! distributed:
//!
//! ```text
//! P(Z > z) = (k / n) (z / 3)^(-1/b)        k exceedances in n minutes, b their mean excess
//! ```
//!
//! b, the mean of the logarithms, is Hill's estimator of the tail index (Hill, "A simple general approach to
//! inference about the tail of a distribution", Ann. Statist. 3, 1975). With an exponential tail of z
//! instead, high scores came eight times as often as they promise. K exceedances with the summed excess X in
//! N minutes, all decayed, start from a prior of q exceedances a minute and mean excess B ([`Prior`]) that is
//! worth w exceedances:
//!
//! ```text
//! k = K + w        n = N + w / q        b = (X + w B) / k
//! score(z) = -log10(k / n) + e / (b ln 10)                    z > 3
//! score(z) = min(2, -log10(k / n)) * max(0, z) / 3            else
//! ```
//!
//! The unit of every score is -log10 of a probability per minute. The sum is formed in logarithms, so it
//! never saturates.

use std::f64::consts::LN_10;

use serde::{Deserialize, Serialize};

use crate::detect::statistics::prior::Prior;

/// u: threshold above which the tail model holds, standard deviations.
pub const THRESHOLD: f64 = 3.0;
/// An excess is learned at most this many mean excesses high, so that one huge burst does not flatten the
/// tail.
const LEARN_CAP: f64 = 3.0;

/// K exceedances and their summed excess X, decayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tail {
    pub(super) count: f64,
    pub(super) excess: f64,
}

/// A tail with its prior filled in: everything that a score needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    /// -log10(k / n): the score at the threshold.
    pub(super) at_threshold: f64,
    /// b ln 10: excess per score unit.
    pub(super) excess_per_score: f64,
}

impl Tail {
    /// The fit over N = `minutes`, with a prior worth w = `weight` exceedances.
    pub(super) fn fit(&self, minutes: f64, weight: f64, prior: Prior) -> Fit {
        let k = self.count + weight;
        let n = minutes + weight / prior.rate;
        let b = (self.excess + weight * prior.excess) / k;
        Fit { at_threshold: -(k / n).log10(), excess_per_score: b * LN_10 }
    }

    /// Decays by `factor`.
    pub(super) fn decay(&mut self, factor: f64) {
        self.count *= factor;
        self.excess *= factor;
    }

    /// Adds what an earlier tail learned, decayed by `factor` since.
    pub(super) fn merge(&mut self, earlier: &Self, factor: f64) {
        self.count += earlier.count * factor;
        self.excess += earlier.excess * factor;
    }

    /// Learns one exceedance, worth `weight` of an ordinary one. `fit` is the tail before it.
    pub(super) fn learn(&mut self, excess: f64, weight: f64, fit: Fit) {
        self.count += weight;
        self.excess += weight * excess.min(LEARN_CAP * fit.excess_per_score / LN_10);
    }
}

impl Fit {
    /// The same fit with a mean excess b of at least `excess`.
    pub(super) fn at_least(self, excess: f64) -> Self {
        Self { excess_per_score: self.excess_per_score.max(excess * LN_10), ..self }
    }

    /// Score of a deviation of `z` standard deviations, from 0 (usual).
    pub(super) fn score(&self, z: f64) -> f64 {
        if z > THRESHOLD {
            self.at_threshold + excess(z) / self.excess_per_score
        } else {
            self.at_threshold.clamp(0.0, 2.0) * z.max(0.0) / THRESHOLD
        }
    }

    /// The excess whose score is `score`: the inverse of [`Fit::score`] above the threshold. It is negative
    /// where any exceedance reaches the score.
    pub(super) fn excess_at(&self, score: f64) -> f64 {
        (score - self.at_threshold) * self.excess_per_score
    }
}

/// e = ln(z / 3): excess of `z` standard deviations over the threshold.
pub(super) fn excess(z: f64) -> f64 {
    (z / THRESHOLD).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit() -> Fit {
        Tail::default().fit(10_080.0, 0.5, Prior::default())
    }

    #[test]
    fn two_calls_on_nothing_score_as_the_formula_says() {
        // z = 4: -log10(.5 / 10330) + ln(4/3) / (.33 ln 10), evaluated by hand.
        let by_hand = (10_330.0_f64 / 0.5).log10() + (4.0_f64 / 3.0).ln() / (0.33 * LN_10);
        assert!((fit().score(4.0) - by_hand).abs() < 1e-12);
        assert!(fit().score(4.0) > 4.6 && fit().score(4.0) < 4.8);
    }

    /// Scores by the formula above, evaluated with 40 digits by mpmath: K, X, minutes, w, q, B, z, score.
    const BY_MPMATH: [[f64; 8]; 30] = [
        [0.0, 0.0, 10080.0, 0.5, 0.002, 0.33, 3.0000001, 4.3151303610517],
        [0.0, 0.0, 10080.0, 0.5, 0.002, 0.33, 4.0, 4.69373254933],
        [0.0, 0.0, 10080.0, 0.5, 0.002, 0.33, 17.25, 6.6171540889704],
        [0.0, 0.0, 10080.0, 0.5, 0.002, 0.33, 1e6, 21.051126515003],
        [0.0, 0.0, 10080.0, 0.5, 0.002, 0.33, 1e60, 184.68749015137],
        [0.0, 0.0, 10080.0, 0.5, 0.002, 0.33, 1e300, 911.96021742409],
        [3.0, 2.5, 40000.0, 0.5, 0.002, 0.33, 3.0000001, 4.0606978593659],
        [3.0, 2.5, 40000.0, 0.5, 0.002, 0.33, 4.0, 4.2247824850549],
        [3.0, 2.5, 40000.0, 0.5, 0.002, 0.33, 17.25, 5.0583854412593],
        [3.0, 2.5, 40000.0, 0.5, 0.002, 0.33, 1e6, 11.31400951333],
        [3.0, 2.5, 40000.0, 0.5, 0.002, 0.33, 1e60, 82.233334091191],
        [3.0, 2.5, 40000.0, 0.5, 0.002, 0.33, 1e300, 397.43033221502],
        [120.0, 30.0, 38000.0, 4.0, 0.002, 0.33, 3.0000001, 2.50863836348],
        [120.0, 30.0, 38000.0, 4.0, 0.002, 0.33, 4.0, 3.0032871995064],
        [120.0, 30.0, 38000.0, 4.0, 0.002, 0.33, 17.25, 5.5162632340557],
        [120.0, 30.0, 38000.0, 4.0, 0.002, 0.33, 1e6, 24.374441767684],
        [120.0, 30.0, 38000.0, 4.0, 0.002, 0.33, 1e60, 238.16754521596],
        [120.0, 30.0, 38000.0, 4.0, 0.002, 0.33, 1e300, 1188.3591160972],
        [0.25, 1.75, 500.0, 0.5, 0.01, 0.9, 3.0000001, 2.8653014310377],
        [0.25, 1.75, 500.0, 0.5, 0.01, 0.9, 4.0, 2.907894177219],
        [0.25, 1.75, 500.0, 0.5, 0.01, 0.9, 17.25, 3.1242791004286],
        [0.25, 1.75, 500.0, 0.5, 0.01, 0.9, 1e6, 4.7481009983572],
        [0.25, 1.75, 500.0, 0.5, 0.01, 0.9, 1e60, 23.157191907448],
        [0.25, 1.75, 500.0, 0.5, 0.01, 0.9, 1e300, 104.97537372563],
        [7.0, 0.01, 20000.0, 0.5, 0.0005, 0.05, 3.0000001, 3.4471611334456],
        [7.0, 0.01, 20000.0, 0.5, 0.0005, 0.05, 4.0, 30.219744447406],
        [7.0, 0.01, 20000.0, 0.5, 0.0005, 0.05, 17.25, 166.23312475055],
        [7.0, 0.01, 20000.0, 0.5, 0.0005, 0.05, 1e6, 1186.9211748771],
        [7.0, 0.01, 20000.0, 0.5, 0.0005, 0.05, 1e60, 12758.349746306],
        [7.0, 0.01, 20000.0, 0.5, 0.0005, 0.05, 1e300, 64186.921174877],
    ];

    #[test]
    fn scores_equal_a_high_precision_table() {
        for [count, excess, minutes, weight, rate, mean, z, score] in BY_MPMATH {
            let fit = Tail { count, excess }.fit(minutes, weight, Prior { rate, excess: mean });
            let got = fit.score(z);
            assert!((got - score).abs() <= 1e-12 * score.abs(), "z {z}: {got} is not {score}");
        }
    }

    #[test]
    fn score_rises_with_z_and_never_saturates() {
        let fit = fit();
        let scores: Vec<f64> =
            [0.0, 1.0, 2.9, 3.1, 10.0, 1e3, 1e9, 1e100, 1e300].iter().map(|&z| fit.score(z)).collect();
        assert!(scores.windows(2).all(|w| w[0] < w[1]), "{scores:?}");
        assert!(scores.iter().all(|s| s.is_finite()));
        assert_eq!(fit.score(-5.0), 0.0);
    }

    #[test]
    fn three_standard_deviations_are_not_beyond_the_threshold() {
        // At the threshold the score is 2, not the 4.3 of an exceedance; below it it falls in proportion.
        assert_eq!(fit().score(3.0), 2.0);
        assert_eq!(fit().score(1.5), 1.0);
        assert!(fit().score(3.0_f64.next_up()) > 4.3);
    }

    #[test]
    fn a_view_that_always_exceeds_scores_nothing() {
        // As many exceedances as minutes: no deviation is unusual, and none scores below 0.
        let fit = Tail { count: 5000.0, excess: 2500.0 }.fit(5000.0, 0.5, Prior { rate: 2.0, excess: 0.5 });
        assert!(fit.at_threshold < 0.0, "k exceeds n");
        assert_eq!(fit.score(2.0), 0.0);
    }

    #[test]
    fn a_small_exceedance_is_learned_whole_and_a_burst_at_most_3_b() {
        let mut tail = Tail { count: 2.0, excess: 0.7 };
        // b = (.7 + .5 * .33) / 2.5 = .346, so that at most 1.038 is learned of any excess.
        let fit = tail.fit(1000.0, 0.5, Prior::default());
        tail.learn(0.4, 1.0, fit);
        assert!((tail.count - 3.0).abs() < 1e-12 && (tail.excess - 1.1).abs() < 1e-12, "{tail:?}");
        tail.learn(9.0, 0.25, fit);
        assert!((tail.count - 3.25).abs() < 1e-12 && (tail.excess - (1.1 + 0.25 * 1.038)).abs() < 1e-12, "{tail:?}");
    }

    #[test]
    fn two_tails_merged_equal_one_tail_that_learned_both() {
        let decay = 0.75;
        let (mut earlier, mut later, mut one) = (Tail::default(), Tail::default(), Tail::default());
        for excess in [0.2, 0.1, 0.3] {
            earlier.learn(excess, 1.0, fit());
            one.learn(excess, 1.0, fit());
        }
        one.decay(decay);
        for tail in [&mut later, &mut one] {
            tail.learn(0.25, 1.0, fit());
        }
        later.merge(&earlier, decay);
        assert!((later.count - one.count).abs() < 1e-12 && (later.excess - one.excess).abs() < 1e-12);
        // Three, decayed, and one; .6, decayed, and .25.
        assert!((one.count - 3.25).abs() < 1e-12 && (one.excess - 0.7).abs() < 1e-12, "{one:?}");
    }

    #[test]
    fn excess_at_is_the_inverse_of_the_score() {
        for z in [3.1, 4.0, 55.0, 1e6] {
            assert!((fit().excess_at(fit().score(z)) - excess(z)).abs() < 1e-9, "z {z}");
        }
        assert!(fit().excess_at(3.0) < 0.0, "any exceedance scores more than 3");
    }

    #[test]
    fn the_bound_of_the_mean_excess_only_raises_it() {
        let score = |least: f64| fit().at_least(least).score(30.0);
        assert_eq!(score(0.1), fit().score(30.0));
        // With b = .99 a tenfold z is worth ln(10) / (.99 ln(10)) above the threshold.
        assert!((score(0.99) - fit().at_threshold - 1.0 / 0.99).abs() < 1e-12);
    }
}
