//! Damaged records end as dead-letter records: alone, with reason and origin, truncated to the limit.

use crate::setup::Setup;
use insightd_test_support::clock::at;
use insightd_test_support::delivery::Breakage;
use insightd_test_support::insightd::Daemon;
use insightd_test_support::payload::records;
use insightd_test_support::record;
use insightd_test_support::traffic::{Call, Plan};

fn calls() -> Vec<Call> {
    let plan = Plan { accounts: 1, length: 6 * 3600, attacks: 0, start: at(2025, 3, 3, 9, 0, 0), ..Plan::usual(5) };
    plan.calls().into_iter().filter(|call| call.kind == insightd_test_support::traffic::Kind::Call).collect()
}

/// A dead-letter record holds only the damaged record, with the reason and its origin.
#[test]
fn dead_letters_hold_the_damaged_record_alone() {
    let calls = calls();
    let setup = Setup::new("letters");
    let feeder = setup.broker.feeder(&setup.input);
    let account = calls[0].account;
    // Partition 1: each kind of damage by itself, at the offset of its position. Partition 2: a log file with
    // one bad member.
    for how in Breakage::ALL {
        feeder.send(1, Some(account), &how.bytes(&calls[7]));
    }
    let bad = String::from_utf8(Breakage::NoName.bytes(&calls[1])).expect("text");
    let file = records(&[record::json(&calls[0]), bad.clone(), record::json(&calls[2])]);
    feeder.send(2, Some(account), file.as_bytes());
    feeder.flush();

    let mut daemon = Daemon::start_ready(&setup.config());
    setup.wait_until_read(&mut daemon);
    daemon.stop();

    let letters = setup.dead_letters();
    let (alone, member): (Vec<_>, Vec<_>) = letters.iter().partition(|letter| letter.header("partition") == Some("1"));
    assert_eq!(alone.len(), Breakage::ALL.len(), "{letters:?}");
    for (n, how) in Breakage::ALL.into_iter().enumerate() {
        let letter = alone[n];
        assert_eq!(letter.header("reason"), Some(how.reason()), "{how:?}");
        assert_eq!(letter.header("topic"), Some(setup.input.as_str()));
        assert_eq!(letter.header("offset"), Some(n.to_string().as_str()), "{how:?}");
        assert_eq!(letter.header("record-index"), Some("0"), "{how:?}");
        assert_eq!(letter.header("truncated"), None, "{how:?}");
        assert_eq!(letter.value, how.bytes(&calls[7]), "{how:?}");
    }
    assert_eq!(member.len(), 1, "{member:?}");
    assert_eq!(member[0].text(), bad, "the damaged member alone, not the file around it");
    assert_eq!(member[0].header("record-index"), Some("1"));
    assert_eq!(member[0].header("reason"), Some("event_name_missing"));
}

#[test]
fn a_dead_letter_larger_than_the_limit_is_cut_and_says_so() {
    let setup = Setup::new("cut");
    let feeder = setup.broker.feeder(&setup.input);
    let noise = vec![b'x'; 600_000];
    feeder.send(0, Some("111122223333"), &noise);
    feeder.flush();
    let mut daemon = Daemon::start_ready(&setup.config().replace("[dlq]\n", "[dlq]\nrecord_bytes_max = \"10 KiB\"\n"));
    setup.wait_until_read(&mut daemon);
    assert_eq!(daemon.metric("insightd_records_cut_total", &[("kind", "dead_letter")]), Some(1.0));
    daemon.stop();
    let letters = setup.dead_letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].header("truncated"), Some("true"));
    assert_eq!(letters[0].header("reason"), Some("not_json"));
    assert!(letters[0].value.len() <= 10 * 1024 && noise.starts_with(&letters[0].value), "{}", letters[0].value.len());
}

/// A record whose key is not its account is counted as misrouted.
#[test]
fn a_key_that_is_not_the_account_counts_as_misrouted() {
    let calls = calls();
    let setup = Setup::new("misrouted");
    let feeder = setup.broker.feeder(&setup.input);
    for (n, call) in calls.iter().take(20).enumerate() {
        let key = if n % 5 == 0 { Some("999999999999") } else { Some(call.account) };
        feeder.send(0, key, record::json(call).as_bytes());
    }
    feeder.flush();
    let mut daemon = Daemon::start_ready(&setup.config());
    setup.wait_until_read(&mut daemon);
    assert_eq!(daemon.metric("insightd_misrouted_records_total", &[]), Some(4.0));
    assert_eq!(daemon.metric("insightd_records_total", &[]), Some(20.0), "they are counted all the same");
    daemon.stop();
    let lines = daemon.log().lines().filter(|line| line.contains(calls[0].account) && line.contains("key")).count();
    assert_eq!(lines, 1, "logged once for the account:\n{}", daemon.log());
}
