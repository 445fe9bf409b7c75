//! What the accounts of one detector share: the settings, bounds and gauges. Nothing that a score depends on (ISO-1).

use crate::cloudtrail::event::{Event, cut};
use crate::detect::Settings;
use crate::detect::intake::dedup::Bucket;
use crate::detect::model::attribution::Budget;
use crate::detect::statistics::horizon::Horizons;
use crate::detect::store::undo::{RegionId, UndoLog};

/// Longest error code that names a series, bytes; a longer one is cut.
const ERROR_BYTES_MAX: usize = 256;
/// A held record can create as many series.
const SERIES_PER_RECORD: usize = 2;

/// The error code that names a series.
pub fn error_of<'a>(event: &'a Event<'_>) -> Option<&'a str> {
    event.error.as_deref().map(|e| cut(e, ERROR_BYTES_MAX))
}

/// Counters that accounts share: bounds and gauges, nothing that a score depends on (ISO-1).
#[derive(Debug)]
pub struct DetectorContext {
    /// Bounds and knobs.
    pub settings: Settings,
    /// Horizons of the statistic.
    pub horizons: Horizons,
    /// Bytes of attribution values.
    pub attribution: Budget,
    /// Series held.
    pub series: usize,
    /// Records held until their time is confirmed; each has room for its series set aside.
    pub unconfirmed: usize,
    /// Principals known.
    pub principals: usize,
    /// Insights open, those left out that a rule suppresses.
    pub open: usize,
    /// eventIDs remembered.
    pub dedup_events: usize,
    /// Accounts whose history has begun and that are too young for an insight.
    pub accounts_learning: usize,
    /// Accounts old enough.
    pub accounts_live: usize,
    /// Series that were ever begun: the number of the next one.
    pub series_begun: u64,
    /// What happened since it was last asked.
    pub events: DetectorEvents,
    /// What the open transaction has changed.
    pub undo: UndoLog,
}

/// What the undo keeps of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    attribution_bytes: usize,
    series: usize,
    unconfirmed: usize,
    principals: usize,
    open: usize,
    dedup_events: usize,
    accounts: (usize, usize),
    series_begun: u64,
}

/// Events that are not verdicts, counted since they were last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DetectorEvents {
    /// Counted records whose minute was already closed.
    pub late: u64,
    /// Attribution values that took the place of another.
    pub summarised: u64,
    /// Times the bound on eventIDs shortened the horizon.
    pub dedup_shortened: u64,
    /// Times the bound on held records made one give way.
    pub held_overflow: u64,
    /// Records of a principal that there was no room to remember: it counts as known.
    pub principals_full: u64,
}

impl DetectorContext {
    /// Nothing taken in.
    pub fn new(settings: Settings) -> Self {
        let attribution = Budget {
            values_max: settings.values_max,
            value_bytes_max: settings.value_bytes_max,
            bytes_max: settings.attribution_bytes_max,
            bytes: 0,
            summarised: 0,
        };
        Self {
            horizons: Horizons::per_minute(settings.direction),
            settings,
            attribution,
            series: 0,
            unconfirmed: 0,
            principals: 0,
            open: 0,
            dedup_events: 0,
            accounts_learning: 0,
            accounts_live: 0,
            series_begun: 0,
            events: DetectorEvents::default(),
            undo: UndoLog::default(),
        }
    }

    /// The counters, for the undo.
    pub fn counters(&self) -> Counters {
        Counters {
            attribution_bytes: self.attribution.bytes,
            series: self.series,
            unconfirmed: self.unconfirmed,
            principals: self.principals,
            open: self.open,
            dedup_events: self.dedup_events,
            accounts: (self.accounts_learning, self.accounts_live),
            series_begun: self.series_begun,
        }
    }

    /// Counters back to what they were; what happened meanwhile has not happened.
    pub fn put_back(&mut self, counters: Counters) {
        self.attribution.bytes = counters.attribution_bytes;
        self.attribution.summarised = 0;
        (self.series, self.unconfirmed, self.principals) = (counters.series, counters.unconfirmed, counters.principals);
        (self.open, self.dedup_events, self.series_begun) =
            (counters.open, counters.dedup_events, counters.series_begun);
        (self.accounts_learning, self.accounts_live) = counters.accounts;
        self.events = DetectorEvents::default();
    }

    /// An account that had begun, and was mature, as the first says, does so now as the second says.
    pub fn account_grew(&mut self, was: (bool, bool), is: (bool, bool)) {
        let learning = |(begun, mature): (bool, bool)| usize::from(begun && !mature);
        self.accounts_learning = self.accounts_learning + learning(is) - learning(was);
        self.accounts_live = self.accounts_live + usize::from(is.1) - usize::from(was.1);
    }

    /// An eventID that was not known.
    pub fn remembered(&mut self, place: RegionId, hash: u64, time: i64) {
        self.dedup_events += 1;
        if self.undo.is_on() {
            self.undo.seen.push((place, hash, time));
        }
    }

    /// eventIDs that are forgotten.
    pub fn expired(&mut self, place: RegionId, bucket: Bucket) {
        self.dedup_events -= bucket.len();
        self.undo.expire(place, bucket);
    }

    /// Whether `more` series fit beside what is there and what is set aside for held records.
    pub fn has_room(&self, more: usize) -> bool {
        self.series + SERIES_PER_RECORD * self.unconfirmed + more <= self.settings.series_max
    }

    /// Sets room aside for the series of one record; returns the bytes, or nothing if there is no room.
    pub fn reserve(&mut self, event: &Event<'_>) -> Option<usize> {
        let error = error_of(event).unwrap_or_default();
        let name_bytes = event.source.len() + event.name.len() + error.len();
        let series_bytes = self
            .attribution
            .least(name_bytes, [&event.principal, &event.agent, if error.is_empty() { "null" } else { error }]);
        let bytes = SERIES_PER_RECORD * series_bytes;
        if !self.has_room(SERIES_PER_RECORD) || self.attribution.bytes + bytes > self.attribution.bytes_max {
            return None;
        }
        self.attribution.bytes += bytes;
        self.unconfirmed += 1;
        Some(bytes)
    }
}
