//! Kills processes with SIGKILL on a real Kafka, repeatedly, while records arrive, processes join and leave,
//! and brokers fail. Then a separate program, [the judge](judge/main.rs), checks that no record is lost,
//! repeated or changed, and shows on damaged output that it detects such errors.
//!
//! The long form, on three brokers, with the points at which a process kills itself compiled in:
//! `INSIGHTD_KILLS=120 cargo test --release --features crash-points --test soak -- --nocapture`. Without that
//! feature the test sends every SIGKILL itself.

#![allow(clippy::print_stdout, clippy::decimal_bitwise_operands, reason = "the report of the run; seeds")]
#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

mod ledger;
mod outages;
mod scene;
mod traffic;
mod verdict;
mod victims;

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use ledger::Ledger;
use scene::{Form, Scene};

/// A kill at any moment loses, repeats and changes nothing.
#[test]
fn kills_lose_repeat_and_change_nothing() {
    let form = Form::asked_for();
    println!("{form:?}");
    let scene = Scene::new(form);
    let mut judge = verdict::Judge::watch(&scene);
    let mut ledger = Ledger::default();

    let mixed = traffic::mixed(&scene.form);
    let backlog = scene.form.is_long.then(|| traffic::backlog(&scene));
    let mut daemons = ["a", "b"].map(|process| scene.start(process, None));
    if let Some(backlog) = backlog {
        ledger.rate_max = traffic::rate_without_kills(&scene, &mut daemons[0], backlog);
        println!("without kills: {:.0} records a second", ledger.rate_max);
    }
    let (began, read_before, rate_max) = (Instant::now(), scene.messages_read(), ledger.rate_max);
    let produced_before = scene.messages_produced();
    ledger.backlog = produced_before - read_before;
    thread::scope(|scope| {
        let producers = scope.spawn(|| traffic::feed(&scene, &mixed, rate_max));
        let come_and_go = scope.spawn(|| victims::join_and_leave(&scene));
        let brokers = scope.spawn(|| outages::restart_brokers(&scene));
        let killed: Vec<_> = daemons
            .into_iter()
            .zip(["a", "b"])
            .map(|(daemon, process)| scope.spawn(|| victims::kill_again_and_again(&scene, process, daemon)))
            .collect();
        for killed in killed {
            ledger.add(killed.join().expect("no panic"));
        }
        ledger.seconds = began.elapsed().as_secs_f64();
        ledger.read = scene.messages_read() - read_before;
        ledger.produced = scene.messages_produced() - produced_before;
        scene.done.store(true, Ordering::Relaxed);
        producers.join().expect("no panic");
        ledger.joins = come_and_go.join().expect("no panic");
        ledger.broker_restarts = brokers.join().expect("no panic");
    });
    let mut daemons = ["a", "b"].map(|process| scene.start(process, None));
    scene.wait_until_read(&mut daemons);
    daemons.iter_mut().for_each(insightd_test_support::insightd::Daemon::stop);
    (ledger.rebalances, ledger.markerless) = scene.broker_messages();

    ledger.show(&scene.form);
    judge.rule(&scene);
    ledger.assert_enough(&scene.form);
}

/// No other binary contains the crash points of this test.
#[test]
fn crash_points_are_compiled_in_only_on_request() {
    let binary = std::fs::read(env!("CARGO_BIN_EXE_insightd")).expect("the binary");
    for trace in [&b"FAILPOINTS"[..], b"crash point ", b"commit-unknown"] {
        let holds = binary.windows(trace.len()).any(|bytes| bytes == trace);
        assert_eq!(holds, cfg!(feature = "crash-points"), "{}", trace.escape_ascii());
    }
}
