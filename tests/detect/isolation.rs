//! ISO-1: the records of other accounts do not change an account's insights.

use std::collections::BTreeMap;

use insightd::config::Config;
use insightd_core::cloudtrail::event::{AccountId, Event};
use insightd_core::detect::{Detector, Settings};
use insightd_core::invariants::is_isolated;
use insightd_test_support::event::event;
use insightd_test_support::random::Random;

const MINUTE: i64 = 60;
/// Midnight, 2026-07-01.
const BEGIN: i64 = 1_782_864_000;
/// Hours of records: the warm-up and some more.
const HOURS: i64 = 60;
const ACCOUNTS: [u64; 3] = [111_122_223_333, 222_233_334_444, 333_344_445_555];

/// Sixty hours of one account: a steady call, and bursts at times of its own.
fn account(number: u64, random: &mut Random) -> Vec<Event<'static>> {
    let mut events = Vec::new();
    for minute in 0..HOURS * 60 {
        let burst = minute > 45 * 60 && random.chance(0.005);
        let calls = if burst { random.between(60, 200) } else { random.between(0, 3) };
        for call in 0..calls {
            let time = BEGIN + minute * MINUTE + call % MINUTE;
            let name = if burst { "TerminateInstances" } else { "RunInstances" };
            let who = format!("arn:aws:iam::{number:012}:user/user-{}", random.between(0, 3));
            events.push(event(name).in_account(number).by(who).at(time).build());
        }
    }
    events
}

/// The insights of each account, as text.
fn insights<'a>(events: impl Iterator<Item = &'a Event<'static>>) -> BTreeMap<AccountId, Vec<String>> {
    let mut detector = Detector::new(Settings::from(&Config::default_config()));
    let mut found: BTreeMap<AccountId, Vec<String>> = BTreeMap::new();
    let mut emit = |insight: insightd_core::cloudtrail::insight::Insight| {
        found.entry(insight.account).or_default().push(format!("{insight:?}"));
    };
    for event in events {
        detector.observe(event, None, &mut emit);
    }
    detector.finish(&mut emit);
    assert!(detector.take_violations().is_empty());
    found
}

#[test]
fn an_account_raises_the_same_alone_and_among_others() {
    let seed = 20_260_701;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let mut all: Vec<Event<'static>> = ACCOUNTS.into_iter().flat_map(|number| account(number, &mut random)).collect();
    all.sort_by_key(|event| event.time);
    let together = insights(all.iter());
    assert_eq!(together.len(), ACCOUNTS.len(), "each account has insights");
    for (account, among_others) in &together {
        let alone = insights(all.iter().filter(|event| event.account == *account));
        assert!(is_isolated(&alone[account], among_others), "{account}: {:?}, {among_others:?}", alone[account]);
    }
}
