//! `run` finds exactly what `replay` finds, and a restart under load neither loses nor repeats anything.

use std::collections::BTreeSet;
use std::path::Path;

use crate::setup::{Setup, assert_same, by_account, expected};
use insightd_test_support::broker::Feeder;
use insightd_test_support::clock::{DAY, HOUR};
use insightd_test_support::delivery::{Conditions, Truth};
use insightd_test_support::insightd::{Daemon, Insight, assert_adds_up, replay, sum_of};
use insightd_test_support::load::{Load, PARTITIONS, partition};
use insightd_test_support::payload::Message;
use insightd_test_support::traffic::{ACCOUNTS, Plan};

/// Counts of a running daemon against the ground truth.
fn assert_counts(daemon: &Daemon, truth: &Truth) {
    let (_, text) = daemon.get("/metrics").expect("metrics");
    let outcome =
        |name: &str| sum_of(&text, "insightd_records_total", &[("outcome", name)]).expect("the metric") as u64;
    assert_eq!(sum_of(&text, "insightd_records_total", &[]), Some(truth.records as f64), "all records");
    assert_eq!(outcome("counted"), truth.counted, "counted");
    assert_eq!(outcome("duplicate"), truth.duplicates, "duplicates");
    assert_eq!(outcome("out_of_scope"), truth.out_of_scope, "out of scope");
    assert_eq!(outcome("too_late"), truth.too_late, "too late");
    assert_eq!(outcome("malformed"), truth.malformed, "malformed");
    assert_eq!(outcome("shed"), 0, "shed");
    for (reason, count) in &truth.reasons {
        let found = sum_of(&text, "insightd_dead_letters_total", &[("reason", reason)]);
        assert_eq!(found, Some(*count as f64), "dead-letter records of reason {reason}");
    }
    let envelopes = text
        .lines()
        .filter(|line| {
            line.starts_with("insightd_records_total{") && line.contains("\"counted\"") && !line.ends_with(" 0")
        })
        .count();
    assert!(envelopes >= 5, "only {envelopes} envelopes were seen");
}

#[test]
fn run_finds_byte_for_byte_what_replay_finds() {
    let seed = 20_250_302;
    let load = Load::new(&Plan::usual(seed), &Conditions::usual(seed));
    let folder = tempfile::tempdir().expect("a folder");
    load.write(folder.path());
    let setup = Setup::new("same");
    load.send(&setup.broker.feeder(&setup.input));

    let mut daemon = Daemon::start_ready(&setup.config());
    setup.wait_until_read(&mut daemon);
    assert_counts(&daemon, &load.truth);
    daemon.stop();

    let replayed = replay(folder.path(), None, &[]);
    assert_adds_up(&replayed.stats);
    for (name, count) in [
        ("records", load.truth.records),
        ("counted", load.truth.counted),
        ("duplicates", load.truth.duplicates),
        ("out_of_scope", load.truth.out_of_scope),
        ("too_late", load.truth.too_late),
        ("malformed", load.truth.malformed),
    ] {
        assert_eq!(replayed.count(name), count, "{name} of replay");
    }
    let (calls, errors) = (replayed.starts("ApiCallRateInsight"), replayed.starts("ApiErrorRateInsight"));
    println!("replay raised {calls} insights of the call rate and {errors} of the error rate");
    assert!(calls + errors >= 20 && calls > 0 && errors > 0, "too little to compare: {calls} and {errors}");

    let insights = setup.insights();
    let found = by_account(insights.iter().map(|got| got.text()));
    assert_same(&found, &expected(&replayed, &found));
    assert_eq!(found.len(), ACCOUNTS.len(), "every account has insights, the one with leading zeros too");
    for got in &insights {
        assert_eq!(got.key.as_deref(), Some(Insight::read(got.text()).account.as_str()), "key");
        assert_eq!(got.header("insight-historic"), Some("true"), "the traffic is of last year");
        for name in [
            "insight-type",
            "insight-state",
            "insight-severity",
            "insight-reason",
            "detected-at",
            "score",
            "limit",
            "expected",
        ] {
            assert!(got.header(name).is_some_and(|value| !value.is_empty()), "header {name} of {got:?}");
        }
    }
    assert_eq!(setup.dead_letters().len() as u64, load.truth.malformed);
}

/// SIGTERM under load loses and repeats nothing, and the baselines continue.
#[test]
fn sigterm_under_load_loses_and_repeats_nothing() {
    let seed = 77;
    let plan = Plan { length: 12 * DAY, attacks: 10, quiet: 36 * HOUR, poll_every: 240, ..Plan::usual(seed) };
    let load = Load::new(&plan, &Conditions::usual(seed));
    let folder = tempfile::tempdir().expect("a folder");
    load.write(folder.path());
    let messages: Vec<&Message> = load.messages.iter().collect();
    let (first, second) = messages.split_at(messages.len() * 5 / 12);
    let setup = Setup::new("seam");
    let feeder = setup.broker.feeder(&setup.input);
    send(&feeder, first);
    let mut daemon = Daemon::start_ready(&setup.config());
    setup.wait_until_read(&mut daemon);

    // The second load arrives while the daemon reads, and pauses before its end until the daemon has stopped.
    // So the daemon stops in the middle of it.
    let (running, rest) = second.split_at(second.len() * 2 / 3);
    let seen = setup.broker.committed(&setup.group, &setup.input);
    std::thread::scope(|scope| {
        scope.spawn(|| send(&feeder, running));
        daemon.wait_until("every partition is well within the second load", |_| {
            let committed = setup.broker.committed(&setup.group, &setup.input);
            committed.iter().zip(&seen).all(|(now, then)| *now > then + 500)
        });
        daemon.stop();
    });
    send(&feeder, rest);
    let seam = setup.broker.committed(&setup.group, &setup.input);
    println!("stopped at {seam:?}");
    assert!(
        seam.iter().zip(setup.broker.ends(&setup.input)).all(|(seam, end)| *seam < end),
        "not within the load: {seam:?}"
    );
    let before = setup.insights().len();

    let mut daemon = Daemon::start_ready(&setup.config());
    setup.wait_until_read(&mut daemon);
    let restored = daemon.metric("insightd_state_restores_total", &[("found", "state")]);
    assert_eq!(restored, Some(f64::from(PARTITIONS)), "partitions whose state came back\n{}", daemon.log());
    daemon.stop();

    assert!(before >= 10 && setup.insights().len() >= before + 10, "too little on one side of the stop");
    assert_all_as_replayed(&setup, &load, folder.path());
}

/// The output equals one `replay` of the whole load: each insight and each dead-letter record once.
pub fn assert_all_as_replayed(setup: &Setup, load: &Load, folder: &Path) {
    let replayed = replay(folder, None, &[]);
    let insights = setup.insights();
    let ids: BTreeSet<String> = insights.iter().map(|got| Insight::read(got.text()).id).collect();
    assert_eq!(ids.len(), insights.len(), "an insight was repeated");
    let found = by_account(insights.iter().map(|got| got.text()));
    assert_same(&found, &expected(&replayed, &found));

    let letters = setup.dead_letters();
    let places: BTreeSet<_> = letters
        .iter()
        .map(|got| ["partition", "offset", "record-index"].map(|name| got.header(name).map(str::to_owned)))
        .collect();
    assert_eq!(places.len(), letters.len(), "a dead-letter record was repeated");
    assert_eq!(letters.len() as u64, load.truth.malformed, "a dead-letter record was lost");
}

/// Sends messages in their order.
pub fn send(feeder: &Feeder, messages: &[&Message]) {
    for message in messages {
        feeder.send(partition(message), Some(message.account), &message.payload);
    }
    feeder.flush();
}
