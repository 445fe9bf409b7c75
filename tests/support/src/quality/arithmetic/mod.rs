//! The arithmetic behind this bench: thresholds, matching, interpolation, and the scores of the rivals.
//! Pure, and tested by `tests/detect/quality.rs`; knows nothing about the origin of series or calls.

pub mod alarms;
pub mod interpolation;
pub mod matching;
pub mod moments;
pub mod tails;
pub mod threshold;

/// The median; none without values.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let (below, above) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some(f64::midpoint(*below, *above))
}
