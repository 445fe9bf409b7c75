//! The rivals on the calls of one account: every minute of every series gets a score, from the minutes before
//! it.
//!
//! To their advantage they see the calls in order of time and without repeats, and each minute as a whole.

use std::collections::BTreeMap;

use insightd_generate::account::Account;
use insightd_generate::call::Call;

use insightd_test_support::quality::arithmetic::alarms::Scored;
use insightd_test_support::quality::arithmetic::matching::{Start, attack_of};
use insightd_test_support::quality::arithmetic::moments::{Exponential, Moments, Window};
use insightd_test_support::quality::arithmetic::tails::{NegativeBinomial, score};
use insightd_test_support::quality::stream::{error, is_counted};

/// Names, in the order of their scores.
pub const NAMES: [&str; 3] = ["z, 7 days", "z, 1 hour", "negative binomial tail, 7 days"];
/// Lower scores are not kept: at such a threshold a rival raises hundreds of false insights per account-week.
pub const FLOORS: [f64; 3] = [3.0, 3.0, 2.0];
/// Minutes at the beginning of an account in which no detector raises anything: `baseline.warm_up` of
/// insightd.
const WARM_UP: i64 = 36 * 60;
const WEEK: i64 = 7 * 24 * 60;

type Key = (&'static str, &'static str, &'static str, Option<&'static str>);

/// Scores of each rival, of the minutes that reach the floor. Series and attacks are numbered within the
/// account.
pub fn scores(account: &Account, calls: &[Call], begin: i64) -> [Vec<Scored>; 3] {
    let mut scored: [Vec<Scored>; 3] = Default::default();
    for (series, (key, minutes)) in (0..).zip(counted(calls)) {
        let (mut week, mut hour) = (Window::new(WEEK, begin), Exponential::new(60.0, 0.0, begin));
        for (minute, count) in minutes {
            let by_week = week.before(minute);
            let by_hour = hour.before(minute);
            week.learn(minute, count);
            hour.learn(minute, count);
            if minute < begin + WARM_UP {
                continue;
            }
            let scores = [by_week.z(count), by_hour.z(count), tail(by_week, count)];
            for ((kept, score), floor) in scored.iter_mut().zip(scores).zip(FLOORS) {
                if score >= floor {
                    kept.push(Scored { score, series, minute, attack: attack(account, key, minute) });
                }
            }
        }
    }
    scored
}

/// Calls of each minute of each series, every call once.
fn counted(calls: &[Call]) -> BTreeMap<Key, BTreeMap<i64, f64>> {
    let mut calls: Vec<&Call> = calls.iter().filter(|call| is_counted(call)).collect();
    calls.sort_by_key(|call| call.serial);
    calls.dedup_by_key(|call| call.serial);
    let mut series: BTreeMap<Key, BTreeMap<i64, f64>> = BTreeMap::new();
    for call in calls {
        let rate = (!call.api.read).then_some(None);
        for error in rate.into_iter().chain(error(call).map(Some)) {
            let key = (call.region, call.api.service, call.api.name, error);
            *series.entry(key).or_default().entry(call.time.div_euclid(60)).or_default() += 1.0;
        }
    }
    series
}

fn tail(moments: Moments, count: f64) -> f64 {
    score(NegativeBinomial::by_moments(moments.mean, moments.variance).ln_at_least(count))
}

fn attack(account: &Account, (region, service, name, error): Key, minute: i64) -> Option<usize> {
    let source = format!("{service}.amazonaws.com");
    let start = Start { account: account.id(), region, source: &source, name, error, time: minute * 60 };
    attack_of(account.labels(), &start)
}
