//! What a plot shows: values, the band in which they are usual, and where insights are open.

use insightd_core::detect::statistics::horizon::Horizons;
use insightd_core::detect::statistics::prior::ViewPriors;
use insightd_core::detect::statistics::statistic::Statistic;
use insightd_core::detect::statistics::tail::THRESHOLD;

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Seconds since 1970.
    pub time: i64,
    /// Value.
    pub value: f64,
    /// The band: mean of the seven-day view, and that many standard deviations around it as the tail begins at.
    pub usual: (f64, f64),
    /// Whether an insight is open.
    pub insight: bool,
}

/// Points in the order of the input.
pub(super) type Trace = Vec<Point>;

/// The usual range as it was before each bucket.
pub(super) struct Band {
    horizons: Horizons,
    statistic: Statistic,
    bucket: i64,
}

impl Band {
    /// No history.
    pub(super) fn new(horizons: Horizons) -> Self {
        Self { statistic: Statistic::new(0, -1, ViewPriors::default(), &horizons), horizons, bucket: 0 }
    }

    /// The point of the next bucket, which then is learnt; what an insight covers is not.
    pub(super) fn next(&mut self, time: i64, value: f64, insight: bool) -> Point {
        let expected = self.statistic.expectation();
        self.statistic.close(self.bucket, value, insight, &self.horizons);
        self.bucket += 1;
        let reach = THRESHOLD * expected.sd;
        Point { time, value, usual: (expected.mean - reach, expected.mean + reach), insight }
    }
}
