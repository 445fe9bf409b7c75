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

/// The horizons of the statistic, per minute.
#[derive(Clone, Copy, Debug)]
pub struct Horizons {
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
    pub fn per_minute() -> Self {
        Self {
            moments: Decay::new(7.0 * 1440.0),
            sum: Decay::new(60.0),
            level: Decay::new(10.0),
            error: Decay::new(80.0),
            tail: Decay::new(28.0 * 1440.0),
            incident_gap: 60,
            incident_hold: 15,
            level_run: 6,
            stretch: 1440,
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
