//! Transactions, committed or rolled back, and restarts from a changelog, compacted or not, leave no trace.

use std::collections::{BTreeMap, BTreeSet};

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng;

use super::*;
use crate::detect::statistics::horizon::Direction;
use crate::rules::{Condition, Field, Pattern, Rule, Rules};
use crate::state::RestoreError;

type Changelog = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Seeded choices.
struct Choices(Pcg64Mcg);

impl Choices {
    fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// One thing that happens to a detector.
#[derive(Clone)]
enum Step {
    Record(Box<Event<'static>>),
    CaughtUp(i64),
}

pub(super) fn settings(settings: &mut Settings) {
    settings.direction = Direction::Both;
    settings.warm_up = 600;
    settings.budget = 200.0;
    settings.values_max = 5;
    settings.dedup_events_max = 4000;
    settings.quarantined_max = 3;
    settings.series_ttl = 28 * 1440;
}

/// Some weeks of two or three accounts: calm, bursts, silences that make series dormant, repeats, late
/// records and records dated ahead.
fn scenario(choices: &mut Choices, steps: usize) -> Vec<Step> {
    let mut time = START;
    let mut insights: Vec<Event<'static>> = Vec::new();
    let mut scenario = Vec::new();
    while scenario.len() < steps {
        time += match choices.below(400) {
            0 => (8 + choices.below(30) as i64) * 86_400,
            1..=6 => 20_000,
            7..=30 => 1800,
            _ => choices.below(90) as i64,
        };
        if choices.one_in(60) {
            // The wall clock runs a day ahead of all events.
            scenario.push(Step::CaughtUp(time + 86_400));
            continue;
        }
        let burst = if choices.one_in(40) { 5 + choices.below(30) } else { 1 };
        let (account, who) = (1 + choices.below(2), choices.below(8));
        // Some APIs are called every other fortnight only.
        let fortnight = time as u64 / (14 * 86_400);
        let api = std::iter::repeat_with(|| choices.below(9))
            .find(|api| !(api + fortnight).is_multiple_of(3) || *api > 6)
            .unwrap_or(8);
        for _ in 0..burst {
            if choices.one_in(25) && !insights.is_empty() {
                let again =
                    insights[insights.len() - 1 - choices.below(insights.len().min(300) as u64) as usize].clone();
                scenario.push(Step::Record(Box::new(again)));
                continue;
            }
            let shift = match choices.below(60) {
                0 => -(choices.below(9000) as i64),
                1 => 4000 + choices.below(400_000) as i64,
                2..=8 => -(choices.below(900) as i64),
                _ => 0,
            };
            let at = time + shift;
            let event = Event {
                region: ["us-east-1", "eu-west-1", "ap-south-1"][choices.below(20).min(2) as usize].into(),
                error: choices.one_in(4).then(|| "AccessDenied".into()),
                id: Some(format!("{}", insights.len()).into()),
                principal: format!("arn:aws:iam::000000000001:user/{who}").into(),
                agent: format!("tool-{}", choices.below(7)).into(),
                write: !choices.one_in(6),
                ..event(account, &format!("Api{api}"), at)
            };
            insights.push(event.clone());
            scenario.push(Step::Record(Box::new(event)));
        }
    }
    scenario
}

fn play(detector: &mut Detector, step: &Step, insights: &mut Vec<Insight>) -> Option<Verdict> {
    match step {
        Step::Record(event) => {
            Some(detector.observe(event, Some(event.time + 86_400), &mut |insight| insights.push(insight)))
        }
        Step::CaughtUp(now) => {
            detector.caught_up(*now, &mut |insight| insights.push(insight));
            None
        }
    }
}

fn image(detector: &Detector) -> BTreeMap<(Vec<u8>, usize), Vec<u8>> {
    let mut image = BTreeMap::new();
    detector.save_all(&mut |key, value| {
        // eventIDs of several regions have one key there.
        let number = if key[0] == b'e' { image.len() } else { 0 };
        image.insert((key.to_vec(), number), value.expect("no tombstone").to_vec());
    });
    image
}

/// Keeps only the newest record of each key below a point, as compaction does.
fn compact(changelog: &mut Changelog, point: usize) {
    let mut newest: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for (at, (key, _)) in changelog.iter().enumerate().take(point) {
        newest.insert(key.clone(), at);
    }
    let mut at = 0;
    changelog.retain(|(key, _)| {
        at += 1;
        at > point || newest[key] == at - 1
    });
}

fn restored(changelog: &Changelog) -> Result<Detector, RestoreError> {
    let mut restorer = restorer(settings);
    for (key, value) in changelog {
        restorer.take(key, value.as_deref())?;
    }
    let mut detector = restorer.finish()?;
    detector.start_undo();
    Ok(detector)
}

/// How often a series became dormant, and active again.
fn sleeps(changelog: &Changelog) -> (usize, usize) {
    let (mut asleep, mut slept, mut woken) = (BTreeSet::new(), 0, 0);
    for (key, value) in changelog.iter().filter(|(key, _)| key[0] == b's') {
        // Version 2, and the second kind of value.
        if value.as_deref().is_some_and(|value| value.starts_with(&[2, 1])) {
            slept += usize::from(asleep.insert(key));
        } else if asleep.remove(key) {
            woken += usize::from(value.is_some());
        }
    }
    (slept, woken)
}

fn run(seed: u64, steps: usize) -> [usize; 5] {
    let mut choices = Choices(Pcg64Mcg::new(u128::from(seed) << 1 | 1));
    let scenario = scenario(&mut choices, steps);
    let (mut plain, mut expected) = (detector(settings), Vec::new());
    let (mut changelog, mut all) = (Changelog::new(), Changelog::new());
    let mut running = detector(settings);
    running.start_undo();
    let (mut insights, mut at, mut aborts, mut restarts) = (Vec::new(), 0, 0, 0);
    while at < scenario.len() {
        let until = (at + 1 + choices.below(60) as usize).min(scenario.len());
        if choices.one_in(4) {
            let before = image(&running);
            let gauges = running.gauges();
            for step in &scenario[at..until] {
                play(&mut running, step, &mut Vec::new());
            }
            if choices.one_in(2) {
                running.save(&mut |_, _| {});
            }
            running.roll_back();
            assert!(image(&running) == before, "seed {seed}: what was rolled back at step {at} has left a trace");
            assert_eq!(running.gauges(), gauges, "seed {seed}, step {at}");
            aborts += 1;
        }
        for step in &scenario[at..until] {
            let verdict = play(&mut plain, step, &mut expected);
            assert_eq!(play(&mut running, step, &mut insights), verdict, "seed {seed}, step {at}");
        }
        let before = changelog.len();
        running.save(&mut |key, value| changelog.push((key.to_vec(), value.map(<[u8]>::to_vec))));
        running.commit();
        all.extend_from_slice(&changelog[before..]);
        assert!(
            image(&running) == image(&plain),
            "seed {seed}, step {at}: another state than without transactions and restarts"
        );
        at = until;
        if choices.one_in(6) {
            let point = choices.below(changelog.len() as u64 + 1) as usize;
            compact(&mut changelog, point);
            let again = restored(&changelog).unwrap_or_else(|fault| panic!("seed {seed}, step {at}: {fault}"));
            let (is, should) = (image(&again), image(&running));
            let mut differs = should.keys().chain(is.keys()).filter(|key| is.get(*key) != should.get(*key));
            if let Some(key) = differs.next() {
                panic!(
                    "seed {seed}, step {at}: {key:02x?} was {:02x?} and is restored as {:02x?}",
                    should.get(key),
                    is.get(key)
                );
            }
            let newest = |gauges: Gauges| Gauges { clock: 0, ..gauges };
            assert_eq!(newest(again.gauges()), newest(running.gauges()), "seed {seed}, step {at}");
            running = again;
            restarts += 1;
        }
    }
    assert!(insights == expected, "seed {seed}: other insights than without transactions and restarts");
    let (slept, woken) = sleeps(&all);
    [expected.len(), aborts, restarts, slept, woken]
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a longer run on request")]
fn transactions_rollbacks_and_restarts_leave_no_trace() {
    let seeds = std::env::var("INSIGHTD_SCENARIOS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let mut sums = [0; 5];
    for seed in 0..seeds {
        sums.iter_mut().zip(run(seed, 3000)).for_each(|(sum, one)| *sum += one);
    }
    println!("{seeds} scenarios: insights, aborts, restarts, made dormant, activated: {sums:?}");
    assert!(sums.iter().zip([100, 100, 30, 30, 15]).all(|(sum, least)| *sum > least), "{sums:?}");
}

#[test]
fn a_record_of_a_newer_version_is_refused() {
    let mut detector = detector(settings);
    detector.start_undo();
    observe(&mut detector, &event(1, "A", START));
    let mut changelog = Changelog::new();
    detector.save(&mut |key, value| changelog.push((key.to_vec(), value.map(<[u8]>::to_vec))));
    assert!(restored(&changelog).is_ok());
    for at in 0..changelog.len() {
        let mut newer = changelog.clone();
        if let Some(value) = &mut newer[at].1 {
            value[0] = 255;
        }
        assert!(matches!(restored(&newer), Err(RestoreError::Newer { found: 255, .. })), "{:02x?}", newer[at].0);
    }
}

fn comes_back_whole(change: impl Fn(&mut Settings) + Copy, events: &[Event<'static>]) {
    let mut running = detector(change);
    running.start_undo();
    let mut changelog = Changelog::new();
    for event in events {
        observe(&mut running, event);
        running.save(&mut |key, value| changelog.push((key.to_vec(), value.map(<[u8]>::to_vec))));
        running.commit();
    }
    let mut again = restorer(change);
    changelog.iter().for_each(|(key, value)| again.take(key, value.as_deref()).unwrap());
    let again = again.finish().unwrap();
    assert!(image(&again) == image(&running));
    assert_eq!(again.gauges().dedup_events, running.gauges().dedup_events);
}

/// The bound gave up the oldest hours, and the record that had reached it lay in them: its eventID was
/// remembered below the floor, and a restore had one eventID less than memory (simulator, seed 39).
#[test]
fn an_event_in_hours_that_the_bound_gives_up_is_not_remembered() {
    let times = [0, 1, 3600, 2];
    let events = times.map(|second| event(1, "A", START - START % 3600 + second));
    comes_back_whole(|settings| settings.dedup_events_max = 3, &events);
}

/// A mature account stayed mature, and a new one counted its age by the old `baseline.warm_up`.
#[test]
fn another_warm_up_holds_for_known_accounts_too() {
    let saved_with = |warm_up: i64, restored_with: i64| {
        let mut running = detector(|settings| settings.warm_up = warm_up);
        running.start_undo();
        for hour in 0..50 {
            observe(&mut running, &event(1, "A", START + hour * 3600));
        }
        let mut again = restorer(|settings| settings.warm_up = restored_with);
        running.save(&mut |key, value| again.take(key, value).unwrap());
        let again = again.finish().unwrap();
        let gauges = again.gauges();
        (gauges.accounts_learning, gauges.accounts_live)
    };
    for restored_with in [0, 600, 2880, 4000] {
        let expected = saved_with(restored_with, restored_with);
        for warm_up in [0, 600, 2880, 4000] {
            assert_eq!(saved_with(warm_up, restored_with), expected, "{warm_up} min, restored with {restored_with}");
        }
    }
    assert_ne!(saved_with(600, 600), saved_with(600, 4000));
}

/// The changelog is a topic of the daemon, but others who may write there must not be able to crash it.
#[test]
fn damaged_records_are_refused_and_never_panic() {
    let mut choices = Choices(Pcg64Mcg::new(77));
    let mut running = detector(settings);
    running.start_undo();
    let mut changelog = Changelog::new();
    for step in scenario(&mut choices, 900).chunks(90) {
        for one in step {
            play(&mut running, one, &mut Vec::new());
        }
        running.save(&mut |key, value| changelog.push((key.to_vec(), value.map(<[u8]>::to_vec))));
        running.commit();
    }
    let (mut refused, mut taken) = (0, 0);
    for _ in 0..250 {
        let mut damaged = changelog.clone();
        for _ in 0..=choices.below(3) {
            let at = choices.below(damaged.len() as u64) as usize;
            let (key, value) = &mut damaged[at];
            let bytes = if choices.one_in(5) { key } else { value.get_or_insert_default() };
            match choices.below(3) {
                0 => bytes.truncate(choices.below(bytes.len() as u64 + 1) as usize),
                1 => bytes.push(choices.below(256) as u8),
                _ if bytes.is_empty() => {}
                _ => {
                    let byte = choices.below(bytes.len() as u64) as usize;
                    bytes[byte] = choices.below(256) as u8;
                }
            }
        }
        match restored(&damaged) {
            Ok(again) => {
                look(&again);
                taken += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 30 && taken > 10, "{refused} refused, {taken} taken");
}

/// Whatever was restored can be shown and saved.
fn look(detector: &Detector) {
    detector.each_series(&mut |_| {});
    detector.each_account(&mut |_| {});
    detector.each_region(&mut |_| {});
    detector.each_open(&mut |_, _| {});
    detector.gauges();
    image(detector);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_restored_or_refused(records in proptest::collection::vec(
        (proptest::sample::select(&b"awrdpsce"[..]), 0_u64..3, 0_u8..4, proptest::collection::vec(proptest::num::u8::ANY, 0..160)),
        1..12,
    )) {
        let mut restorer = restorer(settings);
        let taken = records.iter().try_for_each(|(kind, number, version, bytes)| {
            let mut key = [&[*kind], &number.to_be_bytes()[..]].concat();
            key.resize(key.len() + match kind { b'r' | b'd' => 4, b'p' => 8, _ => 0 }, 0);
            restorer.take(&key, Some(&[&[*version], &bytes[..]].concat()))
        });
        if let Ok(detector) = taken.and_then(|()| restorer.finish()) {
            look(&detector);
        }
    }
}

/// A restore forgot a rule that only changes the budget, though it is part of the open insight (simulator,
/// seed 4 with rules).
#[test]
fn an_open_insight_keeps_the_rule_that_made_it_readier() {
    let condition = Condition { field: Field::Principal, patterns: vec![Pattern::parse("*dana").expect("a pattern")] };
    let rule = Rule {
        name: "dana".into(),
        action: Action::Sensitivity(10.0),
        conditions: vec![condition],
        until: None,
        schedule: None,
    };
    let rules = std::sync::Arc::new(Rules::new(vec![rule]));
    let events: Vec<_> = (0..200).map(|second| event(1, "A", START + second)).collect();
    let change = |settings: &mut Settings| {
        (settings.warm_up, settings.budget, settings.rules) = (0, 1000.0, std::sync::Arc::clone(&rules));
    };
    let mut started = 0;
    let mut plain = detector(change);
    for event in &events {
        plain.observe(event, None, &mut |insight| started += u32::from(insight.finding.rule == Some(0)));
    }
    assert!(started > 0 && plain.gauges().insights_open > 0);
    comes_back_whole(change, &events);
}
