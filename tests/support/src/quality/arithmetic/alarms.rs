//! Insights of a rival detector that only has a score: the lowest threshold at which its false insights stay
//! within the budget.

use std::collections::{BTreeMap, BTreeSet};

/// Minutes of a series without an alarm after which the next alarm is a new insight.
pub const QUIET: i64 = 60;

/// A minute of a series with its score.
#[derive(Clone, Copy, Debug)]
pub struct Scored {
    /// The higher, the more unusual.
    pub score: f64,
    /// Series: any number that identifies it.
    pub series: u64,
    /// Minutes since 1970.
    pub minute: i64,
    /// Index of the attack that an insight starting here would belong to; none: it would be false.
    pub attack: Option<usize>,
}

/// The insights that a threshold raises.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Raised {
    /// An alarm is a score at or above it.
    pub threshold: f64,
    /// Insights that belong to no attack.
    pub false_insights: usize,
    /// Indices of the attacks found.
    pub found: BTreeSet<usize>,
}

/// Finds the lowest threshold with at most `allowed` false insights, and the insights that it raises.
/// `scored` holds no score below `floor`.
pub fn at_most_false(mut scored: Vec<Scored>, allowed: usize, floor: f64) -> Raised {
    scored.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut alarms = Alarms::default();
    let (mut raised, mut threshold) = (0_usize, floor);
    // Equal scores are added together, as no threshold lies between them.
    for equal in scored.chunk_by(|a, b| a.score == b.score) {
        equal.iter().for_each(|one| alarms.insert(one));
        if alarms.false_insights > allowed {
            threshold = raised.checked_sub(1).map_or(f64::INFINITY, |last| scored[last].score);
            break;
        }
        raised += equal.len();
    }
    let mut alarms = Alarms::default();
    scored[..raised].iter().for_each(|one| alarms.insert(one));
    Raised { threshold, false_insights: alarms.false_insights, found: alarms.found() }
}

/// The alarms of all series above a threshold, and the insights that they begin.
#[derive(Debug, Default)]
struct Alarms {
    by_series: BTreeMap<u64, BTreeMap<i64, Option<usize>>>,
    false_insights: usize,
    /// Number of insights by attack.
    about: BTreeMap<usize, usize>,
}

impl Alarms {
    fn insert(&mut self, one: &Scored) {
        let series = self.by_series.entry(one.series).or_default();
        let is_near = |other: i64| (other - one.minute).abs() < QUIET;
        let before = series.range(..one.minute).next_back().map(|(&minute, _)| minute);
        let after = series.range(one.minute + 1..).next().map(|(&minute, &attack)| (minute, attack));
        series.insert(one.minute, one.attack);
        // The next alarm began an insight unless an earlier alarm was near it. This one is near it now.
        let took = after.filter(|&(minute, _)| is_near(minute) && before.is_none_or(|b| minute - b >= QUIET));
        if !before.is_some_and(is_near) {
            self.add(one.attack);
        }
        if let Some((_, attack)) = took {
            self.remove(attack);
        }
    }

    fn add(&mut self, attack: Option<usize>) {
        match attack {
            Some(attack) => *self.about.entry(attack).or_default() += 1,
            None => self.false_insights += 1,
        }
    }

    fn remove(&mut self, attack: Option<usize>) {
        match attack {
            Some(attack) => *self.about.entry(attack).or_default() -= 1,
            None => self.false_insights -= 1,
        }
    }

    fn found(&self) -> BTreeSet<usize> {
        self.about.iter().filter(|(_, insights)| **insights > 0).map(|(attack, _)| *attack).collect()
    }
}
