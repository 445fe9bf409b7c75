//! Detection alone: time per counted event, by number of live series.
//!
//! `cargo bench --bench detect`. One event is drawn for each minute-and-series in turn, so that at 100,000
//! series most events meet a series whose minute is new (the expensive path); `busy` stays inside one minute
//! (the cheap one).

use divan::Bencher;
use divan::counter::ItemsCount;
use insightd::config::Config;
use insightd_core::cloudtrail::event::Event;
use insightd_core::detect::{Detector, Settings};
use insightd_test_support::event::event as event_of;

const EVENTS: usize = 100_000;

fn main() {
    divan::main();
}

/// `EVENTS` events over `series` series of `series / 100 + 1` accounts, `per_second` of them a second.
fn events(series: usize, per_second: usize, from: usize) -> Vec<Event<'static>> {
    let event = |i: usize| {
        // A fixed multiplicative step visits the series in a scattered order.
        let which = (i.wrapping_mul(2_654_435_761)) % series;
        event_of(format!("Operation{}", which % 100))
            .in_account(which as u64 / 100)
            .by(format!("arn:aws:sts::111122223333:assumed-role/role-{}", which % 7))
            .with("aws-sdk-go/1.55")
            .at(1_780_000_000 + (i / per_second) as i64)
            .id(format!("{i:032x}"))
            .build()
    };
    (from..from + EVENTS).map(event).collect()
}

fn warmed(series: usize, per_second: usize) -> (Detector, Vec<Event<'static>>) {
    let mut detector = Detector::new(Settings::from(&Config::default_config()));
    let rounds = (3 * series).div_ceil(EVENTS).max(1);
    for round in 0..rounds {
        for event in events(series, per_second, round * EVENTS) {
            detector.observe(&event, None, &mut |_| {});
        }
    }
    (detector, events(series, per_second, rounds * EVENTS))
}

fn observe(bencher: Bencher<'_, '_>, series: usize, per_second: usize) {
    bencher.counter(ItemsCount::new(EVENTS)).with_inputs(|| warmed(series, per_second)).bench_local_values(
        |(mut detector, events)| {
            let mut insights = 0_u64;
            for event in &events {
                detector.observe(event, None, &mut |_| insights += 1);
            }
            (detector, events, insights)
        },
    );
}

#[divan::bench(args = [1_000, 10_000, 100_000], sample_count = 5)]
fn new_minute(bencher: Bencher<'_, '_>, series: usize) {
    // Each series has about one event a minute.
    observe(bencher, series, (series / 60).max(1));
}

#[divan::bench(args = [1_000, 100_000], sample_count = 5)]
fn busy(bencher: Bencher<'_, '_>, series: usize) {
    // All in one minute.
    observe(bencher, series, EVENTS);
}

/// As the daemon does it: transactions of 20 records, each one saved and committed. What that costs beside
/// `new_minute` is the undo (a copy of each series that a transaction changes first) and the encoding.
#[divan::bench(args = [1_000, 10_000], sample_count = 5)]
fn in_transactions(bencher: Bencher<'_, '_>, series: usize) {
    bencher
        .counter(ItemsCount::new(EVENTS))
        .with_inputs(|| {
            let (mut detector, events) = warmed(series, (series / 60).max(1));
            detector.start_undo();
            (detector, events)
        })
        .bench_local_values(|(mut detector, events)| {
            let mut bytes = 0;
            for transaction in events.chunks(20) {
                for event in transaction {
                    detector.observe(event, None, &mut |_| {});
                }
                detector.save(&mut |key, value| bytes += key.len() + value.map_or(0, <[u8]>::len));
                detector.commit();
            }
            (detector, events, bytes)
        });
}
