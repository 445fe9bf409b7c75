//! Recall at a budget of false alarms, with one threshold for all series, found exactly and after the fact
//! for every detector alike.
//!
//! A unit of false alarm is a clock hour of one series (one bucket where buckets are wider) that holds an
//! alarm outside the labels.

/// What one series brings, as far as thresholds go.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// The highest score outside the labels, of each unit that has a point there.
    pub unit_maxima: Vec<f64>,
    /// The highest score of each scored window.
    pub window_maxima: Vec<f64>,
    /// Units of the scored part of the series; need not be whole.
    pub units: f64,
}

/// What a budget buys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bought {
    /// An alarm is a score above it.
    pub threshold: f64,
    /// Share of the windows that hold an alarm.
    pub recall: f64,
}

/// The lowest threshold at which at most `per_day` / 24 of all units hold a false alarm, and the windows
/// found with it.
pub fn at_budget(series: &[Scores], per_day: f64) -> Bought {
    let units: f64 = series.iter().map(|one| one.units).sum();
    let allowed = (per_day / 24.0 * units) as usize;
    let mut ranked: Vec<f64> = series.iter().flat_map(|one| one.unit_maxima.iter().copied()).collect();
    ranked.sort_by(|a, b| b.total_cmp(a));
    // An alarm is strictly above the threshold, so the unit that is one too many sets it.
    let threshold = ranked.get(allowed).copied().unwrap_or(f64::NEG_INFINITY);
    let windows = series.iter().flat_map(|one| &one.window_maxima);
    let found = windows.clone().filter(|highest| **highest > threshold).count();
    Bought { threshold, recall: found as f64 / windows.count().max(1) as f64 }
}
