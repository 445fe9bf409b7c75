//! Half-lives, and sums of decayed sequences in closed form.
//!
//! A decayed sum with half-life h keeps the factor `a = 2^(-1/h)` of itself each minute and adds the new minute.

/// Decay with one half-life, in minutes (or buckets).
#[derive(Clone, Copy, Debug)]
pub struct Decay {
    half_life: f64,
    keep: f64,
}

impl Decay {
    /// A decay that halves in `half_life` minutes.
    pub fn new(half_life: f64) -> Self {
        assert!(half_life > 0.0, "a half-life is positive");
        Self { half_life, keep: (-1.0 / half_life).exp2() }
    }

    /// What one minute leaves: a.
    pub fn keep(self) -> f64 {
        self.keep
    }

    /// What `minutes` leave: a^g.
    pub fn keep_over(self, minutes: f64) -> f64 {
        (-minutes / self.half_life).exp2()
    }

    /// The decayed count of `minutes` ones: 1 + a + ... + a^(g-1).
    pub fn ones(self, minutes: f64) -> f64 {
        (1.0 - self.keep_over(minutes)) / (1.0 - self.keep)
    }
}

/// `sum over j = 1..g of a^(g-j) s r^j`: what a moment with decay `a` gathers while the observed value `s` itself shrinks by `r`
/// a minute.
pub fn geometric(s: f64, r: f64, a: f64, r_g: f64, a_g: f64) -> f64 {
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

/// The horizons of the statistic, in buckets; a bucket is a minute but for `backtest` on counts of another width.
#[derive(Clone, Copy, Debug)]
pub struct Horizons {
    /// Buckets in a week.
    pub week: f64,
    /// Which deviations count.
    pub direction: Direction,
    /// Moments of the burst and slow views: 7 days.
    pub moments: Decay,
    /// Leaky sum of the slow view: 60 minutes.
    pub sum: Decay,
    /// Level of the level view: 10 minutes.
    pub level: Decay,
    /// Squared one-step error of the level view: 80 minutes.
    pub error: Decay,
    /// Tails: 28 days.
    pub tail: Decay,
    /// Exceedances less than this apart are one incident, minutes.
    pub incident_gap: i64,
    /// Minutes for which an incident scores in full, and between two ticks of its reference.
    pub incident_hold: i64,
    /// Minutes in a row beyond 3 sd after which the level view takes the level as new.
    pub level_run: u32,
    /// Minutes after which a stretch of exceedances is a level.
    pub stretch: i64,
}

impl Horizons {
    /// One bucket is one minute.
    pub fn per_minute(direction: Direction) -> Self {
        Self::per_bucket(60, direction)
    }

    /// Buckets of `seconds`. Up to an hour the half-lives are those of minutes, at least in buckets what the short ones need to
    /// mean anything. Over an hour a day has no shape left, and horizons are counted in buckets.
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
            stretch: short(1440.0, 12.0) as i64,
        }
    }

    /// The deviation that counts, of `z` standard deviations.
    pub fn deviation(&self, z: f64) -> f64 {
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
                ones = ones * a.keep() + 1.0;
                s *= r.keep();
                sum = sum * a.keep() + s;
            }
            let g = f64::from(g);
            assert!((a.ones(g) - ones).abs() < 1e-6 * ones, "ones over {g}");
            let closed = geometric(5.0, r.keep(), a.keep(), r.keep_over(g), a.keep_over(g));
            assert!((closed - sum).abs() < 1e-9 * sum.max(1.0), "geometric over {g}: {closed} {sum}");
        }
    }
}
