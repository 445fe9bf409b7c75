//! What an abort does: everything that the open transaction has changed is put back to what it was (EO-3).

use hashbrown::HashSet;

use crate::cloudtrail::event::AccountId;
use crate::detect::context::DetectorContext;
use crate::detect::ids::{RegionId, SeriesId};
use crate::detect::model::account::Account;
use crate::detect::model::region::Region;
use crate::detect::transaction::Transaction;

/// Puts back what the open transaction has changed, and begins the next one. Returns the accounts that did
/// not exist before it.
pub(crate) fn roll_back(accounts: &mut Vec<Account>, context: &mut DetectorContext) -> Vec<AccountId> {
    let changed = &mut context.transaction;
    put_back_series(accounts, changed);
    for (id, bucket) in changed.dedup.take_expired() {
        region(accounts, id).seen.reinsert(bucket);
    }
    for (id, events) in changed.dedup.take_remembered() {
        region(accounts, id).seen.forget(&events);
    }
    for (id, before) in changed.principals.take_reversed() {
        accounts[id.account as usize].principals.put(id.hash, before);
    }
    for (id, before) in changed.regions.take_reversed() {
        match before {
            Some(before) => region(accounts, id).state.put_back(before),
            None => drop(accounts[id.account as usize].regions.pop()),
        }
    }
    let mut gone = Vec::new();
    for (number, before) in changed.accounts.take_reversed() {
        match before {
            Some(before) => accounts[number as usize].state.put_back(before),
            None => gone.extend(accounts.pop().map(|account| account.id)),
        }
    }
    context.put_back_totals();
    context.next_transaction();
    gone
}

fn region(accounts: &mut [Account], id: RegionId) -> &mut Region {
    &mut accounts[id.account as usize].regions[id.region as usize]
}

fn put_back_series(accounts: &mut [Account], changed: &mut Transaction) {
    let mut moved: HashSet<RegionId> = HashSet::new();
    for (id, slot) in std::mem::take(&mut changed.forgotten) {
        region(accounts, id).series.reinsert(slot);
        moved.insert(id);
    }
    for &id in &moved {
        region(accounts, id).series.sort();
    }
    for (SeriesId { region: id, number }, before) in changed.series.take_reversed() {
        if region(accounts, id).series.put_back(number, before) {
            moved.insert(id);
        }
    }
    for (SeriesId { region: id, number }, before) in changed.live.take_reversed() {
        if let (Some(slot), Some(before)) = (region(accounts, id).series.by_number(number), before) {
            slot.put_back_live(before);
        }
    }
    for id in moved {
        region(accounts, id).series.index_names();
    }
}
