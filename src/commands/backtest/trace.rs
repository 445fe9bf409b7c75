//! The data of a plot: values, the band of usual values, and the times of insights.

use insightd_core::detect::statistics::horizon::Horizons;
use insightd_core::detect::statistics::prior::ViewPriors;
use insightd_core::detect::statistics::statistic::Statistic;
use insightd_core::detect::statistics::tail::THRESHOLD;

/// Two bounds, the lower one first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Seconds since 1970.
    pub(crate) time: i64,
    /// Value.
    pub(crate) value: f64,
    /// The band of usual values.
    pub(crate) usual: Interval,
    /// Whether an insight is open.
    pub(crate) insight: bool,
}

/// Points in the order of the input.
pub(crate) type Trace = Vec<Point>;

/// The band of usual values before each bucket: the mean of the seven-day view, and [`THRESHOLD`] standard
/// deviations around it.
pub(crate) struct Band {
    horizons: Horizons,
    statistic: Statistic,
    bucket: i64,
}

impl Band {
    /// A band without history.
    pub(crate) fn new(horizons: Horizons) -> Self {
        Self { statistic: Statistic::new(0, -1, ViewPriors::default(), &horizons), horizons, bucket: 0 }
    }

    /// The point of the next bucket. Then learns the bucket, unless an insight covers it.
    pub(crate) fn next(&mut self, time: i64, value: f64, insight: bool) -> Point {
        let expected = self.statistic.expectation();
        self.statistic.close(self.bucket, value, insight, &self.horizons);
        self.bucket += 1;
        let reach = THRESHOLD * expected.sd;
        let usual = Interval { low: expected.mean - reach, high: expected.mean + reach };
        Point { time, value, usual, insight }
    }
}
