//! Drops: a steady series that falls silent raises an insight if `detect.direction` is `both`, and none if it
//! is `up`.

use insightd::config::Config;
use insightd_core::cloudtrail::event::Event;
use insightd_core::cloudtrail::insight::{Insight, State};
use insightd_core::detect::statistics::horizon::Direction;
use insightd_core::detect::{Detector, Settings};
use insightd_test_support::event::event;

const BEGIN: i64 = 1_780_012_800;
const MINUTE: i64 = 60;
const DAY: i64 = 86_400;
/// The silence: half an hour on the ninth day.
const SILENCE: std::ops::Range<i64> = BEGIN + 8 * DAY..BEGIN + 8 * DAY + 30 * MINUTE;

fn call(name: &'static str, time: i64) -> Event<'static> {
    event(name)
        .of("logs.amazonaws.com")
        .in_region("eu-west-1")
        .by("arn:aws:sts::111122223333:assumed-role/shipper")
        .at(time)
        .build()
}

/// Forty calls a minute, more or less, beside a heartbeat that moves the clock.
fn insights(direction: Direction) -> Vec<Insight> {
    let mut detector = Detector::new(Settings { direction, ..Settings::from(&Config::default_config()) });
    let mut insights = Vec::new();
    for minute in 0..(9 * DAY / MINUTE) {
        let start = BEGIN + minute * MINUTE;
        let calls = if SILENCE.contains(&start) { 0 } else { 38 + minute * 7 % 5 };
        for n in 0..calls {
            detector.observe(&call("CreateLogStream", start + n), None, &mut |i| insights.push(i));
        }
        detector.observe(&call("PutRetentionPolicy", start + 55), None, &mut |i| insights.push(i));
    }
    insights
}

/// A steady series that falls silent raises an insight only in direction `both`.
#[test]
fn silence_is_an_insight_in_both_directions_only() {
    assert_eq!(insights(Direction::Up), []);
    let insights = insights(Direction::Both);
    let summary: Vec<_> =
        insights.iter().map(|i| (i.state, &*i.name, i.event_minute - SILENCE.start / MINUTE)).collect();
    let [start, end] = &insights[..] else { panic!("one Start and one End, not {summary:?}") };
    assert_eq!((start.state, &*start.name, start.start), (State::Start, "CreateLogStream", SILENCE.start / MINUTE));
    let delay = start.finding.detected_at - SILENCE.start;
    assert!(delay <= 12 * MINUTE, "detected when the minute closes, ten minutes later: {delay} s");
    assert!(start.finding.observed == 0.0 && (start.finding.expected - 40.0).abs() < 0.5, "{:?}", start.finding);
    assert_eq!((end.state, end.event_minute), (State::End, SILENCE.end / MINUTE), "{summary:?}");
    assert_eq!((end.insight_count, end.insight_minutes), (0, 30));
}
