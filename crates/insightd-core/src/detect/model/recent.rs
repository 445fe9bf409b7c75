//! Counts of the last minutes, one cell for each minute that had a call.
//!
//! A cell is kept while its minute is open, until its series has closed it, and a few minutes longer, because
//! the window of a Start reaches four minutes back.

use serde::{Deserialize, Serialize};

/// One minute. Records that came after it was closed are counted apart: the baseline includes them, but they
/// were never scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cell {
    minute: i32,
    count: u32,
    late: u32,
}

/// The cells, in order of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recent {
    cells: Vec<Cell>,
}

impl Recent {
    /// Adds one call; returns the count of its minute (late ones not included).
    pub(crate) fn add(&mut self, minute: i64, late: bool) -> u32 {
        let minute = cell_minute(minute);
        let at = match self.cells.iter().rposition(|c| c.minute <= minute) {
            Some(at) if self.cells[at].minute == minute => at,
            before => {
                let at = before.map_or(0, |b| b + 1);
                self.cells.insert(at, Cell { minute, count: 0, late: 0 });
                at
            }
        };
        let cell = &mut self.cells[at];
        if late {
            cell.late = cell.late.saturating_add(1);
        } else {
            cell.count = cell.count.saturating_add(1);
        }
        cell.count
    }

    /// Calls of one minute that came while it was open.
    pub(crate) fn count(&self, minute: i64) -> u32 {
        let minute = cell_minute(minute);
        self.cells.iter().rev().find(|c| c.minute == minute).map_or(0, |c| c.count)
    }

    /// All calls from minute `from` to `to`, both inclusive, late ones included.
    pub(crate) fn total(&self, from: i64, to: i64) -> u64 {
        self.cells
            .iter()
            .filter(|c| (from..=to).contains(&i64::from(c.minute)))
            .map(|c| u64::from(c.count) + u64::from(c.late))
            .sum()
    }

    /// Minutes with their counts (late calls not included), in order of time.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (i64, u32)> + '_ {
        self.cells.iter().map(|c| (i64::from(c.minute), c.count))
    }

    /// Minutes held.
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// Forgets what lies before `minute`.
    pub(crate) fn forget_before(&mut self, minute: i64) {
        let keep_from = self.cells.iter().position(|c| i64::from(c.minute) >= minute).unwrap_or(self.cells.len());
        if keep_from > 0 {
            self.cells.drain(..keep_from);
        }
    }
}

fn cell_minute(minute: i64) -> i32 {
    // Minutes since 1970 fit until the year 6053; times are checked on the way in.
    i32::try_from(minute).unwrap_or(if minute < 0 { i32::MIN } else { i32::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_out_of_order_minutes_and_keeps_late_ones_apart() {
        let mut recent = Recent::default();
        assert_eq!(recent.add(10, false), 1);
        assert_eq!(recent.add(8, false), 1);
        assert_eq!(recent.add(10, false), 2);
        assert_eq!(recent.add(9, true), 0);
        assert_eq!(recent.counts().collect::<Vec<_>>(), [(8, 1), (9, 0), (10, 2)]);
        assert_eq!(recent.total(8, 9), 2);
        assert_eq!(recent.count(9), 0);
        recent.forget_before(9);
        assert_eq!(recent.total(0, 20), 3);
    }
}
