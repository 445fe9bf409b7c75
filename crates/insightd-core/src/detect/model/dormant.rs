//! A dormant series: what it still knows after a long silence, in 64 bytes besides its name.
//!
//! The same form in memory and in the changelog. Numbers are rounded once, when a series becomes dormant, so
//! that `run`, `replay`, a rollback and a restore continue from the very same ones. Nothing here changes
//! during the silence: whatever decays does so in closed form, and is advanced when the next call activates
//! the series.
//!
//! What is dropped is zero by then: exact counts of the baseline, open minutes, sums with half-lives of an
//! hour and less. What is lost is who called, except for two callers, and with which agents and results.

use serde::{Deserialize, Serialize};

use crate::cloudtrail::insight::SourceCategory;
use crate::detect::DAY;
use crate::detect::ids::principal_hash;
use crate::detect::model::key::SeriesKey;
use crate::detect::model::profile::PrincipalProfile;
use crate::detect::statistics::compact::CompactStatistic;

/// Minutes of silence after which a series becomes dormant: as long as [`crate::detect::model::days::Days`]
/// keeps, so that no count of a record's baseline is lost. Fewer would change records, more would cost
/// memory. The price is who called: constructed organizations (two seeds of 20 accounts, 28 days) show the
/// same insights with dormancy as without at a budget of one a week, and .3 % more false ones at ten.
pub(crate) const SILENT: i64 = 9 * DAY;
/// Callers that a dormant series remembers.
const CALLERS: usize = 2;
/// Steps of a caller's record for each doubling.
const RECORD_STEPS: f64 = 16.0;
/// Minutes in an hour.
const HOUR: i64 = 60;

const SUMMARIZED: u8 = 1;
const DATA: u8 = 2;
const ERROR: u8 = 4;

/// A caller: three bytes of its hash, not all 0, and its record on a logarithmic scale (0: none).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Caller {
    hash: [u8; 3],
    record: u8,
}

/// The callers with the largest records, until they call again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    callers: [Caller; CALLERS],
    /// Minute since which they are known.
    since: i32,
}

/// A dormant series besides its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DormantFields {
    last: i32,
    /// Hours from the first call to the last one, rounded up.
    hours: [u8; 2],
    /// Minutes from the last call to the last one closed.
    closed: [u8; 2],
    /// Minutes from the end of the last insight to the last one closed. The maximum: no insight, or longer
    /// ago.
    ended: [u8; 2],
    statistic: CompactStatistic,
    callers: [Caller; CALLERS],
    flags: u8,
}

/// The texts of a name in one piece, and the lengths of the first two.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Names {
    text: Box<str>,
    source: u16,
    name: u16,
}

/// A series that has been silent for long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dormant {
    names: Names,
    fields: DormantFields,
}

const _: () = assert!(size_of::<DormantFields>() <= 64 && size_of::<Dormant>() - size_of::<Names>() <= 64);

/// What a series hands over when it becomes dormant. Minutes since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SilentSeries<'a> {
    /// Its name.
    pub(crate) key: SeriesKey<'a>,
    /// Its first call.
    pub(crate) first: i64,
    /// Its last call.
    pub(crate) last: i64,
    /// The last minute that its statistic has closed.
    pub(crate) closed: i64,
    /// End of its last insight.
    pub(crate) ended: i64,
    /// Its statistic as of then.
    pub(crate) statistic: CompactStatistic,
    /// Its callers; none where the attribute is summarized.
    pub(crate) callers: Option<Remembered>,
}

/// `value` in two bytes, or the maximum that fits.
fn short(value: i64) -> [u8; 2] {
    (value.clamp(0, u16::MAX.into()) as u16).to_le_bytes()
}

fn long(value: [u8; 2]) -> i64 {
    i64::from(u16::from_le_bytes(value))
}

// === impl Remembered ===

impl Remembered {
    /// The callers with the largest records, of `all` hashes and records (calls), known since minute `since`.
    pub(crate) fn of(all: impl Iterator<Item = ([u8; 3], f64)>, since: i64) -> Self {
        let mut all: Vec<([u8; 3], f64)> = all.collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut callers = [Caller::default(); CALLERS];
        for (slot, (hash, record)) in callers.iter_mut().zip(all) {
            let steps = (record.max(1.0).log2() * RECORD_STEPS).round();
            *slot = Caller { hash, record: if record > 0.0 { 1 + steps.min(254.0) as u8 } else { 0 } };
        }
        Self { callers, since: minute(since) }
    }

    /// The hash by which a caller is remembered.
    pub(crate) fn print(text: &str) -> [u8; 3] {
        let [a, b, c, ..] = principal_hash(text).to_le_bytes();
        [a | 1, b, c]
    }

    /// Takes the profile of a caller, if it is remembered.
    pub(crate) fn take(&mut self, text: &str) -> Option<PrincipalProfile> {
        let print = Self::print(text);
        let caller = self.callers.iter_mut().find(|caller| caller.hash == print)?;
        let caller = std::mem::take(caller);
        Some(PrincipalProfile::remembered(self.since, caller.most() as f32))
    }

    /// Hashes and records of the callers that have not called again.
    pub(crate) fn remaining(&self) -> impl Iterator<Item = ([u8; 3], f64)> + '_ {
        self.callers.iter().filter(|caller| caller.hash != [0; 3]).map(|caller| (caller.hash, caller.most()))
    }
}

impl Caller {
    fn most(self) -> f64 {
        if self.record == 0 { 0.0 } else { (f64::from(self.record - 1) / RECORD_STEPS).exp2() }
    }
}

// === impl Dormant ===

impl Dormant {
    /// The dormant form of a series; none if it does not fit.
    pub(crate) fn new(of: &SilentSeries<'_>) -> Option<Self> {
        let closed = u16::try_from(of.closed - of.last).ok()?;
        let is_data = of.key.category == SourceCategory::Data;
        let fields = DormantFields {
            last: i32::try_from(of.last).ok()?,
            hours: short((of.last - of.first + HOUR - 1).div_euclid(HOUR)),
            closed: closed.to_le_bytes(),
            ended: short(of.closed - of.ended),
            statistic: of.statistic,
            callers: of.callers.map(|remembered| remembered.callers).unwrap_or_default(),
            flags: (SUMMARIZED * u8::from(of.callers.is_none())) | (DATA * u8::from(is_data)),
        };
        Self::named(of.key, fields)
    }

    /// A dormant series with this name and these fields; none if a name is too long.
    pub(crate) fn named(key: SeriesKey<'_>, mut fields: DormantFields) -> Option<Self> {
        let (source, name) = (u16::try_from(key.source.len()).ok()?, u16::try_from(key.name.len()).ok()?);
        fields.flags = (fields.flags & !ERROR) | (ERROR * u8::from(key.error.is_some()));
        let text = [key.source, key.name, key.error.unwrap_or_default()].concat().into();
        Some(Self { names: Names { text, source, name }, fields })
    }

    /// Its name.
    pub(crate) fn key(&self) -> SeriesKey<'_> {
        let (source, rest) = self.names.text.split_at(self.names.source.into());
        let (name, error) = rest.split_at(self.names.name.into());
        self.fields.key(source, name, error)
    }

    /// All of it besides the name.
    pub(crate) fn fields(&self) -> &DormantFields {
        &self.fields
    }

    /// Minute of its last call.
    pub(crate) fn last(&self) -> i64 {
        self.fields.last.into()
    }

    /// Minute of its first call, or up to an hour earlier.
    pub(crate) fn first(&self) -> i64 {
        self.last() - long(self.fields.hours) * HOUR
    }

    /// Last minute that its statistic has closed.
    pub(crate) fn closed(&self) -> i64 {
        self.last() + long(self.fields.closed)
    }

    /// End of its last insight, unless that is longer ago than 45 days.
    pub(crate) fn ended(&self) -> Option<i64> {
        let ago = long(self.fields.ended);
        (ago < i64::from(u16::MAX)).then(|| self.closed() - ago)
    }

    /// Its statistic.
    pub(crate) fn statistic(&self) -> &CompactStatistic {
        &self.fields.statistic
    }

    /// Its callers; none where the attribute is summarized.
    pub(crate) fn callers(&self) -> Option<Remembered> {
        let since = minute(self.first());
        (self.fields.flags & SUMMARIZED == 0).then_some(Remembered { callers: self.fields.callers, since })
    }
}

impl DormantFields {
    /// The name made of these texts; `error` is empty where the series is no error-rate series.
    pub(crate) fn key<'a>(&self, source: &'a str, name: &'a str, error: &'a str) -> SeriesKey<'a> {
        let category = if self.flags & DATA == 0 { SourceCategory::Management } else { SourceCategory::Data };
        SeriesKey { source, name, error: (self.flags & ERROR != 0).then_some(error), category }
    }
}

fn minute(minute: i64) -> i32 {
    minute.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}
