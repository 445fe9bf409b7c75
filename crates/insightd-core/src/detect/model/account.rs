//! One account: its history, its regions, their clocks and series. Nothing here looks at another account (ISO-1).

use serde::{Deserialize, Serialize};

use crate::cloudtrail::event::{AccountId, Event};
use crate::cloudtrail::insight::Insight;
use crate::detect::DAY;
use crate::detect::context::DetectorContext;
use crate::detect::decide::budget::{AlarmBudget, MINUTES_ABOVE_FLOOR};
use crate::detect::intake::clock::Held;
use crate::detect::intake::observations::{Observation, Observations};
use crate::detect::model::principals::{Noted, Principals};
use crate::detect::model::region::{Region, is_live};
use crate::detect::model::series::{Call, Caller, Key, Owner, Series, SeriesContext};
use crate::detect::model::slot::{SeriesSlot, SeriesState};
use crate::detect::statistics::horizon::Direction;
use crate::detect::store::undo::{RegionId, TransactionEpoch, UndoLog};

/// In an account with so many series half of what a series of a large account shows is to be expected of one.
const FEW_SERIES: f64 = 10.0;

/// See the module.
#[derive(Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// In which order it was first seen, from 0.
    pub number: u32,
    touched: TransactionEpoch,
    /// First minute of its history: of its first record, in any region, counted or not, whose time is confirmed. Nothing moves it after that,
    /// older records that come later included.
    pub(in crate::detect) begin: Option<i64>,
    pub(in crate::detect) mature: bool,
    /// Series with a call in the last 28 days.
    pub(in crate::detect) live: usize,
    /// Score from which an event is noted, for that many live series.
    score_floor: f64,
    /// How many insights it may raise.
    pub(in crate::detect) alarms: AlarmBudget,
    /// Who is known to it.
    pub principals: Principals,
    pub(in crate::detect) observations: Observations,
    /// Its regions, in the order of arrival of their first records.
    pub regions: Vec<Region>,
    /// Positions of those that have begun, in that order: what is told of several regions must not depend on the arrival of a record that
    /// nothing has confirmed.
    pub(in crate::detect) seen: Vec<usize>,
}

/// An account apart from its principals, its regions and what waits to be confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountImage {
    begin: Option<i64>,
    mature: bool,
    live: u32,
    score_floor: f64,
    alarms: AlarmBudget,
    /// Positions of its regions in the order in which they began.
    seen: Vec<u32>,
}

impl AccountImage {
    /// First minute of its history, if it has begun.
    pub fn begin(&self) -> Option<i64> {
        self.begin
    }

    /// Series with a call in the last 28 days.
    pub fn live(&self) -> u32 {
        self.live
    }
}

// === impl Account ===

impl Account {
    /// An account of which nothing is confirmed, and which raises nothing for `warm_up` minutes after it has begun.
    pub fn new(id: AccountId, number: u32, warm_up: i64) -> Self {
        let mut account = Self {
            id,
            number,
            touched: TransactionEpoch::default(),
            begin: None,
            mature: false,
            live: 0,
            score_floor: 0.0,
            alarms: AlarmBudget::new(0, warm_up),
            principals: Principals::default(),
            observations: Observations::default(),
            regions: Vec::new(),
            seen: Vec::new(),
        };
        account.set_live(0);
        account
    }

    /// It is about to change.
    pub fn touch(&mut self, undo: &mut UndoLog, is_new: bool) {
        if undo.is_first(&mut self.touched) {
            let before = (!is_new).then(|| (self.image(), self.observations.clone()));
            undo.accounts.push((self.number, before));
        }
    }

    /// What it is apart from its principals and regions, and what waits.
    pub fn image(&self) -> AccountImage {
        AccountImage {
            begin: self.begin,
            mature: self.mature,
            live: self.live as u32,
            score_floor: self.score_floor,
            alarms: self.alarms,
            seen: self.seen.iter().map(|&at| at as u32).collect(),
        }
    }

    /// What was confirmed last, and what waits.
    pub fn observations(&self) -> &Observations {
        &self.observations
    }

    /// Back to what it was, or what was saved.
    pub fn put_back(&mut self, image: AccountImage, observations: Observations) {
        (self.begin, self.mature, self.live) = (image.begin, image.mature, image.live as usize);
        (self.score_floor, self.alarms, self.observations) = (image.score_floor, image.alarms, observations);
        self.seen = image.seen.into_iter().map(|at| at as usize).collect();
    }

    /// It was saved, perhaps with another `warm_up` (minutes) than holds now.
    pub fn set_warm_up(&mut self, warm_up: i64) {
        if self.alarms.set_warm_up(warm_up) {
            let age = |begin| self.observations.newest().map(|newest| newest.div_euclid(60) - begin);
            self.mature = self.begin.and_then(age).is_some_and(|age| age >= warm_up);
        }
    }

    /// Whether it has begun, and whether it is old enough for insights.
    pub fn stands(&self) -> (bool, bool) {
        (self.begin.is_some(), self.mature)
    }

    /// Whether all regions that it names are there: damaged records may name others.
    pub fn has_its_regions(&self) -> bool {
        let mut named = self.seen.iter().copied().chain(self.observations.regions());
        named.all(|at| at < self.regions.len())
    }

    fn owner(&self) -> Owner {
        Owner { account: self.id, begin: self.begin(), score_floor: self.score_floor }
    }

    pub(in crate::detect) fn place(&self, at: usize) -> RegionId {
        RegionId { account: self.number, region: at as u32 }
    }

    /// A region is about to change.
    pub fn touch_region(&mut self, at: usize, undo: &mut UndoLog, is_new: bool) {
        let place = self.place(at);
        let region = &mut self.regions[at];
        if undo.is_first(&mut region.touched) {
            undo.regions.push((place, (!is_new).then(|| Box::new(region.image()))));
        }
    }

    /// Takes in what any record tells: at once, or when another one confirms its time. `observation` is what `event` tells.
    pub fn sight(
        &mut self,
        event: &Event<'_>,
        mut observation: Observation,
        near_wall: bool,
        context: &mut DetectorContext,
    ) {
        let jump_s = context.settings.clock_jump_s;
        if !self.observations.is_settled() {
            observation.identify(event);
            if self.observations.is_waiting(&observation) {
                return;
            }
            let sure = near_wall || !self.observations.is_ahead(observation.time, jump_s);
            for earlier in self.observations.confirmed(observation.time, jump_s, sure) {
                self.see(&earlier, context);
            }
        }
        if near_wall || !self.observations.is_ahead(observation.time, jump_s) {
            self.see(&observation, context);
        } else {
            observation.identify(event);
            let gave_way = self.observations.wait(observation, context.settings.held_max);
            context.events.held_overflow += u64::from(gave_way.is_some_and(|other| !other.counts));
        }
    }

    /// Takes in what a record tells whose time is confirmed, or will be by nothing any more.
    pub fn see(&mut self, observation: &Observation, context: &mut DetectorContext) {
        let minute = observation.time.div_euclid(60);
        self.observations.confirm(observation.time);
        if self.begin.is_none() {
            self.begin = Some(minute);
            self.alarms = AlarmBudget::new(minute, context.settings.warm_up);
            context.accounts_learning += 1;
        } else if context.settings.moves_back && minute < self.begin() {
            self.begin = Some(minute);
        }
        if let Some(at) = observation.region
            && self.regions[at].begin.is_none()
        {
            self.touch_region(at, &mut context.undo, false);
            self.regions[at].begin = Some(minute);
            self.seen.push(at);
        }
        if !self.mature && minute - self.begin() >= context.settings.warm_up {
            self.mature = true;
            context.accounts_learning -= 1;
            context.accounts_live += 1;
        }
        let room = context.principals < context.settings.principals_max;
        let (undo, number, of) = (&mut context.undo, self.number, observation.principal);
        let noted = self.principals.note(of, minute, room, |principal| {
            if undo.is_first(&mut principal.touched) {
                undo.principal(number, of, Some(*principal));
            }
        });
        match noted {
            Noted::New => {
                context.principals += 1;
                context.undo.principal(number, of, None);
                if let Some(new) = self.principals.get(of) {
                    context.undo.is_first(&mut new.touched);
                }
            }
            Noted::Known => {}
            Noted::NoRoom => context.events.principals_full += 1,
        }
    }

    /// Takes in what still waits at the end of the input.
    pub fn see_all(&mut self, context: &mut DetectorContext) {
        for observation in self.observations.confirmed(i64::MAX, 0, true) {
            self.see(&observation, context);
        }
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
        if !ahead && self.observations.is_ahead(time, jump_s) {
            return None;
        }
        self.regions[at].clock.take_earliest().map(|held| (at, held))
    }

    /// The end of the input: every clock is brought up to the newest one of the account.
    pub fn bring_up(&mut self, context: &mut DetectorContext, emit: &mut dyn FnMut(Insight)) {
        let Some(newest) = self.regions.iter().filter_map(|region| region.clock.time()).max() else { return };
        for at in self.seen.clone() {
            if self.regions[at].clock.time().is_some() {
                self.advance(at, newest, 0, context, emit);
            }
        }
    }

    /// Index of a region, if it was seen.
    pub fn region(&self, name: &str) -> Option<usize> {
        self.regions.iter().position(|r| &*r.name == name)
    }

    /// Sets the number of live series, and the score floor that follows from it:
    /// `log10(minutes a week x live^2 / (live + 10) / 25)`. See [`crate::detect::decide::budget`].
    pub(in crate::detect) fn set_live(&mut self, live: usize) {
        self.live = live;
        let live = live.max(1) as f64;
        // What bursts without an attack are a loop or a script here and there: the fewer series, the fewer.
        let calm = live / (live + FEW_SERIES);
        self.score_floor = (7.0 * DAY as f64 * live * calm / MINUTES_ABOVE_FLOOR).log10();
    }

    /// Moves the clock of region `at` to `time`; Ends of open insights come out in the order of their Starts.
    pub fn advance(
        &mut self,
        at: usize,
        time: i64,
        wall: i64,
        context: &mut DetectorContext,
        emit: &mut dyn FnMut(Insight),
    ) {
        self.touch_region(at, &mut context.undo, false);
        if self.regions[at].clock.advance(time, wall) {
            self.minute_changed(at, context, emit);
        }
    }

    /// Moves a silent clock on (WM-2).
    pub fn idle(&mut self, at: usize, now: i64, context: &mut DetectorContext, emit: &mut dyn FnMut(Insight)) -> bool {
        let (after, lateness_s) = (context.settings.idle_after_s, context.settings.lateness * 60);
        let moved = self.regions[at].clock.idle(now, after, lateness_s);
        if let Some(time) = moved {
            self.touch(&mut context.undo, false);
            self.touch_region(at, &mut context.undo, false);
            self.regions[at].clock.set(time);
            // What is not ahead of a clock is not ahead of the account.
            self.observations.confirm(time);
            self.minute_changed(at, context, emit);
        }
        moved.is_some()
    }

    fn minute_changed(&mut self, at: usize, context: &mut DetectorContext, emit: &mut dyn FnMut(Insight)) {
        let (owner, place) = (self.owner(), self.place(at));
        let region = &mut self.regions[at];
        region.end_insights((owner, place), context, emit);
        if context.settings.direction == Direction::Both {
            region.find_drops((owner, place), &mut self.alarms, context, emit);
        }
        let Some(time) = region.clock.time() else { return };
        if time.div_euclid(3600) != region.swept.div_euclid(3600) {
            for bucket in region.seen.expire(time - context.settings.dedup_horizon_s) {
                context.expired(place, bucket);
            }
            if time.div_euclid(86_400) != region.swept.div_euclid(86_400) {
                let (before, after) = region.sweep(time.div_euclid(60), owner.begin, place, context);
                self.set_live(self.live - before + after);
                for principal in self.principals.expire(time.div_euclid(60)) {
                    context.principals -= 1;
                    context.undo.principal(self.number, principal.fingerprint(), Some(principal));
                }
            }
            let region = &mut self.regions[at];
            region.swept = time;
            if context.settings.direction == Direction::Both {
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
        context: &mut DetectorContext,
        emit: &mut dyn FnMut(Insight),
    ) -> bool {
        let (owner, place) = (self.owner(), self.place(at));
        let mut live = self.live;
        let region = &mut self.regions[at];
        let (settings, horizons) = (&context.settings, &context.horizons);
        let here = SeriesContext::new(owner, (&region.name, &region.clock, region.begin), (settings, horizons));
        let index = match region.find(key) {
            Some(index) => index,
            None => {
                let values = [call.principal, call.agent, call.error];
                if !context.has_room(1) || !context.attribution.admit(key.bytes(), values) {
                    return false;
                }
                let form = SeriesState::Active(Box::new(Series::new(key, call.minute, &here)));
                let all = (&mut region.series, &mut region.index, &region.hasher);
                let counted = (&mut context.series, &mut context.series_begun);
                SeriesSlot::begin(all, place, (form, false), counted, &mut context.undo)
            }
        };
        let entry = &mut region.series[index as usize];
        if entry.form.active().is_none() && !context.attribution.can_wake([call.principal, call.agent, call.error]) {
            return false;
        }
        entry.touch(place, &mut context.undo);
        // A record that was held may be older than what counts as live: a restart would not take its series as live either.
        if !entry.live && is_live(entry.form.last().max(call.minute), region.daily) {
            entry.live = true;
            live += 1;
        }
        let mut caller = Caller { principal: self.principals.get(principal), counted: *counted };
        if let Some(known) = &mut caller.principal
            && context.undo.is_first(&mut known.touched)
        {
            context.undo.principal(place.account, principal, Some(**known));
        }
        let start = entry.form.wake(here.begin, here.settings, here.horizons).add(
            call,
            &here,
            &mut context.attribution,
            &mut self.alarms,
            &mut caller,
        );
        *counted = caller.counted;
        if let Some(start) = start {
            region.open.push(index);
            context.open += usize::from(start.finding.suppressed_by.is_none());
            emit(start);
        }
        if live != self.live {
            self.set_live(live);
        }
        true
    }
}
