//! The open transaction of a detector: everything that it has changed, as it was before.
//!
//! A commit saves what is named here ([`super::store::changelog`]); an abort puts it back
//! ([`super::store::rollback`]). The cost is bounded by what a transaction touches.

use crate::detect::ids::RegionId;
use crate::detect::intake::dedup::DedupChanges;
use crate::detect::model::account::AccountChanges;
use crate::detect::model::principals::PrincipalChanges;
use crate::detect::model::region::RegionChanges;
use crate::detect::model::slot::{LiveChanges, SeriesChanges, SeriesSlot};
use crate::detect::totals::Totals;
use crate::detect::undo::TransactionEpoch;

/// What the open transaction has changed.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    epoch: TransactionEpoch,
    /// The totals before it.
    pub(crate) totals: Totals,
    /// Accounts, by their numbers.
    pub(crate) accounts: AccountChanges,
    /// Regions.
    pub(crate) regions: RegionChanges,
    /// Series.
    pub(crate) series: SeriesChanges,
    /// Series that are live now and were not, or the other way round. No reason to save anything: a restore
    /// derives it.
    pub(crate) live: LiveChanges,
    /// Series that were forgotten.
    pub(crate) forgotten: Vec<(RegionId, SeriesSlot)>,
    /// Principals.
    pub(crate) principals: PrincipalChanges,
    /// eventIDs.
    pub(crate) dedup: DedupChanges,
}

impl Transaction {
    /// Begins to record changes.
    pub(crate) fn start_recording(&mut self) {
        self.epoch = TransactionEpoch::FIRST;
    }

    /// Whether changes are recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        self.epoch.is_on()
    }

    /// Whether nothing was changed that has to be saved.
    pub(crate) fn is_empty(&self) -> bool {
        self.accounts.is_empty()
            && self.regions.is_empty()
            && self.series.is_empty()
            && self.forgotten.is_empty()
            && self.principals.is_empty()
            && self.dedup.is_empty()
    }

    /// How many accounts, regions and series were changed.
    pub(crate) fn changed(&self) -> usize {
        self.accounts.len() + self.regions.len() + self.series.len()
    }

    /// Records a series that is forgotten.
    pub(crate) fn forget(&mut self, region: RegionId, slot: SeriesSlot) {
        if self.is_recorded() {
            self.forgotten.push((region, slot));
        }
    }

    /// Begins the next transaction, before which the totals are these.
    pub(crate) fn next(&mut self, totals: Totals) {
        let epoch = self.epoch.next();
        *self = Self {
            epoch,
            totals,
            accounts: AccountChanges::new(epoch),
            regions: RegionChanges::new(epoch),
            series: SeriesChanges::new(epoch),
            live: LiveChanges::new(epoch),
            forgotten: Vec::new(),
            principals: PrincipalChanges::new(epoch),
            dedup: DedupChanges::new(epoch.is_on()),
        };
    }
}
