//! History from files into a detector that lives: what they tell of the time before an account's own history begins.
//!
//! The past of an account is a detector of its own, which has seen nothing but this account and nothing that the living one has counted. Where the
//! account is not known yet, it is taken over as it is: from there on all is as if the living detector had seen the records itself. Where it is
//! known, sums that decay are added, each as much decayed as the time that lies between; what was seen first is seen earlier, and the largest
//! stays the largest. That differs from one pass over both in what is learnt step by step (outliers are clipped, trends are told, against what
//! was known at the time), and in nothing that is counted.
//!
//! * **LOAD-1** an account's past is taken in as a whole or not at all.
//! * **LOAD-2** no minute is counted twice: the past ends before the minute in which the account's history begins, and moves that minute back.

use hashbrown::HashSet;

use crate::cloudtrail::event::AccountId;
use crate::detect::context::DetectorContext;
use crate::detect::detector::Detector;
use crate::detect::model::account::Account;
use crate::detect::model::principals::Principal;
use crate::detect::model::region::{Region, is_live};
use crate::detect::model::slot::SeriesSlot;
use crate::detect::store::undo::RegionId;

/// What was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backfilled {
    /// The account.
    pub account: AccountId,
    /// First minute of its history now.
    pub begin: i64,
    /// Series that the past knows.
    pub series: usize,
}

/// What became of one past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackfillResult {
    /// The account; none if not even that could be read.
    pub account: Option<AccountId>,
    /// What was taken in, or why nothing was.
    pub outcome: Result<Backfilled, BackfillRefusal>,
}

/// Why an account's past was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BackfillRefusal {
    /// It reaches into the minutes that the account has counted itself.
    Overlaps,
    /// A limit of the configuration leaves no room for it.
    NoRoom,
    /// It is the past of none or of several accounts, or nothing in it is confirmed.
    NoAccount,
    /// A part of it is missing.
    Incomplete,
    /// It cannot be read.
    Damaged,
    /// It was made by a newer release.
    Newer,
}

impl BackfillRefusal {
    /// All of them.
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
    /// The end of a past. What is held is applied, but for what is dated ahead of its account and confirmed by nothing: its clock would be taken over.
    /// Insights that are still open are given up without an End, for nobody has seen their Starts.
    pub fn finish_backfill(&mut self) {
        for account in 0..self.accounts.len() {
            self.apply_all_held(account, false, &mut |_| {});
            self.accounts[account].bring_up(&mut self.context, &mut |_| {});
        }
        let (accounts, context) = self.parts();
        for region in accounts.iter_mut().flat_map(|account| &mut account.regions) {
            region.forget_open(context);
        }
    }

    /// Bytes that names and attribution values take.
    pub fn attribution_bytes(&self) -> usize {
        self.context().attribution.bytes
    }

    /// Takes in the past of one account. `wall` is the wall clock, seconds since 1970: a clock that is taken over has been silent since then.
    ///
    /// # Errors
    /// When it is refused; nothing has changed then.
    pub fn absorb(&mut self, past: Self, wall: i64) -> Result<Backfilled, BackfillRefusal> {
        let Self { accounts, context: used, newest, .. } = past;
        let [past] = <[Account; 1]>::try_from(accounts).map_err(|_| BackfillRefusal::NoAccount)?;
        let (Some(begin), Some(last)) = (past.first_minute(), past.last_minute()) else {
            return Err(BackfillRefusal::NoAccount);
        };
        let known = self.by_id.get(&past.id).map(|&at| at as usize);
        let lives_since = known.and_then(|at| self.accounts[at].first_minute());
        if lives_since.is_some_and(|since| since <= last) {
            return Err(BackfillRefusal::Overlaps);
        }
        self.make_room(known, &past, &used)?;
        let series = past.regions.iter().map(|region| region.entries().len()).sum();
        let Some(at) = self.account(past.id) else { return Err(BackfillRefusal::NoRoom) };
        self.accounts[at].touch(&mut self.context.undo, false);
        let account = past.id;
        let Some(places) = past.regions.iter().map(|region| self.region(at, &region.name)).collect::<Option<Vec<_>>>()
        else {
            return Err(BackfillRefusal::NoRoom);
        };
        self.accounts[at].absorb(past, &places, wall, &mut self.context);
        self.newest = self.newest.max(newest);
        Ok(Backfilled { account, begin, series })
    }

    /// Whether the past fits beside what is there.
    fn make_room(&self, known: Option<usize>, past: &Account, used: &DetectorContext) -> Result<(), BackfillRefusal> {
        let settings = &self.context.settings;
        let (mut regions, mut series) = (0, 0);
        for region in &past.regions {
            let here = known.and_then(|at| self.accounts[at].region(&region.name).map(|name| (at, name)));
            let here = here.map(|(at, name)| &self.accounts[at].regions[name]);
            regions += usize::from(here.is_none());
            let is_new = |entry: &&SeriesSlot| here.is_none_or(|here| here.find(entry.form.key()).is_none());
            series += region.entries().iter().filter(is_new).count();
        }
        // Of the bytes an upper bound: what is known already is counted once more.
        let fits = (known.is_some() || self.accounts.len() < settings.accounts_max)
            && self.clocks + regions <= settings.clocks_max
            && self.context.has_room(series)
            && self.context.attribution.bytes + used.attribution.bytes <= settings.attribution_bytes_max;
        if fits { Ok(()) } else { Err(BackfillRefusal::NoRoom) }
    }
}

impl Account {
    /// First minute of its history, if it has begun.
    pub fn first_minute(&self) -> Option<i64> {
        self.begin
    }

    /// Newest minute that any of its clocks has reached.
    fn last_minute(&self) -> Option<i64> {
        self.regions.iter().filter_map(|region| region.clock.time()).max().map(|time| time.div_euclid(60))
    }

    /// Takes in its past, whose regions lie at `places` here.
    fn absorb(&mut self, mut past: Self, places: &[usize], wall: i64, context: &mut DetectorContext) {
        let (since, begin) = (self.begin, past.begin());
        match since {
            Some(since) => self.alarms.merge(past.alarms, since, context.settings.budget),
            None => self.alarms = past.alarms,
        }
        let was = (self.begin.is_some(), self.mature);
        self.begin = Some(begin);
        self.mature |= past.mature;
        context.account_grew(was, (true, self.mature));
        if let Some(newest) = past.observations.newest() {
            self.observations.confirm(newest);
        }
        let mut live = self.live;
        let mut known: Vec<Vec<u32>> = Vec::with_capacity(places.len());
        for (region, &at) in past.regions.iter_mut().zip(places) {
            self.touch_region(at, &mut context.undo, false);
            let place = self.place(at);
            // Where the past is older than that, its series are not live here, as a restart would not take them as live either.
            let daily = self.regions[at].clock.time().map_or(region.daily, |_| self.regions[at].daily);
            let series = std::mem::take(&mut region.series);
            let (positions, more) = self.regions[at].absorb(series, (begin, since, daily), place, context);
            live += more;
            known.push(positions);
            self.regions[at].take_over(region, place, wall, context);
        }
        if let Some(since) = since {
            self.was_silent(begin, since, places.iter().copied().zip(&known), context);
        }
        for (region, &at) in past.seen.iter().map(|&region| (region, &places[region])) {
            let begin = past.regions[region].begin;
            if self.regions[at].begin.is_none() {
                self.seen.push(at);
            }
            self.regions[at].begin = self.regions[at].begin.into_iter().chain(begin).min();
        }
        self.absorb_principals(&past, context);
        self.set_live(live);
    }

    /// Series that the past does not know were silent then.
    fn was_silent<'a>(
        &mut self,
        begin: i64,
        since: i64,
        known: impl Iterator<Item = (usize, &'a Vec<u32>)>,
        context: &mut DetectorContext,
    ) {
        let known: HashSet<(usize, u32)> = known.flat_map(|(at, all)| all.iter().map(move |&one| (at, one))).collect();
        for at in 0..self.regions.len() {
            let place = self.place(at);
            for (position, entry) in self.regions[at].series.iter_mut().enumerate() {
                if !known.contains(&(at, position as u32)) {
                    entry.touch(place, &mut context.undo);
                    let series = entry.form.wake(since, &context.settings, &context.horizons);
                    series.was_silent(begin, since, &context.horizons);
                }
            }
        }
    }

    fn absorb_principals(&mut self, past: &Self, context: &mut DetectorContext) {
        let mut earlier: Vec<&Principal> = past.principals.iter().collect();
        // In an order of its own, so that the bound leaves out the same ones each time.
        earlier.sort_unstable_by_key(|principal| principal.fingerprint());
        for principal in earlier {
            let of = principal.fingerprint();
            if let Some(now) = self.principals.get(of) {
                if context.undo.is_first(&mut now.touched) {
                    context.undo.principal(self.number, of, Some(*now));
                }
                now.absorb(principal);
            } else if context.principals < context.settings.principals_max {
                let mut new = *principal;
                context.principals += 1;
                context.undo.principal(self.number, of, None);
                context.undo.is_first(&mut new.touched);
                self.principals.put(new);
            } else {
                context.events.principals_full += 1;
            }
        }
    }
}

impl Region {
    fn forget_open(&mut self, context: &mut DetectorContext) {
        for at in std::mem::take(&mut self.open) {
            if let Some(series) = self.series[at as usize].form.active_mut() {
                context.open -= usize::from(series.is_shown());
                series.forget_open();
            }
        }
    }

    /// Takes in series of the past, which goes from minute `begin` to before minute `since` if it is no new account; as of minute `daily` it is told which are live. Returns their
    /// positions here, and how many more are live.
    fn absorb(
        &mut self,
        past: Vec<SeriesSlot>,
        (begin, since, daily): (i64, Option<i64>, i64),
        place: RegionId,
        context: &mut DetectorContext,
    ) -> (Vec<u32>, usize) {
        let (mut positions, mut live) = (Vec::with_capacity(past.len()), 0);
        for SeriesSlot { mut form, .. } in past {
            if let Some(at) = self.find(form.key()) {
                let entry = &mut self.series[at as usize];
                entry.touch(place, &mut context.undo);
                let (settings, horizons) = (&context.settings, &context.horizons);
                let earlier = form.wake(begin, settings, horizons).clone();
                let since = since.unwrap_or(i64::MAX);
                let series = entry.form.wake(since, settings, horizons);
                series.absorb(earlier, since, horizons, &mut context.attribution);
                positions.push(at);
                continue;
            }
            form.taken_over(&mut context.attribution);
            let is_live = is_live(form.last(), daily);
            live += usize::from(is_live);
            let all = (&mut self.series, &mut self.index, &self.hasher);
            let counted = (&mut context.series, &mut context.series_begun);
            positions.push(SeriesSlot::begin(all, place, (form, is_live), counted, &mut context.undo));
        }
        (positions, live)
    }

    /// Takes over where a region of the past stands, as far as this one stands nowhere yet, and its eventIDs: so that what was loaded is known
    /// where the topic still holds it.
    fn take_over(&mut self, past: &mut Self, place: RegionId, wall: i64, context: &mut DetectorContext) {
        if self.clock.time().is_none()
            && let Some(time) = past.clock.time()
        {
            self.clock.advance(time, wall);
            (self.swept, self.daily) = (past.swept, past.daily);
            self.seen.set_floor(self.seen.floor().max(past.seen.floor()));
            // Positions of a new region are those of its past.
            self.steady = std::mem::take(&mut past.steady);
        }
        let horizon_s = context.settings.dedup_horizon_s;
        let hours: Vec<_> = past.seen.hours().filter(|(hour, _)| self.remembers_hour(*hour, horizon_s)).collect();
        for (hour, hashes) in hours {
            for hash in hashes {
                if context.dedup_events >= context.settings.dedup_events_max {
                    context.events.dedup_shortened += 1;
                    return;
                }
                if self.seen.insert_in_hour(hash, hour) {
                    context.remembered(place, hash, hour * 3600);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
