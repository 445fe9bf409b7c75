//! What a statistic keeps while its series sleeps, and what follows from how long its account has been watched.

use super::{Level, Statistic, View};
use crate::detect::statistics::compact::{Half, KeptStatistic, KeptView};
use crate::detect::statistics::horizon::Horizons;
use crate::detect::statistics::prior::Pair;
use crate::detect::statistics::tail::{IncidentTail, Tail};

/// Minutes watched, of an account whose history begins at minute `begin`, up to minute `closed`.
fn watched(begin: i64, closed: i64) -> f64 {
    (closed - begin + 1).max(1) as f64
}

impl View {
    fn kept(&self, full: f64) -> KeptView {
        let mean = |sum: f64| Half::new(if self.weight > 0.0 { sum / self.weight } else { 0.0 });
        KeptView {
            mean: mean(self.m1),
            square: mean(self.m2),
            weight: (self.weight / full * 255.0).round() as u8,
            tail: self.tail.kept(),
        }
    }

    fn of_kept(kept: KeptView, full: f64) -> Self {
        let weight = f64::from(kept.weight) / 255.0 * full;
        let (m1, m2) = (kept.mean.get() * weight, kept.square.get() * weight);
        Self { m1, m2, weight, tail: IncidentTail::of_kept(kept.tail) }
    }
}

impl Statistic {
    /// Rounded, to be kept: of a statistic that has closed so many empty minutes that its short sums have run out.
    pub fn kept(&self, begin: i64, horizons: &Horizons) -> KeptStatistic {
        let full = horizons.moments.ones(watched(begin, self.closed));
        KeptStatistic { burst: self.burst.kept(full), slow: self.slow.kept(full), level: self.level.tail.kept() }
    }

    /// As it was kept, with all minutes up to `closed` closed.
    pub fn of_kept(kept: &KeptStatistic, (begin, closed): (i64, i64), priors: Pair, horizons: &Horizons) -> Self {
        let minutes = watched(begin, closed);
        let full = horizons.moments.ones(minutes);
        Self {
            closed,
            sum: 0.0,
            minutes: horizons.tail.ones(minutes),
            burst: View::of_kept(kept.burst, full),
            slow: View::of_kept(kept.slow, full),
            level: Level {
                weight: horizons.level.ones(minutes),
                error_weight: horizons.error.ones(minutes),
                tail: Tail::of_kept(kept.level),
                ..Level::default()
            },
            priors,
        }
    }
}
