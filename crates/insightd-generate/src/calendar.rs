//! The calendar: weekdays, month ends, and activity by local hour.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::random::Draw;

/// A minute, seconds.
pub(crate) const MINUTE: i64 = 60;
/// An hour, seconds.
pub(crate) const HOUR: i64 = 3600;
/// A day, seconds.
pub(crate) const DAY: i64 = 86_400;

/// Monday is 0, Sunday 6.
pub(crate) fn weekday(time: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    (time.div_euclid(DAY) + 3).rem_euclid(7)
}

/// Whether the day of `time` is the last of its month, UTC.
pub(crate) fn month_ends(time: i64) -> bool {
    let day = |time| Timestamp::from_second(time).map_or(1, |stamp| TimeZone::UTC.to_datetime(stamp).day());
    day(time + DAY) == 1
}

/// Activity by local hour, relative to its peak.
type Curve = [f32; 24];

/// People at work, with a dip at lunch.
const OFFICE: Curve = [
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.02, 0.12, 0.5, 0.9, 1.0, 0.95, 0.6, 0.75, 0.95, 1.0, 0.9, 0.6, 0.25, 0.1, 0.06,
    0.05, 0.02, 0.01,
];
/// Customers of a product, who are most active in the evening.
const CUSTOMERS: Curve = [
    0.35, 0.2, 0.12, 0.1, 0.1, 0.14, 0.25, 0.4, 0.55, 0.65, 0.7, 0.72, 0.75, 0.74, 0.72, 0.72, 0.75, 0.8, 0.88, 0.96,
    1.0, 0.95, 0.8, 0.55,
];

/// The kind of a daily rhythm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Day {
    Office,
    Customers,
    Always,
}

/// How activity follows the day and the week.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhythm {
    pub(crate) day: Day,
    /// Seconds east of UTC.
    pub(crate) zone: i64,
    /// Share of the peak that remains at night.
    pub(crate) floor: f64,
    /// Factor on the activity above the floor on Saturday and Sunday.
    pub(crate) weekend: f64,
}

impl Rhythm {
    /// Local time as if it were UTC.
    pub(crate) fn local(&self, time: i64) -> i64 {
        time + self.zone
    }

    /// A time of the day that begins at `day`, distributed like the activity (rejection sampling).
    pub(crate) fn time_of(&self, day: i64, draw: &mut Draw) -> i64 {
        let mut time = day;
        for _ in 0..64 {
            time = day + draw.whole(0, DAY - 1);
            if draw.unit() < self.level(time) {
                break;
            }
        }
        time
    }

    /// Activity at a time, 0 to 1.
    pub(crate) fn level(&self, time: i64) -> f64 {
        let curve = match self.day {
            Day::Office => &OFFICE,
            Day::Customers => &CUSTOMERS,
            Day::Always => return 1.0,
        };
        let local = self.local(time);
        let second = local.rem_euclid(DAY);
        let (hour, part) = ((second / HOUR) as usize, (second % HOUR) as f64 / HOUR as f64);
        let (from, to) = (f64::from(curve[hour]), f64::from(curve[(hour + 1) % 24]));
        let mut level = from + (to - from) * part;
        if weekday(local) >= 5 {
            level *= self.weekend;
        }
        self.floor + (1.0 - self.floor) * level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-31T12:00:00Z, a Saturday.
    const SATURDAY: i64 = 1_769_860_800;

    #[test]
    fn weekdays_and_month_ends() {
        assert_eq!(weekday(0), 3);
        assert_eq!(weekday(SATURDAY), 5);
        assert!(month_ends(SATURDAY));
        assert!(!month_ends(SATURDAY + DAY));
    }

    #[test]
    fn offices_are_quiet_at_night_and_at_weekends() {
        let office = Rhythm { day: Day::Office, zone: 2 * HOUR, floor: 0.0, weekend: 0.1 };
        let monday = SATURDAY + 2 * DAY - 2 * HOUR;
        assert!(office.level(monday + 3 * HOUR) > 0.8);
        assert_eq!(office.level(monday - 10 * HOUR), 0.0);
        assert!(office.level(SATURDAY) < 0.1);
    }
}
