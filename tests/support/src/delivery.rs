//! How the records of the calls arrive: minutes late, out of order, some hours late, some twice, some broken.
//! The delivery knows what must become of each of them, without looking at the code under test.

use std::collections::BTreeMap;

use crate::clock::{HOUR, MINUTE, iso};
use crate::random::Random;
use crate::record;
use crate::traffic::{Call, Identity, Kind};

/// Shares of what goes wrong.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Same seed, same delivery.
    pub seed: u64,
    /// Arrive 15 to 150 minutes after the call: their minute is (nearly always) closed, the deduplication
    /// horizon is not reached.
    pub late: f64,
    /// Arrive 5 to 30 hours after the call: beyond the deduplication horizon of 3 h.
    pub too_late: f64,
    /// Arrive a second time, up to 40 minutes after the first.
    pub duplicates: f64,
    /// A broken record arrives as well.
    pub broken: f64,
}

impl Conditions {
    /// As real logs are, and then some.
    pub fn usual(seed: u64) -> Self {
        Self { seed, late: 0.004, too_late: 0.0005, duplicates: 0.01, broken: 0.001 }
    }
}

/// What must become of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Enters a series.
    Counted,
    /// Would, but did already.
    Duplicate,
    /// Enters no series.
    OutOfScope,
    /// Would, but is older than the deduplication horizon.
    TooLate,
}

/// How a record is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breakage {
    /// No `eventTime`.
    NoTime,
    /// An `eventTime` that is none.
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
    /// Cut off in the middle. From here on: a payload of its own.
    Cut,
    /// Not JSON.
    Noise,
    /// JSON of another kind.
    OtherShape,
    /// An ECS document of CloudTrail's: known, but not decoded.
    Ecs,
    /// The first bytes of gzip, then rubbish.
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

    /// The reason that the dead letter must give.
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

    /// The broken bytes, made from a good call.
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

/// What arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The record of a call.
    Good(Fate),
    /// A broken version of it.
    Broken(Breakage),
}

/// One arrival.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Five-minute slot of the log file in which it arrives.
    pub slot: i64,
    /// Which call.
    pub call: usize,
    /// As what.
    pub what: What,
}

/// A call whose record becomes unusable when one field goes (a foreign caller's own account would stand in
/// for a missing one).
fn breakable(call: &Call) -> bool {
    call.kind == Kind::Call && !matches!(call.actor.identity, Identity::Foreign(_))
}

/// Seconds of one log file.
const SLOT: i64 = 5 * MINUTE;

/// All arrivals, in the order of arrival: log file by log file, an account's file at a time, in no order
/// within the file.
pub fn deliver(calls: &[Call], conditions: &Conditions) -> Vec<Delivery> {
    let mut random = Random::new(conditions.seed);
    let mut arrivals = Vec::with_capacity(calls.len() + calls.len() / 50);
    let begin = calls.first().map_or(0, |call| call.time);
    let settled = begin + 12 * HOUR;
    // Later than that, no record comes after it that would make it too late.
    let last = calls.last().map_or(0, |call| call.time) - 5 * HOUR;
    for (index, call) in calls.iter().enumerate() {
        let mut add = |random: &mut Random, at: i64, what: What| {
            arrivals.push((at.div_euclid(SLOT), call.account, random.bits(), index, what));
        };
        let fate = if call.in_scope() { Fate::Counted } else { Fate::OutOfScope };
        let on_time = call.time + 2 * MINUTE + (480.0 * random.unit().powf(2.5)) as i64;
        if call.time > settled && call.time < last && random.chance(conditions.too_late) {
            let fate = if call.in_scope() { Fate::TooLate } else { Fate::OutOfScope };
            let at = call.time + random.between(5 * HOUR, 30 * HOUR);
            add(&mut random, at, What::Good(fate));
        } else if call.time > settled && random.chance(conditions.late) {
            let at = call.time + random.between(15 * MINUTE, 150 * MINUTE);
            add(&mut random, at, What::Good(fate));
        } else {
            add(&mut random, on_time, What::Good(fate));
            if random.chance(conditions.duplicates) {
                let again = if call.in_scope() { Fate::Duplicate } else { Fate::OutOfScope };
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

/// What the whole delivery must come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Everything that arrives.
    pub records: u64,
    /// Entered a series.
    pub counted: u64,
    /// Did so before.
    pub duplicates: u64,
    /// Enter none.
    pub out_of_scope: u64,
    /// Beyond the deduplication horizon.
    pub too_late: u64,
    /// Broken.
    pub malformed: u64,
    /// Broken, by reason.
    pub reasons: BTreeMap<&'static str, u64>,
}

/// Adds them up.
pub fn truth<'a>(deliveries: impl IntoIterator<Item = &'a Delivery>) -> Truth {
    let mut truth = Truth::default();
    for delivery in deliveries {
        truth.records += 1;
        match delivery.what {
            What::Good(Fate::Counted) => truth.counted += 1,
            What::Good(Fate::Duplicate) => truth.duplicates += 1,
            What::Good(Fate::OutOfScope) => truth.out_of_scope += 1,
            What::Good(Fate::TooLate) => truth.too_late += 1,
            What::Broken(how) => {
                truth.malformed += 1;
                *truth.reasons.entry(how.reason()).or_default() += 1;
            }
        }
    }
    truth
}
