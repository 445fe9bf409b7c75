//! What the accounts of one detector share: settings, bounds, totals, the open transaction. Nothing that a
//! score depends on (ISO-1).

use crate::cloudtrail::event::Event;
use crate::detect::Settings;
use crate::detect::model::key::error_code;
use crate::detect::model::quota::MemoryQuota;
use crate::detect::statistics::horizon::Horizons;
use crate::detect::totals::Totals;
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
