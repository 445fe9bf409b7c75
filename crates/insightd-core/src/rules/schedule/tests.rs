//! Windows around midnight, the end of the week and daylight-saving changes.

use proptest::prelude::*;

use super::*;

fn schedule(window: &str) -> Schedule {
    Schedule::parse(&[window.to_owned()]).expect("a window")
}

/// Seconds since 1970 of an instant in RFC 3339.
fn at(instant: &str) -> i64 {
    instant.parse::<Timestamp>().expect("an instant").as_second()
}

fn check(window: &str, inside: &[&str], outside: &[&str]) {
    let schedule = schedule(window);
    for instant in inside {
        assert!(schedule.contains(at(instant)), "{instant} lies in {window}");
    }
    for instant in outside {
        assert!(!schedule.contains(at(instant)), "{instant} does not lie in {window}");
    }
}

#[test]
fn a_window_has_its_beginning_and_not_its_end() {
    // 2026-03-02 is a Monday.
    check(
        "Mon 09:00-17:00",
        &["2026-03-02T09:00:00Z", "2026-03-02T16:59:59Z"],
        &["2026-03-02T08:59:59Z", "2026-03-02T17:00:00Z", "2026-03-03T12:00:00Z", "2026-03-01T12:00:00Z"],
    );
    check("00:00-24:00", &["2026-03-02T00:00:00Z", "2026-03-02T23:59:59Z", "2026-03-08T23:59:59Z"], &[]);
    check("12:00-13:00 UTC", &["2026-03-04T12:30:00Z"], &["2026-03-04T13:30:00Z"]);
}

#[test]
fn a_window_across_midnight_belongs_to_its_first_day() {
    check(
        "Sat 22:00-02:00",
        &["2026-03-07T22:00:00Z", "2026-03-07T23:59:59Z", "2026-03-08T00:00:00Z", "2026-03-08T01:59:59Z"],
        &["2026-03-07T01:00:00Z", "2026-03-07T21:59:59Z", "2026-03-08T02:00:00Z", "2026-03-08T22:30:00Z"],
    );
    let over_the_week = "Sun 22:00-02:00";
    check(
        over_the_week,
        &["2026-03-08T23:00:00Z", "2026-03-09T01:00:00Z"],
        &["2026-03-02T03:00:00Z", "2026-03-09T02:00:00Z"],
    );
    check("Fri-Mon 06:00-07:00", &["2026-03-08T06:30:00Z", "2026-03-09T06:30:00Z"], &["2026-03-10T06:30:00Z"]);
}

#[test]
fn a_window_follows_its_zone_across_clock_changes() {
    // Berlin: an hour ahead of UTC in winter, two in summer (from 2026-03-29T01:00Z to 2026-10-25T01:00Z).
    check(
        "Sat 22:00-02:00 Europe/Berlin",
        &["2026-03-07T21:00:00Z", "2026-03-08T00:59:59Z", "2026-07-04T20:00:00Z", "2026-07-04T23:59:59Z"],
        &["2026-03-07T20:59:59Z", "2026-03-08T01:00:00Z", "2026-07-04T19:59:59Z", "2026-07-05T00:00:00Z"],
    );
    // On this Sunday the clocks skip 02:00 to 03:00; the rest of a window around it still applies.
    check(
        "Sun 02:00-03:00 Europe/Berlin",
        &["2026-03-22T01:30:00Z"],
        &["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"],
    );
    check(
        "Sun 01:00-04:00 Europe/Berlin",
        &["2026-03-29T00:00:00Z", "2026-03-29T01:59:59Z"],
        &["2026-03-29T02:00:00Z"],
    );
    // On this one the hour repeats.
    check(
        "Sun 02:00-03:00 Europe/Berlin",
        &["2026-10-25T00:00:00Z", "2026-10-25T00:59:59Z", "2026-10-25T01:00:00Z", "2026-10-25T01:59:59Z"],
        &["2026-10-24T23:59:59Z", "2026-10-25T02:00:00Z"],
    );
    check(
        "Mon 09:00-10:00 america/new_york",
        &["2026-03-02T14:30:00Z", "2026-07-06T13:30:00Z"],
        &["2026-03-02T13:30:00Z"],
    );
    check(
        "Mon 00:00-01:00 Asia/Kathmandu",
        &["2026-03-01T18:15:00Z"],
        &["2026-03-01T18:14:59Z", "2026-03-01T19:15:00Z"],
    );
}

#[test]
fn any_of_several_windows_holds() {
    let both = Schedule::parse(&["Mon 01:00-02:00".to_owned(), "Tue 01:00-02:00".to_owned()]).expect("windows");
    assert!(both.contains(at("2026-03-02T01:30:00Z")) && both.contains(at("2026-03-03T01:30:00Z")));
    assert!(!both.contains(at("2026-03-04T01:30:00Z")));
}

#[test]
fn a_wrong_window_says_what_is_wrong_with_it() {
    for (window, reason) in [
        ("", "no hours"),
        ("Sat", "no hours"),
        ("Sat 22-02", "no time of day"),
        ("Sat 24:00-02:00", "no time of day"),
        ("Sat 22:60-02:00", "no time of day"),
        ("Sat 22:00", "no span of hours"),
        ("Sat 22:00-22:00", "begins as it ends"),
        ("Sat 22:00-24:01", "no time of day"),
        ("Sam 22:00-02:00", "no day (Mon Tue"),
        ("Mon-Wed,Tue 22:00-02:00", "given twice"),
        ("Sat 22:00-02:00 Europe/Berlim", "no time zone"),
        ("Sat 22:00-02:00 CET extra", "too many"),
        ("Sat 22:00 - 02:00", "too many"),
    ] {
        let said = Schedule::parse(&[window.to_owned()]).expect_err(window);
        assert!(said.contains(reason), "{window}: {said}");
    }
    assert!(Schedule::parse(&[]).is_err());
}

#[test]
fn times_that_no_calendar_has_are_in_no_window() {
    let always = schedule("00:00-24:00");
    assert!(!always.contains(i64::MAX) && !always.contains(i64::MIN));
}

/// Every minute of the week, marked by walking through the window minute by minute.
fn walked(days: &[u16], from: u16, to: u16) -> Vec<bool> {
    let mut inside = vec![false; usize::from(WEEK_MINUTES)];
    for day in days {
        let mut minute = from;
        let mut place = usize::from(day * DAY_MINUTES + from);
        loop {
            inside[place] = true;
            place = (place + 1) % inside.len();
            minute = (minute + 1) % DAY_MINUTES;
            if minute == to % DAY_MINUTES {
                break;
            }
        }
    }
    inside
}

proptest! {
    #[test]
    fn a_window_holds_in_the_minutes_one_would_walk_through(
        first in 0_usize..7, last in 0_usize..7, from in 0_u16..1440, to in 1_u16..=1440,
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
        hours in 0_i64..8760, seconds in 0_i64..3600,
    ) {
        prop_assume!(from != to);
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let window = format!("{}-{} {}-{} {zone}", DAYS[first], DAYS[last], clock(from), clock(to));
        let days: Vec<u16> = (0..7).map(|n| (first + n) % 7).take((last + 7 - first) % 7 + 1).map(|d| d as u16).collect();
        let inside = walked(&days, from, to);
        let time = at("2026-01-01T00:00:00Z") + hours * 3600 + seconds;
        // Local time, computed independently: UTC plus the zone's offset at that moment.
        let zone = TimeZoneDatabase::bundled().get(zone).expect("a zone");
        let offset = zone.to_offset(Timestamp::from_second(time).expect("a time")).seconds();
        // 2025-12-29 is a Monday.
        let monday = at("2025-12-29T00:00:00Z");
        let minute = (time + i64::from(offset) - monday).div_euclid(60).rem_euclid(i64::from(WEEK_MINUTES));
        prop_assert_eq!(schedule(&window).contains(time), inside[minute as usize], "{} at {}", window, time);
    }

    #[test]
    fn no_text_breaks_the_reading_of_windows(text in "\\PC{0,40}") {
        let _ = Schedule::parse(&[text]);
    }
}
