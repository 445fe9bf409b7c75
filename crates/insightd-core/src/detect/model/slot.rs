//! A series in its region: active, or dormant after a long silence.

use crate::detect::Settings;
use crate::detect::ids::{RegionId, SeriesId};
use crate::detect::model::dormant::Dormant;
use crate::detect::model::key::SeriesKey;
use crate::detect::model::quota::MemoryQuota;
use crate::detect::model::series::Series;
use crate::detect::statistics::horizon::Horizons;
use crate::detect::undo::{Changes, Tracked};

/// Changes of the open transaction.
pub(crate) type SeriesChanges = Changes<SeriesId, SeriesState>;
/// Series that the open transaction has made live or not live, with what they were.
pub(crate) type LiveChanges = Changes<SeriesId, bool>;

/// A series in one of two forms. Boxed, so that the list of them can grow without moving (and for a moment
/// doubling) all series.
#[derive(Clone, Debug)]
pub(crate) enum SeriesState {
    /// It has calls.
    Active(Box<Series>),
    /// It has been silent for long.
    Dormant(Box<Dormant>),
}

impl SeriesState {
    /// Its name.
    pub(crate) fn key(&self) -> SeriesKey<'_> {
        match self {
            Self::Active(series) => series.key(),
            Self::Dormant(dormant) => dormant.key(),
        }
    }

    /// Minute of its newest call.
    pub(crate) fn last(&self) -> i64 {
        match self {
            Self::Active(series) => series.last(),
            Self::Dormant(dormant) => dormant.last(),
        }
    }

    /// The series, if it is active.
    pub(crate) fn active(&self) -> Option<&Series> {
        match self {
            Self::Active(series) => Some(series),
            Self::Dormant(_) => None,
        }
    }

    /// The series, activated if it was dormant. `begin` is the minute in which the history of its account
    /// began when it became dormant.
    pub(crate) fn activate(&mut self, begin: i64, settings: &Settings, horizons: &Horizons) -> &mut Series {
        if let Self::Dormant(dormant) = self {
            *self = Self::Active(Box::new(Series::activated(dormant, begin, settings, horizons)));
        }
        match self {
            Self::Active(series) => series,
            Self::Dormant(_) => unreachable!("it was activated"),
        }
    }

    /// Charges the quota for a series that comes from another detector.
    pub(crate) fn adopt(&mut self, quota: &mut MemoryQuota) {
        match self {
            Self::Active(series) => series.adopt(quota),
            Self::Dormant(dormant) => quota.bytes += dormant.key().bytes(),
        }
    }

    /// Returns to the quota what it holds of it.
    pub(crate) fn release(&self, quota: &mut MemoryQuota) {
        match self {
            Self::Active(series) => series.release(quota),
            Self::Dormant(dormant) => quota.bytes -= dormant.key().bytes(),
        }
    }
}

/// The place of a series in its region.
#[derive(Debug)]
pub(crate) struct SeriesSlot {
    /// Number of the series in its partition, in the order of first calls.
    pub(crate) number: u64,
    state: Tracked<SeriesState>,
    live: bool,
}

impl SeriesSlot {
    /// A series that is new to the partition.
    pub(crate) fn created(id: SeriesId, state: SeriesState, live: bool, changes: &mut SeriesChanges) -> Self {
        Self { number: id.number, state: Tracked::created(state, id, changes), live }
    }

    /// A series from the changelog.
    pub(crate) fn restored(number: u64, state: SeriesState, live: bool) -> Self {
        Self { number, state: Tracked::committed(state), live }
    }

    fn id(&self, region: RegionId) -> SeriesId {
        SeriesId { region, number: self.number }
    }

    /// Whether it had a call in the last 28 days.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// Says whether it had a call in the last 28 days.
    pub(crate) fn set_live(&mut self, live: bool, region: RegionId, changes: &mut LiveChanges) {
        if self.live != live {
            changes.record(self.id(region), Some(self.live));
            self.live = live;
        }
    }

    /// The series.
    pub(crate) fn state(&self) -> &SeriesState {
        &self.state
    }

    /// The series, to be changed.
    pub(crate) fn change(&mut self, region: RegionId, changes: &mut SeriesChanges) -> &mut SeriesState {
        self.state.change(self.id(region), changes)
    }

    /// The series if it is active, to be changed.
    pub(crate) fn change_active(&mut self, region: RegionId, changes: &mut SeriesChanges) -> Option<&mut Series> {
        match self.change(region, changes) {
            SeriesState::Active(series) => Some(series),
            SeriesState::Dormant(_) => None,
        }
    }

    /// Prepares an active series for being saved whole. That is no change of its state.
    pub(crate) fn saving(&mut self) -> &mut SeriesState {
        self.state.saving()
    }

    /// Makes the series dormant in place of its active form.
    pub(crate) fn make_dormant(&mut self, dormant: Dormant, region: RegionId, changes: &mut SeriesChanges) {
        self.state.replace(SeriesState::Dormant(Box::new(dormant)), self.id(region), changes);
    }

    /// The series, out of its place.
    pub(crate) fn into_state(self) -> SeriesState {
        self.state.into_inner()
    }

    /// Puts the series back to what it was before an aborted transaction.
    pub(crate) fn put_back(&mut self, before: SeriesState) {
        self.state.put_back(before);
    }

    /// Puts back whether it was live before an aborted transaction.
    pub(crate) fn put_back_live(&mut self, before: bool) {
        self.live = before;
    }
}
