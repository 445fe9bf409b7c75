//! A series that has been silent for long: what it still knows, in 64 bytes besides its name.
//!
//! The same form in memory and in the changelog. Numbers are rounded once, when a series falls asleep, so that `run`, `replay`, a roll-back and a
//! restore go on from the very same ones. Nothing here changes while the series sleeps: all that decays does so in closed form, and is
//! advanced over the silence when the series is woken by its next call.
//!
//! What is not kept is nothing by then: exact counts of the baseline, open minutes, sums with half-lives of an hour and less. What is lost is
//! who called but for two callers, and with which agents and results.

use serde::{Deserialize, Serialize};

use crate::cloudtrail::insight::SourceCategory;
use crate::detect::DAY;
use crate::detect::model::principals::fingerprint;
use crate::detect::model::profile::PrincipalProfile;
use crate::detect::model::series::Key;
use crate::detect::statistics::compact::CompactStatistic;

/// Minutes of silence after which a series falls asleep: what [`crate::detect::model::days::Days`] keeps, so that no count of a record's baseline is
/// lost with it. Fewer would change records, and more cost memory. What it costs is who called: constructed organisations (two seeds of 20
/// accounts, 28 days) show the same insights with it as without at a budget of one a week, and .3 % more false ones at ten.
pub const SILENT: i64 = 9 * DAY;
/// Callers that are remembered.
const CALLERS: usize = 2;
/// Steps of a record for each doubling.
const RECORD_STEPS: f64 = 16.0;
/// Minutes in an hour.
const HOUR: i64 = 60;

const SUMMARISED: u8 = 1;
const DATA: u8 = 2;
const ERROR: u8 = 4;

/// A caller: three bytes of its fingerprint, not all 0, and its record on a scale of its logarithm (0: none).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Caller {
    fingerprint: [u8; 3],
    record: u8,
}

/// The callers with the largest records, until they call again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    callers: [Caller; CALLERS],
    /// Minute since which they are known.
    since: i32,
}

/// What is kept besides the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    last: i32,
    /// Hours from the first call to the last one, rounded up.
    hours: [u8; 2],
    /// Minutes from the last call to the last one closed.
    closed: [u8; 2],
    /// Minutes from the end of the last insight to the last one closed; the most there can be: none, or longer ago.
    ended: [u8; 2],
    statistic: CompactStatistic,
    callers: [Caller; CALLERS],
    flags: u8,
}

/// The texts of a name in one piece, and where the first two end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Names {
    text: Box<str>,
    source: u16,
    name: u16,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dormant {
    names: Names,
    kept: Kept,
}

const _: () = assert!(size_of::<Kept>() <= 64 && size_of::<Dormant>() - size_of::<Names>() <= 64);

/// What a series hands over when it falls asleep. Minutes since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Falling<'a> {
    /// Its name.
    pub key: Key<'a>,
    /// Its first call.
    pub first: i64,
    /// Its last call.
    pub last: i64,
    /// The last minute that its statistic has closed.
    pub closed: i64,
    /// End of its last insight.
    pub ended: i64,
    /// Its statistic as of then.
    pub(in crate::detect) statistic: CompactStatistic,
    /// Its callers; none where values took one another's place.
    pub callers: Option<Remembered>,
}

/// `value` in two bytes, or the most that fits.
fn short(value: i64) -> [u8; 2] {
    (value.clamp(0, u16::MAX.into()) as u16).to_le_bytes()
}

fn long(value: [u8; 2]) -> i64 {
    i64::from(u16::from_le_bytes(value))
}

// === impl Remembered ===

impl Remembered {
    /// The callers with the largest records, of all with theirs (calls), known since minute `since`.
    pub fn of(all: impl Iterator<Item = ([u8; 3], f64)>, since: i64) -> Self {
        let mut all: Vec<([u8; 3], f64)> = all.collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut callers = [Caller::default(); CALLERS];
        for (slot, (fingerprint, record)) in callers.iter_mut().zip(all) {
            let steps = (record.max(1.0).log2() * RECORD_STEPS).round();
            *slot = Caller { fingerprint, record: if record > 0.0 { 1 + steps.min(254.0) as u8 } else { 0 } };
        }
        Self { callers, since: minute(since) }
    }

    /// What a caller is known by.
    pub fn print(text: &str) -> [u8; 3] {
        let [a, b, c, ..] = fingerprint(text).to_le_bytes();
        [a | 1, b, c]
    }

    /// Takes the profile of a caller, if it is remembered.
    pub fn take(&mut self, text: &str) -> Option<PrincipalProfile> {
        let print = Self::print(text);
        let caller = self.callers.iter_mut().find(|caller| caller.fingerprint == print)?;
        let caller = std::mem::take(caller);
        Some(PrincipalProfile::remembered(self.since, caller.most() as f32))
    }

    /// Those that have not called again, with their records.
    pub fn left(&self) -> impl Iterator<Item = ([u8; 3], f64)> + '_ {
        self.callers
            .iter()
            .filter(|caller| caller.fingerprint != [0; 3])
            .map(|caller| (caller.fingerprint, caller.most()))
    }
}

impl Caller {
    fn most(self) -> f64 {
        if self.record == 0 { 0.0 } else { (f64::from(self.record - 1) / RECORD_STEPS).exp2() }
    }
}

// === impl Dormant ===

impl Dormant {
    /// A series that falls asleep; none if it does not fit in.
    pub fn new(of: &Falling<'_>) -> Option<Self> {
        let closed = u16::try_from(of.closed - of.last).ok()?;
        let is_data = of.key.category == SourceCategory::Data;
        let kept = Kept {
            last: i32::try_from(of.last).ok()?,
            hours: short((of.last - of.first + HOUR - 1).div_euclid(HOUR)),
            closed: closed.to_le_bytes(),
            ended: short(of.closed - of.ended),
            statistic: of.statistic,
            callers: of.callers.map(|remembered| remembered.callers).unwrap_or_default(),
            flags: (SUMMARISED * u8::from(of.callers.is_none())) | (DATA * u8::from(is_data)),
        };
        Self::named(of.key, kept)
    }

    /// A series of this name, of which so much was kept; none if a name is too long.
    pub fn named(key: Key<'_>, mut kept: Kept) -> Option<Self> {
        let (source, name) = (u16::try_from(key.source.len()).ok()?, u16::try_from(key.name.len()).ok()?);
        kept.flags = (kept.flags & !ERROR) | (ERROR * u8::from(key.error.is_some()));
        let text = [key.source, key.name, key.error.unwrap_or_default()].concat().into();
        Some(Self { names: Names { text, source, name }, kept })
    }

    /// Its name.
    pub fn key(&self) -> Key<'_> {
        let (source, rest) = self.names.text.split_at(self.names.source.into());
        let (name, error) = rest.split_at(self.names.name.into());
        self.kept.key(source, name, error)
    }

    /// What is kept besides the name.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Minute of its last call.
    pub fn last(&self) -> i64 {
        self.kept.last.into()
    }

    /// Minute of its first call, or up to an hour earlier.
    pub fn first(&self) -> i64 {
        self.last() - long(self.kept.hours) * HOUR
    }

    /// Last minute that its statistic has closed.
    pub fn closed(&self) -> i64 {
        self.last() + long(self.kept.closed)
    }

    /// End of its last insight, if that is not long ago.
    pub fn ended(&self) -> Option<i64> {
        let ago = long(self.kept.ended);
        (ago < i64::from(u16::MAX)).then(|| self.closed() - ago)
    }

    /// Its statistic.
    pub(in crate::detect) fn statistic(&self) -> &CompactStatistic {
        &self.kept.statistic
    }

    /// Its callers; none where values took one another's place.
    pub fn callers(&self) -> Option<Remembered> {
        let since = minute(self.first());
        (self.kept.flags & SUMMARISED == 0).then_some(Remembered { callers: self.kept.callers, since })
    }
}

impl Kept {
    /// The name of the series with these texts, the last of them empty where it is no error-rate series.
    pub fn key<'a>(&self, source: &'a str, name: &'a str, error: &'a str) -> Key<'a> {
        let category = if self.flags & DATA == 0 { SourceCategory::Management } else { SourceCategory::Data };
        Key { source, name, error: (self.flags & ERROR != 0).then_some(error), category }
    }
}

fn minute(minute: i64) -> i32 {
    minute.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}
