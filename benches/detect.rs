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

/// `EVENTS` events over `series` series of `series / 100 + 1` accounts, `per_second` of them a second. Each
/// series has so many callers, each with a tool of its own.
fn events(series: usize, per_second: usize, callers: usize, from: usize) -> Vec<Event<'static>> {
    let event = |i: usize| {
        // A fixed multiplicative step visits the series in a scattered order.
        let which = (i.wrapping_mul(2_654_435_761)) % series;
        let who = if callers == 1 { which % 7 } else { i / series % callers };
        event_of(format!("Operation{}", which % 100))
            .in_account(which as u64 / 100)
            .by(format!("arn:aws:sts::111122223333:assumed-role/role-{who}"))
            .with(format!("aws-sdk-go/1.{who}"))
            .at(1_780_000_000 + (i / per_second) as i64)
            .id(format!("{i:032x}"))
            .build()
    };
    (from..from + EVENTS).map(event).collect()
}

fn warmed(series: usize, per_second: usize, callers: usize) -> (Detector, Vec<Event<'static>>) {
    let mut detector = Detector::new(Settings::from(&Config::default_config()));
    let rounds = (3 * series).div_ceil(EVENTS).max(1);
    for round in 0..rounds {
        for event in events(series, per_second, callers, round * EVENTS) {
            detector.observe(&event, None, &mut |_| {});
        }
    }
    (detector, events(series, per_second, callers, rounds * EVENTS))
}

fn observe(bencher: Bencher<'_, '_>, series: usize, per_second: usize) {
    bencher.counter(ItemsCount::new(EVENTS)).with_inputs(|| warmed(series, per_second, 1)).bench_local_values(
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
    observe_in_transactions(bencher, series, 1);
}

/// The same with series that many principals call, each with a tool of its own: the undo must not cost what
/// the transaction does not touch.
#[divan::bench(args = [8, 32], sample_count = 5)]
fn in_transactions_by_callers(bencher: Bencher<'_, '_>, callers: usize) {
    observe_in_transactions(bencher, 1_000, callers);
}

fn observe_in_transactions(bencher: Bencher<'_, '_>, series: usize, callers: usize) {
    bencher
        .counter(ItemsCount::new(EVENTS))
        .with_inputs(|| {
            let (mut detector, events) = warmed(series, (series / 60).max(1), callers);
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
