//! Many points brought down to the columns of a picture, so that no spike is lost: each column keeps its lowest and its highest value.

use super::trace::Trace;

/// One column with at least one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Column {
    /// Time of its first point, seconds since 1970.
    pub time: i64,
    /// Lowest and highest value.
    pub values: (f64, f64),
    /// Lowest lower and highest upper end of the band.
    pub usual: (f64, f64),
}

/// Columns from left to right, at most `count`. Points are put in order of time.
pub(super) fn columns(trace: &Trace, count: usize) -> Vec<Column> {
    let (Some(begin), Some(end)) = (trace.iter().map(|p| p.time).min(), trace.iter().map(|p| p.time).max()) else {
        return Vec::new();
    };
    let width = (end - begin + 1) as f64 / count as f64;
    let mut columns: Vec<Option<Column>> = vec![None; count];
    for point in trace {
        let at = (((point.time - begin) as f64 / width) as usize).min(count - 1);
        let (value, (low, high)) = (point.value, point.usual);
        match &mut columns[at] {
            Some(column) => {
                column.time = column.time.min(point.time);
                column.values = (column.values.0.min(value), column.values.1.max(value));
                column.usual = (column.usual.0.min(low), column.usual.1.max(high));
            }
            empty => *empty = Some(Column { time: point.time, values: (value, value), usual: (low, high) }),
        }
    }
    columns.into_iter().flatten().collect()
}

/// Stretches of time in which an insight is open, from the first to the last point of each.
pub(super) fn insights(trace: &Trace) -> Vec<(i64, i64)> {
    let mut spans: Vec<(i64, i64)> = Vec::new();
    let mut before = false;
    for point in trace {
        match spans.last_mut() {
            Some(span) if before && point.insight => span.1 = span.1.max(point.time),
            _ if point.insight => spans.push((point.time, point.time)),
            _ => {}
        }
        before = point.insight;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::super::trace::Point;
    use super::*;

    fn point(time: i64, value: f64, insight: bool) -> Point {
        Point { time, value, usual: (value - 1.0, value + 1.0), insight }
    }

    #[test]
    fn a_spike_among_ten_thousand_points_stays() {
        let trace: Trace = (0..10_000).map(|n| point(n * 60, if n == 7_777 { 500.0 } else { 3.0 }, false)).collect();
        let columns = columns(&trace, 100);
        assert_eq!(columns.len(), 100);
        let high: Vec<usize> = (0..100).filter(|&n| columns[n].values.1 == 500.0).collect();
        assert_eq!(high, [77]);
        assert_eq!(columns[77].values.0, 3.0);
    }

    #[test]
    fn a_few_points_keep_columns_of_their_own() {
        let trace: Trace = (0..5).map(|n| point(n * 60, n as f64, false)).collect();
        assert_eq!(columns(&trace, 1000).len(), 5);
        assert_eq!(columns(&vec![point(5, 1.0, false)], 1000).len(), 1);
        assert!(columns(&Trace::new(), 1000).is_empty());
    }

    #[test]
    fn open_points_in_a_row_are_one_insight() {
        let open = [false, true, true, false, true];
        let trace: Trace = open.iter().enumerate().map(|(n, &open)| point(n as i64 * 60, 0.0, open)).collect();
        assert_eq!(insights(&trace), [(60, 120), (240, 240)]);
    }
}
