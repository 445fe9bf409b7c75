//! Golden state: what a release writes as state, byte for byte, and what the next release makes of it.
//!
//! An earlier build wrote the fixtures of the folder `earlier`, in a fixed scenario of 39 days
//! ([`scenario`]); the others come from this version, which quarantines observations by another rule. They
//! hold records of every kind and form: accounts, observations that wait for confirmation, regions with
//! quarantined records and open insights, series in which the detector looks for drops, principals with tools
//! and novelty, whole, running and dormant series, eventIDs, tombstones of everything that is ever forgotten,
//! checkpoints, and the backfill that `insightd load` delivers. A change that alters one byte of them, or
//! one field of the insights that follow from them, fails here.
//!
//! **Never rewrite the fixtures of a released version**: those bytes lie on users' brokers. A new version of
//! a record gets fixtures of its own beside these, and these become inputs that are only read.
//! `INSIGHTD_BLESS=1 cargo test --test golden_state -- --test-threads=1`, run twice because some fixtures are
//! made from others, rewrites them all. That is right only for a format that no release has written, in a
//! commit that gives the reason.
//!
//! | file | contents |
//! |---|---|
//! | `changelog.txt` | every record of every transaction, sorted by key within a transaction |
//! | `state.txt` | the whole state after the scenario, and its open insights |
//! | `insights.txt` | insights of the scenario, and of two more days |
//! | `backfill.txt` | the messages of two accounts' backfill, and the records that the merge writes |
//! | `after_backfill.txt` | insights of the two more days after the merge, and the state at their end |
//! | `versions.txt` | checkpoints of both versions, and messages of a backfill in several parts |
//!
//! To see the test fail, change a constant of the detector: the cooldown of the alarm budget, the rounding of
//! a dormant series, the half-life of a view.

#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

mod fixture;
mod scenario;

use std::collections::BTreeMap;

use insightd::config::Config;
use insightd_core::cloudtrail::insight::{Insight, State};
use insightd_core::detect::{Detector, Restorer, Settings, Verdict};
use insightd_core::state::{BackfillPart, BackfillParts, CHECKPOINT_KEY, Checkpoint, IdleAdvance, encode};

use fixture::{Changelog, Lines, Record};
use scenario::Step;

/// Transactions after which the process restarts, from the whole changelog or from a compacted one.
const RESTARTS: [(usize, bool); 3] = [(20, false), (56, true), (96, true)];
/// Transactions that are aborted once before they are committed.
const ABORTS: [usize; 4] = [13, 38, 57, 112];
/// Wall time of the merge, seconds since 1970.
const MERGED_AT: i64 = scenario::END + 86_400;

fn settings() -> Settings {
    let text = include_str!("config.toml");
    Settings::from(&Config::load_text("config.toml", text).unwrap_or_else(|errors| panic!("{errors}")))
}

fn started() -> Detector {
    let mut detector = Detector::new(settings());
    detector.start_undo();
    detector
}

fn restored(changelog: &Changelog) -> Detector {
    let mut restorer = Restorer::new(settings());
    for Record { key, value } in changelog {
        restorer.take(key, value.as_deref()).unwrap_or_else(|error| panic!("{key:02x?}: {error}"));
    }
    let mut detector = restorer.finish().expect("the records fit together");
    detector.start_undo();
    detector
}

/// The whole state, in the order in which it is written.
fn whole(detector: &Detector) -> Changelog {
    let mut records = Changelog::new();
    detector.save_all(&mut |key, value| records.push(Record::new(key, value)));
    records
}

fn line(insight: &Insight) -> String {
    let mut json = Vec::new();
    insight.write_json(&mut json, true);
    let rule = insight.finding.rule.map_or("-".to_owned(), |rule| rule.to_string());
    format!("{rule} {}", String::from_utf8(json).expect("JSON is UTF-8"))
}

/// Counts of verdicts: a record with another verdict shows even where it leaves no state.
#[derive(Default)]
struct Verdicts(BTreeMap<&'static str, u32>);

impl Verdicts {
    fn add(&mut self, verdict: Verdict) {
        let label = match verdict {
            Verdict::Counted => "counted",
            Verdict::Duplicate => "duplicate",
            Verdict::OutOfScope => "out-of-scope",
            Verdict::Excluded => "excluded",
            Verdict::TooLate => "too-late",
            Verdict::Shed(limit) => limit.label(),
        };
        *self.0.entry(label).or_default() += 1;
    }

    fn text(&self) -> String {
        self.0.iter().map(|(label, count)| format!(" {label}={count}")).collect()
    }
}

fn play(detector: &mut Detector, steps: &[Step], insights: &mut Vec<Insight>) -> Verdicts {
    let mut verdicts = Verdicts::default();
    for step in steps {
        match step {
            Step::Record { event, wall } => {
                verdicts.add(detector.observe(event, *wall, &mut |insight| insights.push(insight)));
            }
            Step::CaughtUp(wall) => {
                detector.caught_up(*wall, &mut |insight| insights.push(insight));
            }
        }
    }
    verdicts
}

fn committed(detector: &mut Detector) -> Changelog {
    let mut records = Changelog::new();
    detector.save(&mut |key, value| records.push(Record::new(key, value)));
    detector.commit();
    // A transaction writes each key once: the order within it means nothing.
    records.sort_by(|a, b| a.key.cmp(&b.key));
    records
}

/// What the whole scenario leaves.
struct Run {
    transactions: Vec<(String, Changelog)>,
    insights: Vec<Insight>,
    detector: Detector,
}

impl Run {
    fn changelog(&self) -> Changelog {
        self.transactions.iter().flat_map(|(_, records)| records.iter().cloned()).collect()
    }
}

fn run() -> Run {
    let mut run = Run { transactions: Vec::new(), insights: Vec::new(), detector: started() };
    for (number, steps) in scenario::transactions(&scenario::weeks()).into_iter().enumerate() {
        if ABORTS.contains(&number) {
            play(&mut run.detector, steps, &mut Vec::new());
            run.detector.save(&mut |_, _| ());
            run.detector.roll_back();
        }
        let verdicts = play(&mut run.detector, steps, &mut run.insights);
        let records = committed(&mut run.detector);
        run.transactions.push((format!("{number}{}", verdicts.text()), records));
        if let Some((_, is_compacted)) = RESTARTS.iter().find(|(at, _)| *at == number) {
            let changelog = run.changelog();
            run.detector = restored(&if *is_compacted { fixture::compacted(&changelog) } else { changelog });
        }
    }
    run
}

/// The state and its open insights, as a fixture.
fn state_lines(detector: &Detector) -> Lines {
    let mut lines: Lines = whole(detector).iter().map(Record::line).collect();
    detector.each_open(&mut |insight, clock| lines.push(format!("= open {clock} {}", line(&insight))));
    lines.push(format!("= {}", gauges(detector)));
    lines
}

fn gauges(detector: &Detector) -> String {
    let gauges = detector.gauges();
    format!(
        "series {} learning {} live {} open {} unconfirmed {} clock {} eventIDs {}",
        gauges.series,
        gauges.accounts_learning,
        gauges.accounts_live,
        gauges.insights_open,
        gauges.unconfirmed,
        gauges.clock,
        gauges.dedup_events
    )
}

#[test]
fn every_record_of_the_scenario_is_written_unchanged() {
    let run = run();
    let changelog = run.changelog();
    let kept = fixture::compacted_places(&changelog);
    let (mut lines, mut at) = (Lines::new(), 0);
    for (title, records) in &run.transactions {
        lines.push(format!("# {title}"));
        for record in records {
            lines.push(if kept.contains(&at) { record.line() } else { record.short_line() });
            at += 1;
        }
    }
    fixture::compare("changelog.txt", &lines);
    fixture::compare("state.txt", &state_lines(&run.detector));
    let mut insights: Lines = run.insights.iter().map(line).collect();
    let mut living = run.detector;
    insights.push("# two more days".to_owned());
    insights.extend(two_more_days(&mut living));
    fixture::compare("insights.txt", &insights);
    assert!(run.transactions.len() > 112, "{} transactions", run.transactions.len());
    covers_what_it_was_made_for(&run.insights, &changelog);
}

fn two_more_days(detector: &mut Detector) -> Lines {
    let mut insights = Vec::new();
    play(detector, &scenario::two_more_days(), &mut insights);
    insights.iter().map(line).collect()
}

/// Asserts that the scenario contains what it was made for.
fn covers_what_it_was_made_for(insights: &[Insight], changelog: &Changelog) {
    let reasons: Vec<&str> =
        insights.iter().filter(|i| i.state == State::Start).map(|i| i.finding.reason.label()).collect();
    for reason in ["counts", "new-principal", "new-to-principal", "beyond-habit"] {
        assert!(reasons.contains(&reason), "no insight by {reason}: {reasons:?}");
    }
    let suppressed = insights.iter().filter(|insight| insight.finding.suppressed_by.is_some()).count();
    assert!(suppressed >= 3, "{suppressed} insights under a rule that marks or drops");
    let drops = insights.iter().filter(|i| i.finding.observed == 0.0 && i.finding.expected > 0.0).count();
    assert!(drops > 0, "no drop");
    for kind in *b"awrdpsce" {
        assert!(changelog.iter().any(|record| record.key[0] == kind && record.value.is_some()), "{}", kind as char);
    }
    for kind in *b"psce" {
        let gone = changelog.iter().any(|record| record.key[0] == kind && record.value.is_none());
        assert!(gone, "no tombstone of a {}", kind as char);
    }
    for form in [[2, 0], [2, 1]] {
        let of_form = |r: &&Record| r.key[0] == b's' && r.value.as_ref().is_some_and(|value| value.starts_with(&form));
        assert!(changelog.iter().filter(of_form).count() > 5, "whole or dormant series: {form:?}");
    }
}

#[test]
fn the_golden_state_is_restored_and_continues_unchanged() {
    let changelog = fixture::records("changelog.txt");
    let mut detector = restored(&changelog);
    fixture::compare_only("state.txt", &state_lines(&detector));
    let found = two_more_days(&mut detector);
    let expected = fixture::read("insights.txt");
    let at = expected.iter().position(|line| line.starts_with('#')).expect("two more days");
    fixture::same("insights.txt", &found, &expected[at + 1..]);
    assert!(found.len() > 6, "{} insights", found.len());
    // A state that was saved whole is a changelog, too.
    let state = fixture::records("state.txt");
    let mut again = restored(&state);
    fixture::compare_only("state.txt", &state_lines(&again));
    fixture::same("insights.txt", &two_more_days(&mut again), &expected[at + 1..]);
}

/// An earlier build quarantined observations by another rule: a full quarantine dropped the observation dated
/// farthest ahead, where it now releases the earliest. Its state is read as it is, and the insights that
/// follow are the same.
#[test]
fn the_state_of_an_earlier_build_is_restored_and_continues() {
    let mut detector = restored(&fixture::records("earlier/changelog.txt"));
    fixture::compare_only("earlier/state.txt", &state_lines(&detector));
    let expected = fixture::read("insights.txt");
    let at = expected.iter().position(|line| line.starts_with('#')).expect("two more days");
    fixture::same("insights.txt", &two_more_days(&mut detector), &expected[at + 1..]);
}

/// The messages of the backfill of two accounts, one known and one new to the running detector.
fn messages() -> Vec<Vec<u8>> {
    let mut backfill_detector = Detector::new(settings().for_backfill());
    play(&mut backfill_detector, &scenario::days_before(), &mut Vec::new());
    backfill_detector.finish_backfill();
    let mut messages = Vec::new();
    let mut begins = Vec::new();
    backfill_detector.each_account(&mut |account| begins.push((account.id, account.begin)));
    for (account, begin) in begins {
        let mut send = |bytes: &[u8]| messages.push(bytes.to_vec());
        let mut parts = BackfillParts::new(account.number(), begin.expect("it has begun"), &mut send);
        backfill_detector.save_alone(account, &mut |key, value| parts.add(key, value.expect("no tombstone")));
        parts.finish();
    }
    messages
}

fn merged(into: &mut Detector, messages: &[Vec<u8>]) -> Lines {
    let mut outcomes = Lines::new();
    for message in messages {
        let part = BackfillPart::read(message).expect("a part");
        assert!((part.index, part.last) == (0, true), "the backfill of one account is one message");
        let mut backfill_detector = Restorer::new(settings());
        for (key, value) in &part.records {
            backfill_detector.take(key, Some(value)).expect("a record of the backfill");
        }
        let backfill = backfill_detector.finish().expect("the records of the backfill fit together");
        let merged = into.merge(backfill, MERGED_AT).expect("it is merged");
        outcomes.push(format!("= {} begins {} series {}", merged.account, merged.begin, merged.series));
    }
    outcomes
}

#[test]
fn a_backfill_is_written_and_merged_unchanged() {
    let messages = messages();
    let mut lines: Lines = messages.iter().map(|message| Record::new(b"h", Some(message)).line()).collect();
    let mut detector = restored(&fixture::records("changelog.txt"));
    lines.extend(merged(&mut detector, &messages));
    let written = committed(&mut detector);
    lines.extend(written.iter().map(Record::short_line));
    fixture::compare("backfill.txt", &lines);

    let mut after: Lines = vec![format!("= {}", gauges(&detector))];
    after.extend(two_more_days(&mut detector));
    after.extend(whole(&detector).iter().map(Record::short_line));
    fixture::compare("after_backfill.txt", &after);
}

#[test]
fn a_golden_backfill_is_read_and_merged_unchanged() {
    let golden: Vec<Vec<u8>> = fixture::records("backfill.txt")
        .into_iter()
        .filter(|record| record.key == b"h")
        .map(|record| record.value.expect("a message"))
        .collect();
    assert_eq!(golden.len(), 2);
    for message in &golden {
        let mut again = Vec::new();
        encode(message[0], &BackfillPart::read(message).expect("a part"), &mut again);
        assert!(again == *message, "a message is written as it was read");
    }
    let mut detector = restored(&fixture::records("state.txt"));
    merged(&mut detector, &golden);
    committed(&mut detector);
    let mut found: Lines = vec![format!("= {}", gauges(&detector))];
    found.extend(two_more_days(&mut detector));
    found.extend(whole(&detector).iter().map(Record::short_line));
    fixture::compare_only("after_backfill.txt", &found);
}

fn checkpoints() -> Vec<Checkpoint> {
    let idle_advances =
        vec![IdleAdvance { before: 41, wall: 1_780_000_000 }, IdleAdvance { before: 41, wall: 1_780_000_130 }];
    vec![
        Checkpoint::default(),
        Checkpoint { state: (7 << 24) | 0x00AB_CDEF, next: 42, idle_advances, backfill_next: 3 },
        Checkpoint { state: u64::MAX, next: i64::MAX, idle_advances: Vec::new(), backfill_next: i64::MAX },
    ]
}

/// Bytes of a checkpoint as version 1 wrote it: without the offset of the backfill topic, which takes one
/// byte here.
fn as_version_1(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut bytes = Vec::new();
    Checkpoint { backfill_next: 0, ..checkpoint.clone() }.write(&mut bytes);
    bytes.pop();
    bytes[0] = 1;
    bytes
}

/// An active series as version 1 wrote it: without the tag of its state and without remembered callers. None
/// if version 1 could not express it.
fn series_as_version_1(value: &[u8]) -> Option<Vec<u8>> {
    match value {
        [2, 0, series @ .., 0] => Some([&[1], series].concat()),
        _ => None,
    }
}

#[test]
fn checkpoints_and_parts_of_each_version_are_read() {
    let mut lines = Lines::new();
    for checkpoint in checkpoints() {
        let mut bytes = Vec::new();
        checkpoint.write(&mut bytes);
        lines.push(Record::new(CHECKPOINT_KEY, Some(&bytes)).line());
        lines.push(Record::new(CHECKPOINT_KEY, Some(&as_version_1(&checkpoint))).line());
    }
    for (index, last) in [(0, false), (1, true)] {
        let records = vec![(b"a-key".to_vec(), vec![1, 2, 3]), (Vec::new(), Vec::new())];
        let part = BackfillPart { account: 999_999_999_999, begin: -5, index, last, records };
        let mut bytes = Vec::new();
        encode(1, &part, &mut bytes);
        lines.push(Record::new(b"h", Some(&bytes)).line());
    }
    fixture::compare("versions.txt", &lines);

    let mut read = fixture::records("versions.txt").into_iter().map(|record| record.value.expect("no tombstone"));
    for checkpoint in checkpoints() {
        let (second, first) = (read.next().expect("version 2"), read.next().expect("version 1"));
        assert_eq!((second[0], first[0]), (2, 1));
        assert_eq!(Checkpoint::read(&second), Ok(checkpoint.clone()));
        assert_eq!(Checkpoint::read(&first), Ok(Checkpoint { backfill_next: 0, ..checkpoint }));
    }
    for message in read {
        let mut again = Vec::new();
        encode(message[0], &BackfillPart::read(&message).expect("a part"), &mut again);
        assert_eq!(again, message);
    }
}

/// Version 1 of a series restores the same state as version 2 of an active series.
#[test]
fn series_of_version_1_are_restored_like_version_2() {
    let mut changelog = fixture::records("state.txt");
    let mut series = 0;
    for record in changelog.iter_mut().filter(|record| record.key[0] == b's') {
        if let Some(older) = record.value.as_deref().and_then(series_as_version_1) {
            record.value = Some(older);
            series += 1;
        }
    }
    assert!(series >= 10, "{series} series of version 1");
    let mut detector = restored(&changelog);
    fixture::compare_only("state.txt", &state_lines(&detector));
    let expected = fixture::read("insights.txt");
    let at = expected.iter().position(|line| line.starts_with('#')).expect("two more days");
    fixture::same("insights.txt", &two_more_days(&mut detector), &expected[at + 1..]);
}
