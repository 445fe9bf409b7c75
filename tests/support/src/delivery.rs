//! How the records of the calls arrive: minutes late, out of order, some hours late, some twice, some
//! broken. The delivery knows the expected outcome of each record without using the code under test.

use std::collections::BTreeMap;

use crate::clock::{HOUR, MINUTE, iso};
use crate::random::Random;
use crate::record;
use crate::traffic::{Call, Identity, Kind};

/// Shares of the disturbances.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Same seed, same delivery.
    pub seed: u64,
    /// Records that arrive 15 to 150 minutes after the call: their minute is (nearly always) closed, the
    /// deduplication horizon is not reached.
    pub late: f64,
    /// Records that arrive 5 to 30 hours after the call, beyond the deduplication horizon of 3 h.
    pub too_late: f64,
    /// Records that arrive a second time, up to 40 minutes after the first.
    pub duplicates: f64,
    /// Calls that also deliver a broken record.
    pub broken: f64,
}

impl Conditions {
    /// Somewhat worse than real logs.
    pub fn usual(seed: u64) -> Self {
        Self { seed, late: 0.004, too_late: 0.0005, duplicates: 0.01, broken: 0.001 }
    }
}

/// The outcome that a record must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpectedOutcome {
    /// It enters a series.
    Counted,
    /// Its eventID was counted before.
    Duplicate,
    /// It enters no series.
    OutOfScope,
    /// It is older than the deduplication horizon.
    TooLate,
}

/// How a record is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breakage {
    /// No `eventTime`.
    NoTime,
    /// An invalid `eventTime`.
    WrongTime,
    /// Dated 2099.
    Future,
    /// Dated 1999.
    Past,
    /// No `eventSource`.
    NoSource,
    /// No `eventName`.
    NoName,
    /// No `awsRegion`.
    NoRegion,
    /// No account anywhere.
    NoAccount,
    /// Truncated. This and the following kinds each need their own payload.
    Cut,
    /// Not JSON.
    Noise,
    /// JSON of an unknown shape.
    OtherShape,
    /// An ECS document: recognized, but not decoded.
    Ecs,
    /// The first bytes of gzip, then garbage.
    Gzip,
}

impl Breakage {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::NoTime,
        Self::WrongTime,
        Self::Future,
        Self::Past,
        Self::NoSource,
        Self::NoName,
        Self::NoRegion,
        Self::NoAccount,
        Self::Cut,
        Self::Noise,
        Self::OtherShape,
        Self::Ecs,
        Self::Gzip,
    ];

    /// The expected reason of its dead-letter record.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoTime | Self::WrongTime => "event_time_invalid",
            Self::Future => "event_time_future",
            Self::Past => "event_time_past",
            Self::NoSource => "event_source_missing",
            Self::NoName => "event_name_missing",
            Self::NoRegion => "region_missing",
            Self::NoAccount => "account_missing",
            Self::Cut => "truncated",
            Self::Noise => "not_json",
            Self::OtherShape => "unknown_shape",
            Self::Ecs => "envelope_unsupported",
            Self::Gzip => "gzip_damaged",
        }
    }

    /// Whether it cannot share a payload with others.
    pub fn alone(self) -> bool {
        self >= Self::Cut
    }

    /// The broken bytes, derived from a valid call.
    pub fn bytes(self, call: &Call) -> Vec<u8> {
        let whole = record::json(call);
        let time = format!(r#""eventTime":"{}","#, iso(call.time));
        let source = format!(r#""eventSource":"{}.amazonaws.com","#, call.api.service);
        let text = match self {
            Self::NoTime => whole.replace(&time, ""),
            Self::WrongTime => whole.replace(&time, r#""eventTime":"yesterday","#),
            Self::Future => whole.replace(&time, r#""eventTime":"2099-01-01T00:00:00Z","#),
            Self::Past => whole.replace(&time, r#""eventTime":"1999-12-31T23:59:59Z","#),
            Self::NoSource => whole.replace(&source, ""),
            Self::NoName => whole.replace(&format!(r#""eventName":"{}","#, call.api.name), ""),
            Self::NoRegion => whole.replace(&format!(r#""awsRegion":"{}","#, call.region), ""),
            Self::NoAccount => whole.replace(&format!(r#""{}""#, call.account), r#""twelve""#),
            Self::Cut => whole[..whole.len() * 2 / 3].to_owned(),
            Self::Noise => format!("<html>503 Service Unavailable {}</html>", call.id),
            Self::OtherShape => format!(r#"{{"level":"info","msg":"started","id":{}}}"#, call.id),
            Self::Ecs => format!(
                r#"{{"aws":{{"cloudtrail":{{"event_version":"1.08","event_type":"AwsApiCall"}}}},"event":{{"id":"{}","action":"{}","provider":"{}.amazonaws.com"}},"cloud":{{"account":{{"id":"{}"}},"region":"{}"}}}}"#,
                record::event_id(call.id),
                call.api.name,
                call.api.service,
                call.account,
                call.region
            ),
            Self::Gzip => {
                let mut bytes = vec![0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 3];
                bytes.extend((0..200u64).map(|n| (n * 37 + call.id) as u8 | 0x06));
                return bytes;
            }
        };
        text.into_bytes()
    }
}

/// The kind of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The record of a call.
    Good(ExpectedOutcome),
    /// A broken version of it.
    Broken(Breakage),
}

/// An arrival.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Five-minute slot of the log file in which it arrives.
    pub slot: i64,
    /// Index of the call.
    pub call: usize,
    /// Kind of the arrival.
    pub what: What,
}

/// A call whose record becomes unusable if one field is removed (otherwise a foreign caller's own account
/// would replace a missing one).
fn breakable(call: &Call) -> bool {
    call.kind == Kind::Call && !matches!(call.actor.identity, Identity::Foreign(_))
}

/// Seconds of one log file.
const SLOT: i64 = 5 * MINUTE;

/// All arrivals in order: log file by log file, one account's file at a time, unordered within a file.
pub fn deliver(calls: &[Call], conditions: &Conditions) -> Vec<Delivery> {
    let mut random = Random::new(conditions.seed);
    let mut arrivals = Vec::with_capacity(calls.len() + calls.len() / 50);
    let begin = calls.first().map_or(0, |call| call.time);
    let settled = begin + 12 * HOUR;
    // After that time no later record would make it too late.
    let last = calls.last().map_or(0, |call| call.time) - 5 * HOUR;
    for (index, call) in calls.iter().enumerate() {
        let mut add = |random: &mut Random, at: i64, what: What| {
            arrivals.push((at.div_euclid(SLOT), call.account, random.bits(), index, what));
        };
        let outcome = if call.in_scope() { ExpectedOutcome::Counted } else { ExpectedOutcome::OutOfScope };
        let on_time = call.time + 2 * MINUTE + (480.0 * random.unit().powf(2.5)) as i64;
        if call.time > settled && call.time < last && random.chance(conditions.too_late) {
            let outcome = if call.in_scope() { ExpectedOutcome::TooLate } else { ExpectedOutcome::OutOfScope };
            let at = call.time + random.between(5 * HOUR, 30 * HOUR);
            add(&mut random, at, What::Good(outcome));
        } else if call.time > settled && random.chance(conditions.late) {
            let at = call.time + random.between(15 * MINUTE, 150 * MINUTE);
            add(&mut random, at, What::Good(outcome));
        } else {
            add(&mut random, on_time, What::Good(outcome));
            if random.chance(conditions.duplicates) {
                let again = if call.in_scope() { ExpectedOutcome::Duplicate } else { ExpectedOutcome::OutOfScope };
                let at = on_time + random.between(0, 40 * MINUTE);
                add(&mut random, at, What::Good(again));
            }
        }
        if call.time > settled && random.chance(conditions.broken) && breakable(call) {
            let how = *random.pick(&Breakage::ALL);
            add(&mut random, on_time, What::Broken(how));
        }
    }
    arrivals.sort_unstable();
    arrivals.into_iter().map(|(slot, _, _, call, what)| Delivery { slot, call, what }).collect()
}

/// The expected counts of the whole delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// All arrivals.
    pub records: u64,
    /// Records that enter a series.
    pub counted: u64,
    /// Duplicates.
    pub duplicates: u64,
    /// Records that enter no series.
    pub out_of_scope: u64,
    /// Records beyond the deduplication horizon.
    pub too_late: u64,
    /// Broken.
    pub malformed: u64,
    /// Broken, by reason.
    pub reasons: BTreeMap<&'static str, u64>,
}

/// Counts the deliveries.
pub fn truth<'a>(deliveries: impl IntoIterator<Item = &'a Delivery>) -> Truth {
    let mut truth = Truth::default();
    for delivery in deliveries {
        truth.records += 1;
        match delivery.what {
            What::Good(ExpectedOutcome::Counted) => truth.counted += 1,
            What::Good(ExpectedOutcome::Duplicate) => truth.duplicates += 1,
            What::Good(ExpectedOutcome::OutOfScope) => truth.out_of_scope += 1,
            What::Good(ExpectedOutcome::TooLate) => truth.too_late += 1,
            What::Broken(how) => {
                truth.malformed += 1;
                *truth.reasons.entry(how.reason()).or_default() += 1;
            }
        }
    }
    truth
}
