//! The statistic of one series: the three views of its counts, the score of a minute, and the count that
//! reaches a score.
//!
//! The score of a series is the highest score of its views (module `views`), less a correction for taking the
//! highest. Its unit is -log10 of a calibrated tail probability per minute. Closing a minute and scoring one
//! are O(1); any number of minutes without a call are closed at once.

use serde::{Deserialize, Serialize};

use crate::detect::statistics::expectation::{Expectation, Side};
use crate::detect::statistics::horizon::Horizons;
use crate::detect::statistics::incident::IncidentSums;
use crate::detect::statistics::prior::{Prior, ViewPriors};
use crate::detect::statistics::tail::{Fit, THRESHOLD, excess};
use crate::detect::statistics::views::{LevelView, MomentView};

/// Weight w of the prior in the burst and slow views, exceedances.
const MOMENT_PRIOR_WEIGHT: f64 = 0.5;
/// Weight w of the prior in the level view, exceedances.
const LEVEL_PRIOR_WEIGHT: f64 = 4.0;
/// Correction for taking the highest of several scores: log10 of the number of independent views to which the
/// three, which overlap, are equivalent. The highest of v independent scores exceeds a limit v times as often
/// as one of them. Measured: with v = 1.6 the minutes above a score are as many as the score promises.
const VIEWS_LOG10: f64 = 0.2;

/// A score and what it was measured against.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    /// -log10 of the tail probability per minute; 0 is usual.
    pub value: f64,
    /// The part of `value` that is evidence of a trend.
    pub trend: f64,
    /// Expectation for single minutes, of the view that scored highest (of the burst view for the slow view).
    pub expected: Expectation,
}

/// The statistic of one series. Minutes are closed in order, each once; open minutes are scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistic {
    /// Last closed minute.
    pub(super) closed: i64,
    /// S: leaky sum of the counts, as of `closed`.
    pub(super) sum: f64,
    /// N: decayed number of minutes closed, one for all views.
    pub(super) minutes: f64,
    pub(super) burst: MomentView,
    pub(super) slow: MomentView,
    pub(super) level: LevelView,
    /// From the configuration, so never saved.
    #[serde(skip)]
    pub(super) priors: ViewPriors,
}

/// The fitted tails of the three views.
struct Fits {
    burst: Fit,
    slow: Fit,
    level: Fit,
}

impl Statistic {
    /// A series without a call from minute `begin`, with which the history of its account begins, to minute
    /// `closed`.
    pub fn new(begin: i64, closed: i64, priors: ViewPriors, horizons: &Horizons) -> Self {
        let begin = begin.min(closed + 1);
        let mut statistic = Self {
            closed: begin - 1,
            sum: 0.0,
            minutes: 0.0,
            burst: MomentView::default(),
            slow: MomentView::default(),
            level: LevelView::default(),
            priors,
        };
        statistic.advance(closed, false, horizons);
        statistic
    }

    /// Sets the priors, which are not part of the saved state.
    pub(in crate::detect) fn set_priors(&mut self, priors: ViewPriors) {
        self.priors = priors;
    }

    /// Adds what the statistic of earlier minutes learned.
    pub(in crate::detect) fn merge(&mut self, earlier: &Self, horizons: &Horizons) {
        let gap = (self.closed - earlier.closed).max(0) as f64;
        self.burst.merge(&earlier.burst, gap, horizons);
        self.slow.merge(&earlier.slow, gap, horizons);
        self.level.merge(&earlier.level, gap, horizons);
        self.minutes += earlier.minutes * horizons.tail.factor_over(gap);
        self.sum += earlier.sum * horizons.sum.factor_over(gap);
    }

    /// Last closed minute.
    pub(in crate::detect) fn closed(&self) -> i64 {
        self.closed
    }

    /// Leaky sum of the closed minutes, as of minute `now`.
    pub fn sum_at(&self, now: i64, horizons: &Horizons) -> f64 {
        self.sum * horizons.sum.factor_over((now - self.closed) as f64)
    }

    /// Incidents learned by the burst view and by the slow view.
    pub(in crate::detect) fn incident_sums(&self) -> [IncidentSums; 2] {
        [self.burst.tail.sums(), self.slow.tail.sums()]
    }

    /// N: decayed number of minutes closed.
    pub(in crate::detect) fn minutes(&self) -> f64 {
        self.minutes
    }

    /// Expectation of the burst view, calls per minute.
    pub fn expectation(&self) -> Expectation {
        self.burst.expectation()
    }

    /// The usual rate: mean of the burst view and its spread, `spread^2 = max(mean, variance)`.
    pub(in crate::detect) fn usual_rate(&self) -> Expectation {
        let mean = self.burst.expectation().mean;
        Expectation { mean, sd: mean.max(self.burst.variance()).max(0.0).sqrt() }
    }

    /// Closes all minutes up to `minute` (inclusive), which had no call. While `frozen` (an insight is open)
    /// the burst and slow moments do not learn.
    pub fn advance(&mut self, minute: i64, frozen: bool, horizons: &Horizons) {
        if minute <= self.closed {
            return;
        }
        let gap = (minute - self.closed) as f64;
        let fits = self.fits();
        self.burst.tail.advance(self.closed, minute, fits.burst, horizons);
        self.slow.tail.advance(self.closed, minute, fits.slow, horizons);
        self.level.tail.decay(horizons.tail.factor_over(gap));
        self.minutes = self.minutes * horizons.tail.factor_over(gap) + horizons.tail.ones(gap);
        let (r, r_gap) = (horizons.sum.factor(), horizons.sum.factor_over(gap));
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
        let s = self.sum * horizons.sum.factor() + c;
        let fits = self.fits();
        let z_level = horizons.deviation(self.level.expectation().z(c));
        let z_burst = horizons.deviation(self.burst.expectation().z(c));
        let z_slow = horizons.deviation(self.slow.expectation().z(s));
        self.burst.tail.close(z_burst, minute, fits.burst, horizons);
        self.slow.tail.close(z_slow, minute, fits.slow, horizons);
        self.level.tail.decay(horizons.tail.factor());
        if z_level > THRESHOLD {
            self.level.tail.learn(excess(z_level), 1.0, fits.level);
        }
        self.minutes = self.minutes * horizons.tail.factor() + 1.0;
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
        let fits = self.fits();
        let (burst, level) = (self.burst.expectation(), self.level.expectation());
        let (z_burst, z_slow) = (side.deviation(burst.z(c)), side.deviation(self.slow.expectation().z(s)));
        let by_burst = self.burst.tail.score(z_burst, now, fits.burst, horizons);
        let by_slow = self.slow.tail.score(z_slow, now, fits.slow, horizons);
        let by_level = fits.level.score(side.deviation(level.z(c)));
        let highest = |burst: f64, slow: f64| (burst.max(slow).max(by_level) - VIEWS_LOG10).max(0.0);
        let value = highest(by_burst, by_slow);
        let plain = highest(
            self.burst.tail.score_without_trend(z_burst, now, fits.burst, horizons),
            self.slow.tail.score_without_trend(z_slow, now, fits.slow, horizons),
        );
        Score { value, trend: value - plain, expected: if by_level > by_burst.max(by_slow) { level } else { burst } }
    }

    /// The trigger count: smallest count of minute `now` whose score can reach `limit`, when the leaky sum
    /// without that count is `s_before`. Rounded down where rounding matters: the caller confirms it by the
    /// full score.
    pub(in crate::detect) fn trigger_count(&self, now: i64, s_before: f64, limit: f64, horizons: &Horizons) -> u32 {
        // Below the threshold the score is at most 2, so any count may reach a limit up to 2.
        let limit = limit + VIEWS_LOG10;
        if limit <= 2.0 {
            return 0;
        }
        let fits = self.fits();
        let at = |e: Expectation, excess: f64| e.mean + THRESHOLD * e.sd * excess.exp();
        let burst = at(self.burst.expectation(), self.burst.tail.trigger_excess(limit, now, fits.burst, horizons));
        let slow =
            at(self.slow.expectation(), self.slow.tail.trigger_excess(limit, now, fits.slow, horizons)) - s_before;
        let level = at(self.level.expectation(), fits.level.excess_at(limit).max(0.0));
        let trigger = (burst.min(slow).min(level) - 1e-6).ceil();
        trigger.clamp(0.0, f64::from(u32::MAX)) as u32
    }

    fn fits(&self) -> Fits {
        let of_view = |view: &MomentView, prior: Prior| {
            view.tail.fit(self.minutes, MOMENT_PRIOR_WEIGHT, prior).at_least(view.expectation().least_excess())
        };
        let level = self.level.tail.fit(self.minutes, LEVEL_PRIOR_WEIGHT, Prior::default());
        Fits {
            burst: of_view(&self.burst, self.priors.burst),
            slow: of_view(&self.slow, self.priors.slow),
            level: level.at_least(self.level.expectation().least_excess()),
        }
    }
}

#[cfg(test)]
mod tests;
