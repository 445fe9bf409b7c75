//! How large one record of the changelog can become. A configuration under which a transaction could never be
//! written is refused before the first one is.
//!
//! Upper bounds of the encoding (a varint of 32 bits has at most five bytes, one of 64 ten), not typical
//! sizes.

use crate::detect::intake::clock::QUARANTINED_BYTES_MAX;
use crate::detect::model::series::cells_max;

/// Bytes of a minute, a count and a count of late calls.
const CELL: u64 = 15;
/// Bytes of a value besides its text and its open minutes: nine days, a profile, two counts and lengths.
const VALUE: u64 = 128;
/// Values on the baseline side of an open insight: five of each attribute.
const BASELINES: u64 = 15;
/// Bytes of all else in a series: names of 256 bytes, statistic, the finding of an open insight with an
/// eventID.
const SERIES: u64 = 4096;
/// Bytes of all else in a region that does not grow with its content.
const REGION: u64 = 1024;

/// Bytes of a series whose three attributes have so many values of so many bytes, with minutes open for
/// `lateness`.
pub fn series_bytes_max(values_max: usize, value_bytes_max: usize, lateness: i64) -> u64 {
    let cells = cells_max(lateness) as u64 * CELL;
    let (values, text) = (values_max as u64, value_bytes_max as u64);
    3 * values * (text + VALUE + cells) + BASELINES * (text + VALUE) + cells + SERIES
}

/// Bytes of a region with so many quarantined records, without its open insights.
pub fn region_bytes_max(quarantined: usize) -> u64 {
    quarantined as u64 * QUARANTINED_BYTES_MAX as u64 + REGION
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudtrail::event::Event;
    use crate::detect::{Detector, fixture};

    const START: i64 = 1_780_000_000 / 3600 * 3600;

    /// Longest record of each kind.
    fn longest(detector: &mut Detector, kind: u8) -> u64 {
        let mut longest = 0;
        detector.save(&mut |key, value| {
            if key[0] == kind {
                longest = longest.max(value.map_or(0, <[u8]>::len));
            }
        });
        detector.commit();
        longest as u64
    }

    fn event(time: i64, number: i64) -> Event<'static> {
        let text = |bytes: usize| format!("{number}{}", "x".repeat(bytes));
        Event {
            region: "r".repeat(256).into(),
            source: "s".repeat(256).into(),
            error: Some(format!("{number:0256}").into()),
            id: Some(text(9000).into()),
            principal: text(9000).into(),
            invoked_by: text(9000).into(),
            agent: text(9000).into(),
            read_only: Some(true),
            ..fixture::event(999_999_999_999, &"n".repeat(256), time)
        }
    }

    #[test]
    fn no_series_exceeds_its_bound_and_the_bound_is_close() {
        for (values_max, value_bytes_max, lateness) in [(5, 16, 1), (12, 700, 10), (6, 40, 30)] {
            let mut settings = fixture::settings();
            (settings.values_max, settings.value_bytes_max, settings.lateness) =
                (values_max, value_bytes_max, lateness);
            (settings.warm_up, settings.dedup_horizon_s) = (0, 7 * 86_400);
            let mut detector = Detector::new(settings);
            detector.start_undo();
            let mut largest = 0;
            for minute in 0..2 * lateness + 80 {
                for value in 0..values_max as i64 {
                    // On time, late in an open minute, and late in a closed one.
                    for back in [0, lateness / 2, lateness + 1 + minute % 90] {
                        let time = START + (minute - back) * 60;
                        detector.observe(&Event { id: None, ..event(time, value) }, Some(time), &mut |_| {});
                    }
                }
                if minute % 8 == 0 {
                    largest = largest.max(longest(&mut detector, b's'));
                }
            }
            let bound = series_bytes_max(values_max, value_bytes_max, lateness);
            assert!(largest <= bound && largest > bound / 8, "{largest} bytes, bound {bound}");
        }
    }

    /// It kept a cell for each minute that was ever late, for as long as nothing came on time.
    #[test]
    fn a_series_with_late_calls_only_once_grew_without_end() {
        let mut detector = Detector::new(fixture::settings());
        detector.start_undo();
        let mut sizes = Vec::new();
        for minute in 0..2000 {
            let now = START + minute * 60;
            for (name, time) in [("Other", now), ("Other", now + 1), ("Late", now - 12 * 60)] {
                let event = Event { name: name.into(), error: None, ..event(time, 1) };
                detector.observe(&Event { id: Some(format!("{name}{time}").into()), ..event }, None, &mut |_| {});
            }
            if minute % 500 == 499 {
                sizes.push(longest(&mut detector, b's'));
            }
        }
        assert!(sizes[3] < sizes[0] + 200, "{sizes:?}");
    }

    #[test]
    fn no_region_with_quarantined_records_exceeds_its_bound() {
        let mut detector = Detector::new(fixture::settings());
        detector.start_undo();
        // Each further ahead than the one before can confirm.
        (0..16).for_each(|day| {
            detector.observe(&event(START - day * 86_400, day), None, &mut |_| {});
        });
        assert!(detector.gauges().unconfirmed > 14);
        let (largest, bound) = (longest(&mut detector, b'r'), region_bytes_max(16));
        assert!(largest <= bound && largest > bound / 2, "{largest} bytes, bound {bound}");
    }
}
