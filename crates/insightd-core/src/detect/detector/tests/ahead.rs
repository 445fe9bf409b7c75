//! What a quarantined record may change before another one confirms its time: nothing that an insight depends
//! on.

use super::*;
use crate::cloudtrail::insight::{Reason, State};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn write(region: &'static str, name: &str, principal: &'static str, time: i64) -> Event<'static> {
    let id = format!("{region}-{name}-{principal}-{time}");
    let (id, region) = (Some(id.into()), region.into());
    Event { region, id, error: None, principal: principal.into(), ..event(1, name, time) }
}

fn read(name: &str, principal: &'static str, time: i64) -> Event<'static> {
    Event { write: false, read_only: Some(true), ..write("us-east-1", name, principal, time) }
}

fn of(account: u64, event: &Event<'static>) -> Event<'static> {
    let account = AccountId::of_number(account).expect("at most twelve digits");
    Event { account, ..event.clone() }
}

/// A call every ten minutes from `from` to `to`, by the same principal.
fn routine(region: &'static str, from: i64, to: i64) -> Vec<Event<'static>> {
    (from..to).step_by(600).map(|time| write(region, "PutObjectTagging", "deploy", time)).collect()
}

/// Sixty calls in two minutes, by a principal.
fn burst(region: &'static str, name: &'static str, principal: &'static str, from: i64) -> Vec<Event<'static>> {
    (0..60).map(|n| write(region, name, principal, from + 2 * n)).collect()
}

fn in_order(parts: Vec<Vec<Event<'static>>>) -> Vec<Event<'static>> {
    let mut all = parts.concat();
    all.sort_by_key(|event| event.time);
    all
}

fn feed(detector: &mut Detector, events: &[Event<'static>]) -> Vec<Insight> {
    let mut insights = Vec::new();
    for event in events {
        detector.observe(event, None, &mut |insight| insights.push(insight));
    }
    insights
}

/// The insights of an account, up to the end of the input.
fn insights_of(change: impl Fn(&mut Settings), account: u64, events: &[Event<'static>]) -> Vec<Insight> {
    let mut detector = detector(change);
    let mut insights = feed(&mut detector, events);
    detector.finish(&mut |insight| insights.push(insight));
    insights.retain(|insight| insight.account == AccountId::of_number(account).expect("at most twelve digits"));
    insights
}

fn text(insights: &[Insight]) -> String {
    let mut out = Vec::new();
    for insight in insights {
        insight.write_json(&mut out, true);
        out.push(b'\n');
    }
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn states(insights: &[Insight]) -> Vec<State> {
    insights.iter().map(|insight| insight.state).collect()
}

#[test]
fn a_quarantined_record_once_set_the_hour_of_the_event_id_bound() {
    let mut detector = detector(|settings| settings.dedup_events_max = 10);
    let mut verdict = |time: i64| observe(&mut detector, &event(1, "A", time));
    assert!((0..5).all(|second| verdict(START + second) == Verdict::Counted));
    assert_eq!(verdict(START + DAY), Verdict::Counted, "held");
    let verdicts: Vec<_> = (5..50).map(|second| verdict(START + second)).collect();
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Counted), "{verdicts:?}");
    assert_eq!(verdict(START), Verdict::Duplicate, "what is remembered is still known");
    assert_eq!(verdict(START + DAY), Verdict::Duplicate, "and what is held");
}

/// An insight that is open when the input ends: no record of its account shows that it is over.
#[test]
fn finish_once_ended_insights_by_the_clock_of_another_account() {
    let mine = in_order(vec![
        routine("us-east-1", START, START + 3 * DAY),
        burst("us-east-1", "RunInstances", "mallory", START + 3 * DAY),
    ]);
    let alone = insights_of(|_| {}, 1, &mine);
    assert_eq!(states(&alone), [State::Start]);
    let neighbours: [(&str, Vec<Event<'static>>); 2] = [
        ("records of later days", routine("us-east-1", START + 3 * DAY, START + 5 * DAY)),
        ("one record that is held", vec![write("us-east-1", "A", "deploy", START + 300 * DAY)]),
    ];
    for (what, theirs) in neighbours {
        let theirs: Vec<_> = theirs.iter().map(|event| of(2, event)).collect();
        assert_eq!(
            text(&insights_of(|_| {}, 1, &[mine.clone(), theirs].concat())),
            text(&alone),
            "a neighbour with {what}"
        );
    }
}

/// In the account's own regions as well: a single record of one region is no reason to end an insight in
/// another.
#[test]
fn finish_once_ended_insights_by_a_record_that_nothing_confirms() {
    let mine = in_order(vec![
        routine("us-east-1", START, START + 3 * DAY),
        burst("us-east-1", "RunInstances", "mallory", START + 3 * DAY),
    ]);
    let alone = insights_of(|_| {}, 1, &mine);
    for at in [0, 100, mine.len()] {
        let mut with = mine.clone();
        with.insert(at, write("eu-west-1", "A", "deploy", START + 300 * DAY));
        assert_eq!(text(&insights_of(|_| {}, 1, &with)), text(&alone), "arrives at {at}");
    }
    let elsewhere = routine("eu-west-1", START, START + 4 * DAY);
    let confirmed = insights_of(|_| {}, 1, &[mine, elsewhere].concat());
    assert_eq!(states(&confirmed), [State::Start, State::End], "but what the account has shown ends it");
}

/// By its first record the account began thirty days ahead, and had no budget until then.
#[test]
fn a_first_record_dated_ahead_once_made_the_account_younger() {
    let mine = in_order(vec![
        routine("us-east-1", START, START + 5 * DAY),
        burst("us-east-1", "RunInstances", "mallory", START + 4 * DAY),
    ]);
    let plain = feed(&mut detector(|_| {}), &mine);
    assert_eq!(states(&plain), [State::Start, State::End]);
    let ahead = START + 30 * DAY;
    for first in [write("us-east-1", "A", "deploy", ahead), read("Describe", "deploy", ahead)] {
        let mut detector = detector(|_| {});
        feed(&mut detector, &[first]);
        assert_eq!(text(&feed(&mut detector, &mine)), text(&plain));
    }
}

#[test]
fn a_first_record_dated_ahead_once_made_its_region_new() {
    let mine = in_order(vec![
        routine("us-east-1", START, START + 5 * DAY),
        routine("eu-west-1", START + DAY, START + 5 * DAY),
        burst("eu-west-1", "RunInstances", "mallory", START + 4 * DAY),
    ]);
    let plain = feed(&mut detector(|_| {}), &mine);
    assert!(plain.iter().all(|insight| !insight.finding.region_new) && !plain.is_empty());
    let mut detector = detector(|_| {});
    let at = mine.partition_point(|event| event.time < START + HOUR);
    feed(&mut detector, &mine[..at]);
    feed(&mut detector, &[write("eu-west-1", "A", "deploy", START + 30 * DAY)]);
    assert_eq!(text(&feed(&mut detector, &mine[at..])), text(&plain));
}

#[test]
fn a_quarantined_record_once_made_an_account_live() {
    let mut detector = detector(|_| {});
    let accounts = |detector: &Detector| {
        let gauges = detector.gauges();
        (gauges.accounts_learning, gauges.accounts_live)
    };
    feed(&mut detector, &[write("us-east-1", "A", "deploy", START + 9 * DAY)]);
    assert_eq!(accounts(&detector), (0, 0), "nothing confirmed, no history");
    feed(&mut detector, &routine("us-east-1", START, START + HOUR));
    assert_eq!(accounts(&detector), (1, 0));
    for ahead in [write("eu-west-1", "A", "deploy", START + 20 * DAY), read("Describe", "deploy", START + 30 * DAY)] {
        feed(&mut detector, &[ahead]);
        assert_eq!(accounts(&detector), (1, 0), "still an hour old");
    }
    feed(&mut detector, &routine("us-east-1", START + HOUR, START + 2 * DAY));
    assert_eq!(accounts(&detector), (0, 1));
}

/// A record dated ahead made its principal known as of that time: after forty days of silence it was not
/// forgotten, and what it then did did not count as that of a new principal.
#[test]
fn a_principal_was_once_known_by_a_time_that_nothing_confirms() {
    // Six calls at once are what this series does every hour.
    let hours =
        (0..45 * 24 * 6).map(|n| write("us-east-1", "PutObjectTagging", "deploy", START + n / 6 * HOUR + n % 6));
    let calls = (0..6).map(|n| write("us-east-1", "PutObjectTagging", "mallory", START + 44 * DAY + HOUR / 2 + n));
    let mine = in_order(vec![hours.collect(), vec![write("us-east-1", "A", "mallory", START + HOUR)], calls.collect()]);
    let plain = feed(&mut detector(|_| {}), &mine);
    let reasons: Vec<_> = plain.iter().map(|insight| (insight.finding.reason, insight.start - START / 60)).collect();
    assert_eq!(plain[0].finding.reason, Reason::NewPrincipal, "{reasons:?}");
    for ahead in [
        write("us-east-1", "A", "mallory", START + 60 * DAY),
        write("eu-west-1", "A", "mallory", START + 60 * DAY),
        read("Describe", "mallory", START + 60 * DAY),
    ] {
        let mut detector = detector(|_| {});
        feed(&mut detector, &mine[..20]);
        feed(&mut detector, &[ahead]);
        assert_eq!(detector.context.totals.principals, 2);
        assert_eq!(text(&feed(&mut detector, &mine[20..])), text(&plain));
    }
}

/// Each moment: a stream, a record dated ahead, and where in the stream it arrives.
fn moments() -> Vec<(&'static str, Vec<Event<'static>>, Event<'static>, usize)> {
    let hour = START.div_euclid(HOUR) * HOUR;
    let home = |days: i64| routine("us-east-1", START, START + days * DAY);
    let attack = |days: i64| burst("us-east-1", "RunInstances", "mallory", START + days * DAY);
    let ahead = |days: i64| write("us-east-1", "PutObjectTagging", "deploy", START + days * DAY + 7);
    let after = |stream: &[Event<'static>], time: i64| stream.partition_point(|event| event.time <= time);
    let base = in_order(vec![home(9), attack(4), attack(7)]);

    let abroad = in_order(vec![
        home(9),
        routine("eu-west-1", START + DAY, START + 9 * DAY),
        burst("eu-west-1", "RunInstances", "mallory", START + 3 * DAY / 2),
        burst("eu-west-1", "RunInstances", "mallory", START + 6 * DAY),
    ]);
    let series = in_order(vec![home(9), burst("us-east-1", "CreateUser", "deploy", START + 6 * DAY)]);
    let mut repeats = in_order(vec![home(9), attack(4), attack(7)]);
    for at in (200..repeats.len()).rev().step_by(5) {
        repeats.insert(at, repeats[at - 1 - at % 40].clone());
    }
    let borders: Vec<_> = (0..9 * 48).map(|half| write("us-east-1", "A", "deploy", hour + half * HOUR / 2)).collect();
    let borders = in_order(vec![borders, attack(4), attack(7)]);
    vec![
        ("first record of the account", base.clone(), ahead(6), 0),
        ("first record of the account, by two days of warm-up", base.clone(), ahead(2), 0),
        ("first record of the region", abroad.clone(), write("eu-west-1", "A", "deploy", START + 5 * DAY + 7), 9),
        ("first record of the series", series, write("us-east-1", "CreateUser", "deploy", START + 6 * DAY + 61), 99),
        ("first record of the principal", base.clone(), write("us-east-1", "A", "mallory", START + 7 * DAY - 61), 300),
        ("during warm-up", base.clone(), ahead(5), after(&base, START + DAY / 2)),
        ("during an open insight", base.clone(), ahead(7), after(&base, START + 4 * DAY + 120)),
        ("at the bound on eventIDs", repeats.clone(), ahead(6), after(&repeats, START + 3 * DAY)),
        ("at the end of the input", base.clone(), ahead(9), after(&base, START + 7 * DAY + 120)),
        ("beyond the end of the input", base.clone(), ahead(40), after(&base, START + 7 * DAY + 120)),
        ("at the border of an hour", borders, write("us-east-1", "A", "mallory", hour + 5 * DAY + HOUR), 150),
    ]
}

/// A quarantined record has the effect that it would have if it came when its time is confirmed, and none
/// before.
#[test]
fn a_quarantined_record_counts_as_if_it_came_when_confirmed() {
    let changes: [fn(&mut Settings); 2] = [|_| {}, |settings| settings.dedup_events_max = 40];
    for (moment, stream, held, arrives) in moments() {
        let confirms = |event: &Event<'_>| event.region == held.region && event.time >= held.time - HOUR;
        let confirmed = arrives + stream[arrives..].iter().position(confirms).unwrap_or(stream.len() - arrives);
        assert!(confirmed > arrives + 100, "{moment}: it waits");
        let with = |at: usize| {
            let mut stream = stream.clone();
            stream.insert(at, held.clone());
            stream
        };
        for change in changes {
            let expected = insights_of(change, 1, &with(confirmed));
            assert!(states(&expected).contains(&State::Start), "{moment}: no insight starts");
            for at in [arrives, usize::midpoint(arrives, confirmed), confirmed - 1] {
                assert_eq!(text(&insights_of(change, 1, &with(at))), text(&expected), "{moment}, {at} for {confirmed}");
            }
        }
    }
}
