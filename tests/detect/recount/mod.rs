//! Every number in every insight equals a recount of the input. The code in this folder shares nothing with
//! the code under test: it keeps all records and adds them up anew for each insight.

mod claims;
mod ledger;

use std::collections::BTreeMap;

use self::claims::{Checked, Claim};
use self::ledger::Ledger;
use insightd_test_support::clock::{DAY, HOUR};
use insightd_test_support::delivery::{Conditions, Delivery, ExpectedOutcome, What, deliver, truth};
use insightd_test_support::insightd::{Replayed, assert_adds_up, replay};
use insightd_test_support::payload::Folder;
use insightd_test_support::record;
use insightd_test_support::traffic::{ACCOUNTS, Call, Plan};

/// The delivered records as texts, in the order of arrival.
fn texts<'a>(calls: &'a [Call], deliveries: &'a [Delivery]) -> impl Iterator<Item = String> + 'a {
    deliveries
        .iter()
        .filter(|delivery| matches!(delivery.what, What::Good(_)))
        .map(|delivery| record::json(&calls[delivery.call]))
}

fn run(calls: &[Call], deliveries: &[Delivery], seed: u64) -> (Replayed, Ledger) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = Folder::new(folder.path());
    insightd_test_support::payload::messages(calls, deliveries, seed, |message| files.add(&message));
    files.close();
    let replayed = replay(folder.path(), None, &["--explain"]);
    let mut ledger = Ledger::default();
    texts(calls, deliveries).for_each(|text| ledger.enter(&text));
    (replayed, ledger)
}

fn check(seed: u64, plan: &Plan, conditions: &Conditions) -> Checked {
    let calls = plan.calls();
    let deliveries = deliver(&calls, conditions);
    println!("seed {seed}: {} calls, {} records", calls.len(), deliveries.len());
    let (replayed, ledger) = run(&calls, &deliveries, seed);

    let truth = truth(&deliveries);
    assert_adds_up(&replayed.stats);
    for (name, generated, recounted) in [
        ("records", truth.records, ledger.records + truth.malformed),
        ("counted", truth.counted, ledger.counted),
        ("duplicates", truth.duplicates, ledger.duplicates),
        ("out_of_scope", truth.out_of_scope, ledger.out_of_scope),
        ("too_late", truth.too_late, ledger.too_late),
        ("malformed", truth.malformed, truth.malformed),
    ] {
        assert_eq!(generated, recounted, "{name}: the recount disagrees with the generator, seed {seed}");
        assert_eq!(replayed.count(name), recounted, "{name}, seed {seed}");
    }
    assert_eq!(replayed.count("shed"), 0);
    assert_eq!(replayed.count("late"), ledger.late, "late, seed {seed}");
    assert_eq!(replayed.count("read_only"), ledger.read_only, "read_only, seed {seed}");
    assert!(ledger.late > 100, "too few late records for a meaningful check: {}", ledger.late);

    let claims: Vec<Claim> = replayed.insights.iter().map(|insight| Claim::read(&insight.text)).collect();
    let mut checked = Checked::default();
    let mut starts: BTreeMap<&str, &Claim> = BTreeMap::new();
    for claim in &claims {
        match claim.state.as_str() {
            "Start" => {
                claim.check_start(&ledger, &mut checked);
                assert!(starts.insert(&claim.shared_id, claim).is_none(), "two Starts of one insight: {}", claim.text);
            }
            "End" => {
                let start =
                    starts.get(claim.shared_id.as_str()).unwrap_or_else(|| panic!("End without Start: {}", claim.text));
                claim.check_end(start, &ledger, &mut checked);
            }
            other => panic!("state {other}: {}", claim.text),
        }
    }
    claims::assert_one_at_a_time(&claims);
    assert_eq!(replayed.count("insights_started"), checked.starts, "seed {seed}");
    assert_eq!(replayed.count("insights_ended"), checked.ends, "seed {seed}");
    assert_eq!(replayed.count("insights_open"), checked.starts - checked.ends, "seed {seed}");
    println!("seed {seed}: {checked:?}");
    checked
}

/// Several seeds, with many late, reordered and repeated records. `INSIGHTD_SEED` selects another seed.
#[test]
fn every_number_equals_a_recount_from_the_input() {
    let seeds = match std::env::var("INSIGHTD_SEED") {
        Ok(seed) => vec![seed.parse().expect("INSIGHTD_SEED is a number")],
        Err(_) => vec![1, 2, 3],
    };
    let mut all = Checked::default();
    for seed in seeds {
        let plan = Plan { poll_every: 400, attacks: 8, ..Plan::usual(seed) };
        let conditions = Conditions { late: 0.03, too_late: 0.003, duplicates: 0.02, ..Conditions::usual(seed) };
        all += check(seed, &plan, &conditions);
    }
    assert!(all.starts >= 60 && all.errors >= 10 && all.ends >= 50, "too little was checked: {all:?}");
    assert!(all.windows_with_late >= 3, "no late record fell into an insight: {all:?}");
    assert!(all.attributions >= 200, "{all:?}");
}

/// With less than seven days of history before an attack, the baseline divides by the minutes that exist.
#[test]
fn a_young_account_is_averaged_over_its_age() {
    let seed = 11;
    let plan = Plan { length: 6 * DAY, attacks: 6, quiet: 3 * DAY, ..Plan::usual(seed) };
    let checked = check(seed, &plan, &Conditions { late: 0.03, ..Conditions::usual(seed) });
    assert!(checked.starts >= 10 && checked.short_windows == checked.starts, "{checked:?}");
}

/// A burst arrives ten minutes late, in the last open minute. A record that arrives even later falls into a
/// closed minute of the Start's window: the Start's rate includes it, the End's does not.
#[test]
fn late_records_count_in_a_closed_minute_of_the_window() {
    let seed = 31;
    let plan = Plan { accounts: 1, attacks: 0, ..Plan::usual(seed) };
    let mut calls = plan.calls();
    let mut deliveries =
        deliver(&calls, &Conditions { late: 0.0, too_late: 0.0, broken: 0.0, ..Conditions::usual(seed) });
    let at = deliveries.partition_point(|delivery| delivery.slot * 300 < plan.start + 8 * DAY + 3 * HOUR);
    let mut ledger = Ledger::default();
    texts(&calls, &deliveries[..at]).for_each(|text| ledger.enter(&text));

    let template = calls.iter().find(|call| call.api.name == "CreateChangeSet").expect("a deployment").clone();
    let open = ledger.clock(template.account, template.region).div_euclid(60) - 10;
    let slot = deliveries[at].slot;
    for n in 0..61 {
        let minute = if n == 0 { open - 2 } else { open };
        calls.push(Call { time: minute * 60 + 5, id: template.id | 1 << 60 | n << 50, ..template.clone() });
        deliveries.insert(
            at + n as usize,
            Delivery { slot, call: calls.len() - 1, what: What::Good(ExpectedOutcome::Counted) },
        );
    }
    let (replayed, ledger) = run(&calls, &deliveries, seed);
    let claims: Vec<Claim> = replayed.insights.iter().map(|insight| Claim::read(&insight.text)).collect();
    let mine: Vec<&Claim> =
        claims.iter().filter(|claim| claim.series.3 == "CreateChangeSet" && claim.minute >= open - 4).collect();
    let [start, end] = mine[..] else { panic!("one Start and one End, not {mine:?}") };
    let mut checked = Checked::default();
    start.check_start(&ledger, &mut checked);
    end.check_end(start, &ledger, &mut checked);
    let entries = ledger.entries(&start.series);
    assert!(
        entries.iter().any(|entry| entry.late && (open - 4..=open).contains(&entry.minute())),
        "the late record is in the window"
    );
}

/// A record dated ahead is quarantined until another one confirms its time, so it does not advance the clock.
#[test]
fn one_record_dated_days_ahead_blinds_no_account() {
    let seed = 21;
    let plan = Plan { accounts: 2, poll_every: 900, attacks: 6, ..Plan::usual(seed) };
    let calls = plan.calls();
    let plain = Conditions { broken: 0.0, ..Conditions::usual(seed) };
    let deliveries = deliver(&calls, &plain);
    let (without, _) = run(&calls, &deliveries, seed);
    let claimed: Vec<Claim> = without.insights.iter().map(|insight| Claim::read(&insight.text)).collect();
    let quiet = |time: i64| claimed.iter().all(|claim| (claim.minute - time.div_euclid(60)).abs() > 180);

    // For each account a copy of a call with its own eventID, which arrives two days before its event time.
    let mut calls = calls;
    let mut deliveries = deliveries;
    let mut hour = 0;
    for account in [ACCOUNTS[0], ACCOUNTS[1]] {
        let moment = plan.start + 7 * DAY;
        // Far from insights in time, and of another API: it makes records late, which are not scored, and
        // adds a call to a baseline. Either may move the Start minute of a slow rise.
        let found = calls.iter().find(|call| {
            call.account == account
                && call.time > moment
                && call.in_scope()
                && quiet(call.time)
                && claimed.iter().all(|claim| claim.series.3 != call.api.name)
        });
        let mut early = found.expect("a call").clone();
        early.id |= 1 << 60;
        let before = |call: &&Call| (early.time - HOUR..early.time).contains(&call.time);
        let same_clock = |call: &&Call| call.account == account && call.region == early.region && call.in_scope();
        hour += calls.iter().filter(before).filter(same_clock).count() as u64;
        let at = deliveries.partition_point(|delivery| delivery.slot * 300 < early.time - 2 * DAY);
        let slot = deliveries[at].slot;
        calls.push(early);
        deliveries.insert(at, Delivery { slot, call: calls.len() - 1, what: What::Good(ExpectedOutcome::Counted) });
    }
    let (with, _) = run(&calls, &deliveries, seed);
    assert_eq!(with.count("counted"), without.count("counted") + 2);
    // The first record dated up to an hour before it confirms it; records dated between the two then count as
    // late.
    let more = with.count("late") - without.count("late");
    assert!(more <= hour, "the clock moved ahead: {more} more late records, {hour} in the hour before the copy");
    assert_eq!(with.count("unconfirmed"), 0);
    let outline = |replayed: &Replayed| -> Vec<String> {
        replayed.insights.iter().map(|insight| Claim::read(&insight.text).outline()).collect()
    };
    assert_eq!(outline(&with), outline(&without));
    assert!(without.insights.len() >= 10);
}
