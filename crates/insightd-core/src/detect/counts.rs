//! A single series of counts, one a bucket, without accounts or callers: what `backtest` scores in a CSV
//! file. Statistic, alarm budget and episode are those of live series. There are no principals, so counts own
//! the whole budget.

use crate::cloudtrail::insight::{Finding, Reason};
use crate::detect::decide::budget::{AlarmBudget, BudgetEvent, MINUTES_ABOVE_FLOOR};
use crate::detect::decide::episode::{Episode, Step};
use crate::detect::statistics::expectation::Side;
use crate::detect::statistics::horizon::{Direction, Horizons};
use crate::detect::statistics::prior::ViewPriors;
use crate::detect::statistics::statistic::Statistic;

/// Verdict on one bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgment {
    /// Expected count.
    pub baseline: f64,
    /// -log10 of the calibrated tail probability, from 0; never NaN.
    pub score: f64,
    /// Whether an insight is open.
    pub insight: bool,
    /// Standard deviation of the expectation.
    pub spread: f64,
}

/// A single series and its open insight.
#[derive(Clone, Debug)]
pub struct Counts {
    horizons: Horizons,
    statistic: Statistic,
    alarms: AlarmBudget,
    /// False insights a week.
    budget: f64,
    /// Minutes in a bucket.
    width: f64,
    /// Score from which a bucket is an event of the alarm budget.
    score_floor: f64,
    /// Index of the next bucket.
    bucket: i64,
    /// Leaky sum of the counts.
    sum: f64,
    episode: Option<Episode>,
}

/// Buckets at the usual rate after which an insight ends.
const END_AFTER: u32 = 5;
/// Minutes in a week.
const WEEK: f64 = 10_080.0;
/// Minutes before the first insight: 36 hours.
const WARM_UP: i64 = 2160;

impl Counts {
    /// A series without history, with at most `budget` false insights a week.
    pub fn new(horizons: Horizons, budget: f64) -> Self {
        Self {
            horizons,
            statistic: Statistic::new(0, -1, ViewPriors::default(), &horizons),
            alarms: AlarmBudget::new(0, WARM_UP),
            budget,
            width: WEEK / horizons.week,
            score_floor: (horizons.week / MINUTES_ABOVE_FLOOR).log10().max(0.0),
            bucket: 0,
            sum: 0.0,
            episode: None,
        }
    }

    /// Judges the next bucket by those before it, then learns it.
    pub fn judge(&mut self, count: f64) -> Judgment {
        self.sum = self.sum * self.horizons.sum.factor() + count;
        let side = if self.horizons.direction == Direction::Both { Side::Either } else { Side::Rise };
        let score = self.statistic.score(self.bucket, count, self.sum, side, &self.horizons);
        let insight = self.update_insight(count, score.value);
        self.statistic.close(self.bucket, count, false, &self.horizons);
        self.bucket += 1;
        Judgment { baseline: score.expected.mean, score: score.value, insight, spread: score.expected.sd }
    }

    /// Ends the open insight or starts one, if this bucket calls for it. Returns whether one is open then.
    fn update_insight(&mut self, count: f64, score: f64) -> bool {
        if let Some(episode) = &mut self.episode {
            // An episode holds whole counts; one beyond its range is as unusual as the largest.
            let whole = count.round().clamp(0.0, f64::from(u32::MAX)) as u32;
            if episode.close(whole, END_AFTER) == Step::Over {
                self.episode = None;
            }
            return self.episode.is_some();
        }
        let now = (self.bucket as f64 * self.width) as i64;
        if score < self.score_floor || now < WARM_UP {
            return false;
        }
        let event =
            BudgetEvent { reason: Reason::Counts, minute: now, x: score - self.score_floor, trend: 0.0, repeats: true };
        // Divided by the share, so that counts own the whole budget.
        let strength = self.alarms.note(&event, self.budget / Reason::Counts.share());
        if !strength.fires(1.0) {
            return false;
        }
        self.alarms.record_start(now);
        let mut episode = Episode::new(self.bucket, self.bucket, self.statistic.usual_rate(), Finding::default());
        episode.two_sided = self.horizons.direction == Direction::Both;
        episode.close(0, END_AFTER);
        self.episode = Some(episode);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(direction: Direction, last: f64) -> Judgment {
        let mut counts = Counts::new(Horizons::per_bucket(300, direction), 1.0);
        (0..3000).for_each(|i| {
            counts.judge(f64::from(20 + i % 5));
        });
        counts.judge(last)
    }

    #[test]
    fn a_drop_opens_an_insight_only_in_both_directions() {
        let burst = judged(Direction::Up, 500.0);
        assert!(burst.insight && burst.score > 5.0 && (burst.baseline - 22.0).abs() < 3.0, "{burst:?}");
        assert!(!judged(Direction::Up, 0.0).insight);
        let drop = judged(Direction::Both, 0.0);
        assert!(drop.insight && drop.score > 3.0, "{drop:?}");
    }

    #[test]
    fn an_insight_is_over_after_five_usual_buckets() {
        let mut counts = Counts::new(Horizons::per_bucket(60, Direction::Up), 1.0);
        (0..10_000).for_each(|_| {
            counts.judge(5.0);
        });
        assert!(counts.judge(200.0).insight);
        let open = (0..20).take_while(|_| counts.judge(5.0).insight).count();
        assert_eq!(open, 4, "the fifth usual bucket ends it");
    }
}
