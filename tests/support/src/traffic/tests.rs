//! Checks of the constructed traffic itself, which the other tests rely on.

use crate::clock::{at, iso, parse};
use crate::delivery::{Breakage, Conditions, deliver, truth};
use crate::payload::messages;
use crate::record;
use crate::traffic::Plan;

#[test]
fn calendar_arithmetic_is_right() {
    assert_eq!(at(1970, 1, 1, 0, 0, 0), 0);
    assert_eq!(at(2024, 2, 29, 12, 0, 0), 1_709_208_000);
    assert_eq!(iso(1_709_208_000), "2024-02-29T12:00:00Z");
    assert_eq!(parse("2024-02-29T12:00:00Z"), Some(1_709_208_000));
    assert_eq!(parse("2024-02-29 12:00:00"), None);
}

#[test]
fn traffic_looks_like_real_logs() {
    let calls = Plan::usual(1).calls();
    let reads = calls.iter().filter(|call| call.api.read).count() as f64 / calls.len() as f64;
    let mut sizes: Vec<usize> = calls.iter().map(|call| record::json(call).len()).collect();
    sizes.sort_unstable();
    println!("{} calls, {:.3} reads, median record {} bytes", calls.len(), reads, sizes[sizes.len() / 2]);
    assert!(calls.len() > 100_000 && calls.len() < 250_000, "{} calls", calls.len());
    assert!((0.8..0.9).contains(&reads), "{reads} reads");
    assert!((1000..1500).contains(&sizes[sizes.len() / 2]), "median record of {} bytes", sizes[sizes.len() / 2]);
    assert!(calls.is_sorted_by_key(|call| call.time));
    for call in calls.iter().step_by(97) {
        let value: serde_json::Value = serde_json::from_str(&record::json(call)).expect("a record is JSON");
        assert_eq!(value["eventTime"].as_str().and_then(parse).map(|t| t - t % 60), Some(call.time - call.time % 60));
    }
}

/// Delivery is late, out of order, repeated, and damaged, and the same from the same seed.
#[test]
fn delivery_disturbs_and_repeats_from_its_seed() {
    let calls = Plan::usual(1).calls();
    let deliveries = deliver(&calls, &Conditions::usual(2));
    let truth = truth(&deliveries);
    println!("{truth:?}");
    let backwards = deliveries.windows(2).filter(|pair| calls[pair[0].call].time > calls[pair[1].call].time).count();
    assert!(backwards * 5 > deliveries.len(), "only {backwards} of {} pairs go backwards", deliveries.len());
    assert!(truth.duplicates > 100 && truth.too_late > 5, "{truth:?}");
    let reasons: std::collections::BTreeSet<_> = Breakage::ALL.iter().map(|how| how.reason()).collect();
    assert_eq!(truth.reasons.len(), reasons.len(), "every kind of damage occurs: {truth:?}");
    let (mut sent, mut bytes) = (0, 0);
    messages(&calls, &deliveries, 3, |message| {
        sent += 1;
        bytes += message.payload.len();
    });
    println!("{sent} messages, {bytes} bytes");
    let again = deliver(&Plan::usual(1).calls(), &Conditions::usual(2));
    assert!(again.iter().zip(&deliveries).all(|(a, b)| a.call == b.call && a.what == b.what));
}
