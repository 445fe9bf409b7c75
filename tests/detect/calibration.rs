//! Scores against known distributions: on counts that only fluctuate, about one minute in 10^s reaches a
//! score of s.
//!
//! Counts minutes, the unit of the probability, and alarms, the unit of an operator: exceedances less than an
//! hour apart are one alarm. Minutes once were 1.7 times nominal at 3 and 5.2 times at 4, when the slow view
//! kept its full score for the first minutes of an incident; now only a new peak gets it.
//!
//! The counts are quantiles of Poisson distributions (statrs) at seeded uniform numbers, so they share
//! nothing with the detector.

use insightd_core::detect::statistics::expectation::Side;
use insightd_core::detect::statistics::horizon::{Direction, Horizons};
use insightd_core::detect::statistics::prior::ViewPriors;
use insightd_core::detect::statistics::statistic::Statistic;
use statrs::distribution::{DiscreteCDF, Poisson};

const DAY: i64 = 1440;
const SEEDS: [u64; 3] = [1, 2, 3];
/// Calls a minute.
const RATES: [f64; 6] = [0.003, 0.02, 0.1, 1.0, 10.0, 80.0];

/// Uniform numbers in (0, 1): a 64-bit linear congruential generator (Knuth's MMIX), upper bits.
struct Uniform(u64);

impl Iterator for Uniform {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some(((self.0 >> 12) as f64 + 0.5) / (1_u64 << 52) as f64)
    }
}

/// Exceedances of one level; those less than an hour apart are one alarm.
struct Alarm {
    level: f64,
    last: i64,
}

impl Alarm {
    fn reached(&mut self, score: f64, minute: i64) -> u32 {
        if score < self.level {
            return 0;
        }
        let apart = minute - self.last >= 60;
        self.last = minute;
        u32::from(apart)
    }
}

/// Alarms at a score of 3 and of 4 within three weeks, minutes at these scores, and all minutes. The week
/// before only trains.
fn reached(rate: f64, seed: u64) -> [u32; 5] {
    let horizons = Horizons::per_minute(Direction::Up);
    let poisson = Poisson::new(rate).expect("a rate above 0");
    let mut statistic = Statistic::new(0, 0, ViewPriors::default(), &horizons);
    let (mut three, mut four, mut minutes) = (0, 0, 0);
    let (mut minutes_three, mut minutes_four) = (0, 0);
    let (mut at_three, mut at_four) = (Alarm { level: 3.0, last: -60 }, Alarm { level: 4.0, last: -60 });
    for (minute, uniform) in (1..=28 * DAY).zip(Uniform(seed)) {
        let count = poisson.inverse_cdf(uniform) as f64;
        if minute > 7 * DAY {
            let sum = statistic.sum_at(minute, &horizons) + count;
            let score = statistic.score(minute, count, sum, Side::Rise, &horizons).value;
            assert!(score.is_finite());
            minutes_three += u32::from(score >= 3.0);
            minutes_four += u32::from(score >= 4.0);
            three += at_three.reached(score, minute);
            four += at_four.reached(score, minute);
            minutes += 1;
        }
        if count > 0.0 {
            statistic.close(minute, count, false, &horizons);
        } else {
            statistic.advance(minute, false, &horizons);
        }
    }
    [three, four, minutes_three, minutes_four, minutes]
}

#[test]
fn on_counts_that_only_fluctuate_scores_are_calibrated() {
    let mut sums = [0; 5];
    for rate in RATES {
        for seed in SEEDS {
            let one = reached(rate, seed);
            println!("rate {rate}, seed {seed}: {} alarms at 3, {} at 4 in {} minutes", one[0], one[1], one[4]);
            sums.iter_mut().zip(one).for_each(|(sum, one)| *sum += one);
        }
    }
    let over = |reached: u32, nominal: f64| f64::from(reached) / (f64::from(sums[4]) * nominal);
    let (three, four) = (over(sums[0], 1e-3), over(sums[1], 1e-4));
    println!("alarms over nominal: {three:.2} at 3, {four:.2} at 4");
    let by_minutes = (over(sums[2], 1e-3), over(sums[3], 1e-4));
    println!("minutes over nominal: {:.2} at 3, {:.2} at 4", by_minutes.0, by_minutes.1);
    assert!(three < 3.0 && four < 3.0, "{three:.2} at 3, {four:.2} at 4");
    assert!(by_minutes.0 < 3.0 && by_minutes.1 < 3.0, "{by_minutes:?}");
    assert!(three > 0.03, "a score that is never reached is no probability: {three:.2} at 3");
}
