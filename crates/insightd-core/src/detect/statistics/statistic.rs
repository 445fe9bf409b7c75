//! The statistic of one series: three views of its counts, the score of a minute, and the count that would reach a limit.
//!
//! | view | z | horizon | finds | learns |
//! |---|---|---|---|---|
//! | burst | (c - mean) / sd of c | 7 d | the burst | incidents |
//! | slow | (S - mean) / sd of S | S 60 min; 7 d | few calls over minutes, slow ramps | incidents |
//! | level | (c - m) / sd of the one-step error | m 10 min, error 80 min | a jump within a noisy level | minutes |
//!
//! c is the count of a minute, S the leaky sum including it. The score of a series is the highest of the three, in
//! -log10 of a calibrated tail probability per minute. Closing a minute and scoring are O(1); minutes without a call are passed
//! over together, in closed form.

mod kept;

use serde::{Deserialize, Serialize};

use crate::detect::statistics::horizon::{Horizons, geometric};
use crate::detect::statistics::prior::Pair;
use crate::detect::statistics::tail::{IncidentTail, Prior, THRESHOLD, Tail};

/// Weight of the prior in the burst and slow views, exceedances.
const VIEW_PRIOR: f64 = 0.5;
/// Weight of the prior in the level view, exceedances.
const LEVEL_PRIOR: f64 = 4.0;
/// Variance floor. It makes two calls on nothing z = 4, where AWS raises an insight, and one call z = 2.
const FLOOR: f64 = 0.25;
/// log10 of the number of independent views that their overlap leaves: the highest of so many tail probabilities is as likely
/// as their sum. Measured: with 1.6 minutes beyond a score are as many as nominal.
const VIEWS: f64 = 0.2;
/// One more call is at most e^3, 20 times, rarer than one less. Counts are whole numbers: where all exceedances of a quiet, steady series
/// are the same two calls, barely beyond the threshold, their mean excess says nothing about how much rarer three are.
const RARER: f64 = 3.0;
/// Minutes of prior in every variance.
const PRIOR_MINUTES: f64 = 3.0;
/// Decayed minutes from which on outliers are clipped.
const CLIP_FROM: f64 = 5.0;
/// Standard deviations at which a learnt value is clipped.
const CLIP: f64 = 3.0;

/// Decayed raw moments with their own tail: the burst and the slow view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct View {
    m1: f64,
    m2: f64,
    weight: f64,
    tail: IncidentTail,
}

/// The level view: a short mean and the squared errors of predicting the next minute by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Level {
    sum: f64,
    weight: f64,
    error: f64,
    error_weight: f64,
    run: u32,
    tail: Tail,
}

/// Mean and standard deviation that a count is held against, calls per minute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// Expected calls.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

impl Expectation {
    /// Mean excess of a tail in which one more call at the threshold is as much rarer as it can be.
    fn least_excess(self) -> f64 {
        crate::detect::statistics::tail::excess(THRESHOLD + 1.0 / self.sd) / RARER
    }

    fn z(self, x: f64) -> f64 {
        (x - self.mean) / self.sd
    }

    fn clip(self, x: f64) -> f64 {
        x.clamp(self.mean - CLIP * self.sd, self.mean + CLIP * self.sd)
    }
}

/// Which side of the expectation is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Above it: a running minute, which can only rise.
    Rise,
    /// Below it: a closed minute.
    Fall,
    /// Both.
    Either,
}

impl Side {
    fn of(self, z: f64) -> f64 {
        match self {
            Self::Rise => z,
            Self::Fall => -z,
            Self::Either => z.abs(),
        }
    }
}

/// A score and what it was measured against.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    /// -log10 of the tail probability; 0 is usual.
    pub value: f64,
    /// What of it is evidence of a trend.
    pub trend: f64,
    /// Expectation for single minutes, of the view that scored highest (the burst view's for the slow view).
    pub expected: Expectation,
}

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistic {
    closed: i64,
    sum: f64,
    minutes: f64,
    burst: View,
    slow: View,
    level: Level,
    /// From the configuration, so never saved.
    #[serde(skip)]
    priors: Pair,
}

// === impl View ===

impl View {
    fn expectation(&self) -> Expectation {
        let mean = if self.weight > 0.0 { self.m1 / self.weight } else { 0.0 };
        let variance = if self.weight > 0.0 { (self.m2 / self.weight - mean * mean).max(0.0) } else { 0.0 };
        let prior = PRIOR_MINUTES / (self.weight + PRIOR_MINUTES);
        Expectation { mean, sd: (variance * (1.0 - prior) + FLOOR * prior + FLOOR).sqrt() }
    }

    /// Variance as observed, without prior and floor.
    fn variance(&self) -> f64 {
        let mean = self.expectation().mean;
        if self.weight > 0.0 { (self.m2 / self.weight - mean * mean).max(0.0) } else { 0.0 }
    }

    fn learn(&mut self, x: f64, now: i64, horizons: &Horizons) {
        let mut x = x;
        if self.tail.is_level(now, horizons) {
            let scale = (horizons.stretch as f64 / self.weight).min(1.0);
            (self.m1, self.m2, self.weight) = (self.m1 * scale, self.m2 * scale, self.weight * scale);
        } else if self.weight >= CLIP_FROM {
            x = self.expectation().clip(x);
        }
        let keep = horizons.moments.keep();
        self.m1 = self.m1 * keep + x;
        self.m2 = self.m2 * keep + x * x;
        self.weight = self.weight * keep + 1.0;
    }

    /// Adds what was learnt `gap` minutes earlier.
    fn absorb(&mut self, past: &Self, gap: f64, horizons: &Horizons) {
        let keep = horizons.moments.keep_over(gap);
        self.m1 += past.m1 * keep;
        self.m2 += past.m2 * keep;
        self.weight += past.weight * keep;
        self.tail.absorb(&past.tail, horizons.tail.keep_over(gap));
    }

    /// Empty minutes in which the observed value starts at `x` (already one minute old) and shrinks by `r` a minute.
    fn advance(&mut self, gap: f64, x: f64, r: f64, r_gap: f64, horizons: &Horizons) {
        let (keep, keep_gap) = (horizons.moments.keep(), horizons.moments.keep_over(gap));
        self.m1 *= keep_gap;
        self.m2 *= keep_gap;
        if x > 0.0 {
            self.m1 += geometric(x, r, keep, r_gap, keep_gap);
            self.m2 += geometric(x * x, r * r, keep, r_gap * r_gap, keep_gap);
        }
        self.weight = self.weight * keep_gap + horizons.moments.ones(gap);
    }
}

// === impl Level ===

impl Level {
    fn mean(&self) -> f64 {
        if self.weight > 0.0 { self.sum / self.weight } else { 0.0 }
    }

    fn expectation(&self) -> Expectation {
        let variance = (self.error + PRIOR_MINUTES * FLOOR) / (self.error_weight + PRIOR_MINUTES) + FLOOR;
        Expectation { mean: self.mean(), sd: variance.sqrt() }
    }

    fn learn(&mut self, c: f64, horizons: &Horizons) {
        let expected = self.expectation();
        self.run = if (c - expected.mean).abs() > CLIP * expected.sd { self.run + 1 } else { 0 };
        // A run longer than this is a new level and taken as it is.
        let clipped = self.weight >= CLIP_FROM && self.run <= horizons.level_run;
        let x = if clipped { expected.clip(c) } else { c };
        let error = x - expected.mean;
        self.error = self.error * horizons.error.keep() + error * error;
        self.error_weight = self.error_weight * horizons.error.keep() + 1.0;
        self.sum = self.sum * horizons.level.keep() + x;
        self.weight = self.weight * horizons.level.keep() + 1.0;
    }

    fn advance(&mut self, gap: f64, horizons: &Horizons) {
        let (error, level) = (horizons.error.keep(), horizons.level.keep());
        let (error_gap, level_gap) = (horizons.error.keep_over(gap), horizons.level.keep_over(gap));
        let mean = self.mean();
        self.error =
            self.error * error_gap + mean * mean * (error_gap - level_gap * level_gap) / (error - level * level);
        self.error_weight = self.error_weight * error_gap + horizons.error.ones(gap);
        self.sum *= level_gap;
        self.weight = self.weight * level_gap + horizons.level.ones(gap);
        self.run = 0;
    }
}

impl Level {
    /// Adds what was learnt `gap` minutes earlier.
    fn absorb(&mut self, past: &Self, gap: f64, horizons: &Horizons) {
        let (error, level) = (horizons.error.keep_over(gap), horizons.level.keep_over(gap));
        self.error += past.error * error;
        self.error_weight += past.error_weight * error;
        self.sum += past.sum * level;
        self.weight += past.weight * level;
        self.tail.absorb(&past.tail, horizons.tail.keep_over(gap));
    }
}

// === impl Statistic ===

impl Statistic {
    /// A series first seen in an account whose history begins at minute `begin`: zeros from there to `closed`.
    pub fn new(begin: i64, closed: i64, priors: Pair, horizons: &Horizons) -> Self {
        let begin = begin.min(closed + 1);
        let mut statistic = Self {
            closed: begin - 1,
            sum: 0.0,
            minutes: 0.0,
            burst: View::default(),
            slow: View::default(),
            level: Level::default(),
            priors,
        };
        statistic.advance(closed, false, horizons);
        statistic
    }

    /// Sets what is known of the API beforehand, after the rest was read as saved.
    pub fn set_priors(&mut self, priors: Pair) {
        self.priors = priors;
    }

    /// Adds the statistic of the minutes before its own.
    pub fn absorb(&mut self, past: &Self, horizons: &Horizons) {
        let gap = (self.closed - past.closed).max(0) as f64;
        self.burst.absorb(&past.burst, gap, horizons);
        self.slow.absorb(&past.slow, gap, horizons);
        self.level.absorb(&past.level, gap, horizons);
        self.minutes += past.minutes * horizons.tail.keep_over(gap);
        self.sum += past.sum * horizons.sum.keep_over(gap);
    }

    /// Last minute that has been closed here.
    pub fn closed(&self) -> i64 {
        self.closed
    }

    /// Leaky sum of the closed minutes, as of minute `now`.
    pub fn sum_at(&self, now: i64, horizons: &Horizons) -> f64 {
        self.sum * horizons.sum.keep_over((now - self.closed) as f64)
    }

    /// Incidents learnt and their summed excess, of the burst and the slow view, decayed.
    pub fn learnt(&self) -> [(f64, f64); 2] {
        [self.burst.tail.learnt(), self.slow.tail.learnt()]
    }

    /// Minutes watched, decayed.
    pub fn minutes(&self) -> f64 {
        self.minutes
    }

    /// Expectation of the burst view, calls per minute.
    pub fn expectation(&self) -> Expectation {
        self.burst.expectation()
    }

    /// The usual rate: mean of the burst view and its spread, `spread^2 = max(mean, variance)`.
    pub fn usual(&self) -> Expectation {
        let mean = self.burst.expectation().mean;
        Expectation { mean, sd: mean.max(self.burst.variance()).max(0.0).sqrt() }
    }

    /// Closes all minutes up to `minute` (inclusive), which had no call. While `frozen` the moments do not learn.
    pub fn advance(&mut self, minute: i64, frozen: bool, horizons: &Horizons) {
        if minute <= self.closed {
            return;
        }
        let gap = (minute - self.closed) as f64;
        let (burst, slow, _) = self.fits();
        self.burst.tail.advance(self.closed, minute, burst, horizons);
        self.slow.tail.advance(self.closed, minute, slow, horizons);
        self.level.tail.decay(horizons.tail.keep_over(gap));
        self.minutes = self.minutes * horizons.tail.keep_over(gap) + horizons.tail.ones(gap);
        let (r, r_gap) = (horizons.sum.keep(), horizons.sum.keep_over(gap));
        if !frozen {
            self.burst.advance(gap, 0.0, r, r_gap, horizons);
            self.slow.advance(gap, self.sum, r, r_gap, horizons);
        }
        self.sum *= r_gap;
        self.level.advance(gap, horizons);
        self.closed = minute;
    }

    /// Closes `minute` with count `c`, after the empty ones before it.
    pub fn close(&mut self, minute: i64, c: f64, frozen: bool, horizons: &Horizons) {
        assert!(minute > self.closed, "a minute is closed once");
        self.advance(minute - 1, frozen, horizons);
        let s = self.sum * horizons.sum.keep() + c;
        let (burst, slow, level) = self.fits();
        let z_level = horizons.deviation(self.level.expectation().z(c));
        self.burst.tail.close(horizons.deviation(self.burst.expectation().z(c)), minute, burst, horizons);
        self.slow.tail.close(horizons.deviation(self.slow.expectation().z(s)), minute, slow, horizons);
        self.level.tail.decay(horizons.tail.keep());
        if z_level > THRESHOLD {
            self.level.tail.learn(crate::detect::statistics::tail::excess(z_level), 1.0, level);
        }
        self.minutes = self.minutes * horizons.tail.keep() + 1.0;
        if !frozen {
            self.burst.learn(c, minute, horizons);
            self.slow.learn(s, minute, horizons);
        }
        self.level.learn(c, horizons);
        self.sum = s;
        self.closed = minute;
    }

    /// Score of minute `now` with count `c` and leaky sum `s` (including `c`).
    pub fn score(&self, now: i64, c: f64, s: f64, side: Side, horizons: &Horizons) -> Score {
        let (burst_fit, slow_fit, level_fit) = self.fits();
        let (burst, level) = (self.burst.expectation(), self.level.expectation());
        let (z_burst, z_slow) = (side.of(burst.z(c)), side.of(self.slow.expectation().z(s)));
        let by_burst = self.burst.tail.score(z_burst, now, burst_fit, horizons);
        let by_slow = self.slow.tail.score(z_slow, now, slow_fit, horizons);
        let by_level = level_fit.score(side.of(level.z(c)));
        let highest = |burst: f64, slow: f64| (burst.max(slow).max(by_level) - VIEWS).max(0.0);
        let value = highest(by_burst, by_slow);
        let plain = highest(
            self.burst.tail.score_without_trend(z_burst, now, burst_fit, horizons),
            self.slow.tail.score_without_trend(z_slow, now, slow_fit, horizons),
        );
        Score { value, trend: value - plain, expected: if by_level > by_burst.max(by_slow) { level } else { burst } }
    }

    /// Smallest count of minute `now` whose score can reach `limit`, when the leaky sum without that count is `s_before`.
    /// Rounded down where rounding matters: the full score confirms.
    pub fn needed(&self, now: i64, s_before: f64, limit: f64, horizons: &Horizons) -> u32 {
        // Below the threshold the score is at most 2, so a limit up to there can be reached by any count.
        let limit = limit + VIEWS;
        if limit <= 2.0 {
            return 0;
        }
        let (burst_fit, slow_fit, level_fit) = self.fits();
        let at = |e: Expectation, excess: f64| e.mean + THRESHOLD * e.sd * excess.exp();
        let burst = at(self.burst.expectation(), self.burst.tail.excess_needed(limit, now, burst_fit, horizons));
        let slow = at(self.slow.expectation(), self.slow.tail.excess_needed(limit, now, slow_fit, horizons)) - s_before;
        let level = at(self.level.expectation(), level_fit.excess_at(limit).max(0.0));
        let needed = (burst.min(slow).min(level) - 1e-6).ceil();
        needed.clamp(0.0, f64::from(u32::MAX)) as u32
    }

    fn fits(
        &self,
    ) -> (
        crate::detect::statistics::tail::Fit,
        crate::detect::statistics::tail::Fit,
        crate::detect::statistics::tail::Fit,
    ) {
        let of_view = |view: &View, prior: Prior| {
            view.tail.fit(self.minutes, VIEW_PRIOR, prior).at_least(view.expectation().least_excess())
        };
        let level = self.level.tail.fit(self.minutes, LEVEL_PRIOR, Prior::default());
        (
            of_view(&self.burst, self.priors.burst),
            of_view(&self.slow, self.priors.slow),
            level.at_least(self.level.expectation().least_excess()),
        )
    }
}

#[cfg(test)]
mod tests;
