//! What the open transaction has changed, as it was before: what an abort puts back, and what a commit has to save.
//!
//! Everything that is changed is noted the first time in a transaction, so the cost is bounded by what a transaction touches. Where nothing is
//! ever rolled back (files), nothing is noted.

use hashbrown::{HashMap, HashSet};

use crate::cloudtrail::event::AccountId;
use crate::detect::context::{Counters, DetectorContext};
use crate::detect::intake::dedup::{Bucket, hour_of};
use crate::detect::intake::observations::Observations;
use crate::detect::model::account::{Account, AccountImage};
use crate::detect::model::principals::Principal;
use crate::detect::model::region::{Region, RegionImage};
use crate::detect::model::slot::{SeriesSlot, SeriesState};

/// The transaction that changed something last; 0 is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct TransactionEpoch(u32);

// When something was changed is no part of what it is.
impl PartialEq for TransactionEpoch {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A region, by the numbers of its account and of itself in the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegionId {
    /// Number of the account.
    pub account: u32,
    /// Number of the region in the account.
    pub region: u32,
}

/// A series as it was: itself, and whether it was live. None is a new one.
type SeriesImage = Option<(SeriesState, bool)>;

/// See the module.
#[derive(Debug, Default)]
pub struct UndoLog {
    /// Number of the open transaction; 0 where nothing is noted.
    transaction: u32,
    /// What there was before the transaction.
    pub(in crate::detect) counters: Counters,
    pub(in crate::detect) accounts: Vec<(u32, Option<(AccountImage, Observations)>)>,
    pub(in crate::detect) regions: Vec<(RegionId, Option<Box<RegionImage>>)>,
    pub(in crate::detect) series: Vec<(RegionId, u64, SeriesImage)>,
    /// Series that were no longer live after a sweep.
    quieted: Vec<(RegionId, u64)>,
    pub(in crate::detect) forgotten: Vec<(RegionId, SeriesSlot)>,
    pub(in crate::detect) principals: Vec<(u32, u64, Option<Principal>)>,
    /// eventIDs remembered: hash and time, seconds.
    pub(in crate::detect) seen: Vec<(RegionId, u64, i64)>,
    pub(in crate::detect) expired: Vec<(RegionId, Bucket)>,
}

impl UndoLog {
    /// Begins to note what changes.
    pub fn start(&mut self) {
        self.transaction = 1;
    }

    /// Whether anything is noted.
    pub fn is_on(&self) -> bool {
        self.transaction != 0
    }

    /// Whether nothing was changed in the open transaction.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
            && self.regions.is_empty()
            && self.series.is_empty()
            && self.forgotten.is_empty()
            && self.principals.is_empty()
            && self.seen.is_empty()
            && self.expired.is_empty()
    }

    /// Whether this is the first change in the open transaction, to be noted by the caller.
    pub fn is_first(&self, stamp: &mut TransactionEpoch) -> bool {
        let first = stamp.0 != self.transaction;
        stamp.0 = self.transaction;
        first
    }

    /// A series, changed last as the stamp says, that a sweep takes as no longer live.
    pub fn quiet(&mut self, place: RegionId, id: u64, stamp: TransactionEpoch) {
        // Where it was changed before, what is noted of it says that it was live.
        if self.is_on() && stamp.0 != self.transaction {
            self.quieted.push((place, id));
        }
    }

    /// A bucket of eventIDs that was forgotten.
    pub fn expire(&mut self, place: RegionId, bucket: Bucket) {
        if self.is_on() {
            self.expired.push((place, bucket));
        }
    }

    /// A series that was forgotten.
    pub fn forget(&mut self, place: RegionId, entry: SeriesSlot) {
        if self.is_on() {
            self.forgotten.push((place, entry));
        }
    }

    /// A principal before a change, or none where there was none.
    pub fn principal(&mut self, account: u32, fingerprint: u64, before: Option<Principal>) {
        if self.is_on() {
            self.principals.push((account, fingerprint, before));
        }
    }

    /// Begins the next transaction, before which there is what there is now.
    pub(in crate::detect) fn next(&mut self, counters: Counters) {
        let transaction = self.transaction.wrapping_add(1).max(1);
        *self = Self { transaction, counters, ..Self::default() };
    }
}

/// Puts back what the undo has noted. Returns the accounts that are gone with it.
pub fn roll_back(accounts: &mut Vec<Account>, context: &mut DetectorContext) -> Vec<AccountId> {
    let mut undo = std::mem::take(&mut context.undo);
    put_series(accounts, &mut undo);
    let remembered = undo.seen.iter().fold(HashMap::new(), |mut by_place, (place, hash, time)| {
        let events: &mut HashSet<(u64, i64)> = by_place.entry(*place).or_insert_with(HashSet::new);
        events.insert((*hash, hour_of(*time)));
        by_place
    });
    for (place, bucket) in std::mem::take(&mut undo.expired) {
        region(accounts, place).seen.readmit(bucket);
    }
    for (place, events) in remembered {
        region(accounts, place).seen.forget(&events);
    }
    for (account, fingerprint, before) in std::mem::take(&mut undo.principals).into_iter().rev() {
        let principals = &mut accounts[account as usize].principals;
        match before {
            Some(before) => principals.put(before),
            None => principals.remove(fingerprint),
        }
    }
    for (place, before) in std::mem::take(&mut undo.regions).into_iter().rev() {
        match before {
            Some(before) => region(accounts, place).put_back(*before),
            None => drop(accounts[place.account as usize].regions.pop()),
        }
    }
    let mut gone = Vec::new();
    for (number, before) in std::mem::take(&mut undo.accounts).into_iter().rev() {
        match before {
            Some((image, observations)) => accounts[number as usize].put_back(image, observations),
            None => gone.extend(accounts.pop().map(|account| account.id)),
        }
    }
    let counters = undo.counters;
    undo.next(counters);
    context.undo = undo;
    context.put_back(counters);
    gone
}

fn region(accounts: &mut [Account], place: RegionId) -> &mut Region {
    &mut accounts[place.account as usize].regions[place.region as usize]
}

fn put_series(accounts: &mut [Account], undo: &mut UndoLog) {
    let mut moved: HashSet<RegionId> = HashSet::new();
    for (place, entry) in std::mem::take(&mut undo.forgotten) {
        region(accounts, place).readmit(entry);
        moved.insert(place);
    }
    for &place in &moved {
        region(accounts, place).sort();
    }
    for (place, id, before) in std::mem::take(&mut undo.series).into_iter().rev() {
        if !region(accounts, place).put_series(id, before) {
            moved.insert(place);
        }
    }
    // Last, for a series that was changed after the sweep is noted as the sweep left it.
    for (place, id) in std::mem::take(&mut undo.quieted) {
        region(accounts, place).requicken(id);
    }
    for place in moved {
        region(accounts, place).index_again();
    }
}
