//! One account: its history, its regions, their clocks and series. Nothing here looks at another account (ISO-1).

use std::hash::BuildHasher;

use serde::{Deserialize, Serialize};

use super::budget::AlarmBudget;
use super::detector::Shared;
use super::horizon::Direction;
use super::journal::{Journal, Place, Stamp};
use super::principals::Principals;
use super::region::{Entry, Region};
use super::series::{Call, Caller, Context, Key, MINUTES_AT_BASE, Series};
use super::{DAY, Settings};
use crate::cloudtrail::event::AccountId;
use crate::cloudtrail::insight::Insight;

/// In an account with so many series half of what a series of a large account shows is to be expected of one.
const FEW_SERIES: f64 = 10.0;

/// Where the history of an account begins: its first record, in any region, counted or not.
///
/// A first record that lies more than a jump ahead of the second one was dated ahead, and gives way; after that nothing
/// moves the beginning, older records that come later included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct History {
    begin: i64,
    settled: bool,
}

impl History {
    fn note(&mut self, time: i64, jump_s: i64) {
        if self.settled {
            return;
        }
        if time >= self.begin - jump_s {
            self.settled = true;
        } else {
            self.begin = time;
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// In which order it was first seen, from 0.
    pub number: u32,
    touched: Stamp,
    history: History,
    mature: bool,
    /// Series with a call in the last 28 days.
    live: usize,
    /// Score from which an event is noted, for that many live series.
    base: f64,
    /// How many insights it may raise.
    alarms: AlarmBudget,
    /// Who is known to it.
    pub principals: Principals,
    /// Its regions, in the order in which they were seen.
    pub regions: Vec<Region>,
}

/// An account apart from its principals and regions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountImage {
    history: History,
    mature: bool,
    live: u32,
    base: f64,
    alarms: AlarmBudget,
}

// === impl Account ===

impl Account {
    /// The account with this number, whose first record is dated `time` (seconds), and which raises nothing for `warm_up` minutes.
    pub fn new(id: AccountId, number: u32, time: i64, warm_up: i64) -> Self {
        let history = History { begin: time, settled: false };
        let alarms = AlarmBudget::new(time.div_euclid(60), warm_up);
        let mut account = Self {
            id,
            number,
            touched: Stamp::default(),
            history,
            mature: false,
            live: 0,
            base: 0.0,
            alarms,
            principals: Principals::default(),
            regions: Vec::new(),
        };
        account.set_live(0);
        account
    }

    /// It is about to change.
    pub fn touch(&mut self, journal: &mut Journal, is_new: bool) {
        if journal.is_first(&mut self.touched) {
            journal.accounts.push((self.number, (!is_new).then(|| self.image())));
        }
    }

    /// What it is apart from its principals and regions.
    pub fn image(&self) -> AccountImage {
        AccountImage {
            history: self.history,
            mature: self.mature,
            live: self.live as u32,
            base: self.base,
            alarms: self.alarms,
        }
    }

    /// Back to what it was, or what was saved.
    pub fn put_back(&mut self, image: AccountImage) {
        (self.history, self.mature, self.live) = (image.history, image.mature, image.live as usize);
        (self.base, self.alarms) = (image.base, image.alarms);
    }

    /// Whether it is old enough for insights.
    pub fn is_mature(&self) -> bool {
        self.mature
    }

    fn place(&self, at: usize) -> Place {
        Place { account: self.number, region: at as u32 }
    }

    /// A region is about to change.
    pub fn touch_region(&mut self, at: usize, journal: &mut Journal, is_new: bool) {
        let place = self.place(at);
        let region = &mut self.regions[at];
        if journal.is_first(&mut region.touched) {
            journal.regions.push((place, (!is_new).then(|| Box::new(region.image()))));
        }
    }

    /// Notes one more record; returns true when the account has just become old enough for insights.
    pub fn note(&mut self, time: i64, settings: &Settings) -> bool {
        self.history.note(time, settings.clock_jump_s);
        let was = self.mature;
        self.mature |= time.div_euclid(60) - self.begin() >= settings.warm_up;
        self.mature && !was
    }

    /// First minute of its history.
    pub fn begin(&self) -> i64 {
        self.history.begin.div_euclid(60)
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
        self.touch_region(at, &mut shared.journal, false);
        if self.regions[at].clock.advance(time, wall) {
            self.minute_changed(at, shared, emit);
        }
    }

    /// Moves a silent clock on (WM-2).
    pub fn idle(&mut self, at: usize, now: i64, shared: &mut Shared, emit: &mut dyn FnMut(Insight)) {
        let (after, lateness_s) = (shared.settings.idle_after_s, shared.settings.lateness * 60);
        if let Some(time) = self.regions[at].clock.idle(now, after, lateness_s) {
            self.touch(&mut shared.journal, false);
            self.touch_region(at, &mut shared.journal, false);
            self.regions[at].clock.set(time);
            self.minute_changed(at, shared, emit);
        }
    }

    fn minute_changed(&mut self, at: usize, shared: &mut Shared, emit: &mut dyn FnMut(Insight)) {
        let (id, begin, base, place) = (self.id, self.begin(), self.base, self.place(at));
        let region = &mut self.regions[at];
        region.end_insights((id, begin, base, place), shared, emit);
        if shared.settings.direction == Direction::Both {
            region.find_drops((id, begin, base, place), &mut self.alarms, shared, emit);
        }
        let Some(time) = region.clock.time() else { return };
        if time.div_euclid(3600) != region.swept.div_euclid(3600) {
            for bucket in region.seen.expire(time - shared.settings.dedup_horizon_s) {
                shared.expired(place, bucket);
            }
            if time.div_euclid(86_400) != region.swept.div_euclid(86_400) {
                let (before, after) = region.sweep(time.div_euclid(60), place, shared);
                self.set_live(self.live - before + after);
                for principal in self.principals.expire(time.div_euclid(60)) {
                    shared.principals -= 1;
                    shared.journal.principal(self.number, principal.fingerprint(), Some(principal));
                }
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
        let (account, begin, base, place) = (self.id, self.begin(), self.base, self.place(at));
        let mut live = self.live;
        let region = &mut self.regions[at];
        let (settings, horizons) = (&shared.settings, &shared.horizons);
        let closed = region.clock.closed(settings.lateness);
        let context = Context {
            account,
            region: &region.name,
            begin,
            region_begin: region.begin,
            closed,
            base,
            settings,
            horizons,
        };
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
                let id = shared.series_begun;
                shared.series_begun += 1;
                let series = Box::new(Series::new(key, call.minute, &context));
                let mut touched = Stamp::default();
                if shared.journal.is_first(&mut touched) {
                    shared.journal.series.push((place, id, None));
                }
                region.series.push(Entry { id, series, live: false, touched });
                let (series, hasher) = (&region.series, &region.hasher);
                region.index.insert_unique(hash, index, |&i| hasher.hash_one(series[i as usize].series.key()));
                shared.series += 1;
                index
            }
        };
        let entry = &mut region.series[index as usize];
        entry.touch(place, &mut shared.journal);
        if !entry.live {
            entry.live = true;
            live += 1;
        }
        let known = self.principals.get(principal);
        let mut caller = Caller { principal: known, counted: *counted };
        if let Some(known) = &mut caller.principal
            && shared.journal.is_first(&mut known.touched)
        {
            shared.journal.principal(place.account, principal, Some(**known));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const JUMP_S: i64 = 3600;

    fn begin(times: &[i64]) -> i64 {
        let mut history = History { begin: times[0], settled: false };
        times[1..].iter().for_each(|&time| history.note(time, JUMP_S));
        history.begin
    }

    #[test]
    fn history_begins_with_the_first_record_and_no_older_one_moves_it() {
        assert_eq!(begin(&[10_000, 10_060, 9_000, 0]), 10_000);
        assert_eq!(begin(&[10_000, 10_000 - JUMP_S, 0]), 10_000, "within the jump the second one confirms");
    }

    #[test]
    fn history_does_not_begin_with_a_record_dated_ahead() {
        assert_eq!(begin(&[90_000_000, 10_000, 10_060, 90_000_000]), 10_000);
        assert_eq!(begin(&[90_000_000, 80_000_000, 10_000, 10_060]), 10_000, "nor with two");
    }
}
