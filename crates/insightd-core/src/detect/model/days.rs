//! Daily sums: all that the exact baseline of seven days needs.
//!
//! The baseline window begins at midnight UTC seven days before the Start's day, so it touches eight days.
//! Nine are kept: when a Start lies just before midnight and a record after midnight was seen already, the
//! first day of its window is still there.

use serde::{Deserialize, Serialize};

use crate::detect::DAY;

const KEPT: usize = 9;
/// Days of the baseline window before the Start's own.
pub(crate) const WINDOW_DAYS: i64 = 7;

/// Calls per UTC day, the last nine days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Days {
    newest: i32,
    counts: [u32; KEPT],
}

/// UTC day of a minute, days since 1970.
pub(crate) fn day_of(minute: i64) -> i64 {
    minute.div_euclid(DAY)
}

impl Days {
    /// Adds one call; ignores a call older than the kept days, which no window reaches. Returns whether it
    /// only raised the count of the newest day, as nearly all calls do.
    pub(crate) fn add(&mut self, minute: i64) -> bool {
        let day = day_of(minute) as i32;
        let newest = self.newest;
        self.add_calls(day, 1);
        day == newest && self.newest == newest
    }

    /// Adds the calls of earlier records.
    pub(crate) fn merge(&mut self, earlier: &Self) {
        for day in earlier.newest - (KEPT as i32 - 1)..=earlier.newest {
            let calls = earlier.counts[slot(day)];
            if calls > 0 {
                self.add_calls(day, calls);
            }
        }
    }

    fn add_calls(&mut self, day: i32, calls: u32) {
        self.forward(day);
        if i64::from(self.newest) - i64::from(day) < KEPT as i64 {
            let slot = &mut self.counts[slot(day)];
            *slot = slot.saturating_add(calls);
        }
    }

    /// Calls of the newest day.
    pub(crate) fn newest(&self) -> u32 {
        self.counts[slot(self.newest)]
    }

    /// Sets the calls of the newest day.
    pub(crate) fn set_newest(&mut self, count: u32) {
        self.counts[slot(self.newest)] = count;
    }

    /// Calls of the eight days that end with the day of minute `start`.
    pub(crate) fn window(&self, start: i64) -> u64 {
        let last = day_of(start);
        let oldest = i64::from(self.newest) - (KEPT as i64 - 1);
        let days = (last - WINDOW_DAYS).max(oldest)..=last.min(i64::from(self.newest));
        days.map(|day| u64::from(self.counts[slot(day as i32)])).sum()
    }

    fn forward(&mut self, day: i32) {
        if self.counts.iter().all(|&c| c == 0) {
            self.newest = day;
        }
        let steps = i64::from(day) - i64::from(self.newest);
        for step in 1..=steps.min(KEPT as i64) {
            self.counts[slot((i64::from(self.newest) + step) as i32)] = 0;
        }
        self.newest = self.newest.max(day);
    }
}

fn slot(day: i32) -> usize {
    day.rem_euclid(KEPT as i32) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::model::baseline::baseline_start;

    proptest! {
        #[test]
        fn window_equals_a_plain_recount(steps in prop::collection::vec(0i64..3000, 1..80), back in 0i64..1440) {
            let (mut days, mut all, mut at) = (Days::default(), Vec::new(), 20_000_000_i64);
            for step in steps {
                at += step;
                days.add(at);
                all.push(at);
            }
            let start = at - back;
            let expected = all.iter().filter(|&&m| m >= baseline_start(start) && day_of(m) <= day_of(start)).count();
            prop_assert_eq!(days.window(start), expected as u64);
        }
    }
}
