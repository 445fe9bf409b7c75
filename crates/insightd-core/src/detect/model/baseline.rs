//! The 7-day baseline of a record: window, minutes and count (docs/detection.md, "The numbers of a record").
//!
//! The window runs from midnight UTC seven days before the Start's day to the minute before the Start, so it
//! is 7 to 8 days long. It never reaches back beyond the account's history. The count is exact, late calls
//! included.

use crate::detect::DAY;
use crate::detect::model::days::{Days, WINDOW_DAYS, day_of};
use crate::detect::model::recent::Recent;

/// First minute of the baseline window of an insight that starts in minute `start`.
pub(crate) fn baseline_start(start: i64) -> i64 {
    (day_of(start) - WINDOW_DAYS) * DAY
}

/// Minutes of the baseline window of an insight that starts in minute `start`, in an account whose history
/// begins in minute `begin`; at least 1.
pub(crate) fn baseline_minutes(start: i64, begin: i64) -> u64 {
    (start - baseline_start(start).max(begin)).max(1) as u64
}

/// Calls in the baseline window before minute `start`: whole days, less what lies at or after `start` on its
/// own day.
pub(crate) fn baseline_count(days: &Days, recent: &Recent, start: i64) -> u64 {
    let end_of_day = (day_of(start) + 1) * DAY - 1;
    days.window(start).saturating_sub(recent.total(start, end_of_day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baseline_starts_at_midnight_seven_days_before() {
        // 2025-01-02T10:43Z: the window is 10080 + 643 = 10723 minutes (a real record of AWS).
        let start = 1_735_814_580 / 60;
        assert_eq!(start - baseline_start(start), 10_723);
        assert_eq!(baseline_minutes(start, i64::MIN), 10_723);
        assert_eq!(baseline_minutes(start, start - 60), 60, "a young account");
        assert_eq!(baseline_minutes(start, start), 1, "an account that begins with the Start");
    }

    #[test]
    fn calls_of_the_starts_own_day_count_up_to_the_start() {
        let (mut days, mut recent, start) = (Days::default(), Recent::default(), 20_000 * DAY + 600);
        for minute in [start - 8 * DAY, start - 7 * DAY - 600, start - 1, start, start + 3] {
            days.add(minute);
            recent.add(minute, false);
        }
        assert_eq!(baseline_count(&days, &recent, start), 2);
    }
}
