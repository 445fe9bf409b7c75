//! Scenarios that several targets run a detector through.

use std::borrow::Cow;
use std::sync::Arc;

use libfuzzer_sys::arbitrary::{self, Arbitrary};

use insightd_core::cloudtrail::event::{AccountId, Category, Event};
use insightd_core::cloudtrail::insight::Insight;
use insightd_core::detect::statistics::horizon::Direction;
use insightd_core::detect::{Detector, Settings};

const BEGIN: i64 = 1_772_409_600;
/// What decoding lets through: 2005 to 2030.
const TIMES: std::ops::Range<i64> = 1_104_537_600..1_893_456_000;
pub const SERIES_MAX: usize = 12;
pub const EVENT_IDS_MAX: usize = 64;

/// One step of what arrives.
#[derive(Arbitrary, Debug)]
pub enum Step {
    /// So many calls, each `apart` seconds after the one before, the first `after` seconds after the newest
    /// record.
    Calls { who: u8, api: u8, fails: bool, number: u8, apart: i8, after: i16 },
    /// Time passes, minutes.
    Pause(u16),
    /// A record of any time.
    Stray(i64),
    /// The topic was read to its end, so many seconds later.
    CaughtUp(u16),
}

/// The defaults, with every bound small enough to be reached.
pub fn settings(direction: Direction) -> Settings {
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
        quarantined_max: 8,
        values_max: 2,
        attribution_bytes_max: 4096,
        moves_back: false,
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

/// Runs the steps one after the other; `each` sees the detector after each of them.
pub fn run(
    detector: &mut Detector,
    steps: Vec<Step>,
    emit: &mut dyn FnMut(Insight),
    each: &mut dyn FnMut(&mut Detector),
) {
    let (mut time, mut id) = (BEGIN, 0_u64);
    for step in steps {
        time = time.min(TIMES.end);
        match step {
            Step::Calls { who, api, fails, number, apart, after } => {
                let mut at = time + i64::from(after);
                for _ in 0..number {
                    detector.observe(&event(who, api, fails, at, id), None, emit);
                    time = time.max(at);
                    at += i64::from(apart);
                    id += 1;
                }
            }
            Step::Pause(minutes) => time += 60 * i64::from(minutes),
            Step::Stray(at) => {
                let at = TIMES.start + at.rem_euclid(TIMES.end - TIMES.start);
                detector.observe(&event(0, 1, false, at, id), None, emit);
                id += 1;
            }
            Step::CaughtUp(seconds) => drop(detector.caught_up(time + i64::from(seconds), emit)),
        }
        each(detector);
    }
}
