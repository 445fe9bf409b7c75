//! The moments with which the rivals compare a count: those of a plain window of a week, and an exponentially
//! weighted mean of an hour. Each series has its own. Any number of buckets without a call are advanced over
//! at once.

use std::collections::VecDeque;

/// Mean and variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Variance, not below 0.
    pub variance: f64,
}

impl Moments {
    /// Standard deviations above the mean. The floor of the variance keeps a first call finite.
    pub fn z(self, count: f64) -> f64 {
        (count - self.mean) / (self.variance + 0.25).sqrt()
    }
}

/// Mean and variance of the latest buckets, at most `length`. There are no buckets before `begin`.
#[derive(Clone, Debug)]
pub struct Window {
    length: i64,
    begin: i64,
    counts: VecDeque<(i64, f64)>,
    sum: f64,
    squares: f64,
}

impl Window {
    /// A window of `length` buckets over a series whose history begins at `begin`.
    pub fn new(length: i64, begin: i64) -> Self {
        Self { length, begin, counts: VecDeque::new(), sum: 0.0, squares: 0.0 }
    }

    /// The moments of the buckets before `now`, which must not decrease.
    pub fn before(&mut self, now: i64) -> Moments {
        while let Some(&(at, count)) = self.counts.front().filter(|(at, _)| *at < now - self.length) {
            debug_assert!(at < now);
            self.counts.pop_front();
            self.sum -= count;
            self.squares -= count * count;
        }
        let buckets = (now - self.begin).clamp(1, self.length) as f64;
        let mean = self.sum / buckets;
        Moments { mean, variance: (self.squares / buckets - mean * mean).max(0.0) }
    }

    /// Adds the count of bucket `now`.
    pub fn learn(&mut self, now: i64, count: f64) {
        self.counts.push_back((now, count));
        self.sum += count;
        self.squares += count * count;
    }
}

/// Exponentially weighted mean and variance, by the recursion of the reference script for labeled counts:
/// `d = x - m; m += (1 - a) d; v = a (v + (1 - a) d^2)`.
#[derive(Clone, Copy, Debug)]
pub struct Exponential {
    factor: f64,
    next: i64,
    mean: f64,
    variance: f64,
}

impl Exponential {
    /// A series that begins at bucket `begin` with the mean `mean`. `half_life` is in buckets.
    pub fn new(half_life: f64, mean: f64, begin: i64) -> Self {
        Self { factor: (-1.0 / half_life).exp2(), next: begin, mean, variance: 1.0 }
    }

    /// The moments before bucket `now`. Buckets since the last one learned are empty.
    pub fn before(&mut self, now: i64) -> Moments {
        let empty = (now - self.next).max(0);
        if empty > 0 {
            // After g empty buckets: mean m a^g, variance a^g v + m^2 a^g (1 - a^g).
            let a_g = self.factor.powf(empty as f64);
            self.variance = a_g * self.variance + self.mean * self.mean * a_g * (1.0 - a_g);
            self.mean *= a_g;
            self.next = now;
        }
        Moments { mean: self.mean, variance: self.variance }
    }

    /// Adds the count of bucket `now`.
    pub fn learn(&mut self, now: i64, count: f64) {
        self.before(now);
        let d = count - self.mean;
        self.mean += (1.0 - self.factor) * d;
        self.variance = self.factor * (self.variance + (1.0 - self.factor) * d * d);
        self.next = now + 1;
    }
}
