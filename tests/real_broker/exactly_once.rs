//! `run` finds exactly what `replay` finds, and a restart in the middle neither loses nor repeats anything.

use std::collections::BTreeSet;

use crate::setup::{Setup, assert_same, by_account, expected};
use crate::support::broker::{Feeder, Got};
use crate::support::clock::{DAY, HOUR};
use crate::support::delivery::{Conditions, Truth};
use crate::support::insightd::{Daemon, Insight, assert_adds_up, replay, sum_of};
use crate::support::load::{Load, partition, write};
use crate::support::payload::Message;
use crate::support::traffic::{ACCOUNTS, Plan};

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
        assert_eq!(found, Some(*count as f64), "dead letters of reason {reason}");
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

/// Baselines start anew with the process, so the first process must have found what `replay` finds up to the committed offsets, and the second
/// what `replay` finds from there on.
#[test]
fn sigterm_in_the_middle_of_a_load_loses_and_repeats_nothing() {
    let seed = 77;
    let plan = Plan { length: 12 * DAY, attacks: 10, quiet: 36 * HOUR, poll_every: 240, ..Plan::usual(seed) };
    let load = Load::new(&plan, &Conditions::usual(seed));
    let (first, second) = load.messages.split_at(load.messages.len() * 5 / 12);
    let setup = Setup::new("seam");
    let feeder = setup.broker.feeder(&setup.input);
    send(&feeder, first);
    let mut daemon = Daemon::start_ready(&setup.config());
    setup.wait_until_read(&mut daemon);

    // The second load comes while the daemon reads. It pauses before its end until the daemon has stopped: that is somewhere within it.
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
    let (before, after) = split_at_offsets(&load.messages, &seam);
    println!("stopped at {seam:?}: {} messages before, {} after", before.len(), after.len());
    assert!(
        seam.iter().zip(setup.broker.ends(&setup.input)).all(|(seam, end)| *seam < end),
        "not within the load: {seam:?}"
    );
    let insights_before = setup.insights();
    let letters_before = setup.dead_letters().len();

    let mut daemon = Daemon::start_ready(&setup.config());
    setup.wait_until_read(&mut daemon);
    daemon.stop();

    let insights = setup.insights();
    let (old, new): (Vec<&Got>, Vec<&Got>) = insights.iter().partition(|got| insights_before.contains(got));
    assert_eq!(old.len(), insights_before.len(), "what was committed stays");
    for (part, messages, found) in [("before", before, old), ("after", after, new)] {
        let folder = tempfile::tempdir().expect("a folder");
        write(&messages, folder.path());
        let replayed = replay(folder.path(), None, &[]);
        let found = by_account(found.iter().map(|got| got.text()));
        let count: usize = found.values().map(Vec::len).sum();
        println!("{count} insights {part} the stop");
        assert!(count >= 10, "too little to compare {part} the stop: {count}");
        assert_same(&found, &expected(&replayed, &found));
    }
    let ids: BTreeSet<String> = insights.iter().map(|got| Insight::read(got.text()).id).collect();
    assert_eq!(ids.len(), insights.len(), "an insight was repeated");

    let letters = setup.dead_letters();
    let places: BTreeSet<_> = letters
        .iter()
        .map(|got| ["partition", "offset", "record-index"].map(|name| got.header(name).map(str::to_owned)))
        .collect();
    assert_eq!(places.len(), letters.len(), "a dead letter was repeated");
    assert_eq!(letters.len() as u64, load.truth.malformed, "a dead letter was lost");
    assert!(letters_before > 0 && letters_before < letters.len(), "no dead letters on one side of the seam");
}

fn send(feeder: &Feeder, messages: &[Message]) {
    for message in messages {
        feeder.send(partition(message), Some(message.account), &message.payload);
    }
    feeder.flush();
}

/// What lies before these offsets and what from them on. The feeder writes no transactions: a partition's n-th message has offset n.
fn split_at_offsets<'a>(messages: &'a [Message], offsets: &[i64]) -> (Vec<&'a Message>, Vec<&'a Message>) {
    let mut next = vec![0; offsets.len()];
    messages.iter().partition(|message| {
        let partition = partition(message) as usize;
        next[partition] += 1;
        next[partition] <= offsets[partition]
    })
}
