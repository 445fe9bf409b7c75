//! Health and metrics of a running daemon, and its reaction to a lost broker and to a second process with the
//! same identity.

use std::time::Duration;

use crate::setup::Setup;
use insightd_test_support::broker::Broker;
use insightd_test_support::clock::{DAY, HOUR};
use insightd_test_support::delivery::Conditions;
use insightd_test_support::insightd::{Daemon, sum_of};
use insightd_test_support::load::Load;
use insightd_test_support::traffic::Plan;

fn small(seed: u64) -> Load {
    let plan = Plan { accounts: 3, length: 2 * DAY + 12 * HOUR, attacks: 1, quiet: 40 * HOUR, ..Plan::usual(seed) };
    Load::new(&plan, &Conditions::usual(seed))
}

/// CNT-1 holds in every scrape, also under load.
#[test]
fn metrics_add_up_at_any_time() {
    let load = small(31);
    let setup = Setup::new("metrics");
    let mut daemon = Daemon::start_ready(&setup.config());
    let (status, body) = daemon.get("/readyz").expect("an answer");
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("ready") && body.contains("partition"), "the reason is in the body: {body}");
    assert_eq!(daemon.get("/livez").map(|(status, _)| status), Some(200));
    assert_eq!(daemon.get("/nothing").map(|(status, _)| status), Some(404));

    let feeder = setup.broker.feeder(&setup.input);
    load.send(&feeder);
    let mut scrapes = 0;
    daemon.wait_until("all records are in the metrics", |daemon| {
        let (status, text) = daemon.get("/metrics").expect("metrics");
        assert_eq!(status, 200);
        scrapes += 1;
        let all = sum_of(&text, "insightd_records_total", &[]).expect("records");
        let outcomes = ["counted", "duplicate", "out_of_scope", "too_late", "malformed", "shed"];
        let sum: f64 =
            outcomes.iter().filter_map(|name| sum_of(&text, "insightd_records_total", &[("outcome", name)])).sum();
        assert!((all - sum).abs() < 0.5, "CNT-1 is broken: {all} and {sum}");
        let malformed = sum_of(&text, "insightd_records_total", &[("outcome", "malformed")]);
        assert_eq!(
            malformed,
            sum_of(&text, "insightd_dead_letters_total", &[]),
            "each malformed record is a dead-letter record"
        );
        all >= load.truth.records as f64
    });
    println!("{scrapes} scrapes");
    let (_, text) = daemon.get("/metrics").expect("metrics");
    for name in [
        "insightd_build_info",
        "insightd_series",
        "insightd_insights_open",
        "insightd_clock_timestamp_seconds",
        "insightd_event_delay_seconds_count",
        "insightd_transaction_duration_seconds_count",
        "insightd_insights_total",
    ] {
        assert!(
            sum_of(&text, name, &[]).is_some_and(|value| name == "insightd_insights_open" || value > 0.0),
            "{name}:\n{text}"
        );
    }
    assert_eq!(sum_of(&text, "insightd_transactions_total", &[("outcome", "aborted")]), Some(0.0));
    daemon.wait_until("all accounts have finished their warm-up", |daemon| {
        daemon.metric("insightd_accounts", &[("state", "live")]) == Some(3.0)
    });
    daemon.wait_until("the lag is gone", |daemon| daemon.metric("insightd_kafka_lag_records", &[]) == Some(0.0));
    daemon.stop();
}

/// An idle daemon waits for a broker that restarts.
#[test]
fn an_idle_daemon_survives_a_broker_restart() {
    survive_an_outage("restarts", Duration::from_secs(3));
}

/// The outage is longer than the session (15 s), so the partitions are lost and assigned again afterwards.
#[test]
fn partitions_lost_in_an_outage_are_resumed() {
    let log = survive_an_outage("loses", Duration::from_secs(25));
    assert!(log.contains("partitions lost"), "{log}");
}

fn survive_an_outage(name: &str, away: Duration) -> String {
    let own: &'static Broker = Box::leak(Box::new(Broker::start(name, &[])));
    let setup = Setup { broker: own, ..Setup::without_topics(name) };
    for (topic, partitions) in [(&setup.input, 3), (&setup.output, 2), (&setup.dlq, 1), (&setup.state(), 3)] {
        own.create_topic(topic, partitions);
    }
    let mut daemon = Daemon::start_ready(&setup.config());
    own.feeder(&setup.input).send(0, Some("111122223333"), b"first");
    setup.wait_until_read(&mut daemon);

    own.script("stop", &[]);
    daemon.wait_until("it notices", |daemon| daemon.get("/readyz").is_some_and(|(status, _)| status == 503));
    assert_eq!(
        daemon.get("/livez").map(|(status, _)| status),
        Some(200),
        "a broker that is away is no reason to be restarted"
    );
    std::thread::sleep(away);
    own.script("restart", &[]);
    daemon.wait_until("it is ready again", |daemon| daemon.get("/readyz").is_some_and(|(status, _)| status == 200));
    own.feeder(&setup.input).send(0, Some("111122223333"), b"second");
    daemon.wait_until("the second dead-letter record", |_| setup.dead_letters().len() == 2);
    daemon.stop();
    let lines = daemon.log().lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).count();
    assert!(lines <= 10, "logged {lines} times:\n{}", daemon.log());
    own.script("stop", &[]);
    daemon.log()
}

#[test]
fn the_daemon_waits_for_a_broker_at_startup() {
    let own: &'static Broker = Box::leak(Box::new(Broker::start("late", &[])));
    let setup = Setup { broker: own, ..Setup::without_topics("late") };
    for (topic, partitions) in [(&setup.input, 3), (&setup.output, 2), (&setup.dlq, 1), (&setup.state(), 3)] {
        own.create_topic(topic, partitions);
    }
    own.script("stop", &[]);
    let mut daemon = Daemon::start(&setup.config());
    daemon.wait_until("it answers, and is not ready", |daemon| {
        daemon.get("/readyz").is_some_and(|(status, _)| status == 503)
    });
    std::thread::sleep(Duration::from_secs(3));
    own.script("restart", &[]);
    daemon.wait_until("it is ready", |daemon| daemon.get("/readyz").is_some_and(|(status, _)| status == 200));
    daemon.stop();
    own.script("stop", &[]);
}

/// Both would write under the same transactional id. One must end, and name the key to set.
#[test]
fn two_processes_with_one_instance_id_are_reported() {
    let setup = Setup::new("twins");
    let mut first = Daemon::start_ready(&setup.config());
    let mut second = Daemon::start(&setup.config());
    let feeder = setup.broker.feeder(&setup.input);
    let mut loser = None;
    for n in 0.. {
        assert!(n < 300, "both go on:\n{}\n---\n{}", first.log(), second.log());
        // Work for the owner of the partitions: a producer learns only in a transaction that it was fenced.
        feeder.send(n % 3, Some("111122223333"), b"not a record");
        for (name, daemon) in [("first", &mut first), ("second", &mut second)] {
            if let Some(status) = daemon.ended() {
                loser = Some((name, status, daemon.log()));
            }
        }
        if loser.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let (name, status, log) = loser.expect("one gave way");
    println!("the {name} one gave way");
    assert_eq!(status.code(), Some(74), "{log}");
    assert!(log.contains("kafka.instance_id"), "the key is not named:\n{log}");
    let winner = if name == "first" { &mut second } else { &mut first };
    winner
        .wait_until("the other one is ready", |daemon| daemon.get("/readyz").is_some_and(|(status, _)| status == 200));
    winner.stop();
}
