//! What becomes of single records: clocks, repeats, limits.

mod ahead;
mod dormant;
mod saved;

use super::*;
use crate::detect::fixture;
use crate::detect::store::restorer::Restorer;

const START: i64 = 1_780_000_000;

/// A failed call with an eventID of its own, the same for the same arguments.
fn event(account: u64, name: &str, time: i64) -> Event<'static> {
    let id = format!("{account}-{name}-{time}");
    Event { error: Some("AccessDenied".into()), id: Some(id.into()), ..fixture::event(account, name, time) }
}

fn detector(change: impl Fn(&mut Settings)) -> Detector {
    let mut settings = fixture::settings();
    change(&mut settings);
    Detector::new(settings)
}

fn restorer(change: impl Fn(&mut Settings)) -> Restorer {
    let mut settings = fixture::settings();
    change(&mut settings);
    Restorer::new(settings)
}

fn observe(detector: &mut Detector, event: &Event<'_>) -> Verdict {
    detector.observe(event, None, &mut |_| {})
}

/// A quarantined record is `counted` from its arrival on, so others must not take the room for its series.
#[test]
fn quarantined_records_find_their_reserved_room() {
    let mut detector = detector(|settings| settings.series_max = 10);
    assert_eq!(observe(&mut detector, &event(1, "A", START)), Verdict::Counted);
    assert_eq!(observe(&mut detector, &event(1, "A", START + 1)), Verdict::Counted);
    assert_eq!(detector.gauges().series, 2);
    for account in [2, 3] {
        assert_eq!(observe(&mut detector, &event(account, "A", START)), Verdict::Counted, "held");
    }
    assert_eq!(observe(&mut detector, &event(1, "B", START + 2)), Verdict::Counted);
    assert_eq!(detector.gauges().series, 4);
    let verdicts: Vec<_> = (0..5).map(|i| observe(&mut detector, &event(1, &format!("C{i}"), START + 3))).collect();
    assert_eq!(verdicts[1..], [Verdict::Shed(Limit::Series); 4], "{verdicts:?}");
    detector.finish(&mut |_| {});
    let gauges = detector.gauges();
    assert_eq!((gauges.series, gauges.unconfirmed), (10, 0));
}

#[test]
fn reserved_bytes_are_returned() {
    let mut detector = detector(|_| {});
    assert_eq!(observe(&mut detector, &event(1, "A", START)), Verdict::Counted);
    let held = detector.context.quota.bytes;
    assert!(held > 0);
    assert_eq!(observe(&mut detector, &event(1, "A", START + 1)), Verdict::Counted);
    assert!(detector.context.quota.bytes <= held, "two series of the same name need what was set aside");
}

#[test]
fn one_record_dated_ahead_blinds_nobody() {
    let mut detector = detector(|_| {});
    for second in 0..5 {
        observe(&mut detector, &event(1, "A", START + second));
    }
    assert_eq!(observe(&mut detector, &event(1, "A", START + 86_400)), Verdict::Counted);
    assert_eq!(detector.gauges().unconfirmed, 1);
    assert_eq!(detector.gauges().clock, START + 4);
    assert_eq!(observe(&mut detector, &event(1, "A", START + 5)), Verdict::Counted);
    assert_eq!(observe(&mut detector, &event(1, "A", START + 86_401)), Verdict::Counted);
    assert_eq!((detector.gauges().unconfirmed, detector.gauges().clock), (0, START + 86_401));
    assert_eq!(observe(&mut detector, &event(1, "A", START + 6)), Verdict::TooLate);
}

/// The bound once pushed out the clock's own current hour, and every good record of that hour was too late
/// from then on.
#[test]
fn the_bound_on_event_ids_never_makes_a_good_record_too_late() {
    let mut detector = detector(|settings| settings.dedup_events_max = 10);
    let verdicts: Vec<_> = (0..50).map(|second| observe(&mut detector, &event(1, "A", START + second))).collect();
    assert!(verdicts.iter().all(|v| *v == Verdict::Counted), "{verdicts:?}");
    let other = (0..5).map(|second| observe(&mut detector, &event(2, "A", START + second)));
    assert!(other.into_iter().all(|v| v == Verdict::Counted), "a neighbour that holds nothing yet");
    assert!(detector.gauges().dedup_events <= 10);
    assert!(detector.take_events().dedup_shortened > 0);
    assert_eq!(observe(&mut detector, &event(1, "A", START)), Verdict::Duplicate, "what is remembered is still known");
}

#[test]
fn a_repeat_is_a_duplicate_while_the_first_is_quarantined() {
    let mut detector = detector(|_| {});
    assert_eq!(observe(&mut detector, &event(1, "A", START)), Verdict::Counted);
    assert_eq!(observe(&mut detector, &event(1, "A", START)), Verdict::Duplicate);
    assert_eq!(detector.gauges().unconfirmed, 1, "a repeat confirms nothing");
}
