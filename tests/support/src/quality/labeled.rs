//! A labeled count series: `labels.json` names files of `timestamp,value` rows with a bucket width and the
//! windows in which something happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::quality::arithmetic::median;
use crate::quality::arithmetic::threshold::Scores;

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
/// Points this many times the slack away from a label are well outside.
const WELL_OUTSIDE: usize = 10;

/// One entry of `labels.json`.
#[derive(Debug, Deserialize)]
struct Entry {
    bucket_seconds: i64,
    windows: Vec<(String, String)>,
}

/// One series with its windows.
#[derive(Debug)]
pub struct Series {
    /// First folder of its path.
    pub group: String,
    /// Seconds since 1970 of each point.
    times: Vec<i64>,
    /// Whole numbers.
    pub counts: Vec<f64>,
    /// First and last point of each window.
    windows: Vec<(usize, usize)>,
    /// Seconds.
    pub bucket: i64,
    /// Points before this one only train.
    first: usize,
    /// Label edges are not exact: five minutes, or one bucket.
    slack: usize,
}

/// All series of a folder.
pub fn load(folder: &Path) -> Result<Vec<Series>, String> {
    let entries: BTreeMap<String, Entry> = serde_json::from_str(&read(&folder.join("labels.json"))?)
        .map_err(|error| format!("labels.json is not as expected: {error}"))?;
    entries.into_iter().map(|(name, entry)| series(folder, &name, &entry)).collect()
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn series(folder: &Path, name: &str, entry: &Entry) -> Result<Series, String> {
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for line in read(&folder.join(name))?.lines().skip(1) {
        let row = line.split_once(',').and_then(|(time, value)| Some((seconds(time)?, value.trim().parse().ok()?)));
        let (time, value): (i64, f64) = row.ok_or_else(|| format!("{name}: no timestamp and value in '{line}'"))?;
        times.push(time);
        values.push(value);
    }
    let mut windows = Vec::new();
    for (from, to) in &entry.windows {
        let edges = seconds(from).zip(seconds(to)).ok_or_else(|| format!("{name}: no window: {from} {to}"))?;
        let (from, after) = (times.partition_point(|t| *t < edges.0), times.partition_point(|t| *t <= edges.1));
        windows.push((from, after.saturating_sub(1)));
    }
    let group = name.split('/').next().unwrap_or(name).to_owned();
    Ok(Series::new(group, times, whole(values), windows, entry.bucket_seconds))
}

/// `YYYY-MM-DD HH:MM:SS` or with a T, UTC; what follows is ignored.
fn seconds(text: &str) -> Option<i64> {
    let time: DateTime = text.get(..19)?.parse().ok()?;
    Some(TimeZone::UTC.to_timestamp(time).ok()?.as_second())
}

/// Counts stay as they are. Fractional rates get a decimal unit in which a typical value is at least 100.
pub fn whole(values: Vec<f64>) -> Vec<f64> {
    if values.iter().all(|value| value.fract() == 0.0) {
        return values;
    }
    let typical = median(values.iter().copied().filter(|value| *value > 0.0)).unwrap_or(100.0);
    let unit = 10_f64.powi((100.0 / typical).log10().ceil().max(0.0) as i32);
    values.into_iter().map(|value| (value * unit).round_ties_even()).collect()
}

impl Series {
    /// A series of buckets of that many seconds.
    pub fn new(group: String, times: Vec<i64>, counts: Vec<f64>, windows: Vec<(usize, usize)>, bucket: i64) -> Self {
        let warm = match bucket {
            ..1800 => DAY + DAY / 2,
            1800..=HOUR => 7 * DAY,
            _ => 26 * bucket,
        };
        let begin = times.first().copied().unwrap_or_default();
        let first = times.partition_point(|time| *time < begin + warm).min(times.len() / 3);
        Self { group, times, counts, windows, bucket, first, slack: (300 / bucket).max(1) as usize }
    }

    /// The windows outside the points that only train.
    pub fn scored_windows(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.windows.iter().copied().filter(|(_, last)| *last >= self.first)
    }

    /// Units of false alarm in the scored part.
    pub fn units(&self) -> f64 {
        let Some(last) = self.times.last() else { return 0.0 };
        (last - self.times[self.first] + self.bucket) as f64 / self.unit() as f64
    }

    fn unit(&self) -> i64 {
        HOUR.max(self.bucket)
    }

    fn outside(&self, guard: usize) -> impl Iterator<Item = usize> + '_ {
        let inside = move |at: usize| self.windows.iter().any(|&(from, to)| from <= at + guard && at <= to + guard);
        (self.first..self.times.len()).filter(move |at| !inside(*at))
    }

    /// Points far from every label.
    pub fn well_outside(&self) -> impl Iterator<Item = usize> + '_ {
        self.outside(WELL_OUTSIDE * self.slack)
    }

    /// The points that count as hits of a window.
    fn around(&self, (from, to): (usize, usize)) -> std::ops::Range<usize> {
        from.saturating_sub(self.slack).max(self.first)..(to + self.slack + 1).min(self.times.len())
    }

    /// What matters for a threshold, of the scores of its points.
    pub fn scores(&self, scores: &[f64]) -> Scores {
        let mut maxima: BTreeMap<i64, f64> = BTreeMap::new();
        for at in self.outside(self.slack) {
            let highest = maxima.entry(self.times[at].div_euclid(self.unit())).or_insert(f64::NEG_INFINITY);
            *highest = highest.max(scores[at]);
        }
        let highest = |window| self.around(window).map(|at| scores[at]).fold(f64::NEG_INFINITY, f64::max);
        Scores {
            unit_maxima: maxima.into_values().collect(),
            window_maxima: self.scored_windows().map(highest).collect(),
            units: self.units(),
        }
    }

    /// Of each scored window, the seconds from its beginning to its first alarm.
    pub fn delays(&self, is_alarm: impl Fn(usize) -> bool) -> Vec<Option<f64>> {
        let delay = |window: (usize, usize)| {
            let first = self.around(window).find(|at| is_alarm(*at))?;
            Some((self.times[first] - self.times[window.0]).max(0) as f64)
        };
        self.scored_windows().map(delay).collect()
    }

    /// Units that hold an alarm outside the labels.
    pub fn false_units(&self, is_alarm: impl Fn(usize) -> bool) -> usize {
        let alarms = self.outside(self.slack).filter(|at| is_alarm(*at));
        alarms.map(|at| self.times[at].div_euclid(self.unit())).collect::<BTreeSet<_>>().len()
    }
}
