//! Half-lives, and decayed sums in closed form.
//!
//! A decayed sum with half-life h multiplies itself by `a = 2^(-1/h)` each minute and adds the value of the
//! new minute: an exponentially weighted sum. Recent minutes weigh most, and the sum needs no list of past
//! values. Minutes without a call are advanced over together: over g minutes the factor is `a^g`.

/// Exponential decay with one half-life, in buckets.
#[derive(Clone, Copy, Debug)]
pub(in crate::detect) struct Decay {
    half_life: f64,
    factor: f64,
}

impl Decay {
    /// A decay that halves in `half_life` buckets.
    pub(in crate::detect) fn new(half_life: f64) -> Self {
        assert!(half_life > 0.0, "a half-life is positive");
        Self { half_life, factor: (-1.0 / half_life).exp2() }
    }

    /// Factor of one bucket: a.
    pub(in crate::detect) fn factor(self) -> f64 {
        self.factor
    }

    /// Factor of `buckets`: a^g.
    pub(in crate::detect) fn factor_over(self, buckets: f64) -> f64 {
        (-buckets / self.half_life).exp2()
    }

    /// Decayed sum of `buckets` ones, `1 + a + ... + a^(g-1)`: the total weight of so many observations.
    pub(in crate::detect) fn ones(self, buckets: f64) -> f64 {
        (1.0 - self.factor_over(buckets)) / (1.0 - self.factor)
    }
}

/// `sum over j = 1..g of a^(g-j) s r^j`: what a moment with decay `a` gathers over g buckets in which the
/// observed value `s` itself shrinks by the factor `r` a bucket. `r_g` and `a_g` are r^g and a^g.
pub(in crate::detect) fn geometric(s: f64, r: f64, a: f64, r_g: f64, a_g: f64) -> f64 {
    s * r * (r_g - a_g) / (r - a)
}

/// Which deviations count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Rises, as AWS reports them.
    #[default]
    Up,
    /// Rises and drops.
    Both,
}

/// The half-lives and time limits of the statistic, in buckets. A bucket is a minute, except for `backtest`
/// on counts of another width; the durations below are those of buckets of a minute.
#[derive(Clone, Copy, Debug)]
pub struct Horizons {
    /// Buckets in a week.
    pub(in crate::detect) week: f64,
    /// Which deviations count.
    pub(in crate::detect) direction: Direction,
    /// Moments of the burst and slow views: 7 days.
    pub(in crate::detect) moments: Decay,
    /// Leaky sum S of the slow view: 60 minutes.
    pub(in crate::detect) sum: Decay,
    /// Mean of the level view: 10 minutes.
    pub(in crate::detect) level: Decay,
    /// Squared one-step error of the level view: 80 minutes.
    pub(in crate::detect) error: Decay,
    /// Tails: 28 days.
    pub(in crate::detect) tail: Decay,
    /// Exceedances less than this apart are one incident: 60 minutes.
    pub(in crate::detect) incident_gap: i64,
    /// How long an incident scores in full, and the time between two updates of its reference: 15 minutes.
    pub(in crate::detect) incident_hold: i64,
    /// Consecutive buckets beyond 3 sd after which the level view accepts a new level.
    pub(in crate::detect) level_run: u32,
    /// Exceedances that go on for longer than this are a new level of the burst and slow views: a day.
    pub(in crate::detect) new_level_after: i64,
}

impl Horizons {
    /// For buckets of one minute.
    pub fn per_minute(direction: Direction) -> Self {
        Self::per_bucket(60, direction)
    }

    /// For buckets of `seconds`.
    ///
    /// Up to an hour the durations are those of minutes, but the short ones span a minimum number of buckets,
    /// as a mean over one bucket is no mean. Above an hour a day has no shape left, and horizons are counted
    /// in buckets.
    pub fn per_bucket(seconds: u32, direction: Direction) -> Self {
        let minutes = f64::from(seconds) / 60.0;
        let wide = seconds > 3600;
        let long = |of_minutes: f64, of_buckets: f64| if wide { of_buckets } else { of_minutes / minutes };
        let short = |of_minutes: f64, least: f64| if wide { least } else { (of_minutes / minutes).max(least) };
        Self {
            week: 7.0 * 1440.0 / minutes,
            direction,
            moments: Decay::new(long(7.0 * 1440.0, 52.0)),
            sum: Decay::new(short(60.0, if wide { 12.0 } else { 2.0 })),
            level: Decay::new(short(10.0, 6.0)),
            error: Decay::new(short(80.0, 48.0)),
            tail: Decay::new(long(28.0 * 1440.0, 208.0)),
            incident_gap: short(60.0, 3.0) as i64,
            incident_hold: short(15.0, 3.0) as i64,
            level_run: 6,
            new_level_after: short(1440.0, 12.0) as i64,
        }
    }

    /// The part of a deviation of `z` standard deviations that counts.
    pub(in crate::detect) fn deviation(&self, z: f64) -> f64 {
        match self.direction {
            Direction::Up => z,
            Direction::Both => z.abs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms_equal_their_loops() {
        let (a, r) = (Decay::new(10080.0), Decay::new(60.0));
        for g in [1_i32, 2, 7, 100, 5000] {
            let (mut ones, mut sum, mut s) = (0.0, 0.0, 5.0);
            for _ in 0..g {
                ones = ones * a.factor() + 1.0;
                s *= r.factor();
                sum = sum * a.factor() + s;
            }
            let g = f64::from(g);
            assert!((a.ones(g) - ones).abs() < 1e-6 * ones, "ones over {g}");
            let closed = geometric(5.0, r.factor(), a.factor(), r.factor_over(g), a.factor_over(g));
            assert!((closed - sum).abs() < 1e-9 * sum.max(1.0), "geometric over {g}: {closed} {sum}");
        }
    }

    #[test]
    fn a_decay_halves_in_its_half_life() {
        let decay = Decay::new(20.0);
        assert!((decay.factor_over(20.0) - 0.5).abs() < 1e-12);
        assert!((decay.factor_over(60.0) - 0.125).abs() < 1e-12);
        assert!((decay.factor().powi(20) - 0.5).abs() < 1e-12);
    }

    #[test]
    #[should_panic(expected = "a half-life is positive")]
    fn a_half_life_of_zero_is_refused() {
        Decay::new(0.0);
    }

    /// Half-lives of moments, leaky sum, level, its error and the tails; then the week, the gap and
    /// the hold of an incident and the time to a new level.
    fn table(seconds: u32) -> [f64; 9] {
        let h = Horizons::per_bucket(seconds, Direction::Up);
        let life = |decay: Decay| -1.0 / decay.factor().log2();
        let lives = [h.moments, h.sum, h.level, h.error, h.tail].map(life).map(|life| (life * 1e6).round() / 1e6);
        let [moments, sum, level, error, tail] = lives;
        let times = [h.incident_gap, h.incident_hold, h.new_level_after].map(|buckets| buckets as f64);
        [moments, sum, level, error, tail, h.week, times[0], times[1], times[2]]
    }

    #[test]
    fn horizons_are_the_durations_of_the_document_in_buckets() {
        // 7 d, 60, 10 and 80 min, 28 d; 7 d, 60 and 15 min, a day.
        assert_eq!(table(60), [10_080.0, 60.0, 10.0, 80.0, 40_320.0, 10_080.0, 60.0, 15.0, 1440.0]);
        // Five minutes: the level spans six buckets at least, its error 48, the hold three.
        assert_eq!(table(300), [2016.0, 12.0, 6.0, 48.0, 8064.0, 2016.0, 12.0, 3.0, 288.0]);
        // An hour is not yet wide: a week is a week.
        assert_eq!(table(3600), [168.0, 2.0, 6.0, 48.0, 672.0, 168.0, 3.0, 3.0, 24.0]);
        // A day is: 52 and 208 buckets instead of weeks, the least numbers of buckets instead of minutes.
        assert_eq!(table(86_400), [52.0, 12.0, 6.0, 48.0, 208.0, 7.0, 3.0, 3.0, 12.0]);
    }

    #[test]
    fn only_both_directions_let_a_fall_count() {
        let deviation = |direction| [4.0, -4.0].map(|z| Horizons::per_minute(direction).deviation(z));
        assert_eq!(deviation(Direction::Up), [4.0, -4.0]);
        assert_eq!(deviation(Direction::Both), [4.0, 4.0]);
    }
}
