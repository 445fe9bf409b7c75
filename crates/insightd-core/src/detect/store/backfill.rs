//! Backfill: history from files for a running detector, from before an account's own history begins.
//!
//! The backfill of an account is a detector of its own, which has seen nothing but this account and nothing
//! that the running one has counted. Where the account is not known yet, it is adopted as it is: from there
//! on everything is as if the running detector had seen the records itself. Where it is known, decaying sums
//! are added, each one decayed by the time that lies between; what was seen first is seen earlier, and the
//! largest stays the largest. That differs from one pass over both in what is learned step by step (outliers
//! are clipped, and trends recognized, against what was known at the time), and in nothing that is counted.
//!
//! * **LOAD-1** an account's backfill is merged as a whole or not at all.
//! * **LOAD-2** no minute is counted twice: the backfill ends before the minute in which the account's
//!   history begins, and moves that minute back.

use hashbrown::HashSet;

use crate::cloudtrail::event::AccountId;
use crate::detect::context::DetectorContext;
use crate::detect::detector::Detector;
use crate::detect::ids::{RegionId, SeriesId};
use crate::detect::intake::dedup::DedupIndex;
use crate::detect::model::account::Account;
use crate::detect::model::principals::Principal;
use crate::detect::model::region::{Region, RegionState, is_live};
use crate::detect::model::slot::SeriesSlot;
use crate::invariants::{Invariant, ends_before, is_all_or_nothing};

/// What was merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backfilled {
    /// The account.
    pub account: AccountId,
    /// First minute of its history now.
    pub begin: i64,
    /// Series of the backfill.
    pub series: usize,
}

/// What became of one backfill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackfillResult {
    /// The account; none if not even that could be read.
    pub account: Option<AccountId>,
    /// What was merged, or why nothing was.
    pub outcome: Result<Backfilled, BackfillRefusal>,
}

/// Why an account's backfill was not merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BackfillRefusal {
    /// It reaches into the minutes that the account has counted itself.
    Overlaps,
    /// A limit of the configuration leaves no room for it.
    NoRoom,
    /// It holds no account or several, or nothing in it is confirmed.
    NoAccount,
    /// A part of it is missing.
    Incomplete,
    /// It cannot be read.
    Damaged,
    /// It was made by a newer release.
    Newer,
}

impl BackfillRefusal {
    /// All refusals.
    pub const ALL: [Self; 6] =
        [Self::Overlaps, Self::NoRoom, Self::NoAccount, Self::Incomplete, Self::Damaged, Self::Newer];

    /// What the operator can do.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Overlaps => "run insightd load again: it takes what lies before the account's own history",
            Self::NoRoom => {
                "raise detect.series_max or attribution.bytes_max, or have fewer accounts in a partition, and run insightd load again"
            }
            Self::NoAccount | Self::Incomplete | Self::Damaged => "run insightd load again",
            Self::Newer => "run insightd load of the daemon's own release, or upgrade the daemon first",
        }
    }

    /// The label value.
    pub fn label(self) -> &'static str {
        match self {
            Self::Overlaps => "overlaps",
            Self::NoRoom => "no_room",
            Self::NoAccount => "no_account",
            Self::Incomplete => "incomplete",
            Self::Damaged => "damaged",
            Self::Newer => "newer",
        }
    }
}

impl Detector {
    /// Ends the input of a backfill. Quarantined records are applied, except those that are ahead of their
    /// account: nothing confirms them, and their clock would be adopted. Open insights are given up without
    /// an End, because their Starts were never published.
    pub fn finish_backfill(&mut self) {
        for account in &mut self.accounts {
            account.release_quarantined(false, &mut self.context, &mut |_| {});
            account.bring_clocks_up(&mut self.context, &mut |_| {});
            account.abandon_insights(&mut self.context);
        }
    }

    /// Bytes that names and attribution values take.
    pub fn attribution_bytes(&self) -> usize {
        self.context.quota.bytes
    }

    /// Merges the backfill of one account. `wall` is the wall clock, seconds since 1970: a clock that is
    /// adopted has been idle since then.
    ///
    /// # Errors
    /// When it is refused; nothing has changed then.
    pub fn merge(&mut self, backfill: Self, wall: i64) -> Result<Backfilled, BackfillRefusal> {
        let before = self.context.transaction.changed();
        let result = self.merge_if_it_fits(backfill, wall);
        let changed = self.context.transaction.changed() > before;
        self.context.violations.check(Invariant::Load1, is_all_or_nothing(result.is_ok(), changed), || {
            format!("a backfill was refused ({result:?}) after it had changed something")
        });
        result
    }

    fn merge_if_it_fits(&mut self, backfill: Self, wall: i64) -> Result<Backfilled, BackfillRefusal> {
        let Self { accounts, context: used, .. } = backfill;
        let [earlier] = <[Account; 1]>::try_from(accounts).map_err(|_| BackfillRefusal::NoAccount)?;
        let (Some(begin), Some(last)) = (earlier.state.begin, earlier.last_minute()) else {
            return Err(BackfillRefusal::NoAccount);
        };
        let known = self.by_id.get(&earlier.id).map(|&account_index| account_index as usize);
        let own_begin = known.and_then(|account_index| self.accounts[account_index].state.begin);
        if own_begin.is_some_and(|begin| !ends_before(last, begin)) {
            return Err(BackfillRefusal::Overlaps);
        }
        if !self.has_room_for(known, &earlier, &used) {
            return Err(BackfillRefusal::NoRoom);
        }
        let series = earlier.regions.iter().map(|region| region.series.len()).sum();
        let account = earlier.id;
        let Some(account_index) = self.account(account) else { return Err(BackfillRefusal::NoRoom) };
        let own_begin = self.accounts[account_index].state.begin.unwrap_or(i64::MAX);
        self.context.violations.check(Invariant::Load2, ends_before(last, own_begin), || {
            format!("a backfill of account {account} to minute {last} is merged with a history from {own_begin} on")
        });
        let region_indexes = earlier.regions.iter().map(|region| self.region(account_index, &region.name));
        let Some(region_indexes) = region_indexes.collect::<Option<Vec<_>>>() else {
            return Err(BackfillRefusal::NoRoom);
        };
        self.accounts[account_index].merge(earlier, &region_indexes, wall, &mut self.context);
        self.context.totals.newest = self.context.totals.newest.max(used.totals.newest);
        Ok(Backfilled { account, begin, series })
    }

    /// Whether a backfill fits beside what is there.
    fn has_room_for(&self, known: Option<usize>, earlier: &Account, used: &DetectorContext) -> bool {
        let (settings, totals) = (&self.context.settings, &self.context.totals);
        let (mut regions, mut series) = (0, 0);
        for region in &earlier.regions {
            let here = known.and_then(|account_index| {
                let account = &self.accounts[account_index];
                account.region(&region.name).map(|region_index| &account.regions[region_index])
            });
            regions += usize::from(here.is_none());
            let is_new = |slot: &&SeriesSlot| here.is_none_or(|here| here.series.find(slot.state().key()).is_none());
            series += region.series.iter().filter(is_new).count();
        }
        // An upper bound of the bytes: what is known already is counted once more.
        (known.is_some() || self.accounts.len() < settings.accounts_max)
            && totals.clocks + regions <= settings.clocks_max
            && self.context.has_room(series)
            && self.context.quota.bytes + used.quota.bytes <= settings.attribution_bytes_max
    }
}

/// When the history of a backfill begins, and where it meets the account's own.
#[derive(Clone, Copy)]
struct Seam {
    /// First minute of the backfill.
    begin: i64,
    /// First minute of the account's own history; none for an account that is not known.
    until: Option<i64>,
}

impl Account {
    fn abandon_insights(&mut self, context: &mut DetectorContext) {
        for region_index in 0..self.regions.len() {
            let id = self.region_id(region_index);
            let region = &mut self.regions[region_index];
            let state = region.state.change(id, &mut context.transaction.regions);
            for series_index in std::mem::take(&mut state.open) {
                let slot = region.series.at(series_index);
                if let Some(series) = slot.change_active(id, &mut context.transaction.series) {
                    context.totals.open -= usize::from(series.is_shown());
                    series.abandon_insight();
                }
            }
        }
    }

    /// Newest minute that any of its clocks has reached.
    fn last_minute(&self) -> Option<i64> {
        self.regions.iter().filter_map(|region| region.state.clock.time()).max().map(|time| time.div_euclid(60))
    }

    /// Merges a backfill of this account, whose regions have `region_indexes` here.
    fn merge(&mut self, mut earlier: Self, region_indexes: &[usize], wall: i64, context: &mut DetectorContext) {
        let seam = Seam { begin: earlier.state.begin_or_max(), until: self.state.begin };
        let budget = context.settings.budget;
        let state = self.state.change(self.number, &mut context.transaction.accounts);
        match seam.until {
            Some(until) => state.alarms.merge(earlier.state.alarms, until, budget),
            None => state.alarms = earlier.state.alarms,
        }
        let was = state.maturity();
        state.begin = Some(seam.begin);
        state.mature |= earlier.state.mature;
        context.totals.account_matured(was, state.maturity());
        if let Some(newest) = earlier.state.observations.newest() {
            state.observations.confirm(newest);
        }
        let mut live = state.live();
        let mut merged: HashSet<(usize, u32)> = HashSet::new();
        for (region, &region_index) in earlier.regions.iter_mut().zip(region_indexes) {
            let id = self.region_id(region_index);
            let here = &mut self.regions[region_index];
            // Where the backfill is older than the region's own sweep, its series are not live here, as a
            // restore would not take them as live either.
            let daily = here.state.clock.time().map_or(region.state.daily, |_| here.state.daily);
            live += here.merge_series(region.series.take(), seam, daily, id, context, &mut |series_index| {
                merged.insert((region_index, series_index));
            });
            here.adopt_clock(&region.state, id, wall, context);
            here.adopt_event_ids(&region.seen, id, context);
        }
        if let Some(until) = seam.until {
            self.merge_silence(seam.begin, until, &merged, context);
        }
        self.merge_region_begins(&earlier, region_indexes, context);
        self.merge_principals(&earlier, context);
        self.state.change(self.number, &mut context.transaction.accounts).set_live(live);
    }

    /// Series that the backfill does not know were silent then.
    fn merge_silence(&mut self, begin: i64, until: i64, merged: &HashSet<(usize, u32)>, context: &mut DetectorContext) {
        for region_index in 0..self.regions.len() {
            let id = self.region_id(region_index);
            for (slot, series_index) in self.regions[region_index].series.iter_mut().zip(0..) {
                if !merged.contains(&(region_index, series_index)) {
                    let state = slot.change(id, &mut context.transaction.series);
                    let series = state.activate(until, &context.settings, &context.horizons);
                    series.merge_silence(begin, until, &context.horizons);
                }
            }
        }
    }

    fn merge_region_begins(&mut self, earlier: &Self, region_indexes: &[usize], context: &mut DetectorContext) {
        for &region in &earlier.state.region_order {
            let (begin, region_index) = (earlier.regions[region as usize].state.begin, region_indexes[region as usize]);
            let id = self.region_id(region_index);
            if self.regions[region_index].state.begin.is_none() {
                let state = self.state.change(self.number, &mut context.transaction.accounts);
                state.region_order.push(region_index as u32);
            }
            let state = self.regions[region_index].state.change(id, &mut context.transaction.regions);
            state.begin = state.begin.into_iter().chain(begin).min();
        }
    }

    fn merge_principals(&mut self, earlier: &Self, context: &mut DetectorContext) {
        let mut principals: Vec<&Principal> = earlier.principals.iter().collect();
        // In an order of its own, so that the bound leaves out the same ones each time.
        principals.sort_unstable_by_key(|principal| principal.hash());
        let changes = &mut context.transaction.principals;
        for principal in principals {
            let id = self.principal_id(principal.hash());
            if let Some(own) = self.principals.change(id, changes) {
                own.merge(principal);
            } else if context.totals.principals < context.settings.principals_max {
                context.totals.principals += 1;
                self.principals.adopt(*principal, id, changes);
            } else {
                context.events.principals_full += 1;
            }
        }
    }
}

impl Region {
    /// Merges the series of a backfill. Liveness is judged as of minute `daily`. Shows `merged` the index
    /// of each one here; returns how many more series are live.
    fn merge_series(
        &mut self,
        earlier: Vec<SeriesSlot>,
        seam: Seam,
        daily: i64,
        id: RegionId,
        context: &mut DetectorContext,
        merged: &mut dyn FnMut(u32),
    ) -> usize {
        let mut live = 0;
        for slot in earlier {
            let mut state = slot.into_state();
            if let Some(series_index) = self.series.find(state.key()) {
                let (settings, horizons) = (&context.settings, &context.horizons);
                let earlier = state.activate(seam.begin, settings, horizons).clone();
                let until = seam.until.unwrap_or(i64::MAX);
                let own = self.series.at(series_index).change(id, &mut context.transaction.series);
                own.activate(until, settings, horizons).merge(earlier, until, horizons, &mut context.quota);
                merged(series_index);
                continue;
            }
            state.adopt(&mut context.quota);
            let is_live = is_live(state.last(), daily);
            live += usize::from(is_live);
            let id = SeriesId { region: id, number: context.totals.series_begun };
            context.totals.series += 1;
            context.totals.series_begun += 1;
            merged(self.series.push(SeriesSlot::created(id, state, is_live, &mut context.transaction.series)));
        }
        live
    }

    /// Adopts the clock of a backfill where this region has none yet.
    fn adopt_clock(&mut self, earlier: &RegionState, id: RegionId, wall: i64, context: &mut DetectorContext) {
        if self.state.clock.time().is_none()
            && let Some(time) = earlier.clock.time()
        {
            let state = self.state.change(id, &mut context.transaction.regions);
            state.clock.advance(time, wall);
            (state.swept, state.daily) = (earlier.swept, earlier.daily);
            state.dedup_floor = state.dedup_floor.max(earlier.dedup_floor);
            // A new region has the series indexes of its backfill.
            state.steady.clone_from(&earlier.steady);
        }
    }

    /// Adopts the eventIDs of a backfill, so that records are recognized that the topic still holds.
    fn adopt_event_ids(&mut self, earlier: &DedupIndex, id: RegionId, context: &mut DetectorContext) {
        let horizon_s = context.settings.dedup_horizon_s;
        let hours: Vec<_> = earlier.hours().filter(|(hour, _)| self.remembers_hour(*hour, horizon_s)).collect();
        for (hour, hashes) in hours {
            for hash in hashes {
                if !context.has_room_for_event_ids() {
                    context.events.dedup_shortened += 1;
                    return;
                }
                let is_new = self.seen.remember(hash, hour * 3600, id, &mut context.transaction.dedup);
                context.totals.dedup_events += usize::from(is_new);
            }
        }
    }
}

#[cfg(test)]
mod tests;
