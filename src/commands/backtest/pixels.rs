//! Reduces a trace to the columns of a picture. Each column keeps its lowest and its highest value, so no
//! spike is lost.

use super::trace::{Interval, Trace};

/// One column with at least one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Column {
    /// Time of its first point, seconds since 1970.
    pub(crate) time: i64,
    /// Lowest and highest value.
    pub(crate) values: Interval,
    /// Lowest lower and highest upper bound of the band.
    pub(crate) usual: Interval,
}

/// At most `count` columns, from left to right. Points may come in any order of time.
pub(crate) fn columns(trace: &Trace, count: usize) -> Vec<Column> {
    let (Some(begin), Some(end)) = (trace.iter().map(|p| p.time).min(), trace.iter().map(|p| p.time).max()) else {
        return Vec::new();
    };
    let width = (end - begin + 1) as f64 / count as f64;
    let mut columns: Vec<Option<Column>> = vec![None; count];
    for point in trace {
        let at = (((point.time - begin) as f64 / width) as usize).min(count - 1);
        let values = Interval { low: point.value, high: point.value };
        match &mut columns[at] {
            Some(column) => {
                column.time = column.time.min(point.time);
                column.values.extend(values);
                column.usual.extend(point.usual);
            }
            empty => *empty = Some(Column { time: point.time, values, usual: point.usual }),
        }
    }
    columns.into_iter().flatten().collect()
}

impl Interval {
    fn extend(&mut self, other: Self) {
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
    }
}

/// A stretch of time, seconds since 1970; both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) begin: i64,
    pub(crate) end: i64,
}

/// The spans in which an insight is open.
pub(crate) fn insights(trace: &Trace) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut before = false;
    for point in trace {
        match spans.last_mut() {
            Some(span) if before && point.insight => span.end = span.end.max(point.time),
            _ if point.insight => spans.push(Span { begin: point.time, end: point.time }),
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
        Point { time, value, usual: Interval { low: value - 1.0, high: value + 1.0 }, insight }
    }

    #[test]
    fn a_spike_among_ten_thousand_points_stays() {
        let trace: Trace = (0..10_000).map(|n| point(n * 60, if n == 7_777 { 500.0 } else { 3.0 }, false)).collect();
        let columns = columns(&trace, 100);
        assert_eq!(columns.len(), 100);
        let high: Vec<usize> = (0..100).filter(|&n| columns[n].values.high == 500.0).collect();
        assert_eq!(high, [77]);
        assert_eq!(columns[77].values.low, 3.0);
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
        assert_eq!(insights(&trace), [Span { begin: 60, end: 120 }, Span { begin: 240, end: 240 }]);
    }
}
