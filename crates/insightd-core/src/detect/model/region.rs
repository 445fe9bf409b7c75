//! One region of an account: its clock, its eventIDs and its series.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::cloudtrail::insight::Insight;
use crate::detect::DAY;
use crate::detect::context::DetectorContext;
use crate::detect::decide::budget::AlarmBudget;
use crate::detect::intake::clock::Clock;
use crate::detect::intake::dedup::Seen;
use crate::detect::model::series::{Key, Owner, Series, SeriesContext};
use crate::detect::model::slot::{SeriesSlot, SeriesState};
use crate::detect::statistics::statistic::Statistic;
use crate::detect::store::undo::{RegionId, TransactionEpoch};

/// Days without a call after which a series no longer counts as live.
const LIVE_DAYS: i64 = 28;

/// One region of an account.
#[derive(Debug)]
pub struct Region {
    /// Its name.
    pub name: Box<str>,
    pub(in crate::detect) touched: TransactionEpoch,
    /// Minute of its first record, counted or not, whose time is confirmed.
    pub(in crate::detect) begin: Option<i64>,
    /// Its clock.
    pub clock: Clock,
    /// eventIDs seen.
    pub seen: Seen,
    pub(in crate::detect) swept: i64,
    /// Minute of the last daily sweep.
    pub(in crate::detect) daily: i64,
    pub(in crate::detect) index: HashTable<u32>,
    pub(in crate::detect) hasher: DefaultHashBuilder,
    pub(in crate::detect) series: Vec<SeriesSlot>,
    pub(in crate::detect) open: Vec<u32>,
    /// Series in which a drop is looked for; chosen anew each hour.
    pub(in crate::detect) steady: Vec<u32>,
}

/// A region apart from its series and eventIDs.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionImage {
    /// First minute; none before its first record is confirmed.
    pub begin: Option<i64>,
    /// Its clock, held records included.
    pub clock: Clock,
    /// Clock at the last sweep.
    pub swept: i64,
    /// Minute of the last daily sweep.
    pub daily: i64,
    /// Earliest time that can be told from a repeat.
    pub floor: i64,
    pub(in crate::detect) open: Vec<u32>,
    pub(in crate::detect) steady: Vec<u32>,
}

/// Whether a series with its newest call in minute `last` counts as live, as of the daily sweep at minute `daily`.
pub fn is_live(last: i64, daily: i64) -> bool {
    daily - last < LIVE_DAYS * DAY
}

impl Region {
    /// A region of which nothing is confirmed.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            touched: TransactionEpoch::default(),
            begin: None,
            clock: Clock::default(),
            seen: Seen::default(),
            swept: i64::MIN / 2,
            daily: i64::MIN / 2,
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            series: Vec::new(),
            open: Vec::new(),
            steady: Vec::new(),
        }
    }

    /// Shows each of its series, as of the last closed minute, in the order in which they were first seen, and whether it is dormant; `begin` is the
    /// first minute of its account.
    pub fn each_series(&self, begin: i64, context: &DetectorContext, show: &mut dyn FnMut(&Series, &Statistic, bool)) {
        let closed = self.clock.closed(context.settings.lateness);
        for entry in &self.series {
            match &entry.form {
                SeriesState::Active(series) => show(series, &series.statistic_at(closed, &context.horizons), false),
                SeriesState::Dormant(dormant) => {
                    let series = Series::woken(dormant, begin, &context.settings, &context.horizons);
                    show(&series, &series.statistic_at(closed, &context.horizons), true);
                }
            }
        }
    }

    pub(in crate::detect) fn end_insights(
        &mut self,
        (owner, place): (Owner, RegionId),
        context: &mut DetectorContext,
        emit: &mut dyn FnMut(Insight),
    ) {
        let Some(now) = self.clock.time() else { return };
        let (settings, horizons, undo) = (&context.settings, &context.horizons, &mut context.undo);
        let here = SeriesContext::new(owner, (&self.name, &self.clock, self.begin), (settings, horizons));
        let series = &mut self.series;
        let mut ended = 0;
        self.open.retain(|&i| {
            let entry = &mut series[i as usize];
            if !entry.form.active().is_some_and(|series| series.is_due(&here)) {
                return true;
            }
            entry.touch(place, undo);
            let end = entry.form.active_mut().and_then(|series| series.tick(now, &here));
            let Some(end) = end else { return true };
            ended += usize::from(end.finding.suppressed_by.is_none());
            emit(end);
            false
        });
        context.open -= ended;
    }

    pub(in crate::detect) fn choose_steady(&mut self) {
        let steady =
            self.series.iter().enumerate().filter(|(_, entry)| entry.form.active().is_some_and(Series::is_steady));
        self.steady = steady.map(|(at, _)| at as u32).collect();
    }

    pub(in crate::detect) fn find_drops(
        &mut self,
        (owner, place): (Owner, RegionId),
        alarms: &mut AlarmBudget,
        context: &mut DetectorContext,
        emit: &mut dyn FnMut(Insight),
    ) {
        let Some(now) = self.clock.time() else { return };
        let (settings, horizons) = (&context.settings, &context.horizons);
        let here = SeriesContext::new(owner, (&self.name, &self.clock, self.begin), (settings, horizons));
        for &at in &self.steady {
            let entry = &mut self.series[at as usize];
            if entry.form.active().is_none() {
                continue;
            }
            entry.touch(place, &mut context.undo);
            let start = entry.form.active_mut().and_then(|series| series.look_for_drop(now, &here, alarms));
            if let Some(start) = start {
                self.open.push(at);
                context.open += 1;
                emit(start);
            }
        }
    }

    /// Once a day: series that were silent for long fall asleep, and those that were for too long are forgotten. `begin` is the first minute of
    /// the account. Returns the live series before and after.
    pub(in crate::detect) fn sweep(
        &mut self,
        minute: i64,
        begin: i64,
        place: RegionId,
        context: &mut DetectorContext,
    ) -> (usize, usize) {
        let before = self.live();
        self.daily = minute;
        let closed = self.clock.closed(context.settings.lateness);
        for entry in &mut self.series {
            entry.sleep((closed, begin), place, context);
            let live = is_live(entry.form.last(), minute);
            if entry.live && !live {
                context.undo.quiet(place, entry.id, entry.touched);
            }
            entry.live = live;
        }
        let ttl = context.settings.series_ttl;
        let expired = |e: &SeriesSlot| minute - e.form.last() >= ttl && !e.form.active().is_some_and(Series::is_open);
        if self.series.iter().any(expired) {
            self.forget(expired, place, context);
        }
        (before, self.live())
    }

    pub(in crate::detect) fn forget(
        &mut self,
        expired: impl Fn(&SeriesSlot) -> bool,
        place: RegionId,
        context: &mut DetectorContext,
    ) {
        // Positions change, so the list of open insights is carried over by identity.
        let mut position = Vec::with_capacity(self.series.len());
        let mut kept = 0_u32;
        for entry in &self.series {
            let gone = expired(entry);
            position.push((!gone).then_some(kept));
            kept += u32::from(!gone);
            if gone {
                entry.form.release(&mut context.attribution);
                context.series -= 1;
            }
        }
        for gone in self.series.extract_if(.., |e| expired(e)) {
            context.undo.forget(place, gone);
        }
        self.open = self.open.iter().filter_map(|&i| position[i as usize]).collect();
        self.steady = self.steady.iter().filter_map(|&i| position[i as usize]).collect();
        self.index_again();
    }

    /// What it is apart from its series and eventIDs.
    pub fn image(&self) -> RegionImage {
        RegionImage {
            begin: self.begin,
            clock: self.clock.clone(),
            swept: self.swept,
            daily: self.daily,
            floor: self.seen.floor(),
            open: self.open.clone(),
            steady: self.steady.clone(),
        }
    }

    /// Back to what it was.
    pub fn put_back(&mut self, image: RegionImage) {
        (self.begin, self.clock) = (image.begin, image.clock);
        (self.swept, self.daily) = (image.swept, image.daily);
        (self.open, self.steady) = (image.open, image.steady);
        self.seen.set_floor(image.floor);
    }

    /// Whether events of this hour can still be asked for: it neither expired at the last sweep, nor was it pushed out by the bound.
    pub fn remembers_hour(&self, hour: i64, horizon_s: i64) -> bool {
        let expired = hour < crate::detect::intake::dedup::hour_of(self.swept.saturating_sub(horizon_s));
        !expired && hour * 3600 >= self.seen.floor()
    }

    /// Position of the series of this name.
    pub fn find(&self, key: Key<'_>) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.index.find(hash, |&i| self.series[i as usize].form.key() == key).copied()
    }

    /// Its series, in the order in which they were first seen.
    pub fn entries(&self) -> &[SeriesSlot] {
        &self.series
    }

    /// The series of this number.
    pub fn entry_mut(&mut self, id: u64) -> Option<&mut SeriesSlot> {
        let at = self.series.binary_search_by_key(&id, |entry| entry.id).ok()?;
        Some(&mut self.series[at])
    }

    /// Numbers of the series with an open insight, in the order of their Starts.
    pub fn open_ids(&self) -> Vec<u64> {
        self.open.iter().map(|&at| self.series[at as usize].id).collect()
    }

    /// Numbers of the series in which a drop is looked for.
    pub fn steady_ids(&self) -> Vec<u64> {
        self.steady.iter().map(|&at| self.series[at as usize].id).collect()
    }

    /// Takes back a series that was forgotten.
    pub fn readmit(&mut self, entry: SeriesSlot) {
        self.series.push(entry);
    }

    /// Brings series back into the order of their numbers.
    pub fn sort(&mut self) {
        self.series.sort_unstable_by_key(|entry| entry.id);
    }

    /// A series is live again.
    pub fn requicken(&mut self, id: u64) {
        if let Some(entry) = self.entry_mut(id) {
            entry.live = true;
        }
    }

    /// Puts a series back to what it was; takes it away if it was not. False if positions have changed by that.
    pub fn put_series(&mut self, id: u64, before: Option<(SeriesState, bool)>) -> bool {
        let Ok(at) = self.series.binary_search_by_key(&id, |entry| entry.id) else { return true };
        match before {
            Some((form, live)) => {
                (self.series[at].form, self.series[at].live) = (form, live);
                true
            }
            None => {
                self.series.remove(at);
                false
            }
        }
    }

    /// Finds its series by name again, after their positions have changed.
    pub fn index_again(&mut self) {
        self.index.clear();
        let (series, hasher) = (&self.series, &self.hasher);
        let hash = |i: u32| hasher.hash_one(series[i as usize].form.key());
        for i in 0..series.len() as u32 {
            self.index.insert_unique(hash(i), i, |&i| hash(i));
        }
    }

    /// A region as it was saved, with its series.
    pub fn restored(name: Box<str>, image: RegionImage, series: Vec<(u64, SeriesState)>, ids: &RegionIds) -> Self {
        let mut region = Self::new(&name);
        let daily = image.daily;
        let entry = |(id, form): (u64, SeriesState)| {
            let live = is_live(form.last(), daily);
            SeriesSlot { id, form, live, touched: TransactionEpoch::default() }
        };
        region.series = series.into_iter().map(entry).collect();
        region.sort();
        region.put_back(image);
        let position = |id: &u64| region.series.binary_search_by_key(id, |entry| entry.id).ok().map(|at| at as u32);
        let (open, steady) =
            (ids.open.iter().filter_map(position).collect(), ids.steady.iter().filter_map(position).collect());
        (region.open, region.steady) = (open, steady);
        region.index_again();
        region
    }

    /// Series that are live.
    pub fn live(&self) -> usize {
        self.series.iter().filter(|entry| entry.live).count()
    }
}

/// Series of a region by number.
#[derive(Clone, Debug, Default)]
pub struct RegionIds {
    /// With an open insight, in the order of their Starts.
    pub open: Vec<u64>,
    /// In which a drop is looked for.
    pub steady: Vec<u64>,
}

impl RegionImage {
    /// Whether drops are looked for in the same series.
    pub fn is_steady_as(&self, other: &Self) -> bool {
        self.steady == other.steady
    }

    /// As it was saved.
    pub fn new(begin: Option<i64>, clock: Clock, (swept, daily): (i64, i64), floor: i64) -> Self {
        Self { begin, clock, swept, daily, floor, open: Vec::new(), steady: Vec::new() }
    }
}
