//! One account: its history, its regions, their clocks and series. Nothing here looks at another account (ISO-1).

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::budget::AlarmBudget;
use super::clock::{Clock, Held};
use super::dedup::Seen;
use super::horizon::{Direction, Horizons};
use super::principals::{Noted, Principals};
use super::series::{Call, Caller, Context, Key, MINUTES_AT_BASE, Series};
use super::shared::Shared;
use super::sightings::{Sighting, Sightings};
use super::statistic::Statistic;
use super::{DAY, Settings};
use crate::cloudtrail::event::{AccountId, Event};
use crate::cloudtrail::insight::Insight;

/// Days without a call after which a series no longer counts as live.
const LIVE_DAYS: i64 = 28;

/// In an account with so many series half of what a series of a large account shows is to be expected of one.
const FEW_SERIES: f64 = 10.0;

/// See the module.
#[derive(Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// First minute of its history: of its first record, in any region, counted or not, whose time is confirmed. Nothing moves it after that,
    /// older records that come later included.
    begin: Option<i64>,
    mature: bool,
    /// Series with a call in the last 28 days.
    live: usize,
    /// Score from which an event is noted, for that many live series.
    base: f64,
    /// How many insights it may raise.
    alarms: AlarmBudget,
    /// Who is known to it.
    pub principals: Principals,
    sightings: Sightings,
    /// Its regions, in the order of arrival of their first records.
    pub regions: Vec<Region>,
    /// Positions of those that have begun, in that order: what is told of several regions must not depend on the arrival of a record that
    /// nothing has confirmed.
    seen: Vec<usize>,
}

/// One region of an account.
#[derive(Debug)]
pub struct Region {
    /// Its name.
    pub name: Box<str>,
    /// Minute of its first record, counted or not, whose time is confirmed.
    begin: Option<i64>,
    /// Its clock.
    pub clock: Clock,
    /// eventIDs seen.
    pub seen: Seen,
    swept: i64,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    series: Vec<Entry>,
    open: Vec<u32>,
    /// Series in which a drop is looked for; chosen anew each hour.
    steady: Vec<u32>,
}

#[derive(Debug)]
struct Entry {
    /// Apart, so that the list can grow without moving (and for a moment doubling) all series.
    series: Box<Series>,
    live: bool,
}

/// What each series of an account is told of it.
#[derive(Clone, Copy)]
struct Standing {
    account: AccountId,
    begin: i64,
    base: f64,
}

impl Standing {
    /// For the series of `region`, which began at minute `region_begin`, as of its clock.
    fn context<'a>(
        self,
        region: &'a str,
        region_begin: i64,
        clock: &Clock,
        (settings, horizons): (&'a Settings, &'a Horizons),
    ) -> Context<'a> {
        let Self { account, begin, base } = self;
        let closed = clock.closed(settings.lateness);
        Context { account, region, begin, region_begin, closed, base, settings, horizons }
    }
}

// === impl Account ===

impl Account {
    /// An account of which nothing is confirmed, and which raises nothing for `warm_up` minutes after it has begun.
    pub fn new(id: AccountId, warm_up: i64) -> Self {
        let mut account = Self {
            id,
            begin: None,
            mature: false,
            live: 0,
            base: 0.0,
            alarms: AlarmBudget::new(0, warm_up),
            principals: Principals::default(),
            sightings: Sightings::default(),
            regions: Vec::new(),
            seen: Vec::new(),
        };
        account.set_live(0);
        account
    }

    /// Takes in what any record tells: at once, or when another one confirms its time. `sighting` is what `event` tells.
    pub fn sight(&mut self, event: &Event<'_>, mut sighting: Sighting, near_wall: bool, shared: &mut Shared) {
        let jump_s = shared.settings.clock_jump_s;
        if !self.sightings.is_settled() {
            sighting.identify(event);
            if self.sightings.is_waiting(&sighting) {
                return;
            }
            let sure = near_wall || !self.sightings.is_ahead(sighting.time, jump_s);
            for earlier in self.sightings.confirmed(sighting.time, jump_s, sure) {
                self.see(&earlier, shared);
            }
        }
        if near_wall || !self.sightings.is_ahead(sighting.time, jump_s) {
            self.see(&sighting, shared);
        } else {
            sighting.identify(event);
            let gave_way = self.sightings.wait(sighting, shared.settings.held_max);
            shared.notices.held_overflow += u64::from(gave_way.is_some_and(|other| !other.counts));
        }
    }

    /// Takes in what a record tells whose time is confirmed, or will be by nothing any more.
    pub fn see(&mut self, sighting: &Sighting, shared: &mut Shared) {
        let minute = sighting.time.div_euclid(60);
        self.sightings.confirm(sighting.time);
        if self.begin.is_none() {
            self.begin = Some(minute);
            self.alarms = AlarmBudget::new(minute, shared.settings.warm_up);
            shared.accounts_learning += 1;
        }
        if let Some(at) = sighting.region
            && self.regions[at].begin.is_none()
        {
            self.regions[at].begin = Some(minute);
            self.seen.push(at);
        }
        if !self.mature && minute - self.begin() >= shared.settings.warm_up {
            self.mature = true;
            shared.accounts_learning -= 1;
            shared.accounts_live += 1;
        }
        let room = shared.principals < shared.settings.principals_max;
        match self.principals.note(sighting.principal, minute, room) {
            Noted::New => shared.principals += 1,
            Noted::Known => {}
            Noted::NoRoom => shared.notices.principals_full += 1,
        }
    }

    /// Takes in what still waits at the end of the input.
    pub fn see_all(&mut self, shared: &mut Shared) {
        for sighting in self.sightings.confirmed(i64::MAX, 0, true) {
            self.see(&sighting, shared);
        }
    }

    fn standing(&self) -> Standing {
        Standing { account: self.id, begin: self.begin(), base: self.base }
    }

    /// First minute of its history; nothing is counted before it is known.
    pub fn begin(&self) -> i64 {
        self.begin.unwrap_or(i64::MAX)
    }

    /// Positions of its regions in the order in which they began.
    pub fn seen(&self) -> &[usize] {
        &self.seen
    }

    /// Takes the earliest record that a clock holds, with the position of its region; one ahead of the account only if `ahead`.
    pub fn take_earliest_held(&mut self, ahead: bool, jump_s: i64) -> Option<(usize, Held)> {
        let earliest = |at: usize| self.regions[at].clock.earliest().map(|time| (time, at));
        let (time, at) = (0..self.regions.len()).filter_map(earliest).min()?;
        if !ahead && self.sightings.is_ahead(time, jump_s) {
            return None;
        }
        self.regions[at].clock.take_earliest().map(|held| (at, held))
    }

    /// The end of the input: every clock is brought up to the newest one of the account.
    pub fn bring_up(&mut self, shared: &mut Shared, emit: &mut dyn FnMut(Insight)) {
        let Some(newest) = self.regions.iter().filter_map(|region| region.clock.time()).max() else { return };
        for at in self.seen.clone() {
            if self.regions[at].clock.time().is_some() {
                self.advance(at, newest, 0, shared, emit);
            }
        }
    }

    /// Index of a region, if it was seen.
    pub fn region(&self, name: &str) -> Option<usize> {
        self.regions.iter().position(|r| &*r.name == name)
    }

    /// A calibrated score passes the base in 25 minutes a week over all live series of the account, and in an account of few series
    /// more often: `log10(minutes a week x live^2 / (live + 10) / 25)`.
    fn set_live(&mut self, live: usize) {
        self.live = live;
        let live = live.max(1) as f64;
        // What bursts without an attack are a loop or a script here and there: the fewer series, the fewer.
        let calm = live / (live + FEW_SERIES);
        self.base = (7.0 * DAY as f64 * live * calm / MINUTES_AT_BASE).log10();
    }

    /// Moves the clock of region `at` to `time`; Ends of open insights come out in the order of their Starts.
    pub fn advance(&mut self, at: usize, time: i64, wall: i64, shared: &mut Shared, emit: &mut dyn FnMut(Insight)) {
        if self.regions[at].clock.advance(time, wall) {
            self.minute_changed(at, shared, emit);
        }
    }

    /// Moves a silent clock on (WM-2).
    pub fn idle(&mut self, at: usize, now: i64, shared: &mut Shared, emit: &mut dyn FnMut(Insight)) {
        let (after, lateness_s) = (shared.settings.idle_after_s, shared.settings.lateness * 60);
        if self.regions[at].clock.idle(now, after, lateness_s) {
            // What is not ahead of a clock is not ahead of the account.
            self.regions[at].clock.time().into_iter().for_each(|time| self.sightings.confirm(time));
            self.minute_changed(at, shared, emit);
        }
    }

    fn minute_changed(&mut self, at: usize, shared: &mut Shared, emit: &mut dyn FnMut(Insight)) {
        let standing = self.standing();
        let region = &mut self.regions[at];
        region.end_insights(standing, shared, emit);
        if shared.settings.direction == Direction::Both {
            region.find_drops(standing, &mut self.alarms, shared, emit);
        }
        let Some(time) = region.clock.time() else { return };
        if time.div_euclid(3600) != region.swept.div_euclid(3600) {
            shared.dedup_events -= region.seen.expire(time - shared.settings.dedup_horizon_s);
            if time.div_euclid(86_400) != region.swept.div_euclid(86_400) {
                let (before, after) = region.sweep(time.div_euclid(60), shared);
                self.set_live(self.live - before + after);
                shared.principals -= self.principals.expire(time.div_euclid(60));
            }
            let region = &mut self.regions[at];
            region.swept = time;
            if shared.settings.direction == Direction::Both {
                region.choose_steady();
            }
        }
    }

    /// Counts one call in the series `key` of region `at`. False when there is no room for a new series.
    pub fn count(
        &mut self,
        at: usize,
        key: Key<'_>,
        call: &Call<'_>,
        (principal, counted): (u64, &mut bool),
        shared: &mut Shared,
        emit: &mut dyn FnMut(Insight),
    ) -> bool {
        let standing = self.standing();
        let mut live = self.live;
        let region = &mut self.regions[at];
        let context =
            standing.context(&region.name, region.begin(), &region.clock, (&shared.settings, &shared.horizons));
        let hash = region.hasher.hash_one(key);
        let found = region.index.find(hash, |&i| region.series[i as usize].series.key() == key).copied();
        let index = match found {
            Some(index) => index,
            None => {
                let values = [call.principal, call.agent, call.error];
                if !shared.has_room(1) || !shared.attribution.admit(key.bytes(), values) {
                    return false;
                }
                let index = region.series.len() as u32;
                region.series.push(Entry { series: Box::new(Series::new(key, call.minute, &context)), live: false });
                let (series, hasher) = (&region.series, &region.hasher);
                region.index.insert_unique(hash, index, |&i| hasher.hash_one(series[i as usize].series.key()));
                shared.series += 1;
                index
            }
        };
        let entry = &mut region.series[index as usize];
        if !entry.live {
            entry.live = true;
            live += 1;
        }
        let mut caller = Caller { principal: self.principals.get(principal), counted: *counted };
        let start = entry.series.add(call, &context, &mut shared.attribution, &mut self.alarms, &mut caller);
        *counted = caller.counted;
        if let Some(start) = start {
            region.open.push(index);
            shared.open += usize::from(start.finding.suppressed_by.is_none());
            emit(start);
        }
        if live != self.live {
            self.set_live(live);
        }
        true
    }
}

// === impl Region ===

impl Region {
    /// A region of which nothing is confirmed.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            begin: None,
            clock: Clock::default(),
            seen: Seen::default(),
            swept: i64::MIN / 2,
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            series: Vec::new(),
            open: Vec::new(),
            steady: Vec::new(),
        }
    }

    /// First minute; nothing is counted before it is known.
    fn begin(&self) -> i64 {
        self.begin.unwrap_or(i64::MAX)
    }

    /// Shows each of its series, as of the last closed minute, in the order in which they were first seen.
    pub fn each_series(&self, shared: &Shared, show: &mut dyn FnMut(&Series, &Statistic)) {
        let closed = self.clock.closed(shared.settings.lateness);
        for entry in &self.series {
            show(&entry.series, &entry.series.statistic_at(closed, &shared.horizons));
        }
    }

    fn end_insights(&mut self, standing: Standing, shared: &mut Shared, emit: &mut dyn FnMut(Insight)) {
        let Some(now) = self.clock.time() else { return };
        let context = standing.context(&self.name, self.begin(), &self.clock, (&shared.settings, &shared.horizons));
        let series = &mut self.series;
        let mut ended = 0;
        self.open.retain(|&i| match series[i as usize].series.tick(now, &context) {
            Some(end) => {
                ended += usize::from(end.finding.suppressed_by.is_none());
                emit(end);
                false
            }
            None => true,
        });
        shared.open -= ended;
    }

    fn choose_steady(&mut self) {
        let steady = self.series.iter().enumerate().filter(|(_, entry)| entry.series.is_steady());
        self.steady = steady.map(|(at, _)| at as u32).collect();
    }

    fn find_drops(
        &mut self,
        standing: Standing,
        alarms: &mut AlarmBudget,
        shared: &mut Shared,
        emit: &mut dyn FnMut(Insight),
    ) {
        let Some(now) = self.clock.time() else { return };
        let context = standing.context(&self.name, self.begin(), &self.clock, (&shared.settings, &shared.horizons));
        for &at in &self.steady {
            if let Some(start) = self.series[at as usize].series.look_for_drop(now, &context, alarms) {
                self.open.push(at);
                shared.open += 1;
                emit(start);
            }
        }
    }

    /// Once a day: forgets series that were silent too long. Returns the live series before and after.
    fn sweep(&mut self, minute: i64, shared: &mut Shared) -> (usize, usize) {
        let count_live = |series: &[Entry]| series.iter().filter(|e| e.live).count();
        let before = count_live(&self.series);
        for entry in &mut self.series {
            entry.live = minute - entry.series.last() < LIVE_DAYS * DAY;
        }
        let ttl = shared.settings.series_ttl;
        let expired = |e: &Entry| minute - e.series.last() >= ttl && !e.series.is_open();
        if self.series.iter().any(expired) {
            self.forget(expired, shared);
        }
        (before, count_live(&self.series))
    }

    fn forget(&mut self, expired: impl Fn(&Entry) -> bool, shared: &mut Shared) {
        // Positions change, so the list of open insights is carried over by identity.
        let mut position = Vec::with_capacity(self.series.len());
        let mut kept = 0_u32;
        for entry in &self.series {
            let gone = expired(entry);
            position.push((!gone).then_some(kept));
            kept += u32::from(!gone);
            if gone {
                entry.series.release(&mut shared.attribution);
                shared.series -= 1;
            }
        }
        self.series.retain(|e| !expired(e));
        self.open = self.open.iter().filter_map(|&i| position[i as usize]).collect();
        self.index.clear();
        let (series, hasher) = (&self.series, &self.hasher);
        let hash = |i: u32| hasher.hash_one(series[i as usize].series.key());
        for i in 0..kept {
            self.index.insert_unique(hash(i), i, |&i| hash(i));
        }
    }
}
