//! The three views of a series: three ways to standardize the count of a minute.
//!
//! | view | z | half-lives | finds |
//! |---|---|---|---|
//! | burst | (c - mean) / sd of c | moments 7 d | a burst within a minute |
//! | slow | (S - mean) / sd of S | S 60 min; moments 7 d | a few calls over minutes, slow ramps |
//! | level | (c - m) / sd of the one-step error | m 10 min, error 80 min | a jump within a noisy level |
//!
//! The tails of burst and slow learn one peak per incident, the tail of level every minute.
//!
//! c is the count of a minute; S the leaky sum of all counts, the present one included. The raw count is
//! used, not its square root: the root made large steps small and halved the recall on one set of count
//! series.
//!
//! Burst and slow keep decayed raw moments: `m1` of x, `m2` of x^2 and their weight W, where x is c or S:
//!
//! ```text
//! mean = m1 / W      sd^2 = max(0, m2 / W - mean^2) W / (W + 3) + .25 * 3 / (W + 3) + .25
//! ```
//!
//! Level keeps a short decayed mean m and the decayed squared error V, of weight Wv, of predicting a minute
//! by the m before it:
//!
//! ```text
//! sd^2 = (V + 3 * .25) / (Wv + 3) + .25
//! ```
//!
//! The 3 are three minutes of prior, the .25 the floor of the variance.

use serde::{Deserialize, Serialize};

use crate::detect::statistics::expectation::{CLIP, Expectation};
use crate::detect::statistics::horizon::{Horizons, geometric};
use crate::detect::statistics::incident::IncidentTail;
use crate::detect::statistics::tail::Tail;

/// Floor of every variance. With it two calls on an empty history are z = 4, where AWS raises an insight, and
/// one call is z = 2.
const VARIANCE_FLOOR: f64 = 0.25;
/// Minutes of prior in every variance.
const PRIOR_MINUTES: f64 = 3.0;
/// Decayed minutes from which on outliers are clipped.
const CLIP_FROM: f64 = 5.0;

/// The burst view or the slow view: decayed raw moments of an observed value x, with their tail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct MomentView {
    /// Decayed sum of x.
    pub(super) m1: f64,
    /// Decayed sum of x^2.
    pub(super) m2: f64,
    /// W: decayed minutes in the two sums.
    pub(super) weight: f64,
    pub(super) tail: IncidentTail,
}

/// The level view: a short mean, and the squared errors of predicting the next minute by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LevelView {
    /// Decayed sum of the counts.
    pub(super) sum: f64,
    /// Decayed minutes in `sum`.
    pub(super) weight: f64,
    /// V: decayed sum of the squared errors.
    pub(super) error: f64,
    /// Wv: decayed minutes in `error`.
    pub(super) error_weight: f64,
    /// Consecutive minutes, up to now, more than three standard deviations away.
    pub(super) run: u32,
    pub(super) tail: Tail,
}

// === impl MomentView ===

impl MomentView {
    pub(super) fn expectation(&self) -> Expectation {
        let (mean, variance) = self.mean_and_variance();
        let prior = PRIOR_MINUTES / (self.weight + PRIOR_MINUTES);
        Expectation { mean, sd: (variance * (1.0 - prior) + VARIANCE_FLOOR * prior + VARIANCE_FLOOR).sqrt() }
    }

    /// Variance as observed, without prior and floor.
    pub(super) fn variance(&self) -> f64 {
        self.mean_and_variance().1
    }

    fn mean_and_variance(&self) -> (f64, f64) {
        if self.weight > 0.0 {
            let mean = self.m1 / self.weight;
            (mean, (self.m2 / self.weight - mean * mean).max(0.0))
        } else {
            (0.0, 0.0)
        }
    }

    /// Learns the value `x` of minute `now`. Outliers are clipped, unless exceedances have gone on for so
    /// long that they are a new level: then the old level is scaled down to the weight of a day.
    pub(super) fn learn(&mut self, x: f64, now: i64, horizons: &Horizons) {
        let mut x = x;
        if self.tail.is_level(now, horizons) {
            let scale = (horizons.new_level_after as f64 / self.weight).min(1.0);
            (self.m1, self.m2, self.weight) = (self.m1 * scale, self.m2 * scale, self.weight * scale);
        } else if self.weight >= CLIP_FROM {
            x = self.expectation().clip(x);
        }
        let a = horizons.moments.factor();
        self.m1 = self.m1 * a + x;
        self.m2 = self.m2 * a + x * x;
        self.weight = self.weight * a + 1.0;
    }

    /// Adds what an earlier view learned, up to `gap` minutes before this one's last minute.
    pub(super) fn merge(&mut self, earlier: &Self, gap: f64, horizons: &Horizons) {
        let a_gap = horizons.moments.factor_over(gap);
        self.m1 += earlier.m1 * a_gap;
        self.m2 += earlier.m2 * a_gap;
        self.weight += earlier.weight * a_gap;
        self.tail.merge(&earlier.tail, horizons.tail.factor_over(gap));
    }

    /// Learns `gap` minutes without a call. The observed value was `x` before them and shrinks by `r` a
    /// minute; `r_gap` is r^gap.
    pub(super) fn advance(&mut self, gap: f64, x: f64, r: f64, r_gap: f64, horizons: &Horizons) {
        let (a, a_gap) = (horizons.moments.factor(), horizons.moments.factor_over(gap));
        self.m1 = self.m1 * a_gap + geometric(x, r, a, r_gap, a_gap);
        self.m2 = self.m2 * a_gap + geometric(x * x, r * r, a, r_gap * r_gap, a_gap);
        self.weight = self.weight * a_gap + horizons.moments.ones(gap);
    }
}

// === impl LevelView ===

impl LevelView {
    /// m: the short mean.
    pub(super) fn mean(&self) -> f64 {
        if self.weight > 0.0 { self.sum / self.weight } else { 0.0 }
    }

    pub(super) fn expectation(&self) -> Expectation {
        let variance =
            (self.error + PRIOR_MINUTES * VARIANCE_FLOOR) / (self.error_weight + PRIOR_MINUTES) + VARIANCE_FLOOR;
        Expectation { mean: self.mean(), sd: variance.sqrt() }
    }

    /// Learns the count `c` of a minute. A longer run of outliers than `level_run` is a new level, learned
    /// unclipped.
    pub(super) fn learn(&mut self, c: f64, horizons: &Horizons) {
        let expected = self.expectation();
        self.run = if (c - expected.mean).abs() > CLIP * expected.sd { self.run + 1 } else { 0 };
        let clipped = self.weight >= CLIP_FROM && self.run <= horizons.level_run;
        let x = if clipped { expected.clip(c) } else { c };
        let error = x - expected.mean;
        self.error = self.error * horizons.error.factor() + error * error;
        self.error_weight = self.error_weight * horizons.error.factor() + 1.0;
        self.sum = self.sum * horizons.level.factor() + x;
        self.weight = self.weight * horizons.level.factor() + 1.0;
    }

    /// Learns `gap` minutes without a call.
    pub(super) fn advance(&mut self, gap: f64, horizons: &Horizons) {
        let (error, level) = (horizons.error.factor(), horizons.level.factor());
        let (error_gap, level_gap) = (horizons.error.factor_over(gap), horizons.level.factor_over(gap));
        let mean = self.mean();
        self.error =
            self.error * error_gap + mean * mean * (error_gap - level_gap * level_gap) / (error - level * level);
        self.error_weight = self.error_weight * error_gap + horizons.error.ones(gap);
        self.sum *= level_gap;
        self.weight = self.weight * level_gap + horizons.level.ones(gap);
        self.run = 0;
    }

    /// Adds what an earlier view learned, up to `gap` minutes before this one's last minute.
    pub(super) fn merge(&mut self, earlier: &Self, gap: f64, horizons: &Horizons) {
        let (error, level) = (horizons.error.factor_over(gap), horizons.level.factor_over(gap));
        self.error += earlier.error * error;
        self.error_weight += earlier.error_weight * error;
        self.sum += earlier.sum * level;
        self.weight += earlier.weight * level;
        self.tail.merge(&earlier.tail, horizons.tail.factor_over(gap));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::statistics::horizon::Direction;

    fn near(name: &str, got: f64, expected: f64) {
        assert!((got - expected).abs() <= 1e-9 * expected.abs(), "{name}: {got}, not {expected}");
    }

    #[test]
    fn a_sum_that_fades_in_silence_is_learned_as_it_fades() {
        let horizons = Horizons::per_minute(Direction::Up);
        let mut view = MomentView { m1: 40.0, m2: 90.0, weight: 30.0, ..MomentView::default() };
        let (a, r) = (0.5_f64.powf(1.0 / 10_080.0), 0.5_f64.powf(1.0 / 60.0));
        let (mut m1, mut m2, mut weight, mut x) = (40.0, 90.0, 30.0, 25.0);
        for _ in 0..200 {
            x *= r;
            (m1, m2, weight) = (m1 * a + x, m2 * a + x * x, weight * a + 1.0);
        }
        view.advance(200.0, 25.0, r, r.powi(200), &horizons);
        near("m1", view.m1, m1);
        near("m2", view.m2, m2);
        near("weight", view.weight, weight);
    }

    #[test]
    fn a_level_that_fades_in_silence_errs_by_what_is_left_of_it() {
        let horizons = Horizons::per_minute(Direction::Up);
        let (level, error) = (0.5_f64.powf(0.1), 0.5_f64.powf(1.0 / 80.0));
        // A level of 6 calls that has lasted: its weight no longer grows.
        let weight = 1.0 / (1.0 - level);
        let mut view =
            LevelView { sum: 6.0 * weight, weight, error: 30.0, error_weight: 50.0, run: 3, ..LevelView::default() };
        let (mut v, mut wv, mut mean) = (30.0, 50.0, 6.0);
        for _ in 0..25 {
            (v, wv) = (v * error + mean * mean, wv * error + 1.0);
            mean *= level;
        }
        view.advance(25.0, &horizons);
        near("mean", view.mean(), mean);
        near("weight", view.weight, weight);
        near("squared error", view.error, v);
        near("error weight", view.error_weight, wv);
        assert_eq!(view.run, 0, "silence ends a run of outliers");
    }

    #[test]
    fn outliers_are_clipped_from_the_fifth_minute_on() {
        let horizons = Horizons::per_minute(Direction::Up);
        let learned = |weight: f64| {
            let mut moments = MomentView { weight, ..MomentView::default() };
            let mut level = LevelView { weight, ..LevelView::default() };
            moments.learn(900.0, 1, &horizons);
            level.learn(900.0, &horizons);
            (moments.m1, level.sum)
        };
        assert_eq!(learned(4.99), (900.0, 900.0));
        // Mean 0; sd^2 = .25 * 3 / 8 + .25 and .75 / 3 + .25.
        let (moments, level) = learned(5.0);
        near("moments", moments, 3.0 * 0.343_75_f64.sqrt());
        near("level", level, 3.0 * 0.5_f64.sqrt());
    }

    #[test]
    fn the_seventh_outlier_in_a_row_is_a_new_level() {
        let horizons = Horizons::per_minute(Direction::Up);
        let mut level = LevelView { weight: 14.0, error_weight: 100.0, ..LevelView::default() };
        for outlier in 1..=7 {
            let before = level;
            level.learn(1e6, &horizons);
            let clipped = level.sum - before.sum * 0.5_f64.powf(0.1) < 9e5;
            assert_eq!((level.run, clipped), (outlier, outlier < 7), "outlier {outlier}");
        }
        level.learn(level.mean(), &horizons);
        assert_eq!(level.run, 0);
    }
}
