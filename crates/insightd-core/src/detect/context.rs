//! What the accounts of one detector share: settings, bounds, totals, the open transaction. Nothing that a
//! score depends on (ISO-1).

use crate::cloudtrail::event::Event;
use crate::detect::Settings;
use crate::detect::model::key::error_code;
use crate::detect::model::quota::MemoryQuota;
use crate::detect::statistics::horizon::Horizons;
use crate::detect::transaction::Transaction;
use crate::invariants::Violations;

/// Series that one record can create: a call-rate and an error-rate series.
const SERIES_PER_RECORD: usize = 2;

/// What the accounts of one detector share.
#[derive(Debug)]
pub(crate) struct DetectorContext {
    /// Bounds and knobs.
    pub(crate) settings: Settings,
    /// Horizons of the statistic.
    pub(crate) horizons: Horizons,
    /// Bytes of attribution values and names of series.
    pub(crate) quota: MemoryQuota,
    /// What is held.
    pub(crate) totals: Totals,
    /// What happened since it was last asked.
    pub(crate) events: DetectorEvents,
    /// Invariants that were found broken.
    pub(crate) violations: Violations,
    /// What the open transaction has changed.
    pub(crate) transaction: Transaction,
}

/// What a detector holds, over all accounts. Copied at the beginning of a transaction, so that an abort puts
/// all of it back.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    /// Series.
    pub(crate) series: usize,
    /// Series that were ever begun: the number of the next one.
    pub(crate) series_begun: u64,
    /// Event-time clocks: regions of accounts.
    pub(crate) clocks: usize,
    /// Newest time of any clock, seconds since 1970.
    pub(crate) newest: i64,
    /// Quarantined records; room for the series of each one is reserved.
    pub(crate) quarantined: usize,
    /// Principals.
    pub(crate) principals: usize,
    /// Open insights, without those that a rule suppresses.
    pub(crate) open: usize,
    /// eventIDs.
    pub(crate) dedup_events: usize,
    /// Accounts whose history has begun and that are too young for an insight.
    pub(crate) accounts_learning: usize,
    /// Accounts old enough for an insight.
    pub(crate) accounts_live: usize,
    /// Bytes of the memory quota in use; as of the beginning of a transaction, [`MemoryQuota::bytes`] is
    /// newer.
    quota_bytes: usize,
}

/// Events that are not verdicts, counted since they were last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DetectorEvents {
    /// Counted records whose minute was already closed.
    pub late: u64,
    /// Attribution values that replaced another one.
    pub summarized: u64,
    /// Times the bound on eventIDs shortened the deduplication horizon.
    pub dedup_shortened: u64,
    /// Times the bound on quarantined records released one that nothing had confirmed.
    pub quarantine_overflow: u64,
    /// Records of a principal that there was no room to remember: it counts as known.
    pub principals_full: u64,
}

impl Totals {
    /// Notes that an account, begun and mature as `was` says, is now as `is` says.
    pub(crate) fn account_matured(&mut self, was: (bool, bool), is: (bool, bool)) {
        let learning = |(begun, mature): (bool, bool)| usize::from(begun && !mature);
        self.accounts_learning = self.accounts_learning + learning(is) - learning(was);
        self.accounts_live = self.accounts_live + usize::from(is.1) - usize::from(was.1);
    }
}

impl DetectorContext {
    /// Nothing held.
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            horizons: Horizons::per_minute(settings.direction),
            quota: MemoryQuota::new(&settings),
            settings,
            totals: Totals::default(),
            events: DetectorEvents::default(),
            violations: Violations::default(),
            transaction: Transaction::default(),
        }
    }

    /// Begins the next transaction.
    pub(crate) fn next_transaction(&mut self) {
        self.transaction.next(Totals { quota_bytes: self.quota.bytes, ..self.totals });
    }

    /// Puts the totals back to what they were before the open transaction. What happened in it has not
    /// happened.
    pub(crate) fn put_back_totals(&mut self) {
        self.totals = self.transaction.totals;
        self.quota.bytes = self.totals.quota_bytes;
        self.quota.summarized = 0;
        self.events = DetectorEvents::default();
    }

    /// Whether `more` series fit beside those that are there and those that quarantined records may create.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.totals.series + SERIES_PER_RECORD * self.totals.quarantined + more <= self.settings.series_max
    }

    /// Whether one more eventID fits.
    pub(crate) fn has_room_for_event_ids(&self) -> bool {
        self.totals.dedup_events < self.settings.dedup_events_max
    }

    /// Reserves room for the series of one record. Returns the reserved bytes; none if there is no room.
    pub(crate) fn reserve(&mut self, event: &Event<'_>) -> Option<usize> {
        let error = error_code(event).unwrap_or_default();
        let name_bytes = event.source.len() + event.name.len() + error.len();
        let attributes = [&*event.principal, &*event.agent, if error.is_empty() { "null" } else { error }];
        let bytes = SERIES_PER_RECORD * self.quota.least(name_bytes, attributes);
        if !self.has_room(SERIES_PER_RECORD) || self.quota.bytes + bytes > self.quota.bytes_max {
            return None;
        }
        self.quota.bytes += bytes;
        self.totals.quarantined += 1;
        Some(bytes)
    }

    /// Returns the room that was reserved for a quarantined record.
    pub(crate) fn release_reservation(&mut self, bytes: usize) {
        self.totals.quarantined -= 1;
        self.quota.bytes -= bytes;
    }
}
