//! Recall at a rate of false insights that no run hit exactly.

/// Value at `rate` on a curve of (rate, value), interpolated linearly over the logarithm of the rate; none
/// outside the curve.
pub fn at_rate(curve: &[(f64, f64)], rate: f64) -> Option<f64> {
    /// Rate of a run without false insights, which has no logarithm.
    const LEAST: f64 = 1e-3;
    let mut curve: Vec<(f64, f64)> = curve.iter().map(|(rate, value)| (rate.max(LEAST).ln(), *value)).collect();
    curve.sort_by(|a, b| a.0.total_cmp(&b.0));
    let at = rate.max(LEAST).ln();
    let pair = curve.windows(2).find(|pair| pair[0].0 <= at && at <= pair[1].0)?;
    let ((from, low), (to, high)) = (pair[0], pair[1]);
    let share = if to > from { (at - from) / (to - from) } else { 0.0 };
    Some(low + share * (high - low))
}
