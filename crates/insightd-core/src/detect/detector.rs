//! Records in; verdicts and insights out. The one entrance to detection.

use hashbrown::HashMap;

use crate::cloudtrail::event::{AccountId, Category, Event};
use crate::cloudtrail::insight::{Insight, SourceCategory};
use crate::cloudtrail::outcome::Limit;
use crate::detect::Settings;
use crate::detect::context::{DetectorContext, DetectorEvents, error_of};
use crate::detect::intake::clock::Held;
use crate::detect::intake::dedup;
use crate::detect::intake::observations::Observation;
use crate::detect::intake::scope::{Scope, scope};
use crate::detect::model::account::Account;
use crate::detect::model::principals::fingerprint;
use crate::detect::model::region::Region;
use crate::detect::model::series::{Call, Key};
use crate::detect::store::changelog::SeenRecords;
use crate::detect::store::restorer::Restoring;
use crate::detect::store::undo::{self, RegionId};
use crate::rules::Action;

/// What became of one decoded record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It entered at least one series (at once, or later when it is confirmed).
    Counted,
    /// Its eventID was seen.
    Duplicate,
    /// It enters no series.
    OutOfScope,
    /// It would, but a rule excludes it.
    Excluded,
    /// Older than the deduplication horizon.
    TooLate,
    /// A limit was reached.
    Shed(Limit),
}

/// What is live at the moment, for gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gauges {
    /// Series held.
    pub series: u64,
    /// Accounts too young for an insight.
    pub accounts_learning: u64,
    /// Accounts old enough.
    pub accounts_live: u64,
    /// Insights open, those left out that a rule suppresses.
    pub insights_open: u64,
    /// Records held back until another one confirms their time.
    pub unconfirmed: u64,
    /// Latest event-time clock, seconds since 1970; 0 before the first.
    pub clock: i64,
    /// eventIDs remembered.
    pub dedup_events: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Detector {
    pub(super) context: DetectorContext,
    pub(super) by_id: HashMap<AccountId, u32>,
    pub(super) accounts: Vec<Account>,
    pub(super) clocks: usize,
    pub(super) newest: i64,
    pub(super) seen_records: SeenRecords,
    pub(super) restoring: Option<Box<Restoring>>,
    /// Clocks and newest time before the open transaction.
    before: (usize, i64),
    /// Records by the rule that decides about them, since they were last taken.
    matches: Vec<u64>,
}

impl Detector {
    /// A detector without history.
    pub fn new(settings: Settings) -> Self {
        let matches = vec![0; settings.rules.iter().len()];
        Self {
            context: DetectorContext::new(settings),
            by_id: HashMap::new(),
            accounts: Vec::new(),
            clocks: 0,
            newest: 0,
            seen_records: SeenRecords::default(),
            restoring: None,
            before: (0, 0),
            matches,
        }
    }

    /// Takes in one record. `wall` is the wall clock (seconds) when records arrive as they happen, none when files are
    /// replayed: a time close to the wall clock needs no confirmation.
    pub fn observe(&mut self, event: &Event<'_>, wall: Option<i64>, emit: &mut dyn FnMut(Insight)) -> Verdict {
        let in_scope = scope(event, self.context.settings.data_events) != Scope::default();
        let rule = if in_scope { self.note_rule(event) } else { None };
        let excluded = rule.is_some_and(|rule| self.context.settings.rules.at(rule).action == Action::Exclude);
        let outside = if excluded { Verdict::Excluded } else { Verdict::OutOfScope };
        let in_scope = in_scope && !excluded;
        let Some(account) = self.account(event.account) else {
            return if in_scope { Verdict::Shed(Limit::Accounts) } else { outside };
        };
        self.accounts[account].touch(&mut self.context.undo, false);
        let region = self.region(account, &event.region);
        let near_wall = wall.is_some_and(|now| (event.time - now).abs() <= self.context.settings.clock_jump_s);
        let observation = Observation::of(event, region, in_scope);
        self.accounts[account].sight(event, observation, near_wall, &mut self.context);
        if !in_scope {
            return outside;
        }
        let Some(region) = region else { return Verdict::Shed(Limit::Clocks) };
        if self.is_too_late(account, region, event.time) {
            return Verdict::TooLate;
        }
        self.accounts[account].touch_region(region, &mut self.context.undo, false);
        self.admit(account, region, (event, rule), (wall.unwrap_or(0), near_wall), emit)
    }

    /// The partition was read to its end at wall time `now` (seconds): silent clocks move on (WM-2). Returns whether one has.
    pub fn caught_up(&mut self, now: i64, emit: &mut dyn FnMut(Insight)) -> bool {
        let mut moved = false;
        for account in &mut self.accounts {
            for at in 0..account.seen().len() {
                moved |= account.idle(account.seen()[at], now, &mut self.context, emit);
            }
        }
        moved
    }

    /// The end of all input. Account by account: what is held but not ahead of the account is applied in order of time, every clock is
    /// brought up to the account's newest, and at last comes what nothing has confirmed.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Insight)) {
        for account in 0..self.accounts.len() {
            self.apply_all_held(account, false, emit);
            self.accounts[account].bring_up(&mut self.context, emit);
            self.apply_all_held(account, true, emit);
            self.accounts[account].see_all(&mut self.context);
        }
    }

    /// What is live now.
    pub fn gauges(&self) -> Gauges {
        Gauges {
            series: self.context.series as u64,
            accounts_learning: self.context.accounts_learning as u64,
            accounts_live: self.context.accounts_live as u64,
            insights_open: self.context.open as u64,
            unconfirmed: self.context.unconfirmed as u64,
            clock: self.newest,
            dedup_events: self.context.dedup_events as u64,
        }
    }

    /// DetectorEvents since the last call.
    pub fn take_events(&mut self) -> DetectorEvents {
        self.context.events.summarised = std::mem::take(&mut self.context.attribution.summarised);
        std::mem::take(&mut self.context.events)
    }

    /// Records by the position of the rule that decides about them, repeats included, since the last call.
    pub fn take_matches(&mut self, taken: &mut Vec<u64>) {
        taken.resize(self.matches.len(), 0);
        for (taken, matches) in taken.iter_mut().zip(&mut self.matches) {
            *taken += std::mem::take(matches);
        }
    }

    fn note_rule(&mut self, event: &Event<'_>) -> Option<u32> {
        let rule = self.context.settings.rules.first_match(event, event.time)?;
        self.matches[rule as usize] += 1;
        Some(rule)
    }

    /// Position of an account; none if it is new and there is no room for it.
    pub(super) fn account(&mut self, id: AccountId) -> Option<usize> {
        if let Some(&at) = self.by_id.get(&id) {
            return Some(at as usize);
        }
        if self.accounts.len() >= self.context.settings.accounts_max {
            return None;
        }
        let number = self.accounts.len() as u32;
        self.by_id.insert(id, number);
        let mut new = Account::new(id, number, self.context.settings.warm_up);
        new.touch(&mut self.context.undo, true);
        self.accounts.push(new);
        Some(number as usize)
    }

    /// Position of a region in its account; none if it is new and there is no room for it.
    pub(super) fn region(&mut self, account: usize, name: &str) -> Option<usize> {
        let account = &mut self.accounts[account];
        if let Some(at) = account.region(name) {
            return Some(at);
        }
        if self.clocks >= self.context.settings.clocks_max {
            return None;
        }
        self.clocks += 1;
        account.regions.push(Region::new(name));
        let at = account.regions.len() - 1;
        account.touch_region(at, &mut self.context.undo, true);
        Some(at)
    }

    fn is_too_late(&self, account: usize, region: usize, time: i64) -> bool {
        let region = &self.accounts[account].regions[region];
        let horizon = region.clock.time().map_or(i64::MIN, |clock| clock - self.context.settings.dedup_horizon_s);
        time < horizon.max(region.seen.floor())
    }

    fn remember(&mut self, account: usize, region: usize, event: &Event<'_>) -> bool {
        // Version 1.00 has no eventID: nothing to tell a repeat by, so such a record always counts.
        let Some(id) = &event.id else { return true };
        let seen = &mut self.accounts[account].regions[region].seen;
        let hash = dedup::hash(id);
        let place = RegionId { account: account as u32, region: region as u32 };
        if self.context.dedup_events < self.context.settings.dedup_events_max {
            let new = seen.insert(hash, event.time);
            if new {
                self.context.remembered(place, hash, event.time);
            }
            return new;
        }
        if seen.contains(hash, event.time) {
            return false;
        }
        // Rather a repeat that counts twice than a good record that does not count: a clock gives up its own oldest hours, and
        // where it has none to give, the record is not remembered.
        self.context.events.dedup_shortened += 1;
        if let Some(freed) = seen.shorten() {
            self.context.expired(place, freed);
            // A record of the very hours that were given up would be below the floor: its repeats are too late, and a restore leaves it out.
            if event.time >= seen.floor() && seen.insert(hash, event.time) {
                self.context.remembered(place, hash, event.time);
            }
        }
        true
    }

    /// Whether the record is a repeat, asked while others are held: it must not confirm one of them, and may be one of them.
    fn is_repeat(&self, account: usize, region: usize, event: &Event<'_>) -> bool {
        let Some(id) = &event.id else { return false };
        let region = &self.accounts[account].regions[region];
        region.clock.holds(id, event.time) || region.seen.contains(dedup::hash(id), event.time)
    }

    fn admit(
        &mut self,
        account: usize,
        region: usize,
        (event, rule): (&Event<'_>, Option<u32>),
        (wall, near_wall): (i64, bool),
        emit: &mut dyn FnMut(Insight),
    ) -> Verdict {
        let jump_s = self.context.settings.clock_jump_s;
        if self.accounts[account].regions[region].clock.held() > 0 {
            if self.is_repeat(account, region, event) {
                return Verdict::Duplicate;
            }
            for held in self.accounts[account].regions[region].clock.confirmed(event.time, jump_s) {
                self.apply_held(account, region, held, wall, emit);
            }
        }
        if near_wall || !self.accounts[account].regions[region].clock.is_ahead(event.time, jump_s) {
            if !self.remember(account, region, event) {
                return Verdict::Duplicate;
            }
            return self.apply(account, region, (event, rule), wall, emit);
        }
        // What is held is counted already (CNT-1), so there must be room for it when it is applied. Its eventID is remembered no earlier:
        // the hours of `seen` are hours that the clock has reached.
        let Some(reserved) = self.context.reserve(event) else { return Verdict::Shed(Limit::Series) };
        let clock = &mut self.accounts[account].regions[region].clock;
        clock.hold(event, reserved);
        if clock.held() > self.context.settings.held_max
            && let Some(earliest) = clock.take_earliest()
        {
            self.context.events.held_overflow += 1;
            self.apply_held(account, region, earliest, wall, emit);
        }
        Verdict::Counted
    }

    /// Applies what an account holds in order of time; what is ahead of the account only if `ahead`.
    pub(super) fn apply_all_held(&mut self, account: usize, ahead: bool, emit: &mut dyn FnMut(Insight)) {
        let jump_s = self.context.settings.clock_jump_s;
        while let Some((region, held)) = self.accounts[account].take_earliest_held(ahead, jump_s) {
            self.apply_held(account, region, held, 0, emit);
        }
    }

    fn apply_held(&mut self, account: usize, region: usize, held: Held, wall: i64, emit: &mut dyn FnMut(Insight)) {
        self.context.unconfirmed -= 1;
        self.context.attribution.bytes -= held.reserved;
        let rule = self.context.settings.rules.first_match(&*held.event, held.event.time);
        // Where it gives way to others, or at the end of the input, nothing has confirmed it.
        self.accounts[account].see(&Observation::of(&held.event, Some(region), true), &mut self.context);
        // Behind the horizon a repeat is too late anyway; what is remembered is what a sweep has left.
        if !self.is_too_late(account, region, held.event.time) {
            self.remember(account, region, &held.event);
        }
        let verdict = self.apply(account, region, (&held.event, rule), wall, emit);
        debug_assert_eq!(verdict, Verdict::Counted, "room was set aside");
    }

    fn apply(
        &mut self,
        account: usize,
        region: usize,
        (event, rule): (&Event<'_>, Option<u32>),
        wall: i64,
        emit: &mut dyn FnMut(Insight),
    ) -> Verdict {
        let scope = scope(event, self.context.settings.data_events);
        let account = &mut self.accounts[account];
        account.advance(region, event.time, wall, &mut self.context, emit);
        self.newest = self.newest.max(event.time);
        let minute = event.time.div_euclid(60);
        let late = minute <= account.regions[region].clock.closed(self.context.settings.lateness);
        let error = error_of(event);
        let call = Call {
            minute,
            time: event.time,
            late,
            event_id: event.id.as_deref().unwrap_or_default(),
            principal: &event.principal,
            agent: &event.agent,
            error: error.unwrap_or("null"),
            rule,
        };
        let (principal, mut counted) = (fingerprint(&event.principal), false);
        let mut entered = false;
        let keys = [(scope.call_rate, None), (scope.error_rate, error)];
        for (_, error) in keys.into_iter().filter(|&(in_scope, _)| in_scope) {
            let category =
                if event.category == Category::Data { SourceCategory::Data } else { SourceCategory::Management };
            let key = Key { source: &event.source, name: &event.name, error, category };
            entered |= account.count(region, key, &call, (principal, &mut counted), &mut self.context, emit);
        }
        self.context.events.late += u64::from(entered && late);
        if entered { Verdict::Counted } else { Verdict::Shed(Limit::Series) }
    }
}

impl Detector {
    /// Begins to note what changes, so that it can be rolled back and saved.
    pub fn start_undo(&mut self) {
        self.context.undo.start();
        self.next_transaction();
    }

    /// Back to what was committed last.
    pub fn roll_back(&mut self) {
        let gone = undo::roll_back(&mut self.accounts, &mut self.context);
        for account in gone {
            self.by_id.remove(&account);
        }
        (self.clocks, self.newest) = self.before;
        self.matches.fill(0);
    }

    /// What is noted so far is committed.
    pub(super) fn next_transaction(&mut self) {
        self.before = (self.clocks, self.newest);
        let counters = self.context.counters();
        self.context.undo.next(counters);
    }

    pub(super) fn parts(&mut self) -> (&mut Vec<Account>, &mut DetectorContext) {
        (&mut self.accounts, &mut self.context)
    }

    pub(super) fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    pub(super) fn context(&self) -> &DetectorContext {
        &self.context
    }
}

#[cfg(test)]
mod tests;
