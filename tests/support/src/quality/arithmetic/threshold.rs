//! Recall at a budget of false alarms. One threshold serves all series; it is found exactly and after the
//! fact, in the same way for every detector.
//!
//! False alarms are counted in units: a clock hour of one series (one bucket where buckets are wider) is a
//! false alarm if it holds an alarm outside the labels.

/// The scores of one series that decide about a threshold.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// The highest score outside the labels of each unit that has a point there.
    pub unit_maxima: Vec<f64>,
    /// The highest score of each scored window.
    pub window_maxima: Vec<f64>,
    /// Units in the scored part of the series; may be fractional.
    pub units: f64,
}

/// The threshold that a budget allows, and its recall.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bought {
    /// An alarm is a score above it.
    pub threshold: f64,
    /// Share of the labeled windows that hold an alarm.
    pub recall: f64,
}

/// The lowest threshold at which at most `per_day` / 24 of all units hold a false alarm, and its recall.
pub fn at_budget(series: &[Scores], per_day: f64) -> Bought {
    let units: f64 = series.iter().map(|one| one.units).sum();
    let allowed = (per_day / 24.0 * units) as usize;
    let mut ranked: Vec<f64> = series.iter().flat_map(|one| one.unit_maxima.iter().copied()).collect();
    ranked.sort_by(|a, b| b.total_cmp(a));
    // An alarm is strictly above the threshold, so the first unit beyond the budget sets the threshold.
    let threshold = ranked.get(allowed).copied().unwrap_or(f64::NEG_INFINITY);
    let windows = series.iter().flat_map(|one| &one.window_maxima);
    let found = windows.clone().filter(|highest| **highest > threshold).count();
    Bought { threshold, recall: found as f64 / windows.count().max(1) as f64 }
}
