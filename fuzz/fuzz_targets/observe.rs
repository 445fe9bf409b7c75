//! Any sequence of records, however their times jump: no panic, no number that is none, and Starts and Ends alternate.
#![no_main]

#[path = "../../src/cloudtrail/mod.rs"]
#[allow(dead_code, unused_imports, reason = "only its types are needed")]
mod cloudtrail;
#[path = "../../src/detect/mod.rs"]
#[allow(dead_code, unused_imports, reason = "a part of it is for others")]
mod detect;
#[path = "../../src/rules/mod.rs"]
#[allow(dead_code, unused_imports, reason = "only its types are needed")]
mod rules;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use cloudtrail::event::{AccountId, Category, Event};
use cloudtrail::insight::{Insight, State};
use detect::horizon::Direction;
use detect::{Detector, Settings};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

const BEGIN: i64 = 1_772_409_600;
/// What decoding lets through: 2005 to 2030.
const TIMES: std::ops::Range<i64> = 1_104_537_600..1_893_456_000;
const SERIES_MAX: usize = 12;
const EVENT_IDS_MAX: usize = 64;

/// One step of what arrives.
#[derive(Arbitrary, Debug)]
enum Step {
    /// So many calls, each `apart` seconds after the one before, the first `after` seconds after the newest record.
    Calls { who: u8, api: u8, fails: bool, number: u8, apart: i8, after: i16 },
    /// Time passes, minutes.
    Pause(u16),
    /// A record of any time.
    Stray(i64),
    /// The topic was read to its end, so many seconds later.
    CaughtUp(u16),
}

/// The defaults, with every bound small enough to be reached.
fn settings(direction: Direction) -> Settings {
    Settings {
        direction,
        priors: Arc::default(),
        security: Arc::default(),
        rules: Arc::default(),
        lateness: 10,
        clock_jump_s: 900,
        idle_after_s: 900,
        dedup_horizon_s: 21_600,
        warm_up: 60,
        budget: 1.0,
        end_after: 5,
        series_ttl: 40_320,
        data_events: false,
        value_bytes_max: 1024,
        series_max: SERIES_MAX,
        dedup_events_max: EVENT_IDS_MAX,
        accounts_max: 2,
        clocks_max: 3,
        principals_max: 6,
        held_max: 8,
        values_max: 2,
        attribution_bytes_max: 4096,
    }
}

fn event(who: u8, api: u8, fails: bool, time: i64, id: u64) -> Event<'static> {
    Event {
        account: AccountId::parse(if who < 200 { "111122223333" } else { "000000000042" }).expect("twelve digits"),
        region: Cow::Borrowed(if api < 200 { "eu-west-1" } else { "us-east-1" }),
        source: Cow::Borrowed("ec2.amazonaws.com"),
        name: Cow::Owned(format!("Create{}", api % 16)),
        error: fails.then_some(Cow::Borrowed("AccessDenied")),
        time,
        id: Some(Cow::Owned(format!("{id:032x}"))),
        principal: Cow::Owned(format!("arn:aws:iam::111122223333:user/{}", who % 8)),
        invoked_by: Cow::Borrowed(""),
        agent: Cow::Borrowed(if who.is_multiple_of(3) { "aws-cli/2" } else { "console.amazonaws.com" }),
        category: Category::Management,
        write: !api.is_multiple_of(5),
        read_only: None,
        inferred: false,
        correction: false,
    }
}

/// Insights of which the Start was seen and the End not yet.
#[derive(Default)]
struct Open(BTreeSet<String>);

impl Open {
    fn note(&mut self, insight: &Insight) {
        let finding = &insight.finding;
        let numbers = [finding.observed, finding.expected, finding.score, finding.limit];
        assert!(numbers.iter().all(|number| number.is_finite()), "{insight:?}");
        assert!(insight.baseline_minutes > 0 && insight.insight_minutes > 0, "{insight:?}");
        let key = format!("{} {} {} {:?}", insight.account, insight.region, insight.name, insight.error);
        let fits = if insight.state == State::Start { self.0.insert(key) } else { self.0.remove(&key) };
        assert!(fits, "two Starts or two Ends of one series: {insight:?}");
    }
}

fuzz_target!(|input: (bool, Vec<Step>)| {
    let (both, steps) = input;
    let mut detector = Detector::new(settings(if both { Direction::Both } else { Direction::Up }));
    let mut open = Open::default();
    let mut emit = |insight: Insight| open.note(&insight);
    let (mut time, mut id) = (BEGIN, 0_u64);
    for step in steps {
        time = time.min(TIMES.end);
        match step {
            Step::Calls { who, api, fails, number, apart, after } => {
                let mut at = time + i64::from(after);
                for _ in 0..number {
                    detector.observe(&event(who, api, fails, at, id), None, &mut emit);
                    time = time.max(at);
                    at += i64::from(apart);
                    id += 1;
                }
            }
            Step::Pause(minutes) => time += 60 * i64::from(minutes),
            Step::Stray(at) => {
                let at = TIMES.start + at.rem_euclid(TIMES.end - TIMES.start);
                detector.observe(&event(0, 1, false, at, id), None, &mut emit);
                id += 1;
            }
            Step::CaughtUp(seconds) => detector.caught_up(time + i64::from(seconds), &mut emit),
        }
    }
    detector.finish(&mut emit);
    let levels = detector.levels();
    assert!(levels.series <= SERIES_MAX as u64 && levels.dedup_events <= EVENT_IDS_MAX as u64);
});
