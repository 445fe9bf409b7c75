//! Dormant series: what they keep, and how they continue when a call activates them.

use super::*;
use crate::cloudtrail::insight::{Insight, Reason};
use crate::detect::DAY;
use crate::detect::model::dormant::SILENT;
use crate::detect::model::series::Series;
use crate::detect::model::slot::SeriesState;
use crate::detect::statistics::statistic::Statistic;

const DAY_S: i64 = 86_400;

fn call(name: &str, who: &str, time: i64) -> Event<'static> {
    Event { principal: format!("arn:aws:iam::111122223333:user/{who}").into(), ..fixture::event(1, name, time) }
}

/// Moves the clock of the region to `to` day by day, by a series of its own.
fn wait(detector: &mut Detector, from: i64, to: i64) {
    for time in (from..to).step_by(3000) {
        observe(detector, &call("Other", "dana", time));
    }
}

/// Two weeks of work: a few calls on most days, now and then a burst, by a robot and two people.
fn busy(detector: &mut Detector) -> i64 {
    let mut at = START;
    for day in 0..14 {
        for step in 0..30 {
            at = START + day * DAY_S + step * 1200;
            observe(detector, &call("Other", "dana", at - 600));
            let burst = if step == 7 && day % 2 == 0 { 5 + day } else { i64::from(step % 3 == 0) };
            for one in 0..burst {
                let who = ["robot", "erin", "finn"][usize::from(step % 5 == 0) + usize::from(step % 10 == 0)];
                observe(detector, &call("Thing", who, at + one));
            }
        }
    }
    at
}

fn state_of<'a>(detector: &'a Detector, name: &str) -> &'a SeriesState {
    let mut slots = detector.accounts[0].regions[0].series.iter();
    slots.find(|slot| slot.state().key().name == name).expect("it is held").state()
}

fn quiet(settings: &mut Settings) {
    settings.budget = 1e-9;
}

#[test]
fn a_series_is_dormant_after_nine_days_and_its_views_continue() {
    let mut detector = detector(quiet);
    let last = busy(&mut detector);
    let statistic = |detector: &Detector, closed: i64| {
        let (horizons, settings) = (&detector.context.horizons, &detector.context.settings);
        match state_of(detector, "Thing") {
            SeriesState::Active(series) => series.statistic_at(closed, horizons),
            SeriesState::Dormant(dormant) => {
                Series::activated(dormant, detector.accounts[0].state.begin_or_max(), settings, horizons)
                    .statistic_at(closed, horizons)
            }
        }
    };
    wait(&mut detector, last + 600, last + 8 * DAY_S);
    let before = state_of(&detector, "Thing").active().expect("still active after eight days").clone();
    let bytes = detector.context.quota.bytes;
    wait(&mut detector, last + 8 * DAY_S, last + 20 * DAY_S);
    assert!(state_of(&detector, "Thing").active().is_none(), "dormant");
    assert!(detector.context.quota.bytes < bytes, "it gives its values back");
    let closed = last / 60 + 20 * DAY;
    let (is, should) = (statistic(&detector, closed), before.closed_statistic(closed, &detector.context.horizons));
    let close = |is: f64, should: f64| assert!((is - should).abs() <= 0.01 * should + 1e-9, "{is}, not {should}");
    close(is.minutes(), should.minutes());
    close(is.expectation().mean, should.expectation().mean);
    close(is.expectation().sd, should.expectation().sd);
    for (is, should) in is.incident_sums().into_iter().zip(should.incident_sums()) {
        assert!(should.incidents > 1.0, "it has learned incidents");
        close(is.incidents, should.incidents);
        close(is.excess, should.excess);
    }
    // The trigger count, up to far beyond the largest burst so far.
    let trigger = |statistic: &Statistic, limit: f64| {
        f64::from(statistic.trigger_count(closed + 1, 0.0, limit, &detector.context.horizons))
    };
    for limit in [3.0, 4.0, 5.0, 7.0, 9.0] {
        let (is, should) = (trigger(&is, limit), trigger(&should, limit));
        assert!(
            should >= 1.0 && (is - should).abs() <= 1.0_f64.max(0.03 * should),
            "limit {limit}: {is}, not {should}"
        );
    }
}

#[test]
fn it_is_woken_by_a_call_and_knows_two_callers_again() {
    let mut detector = detector(quiet);
    let last = busy(&mut detector);
    wait(&mut detector, last + 600, last + 30 * DAY_S);
    assert!(state_of(&detector, "Thing").active().is_none());
    let now = last + 30 * DAY_S;
    for who in ["robot", "robot", "gwen"] {
        observe(&mut detector, &call("Thing", who, now));
    }
    let series = state_of(&detector, "Thing").active().expect("active");
    let known_for = |at: usize| series.attributes()[0].profile(at).expect("a profile").known_for(now / 60);
    // The latest caller comes first.
    assert!(known_for(1) > 30 * DAY && known_for(0) < DAY, "{} {}", known_for(1), known_for(0));
    let record = series.attributes()[0].profile(1).expect("a profile").record();
    assert!((5.0..20.0).contains(&record), "the largest burst of the robot: {record}");
    assert_eq!(
        series.remembered().map(|callers| callers.remaining().count()),
        Some(1),
        "the other one has not called yet"
    );
    // It becomes dormant once more, and also remembers the principals that did not call.
    wait(&mut detector, now, now + 12 * DAY_S);
    let SeriesState::Dormant(dormant) = state_of(&detector, "Thing") else { panic!("asleep again") };
    assert_eq!(dormant.callers().map(|callers| callers.remaining().count()), Some(2));
    assert_eq!(dormant.last(), now / 60);
    assert!((0..=120).contains(&(START / 60 - dormant.first())), "to an hour for each sleep");
}

/// If it were forgotten, a monthly job would be new each month. (Its burst is high for an API that is
/// otherwise silent, dormant or not; that is what its counts show.)
#[test]
fn a_monthly_job_is_no_news_and_a_stranger_is() {
    let started = |who: &str| {
        let mut detector = detector(|settings| settings.series_ttl = 60 * DAY);
        let (mut at, mut insights) = (START, Vec::<Insight>::new());
        for _month in 0..2 {
            for one in 0..12 {
                detector.observe(&call("Payday", "robot", at + one * 20), None, &mut |_| {});
            }
            // The account knows every principal that calls.
            for step in 0..30 * 24 {
                observe(&mut detector, &call("Other", ["dana", "erin"][step % 2], at + 3600 * (1 + step as i64)));
            }
            at += 30 * DAY_S + 3600;
        }
        assert!(state_of(&detector, "Payday").active().is_none());
        for one in 0..12 {
            detector.observe(&call("Payday", who, at + one * 20), None, &mut |insight| insights.push(insight));
        }
        insights
            .iter()
            .map(|insight| insight.finding.reason)
            .filter(|reason| *reason != Reason::Counts)
            .collect::<Vec<_>>()
    };
    assert_eq!((started("robot"), started("erin")), (vec![], vec![Reason::NewToPrincipal]));
}

#[test]
fn a_dormant_record_has_at_most_64_bytes_besides_its_name() {
    let mut detector = detector(|settings| settings.data_events = true);
    detector.start_undo();
    let name = |byte: &str, length: usize| byte.repeat(length);
    let longest = Event {
        account: AccountId::parse("999999999999").expect("twelve digits"),
        source: name("s", 256).into(),
        name: name("n", 256).into(),
        error: Some(name("e", 256).into()),
        ..call("", "dana", START)
    };
    let short = Event { source: "s".into(), name: "n".into(), error: Some("e".into()), ..longest.clone() };
    for second in 0..1000 {
        let time = START + second * 200;
        observe(&mut detector, &Event { time, ..longest.clone() });
        observe(&mut detector, &Event { time, ..short.clone() });
    }
    for hour in 0..24 * 11 {
        observe(
            &mut detector,
            &Event { account: longest.account, ..call("Other", "dana", START + 200_000 + hour * 3600) },
        );
    }
    let mut lengths = Vec::new();
    detector.save(&mut |key, value| {
        if key[0] == b's' && value.is_some_and(|value| value[..2] == [2, 1]) {
            lengths.push(value.unwrap_or_default().len());
        }
    });
    // Call and error series of both; `write` makes either.
    lengths.sort_unstable();
    assert_eq!(lengths.len(), 4, "{lengths:?}");
    let besides: Vec<usize> = lengths.iter().zip([2, 3, 512, 768]).map(|(length, texts)| length - texts).collect();
    assert!(besides.iter().all(|bytes| *bytes <= 64), "{besides:?}");
}

#[test]
fn a_dormant_series_is_forgotten_after_state_series_ttl() {
    let mut detector = detector(|_| {});
    detector.start_undo();
    let last = busy(&mut detector);
    let held = detector.gauges().series;
    wait(&mut detector, last + 600, last + 40 * DAY_S);
    assert_eq!(detector.gauges().series, held - 1, "forgotten after state.series_ttl");
    let names: usize = detector.accounts[0].regions[0].series.iter().map(|slot| slot.state().key().bytes()).sum();
    assert!(detector.context.quota.bytes > names);
    assert_eq!(SILENT, 9 * DAY);
    let mut gone = 0;
    detector.save(&mut |key, value| gone += usize::from(matches!(key[0], b's' | b'c') && value.is_none()));
    assert_eq!(gone, 2, "a tombstone for the series and one for its running part");
}

/// Records from before series could become dormant.
#[test]
fn records_of_version_1_are_read() {
    let golden = include_str!("version_1.txt");
    let bytes = |hex: &str| -> Vec<u8> {
        let digits = hex.as_bytes().chunks(2);
        digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
    };
    let mut again = restorer(saved::settings);
    let mut series = 0;
    let (records, expected): (Vec<&str>, Vec<&str>) = golden.lines().partition(|line| !line.starts_with("= "));
    for record in records {
        let (key, value) = record.split_once(' ').unwrap();
        let value = (value != "-").then(|| bytes(value));
        series += usize::from(key.starts_with("73") && value.as_ref().is_some_and(|value| value[0] == 1));
        again.take(&bytes(key), value.as_deref()).unwrap();
    }
    let again = again.finish().unwrap();
    assert_eq!(series, 3);
    let mut found = Vec::new();
    again.each_series(&mut |s| {
        found.push(format!(
            "= {:?} {:?} {} {} {:?} {} {:?} {} {} {} {:?} {:?}",
            s.region,
            s.key,
            s.begin,
            s.clock,
            s.incident_sums.map(|sums| (sums.incidents, sums.excess)),
            s.minutes,
            s.expected,
            s.first,
            s.last,
            s.calls,
            s.open_since,
            s.principals
        ));
    });
    found.push(format!("= {:?}", again.gauges()));
    assert_eq!(found, expected);
}
