//! Records in; verdicts and insights out. The one entrance to detection.

use hashbrown::HashMap;

use super::Settings;
use super::account::Account;
use super::attribution::Budget;
use super::clock::Held;
use super::dedup::Bucket;
use super::horizon::Horizons;
use super::journal::{self, Journal, Place};
use super::principals::{Noted, fingerprint};
use super::region::Region;
use super::restore::Restoring;
use super::saved::SeenRecords;
use super::scope::{Scope, scope};
use super::series::{Call, Key};
use crate::cloudtrail::envelope::Limit;
use crate::cloudtrail::event::{AccountId, Category, Event, cut};
use crate::cloudtrail::insight::{Insight, SourceCategory};
use crate::rules::Action;
use crate::state::Fault;

/// Longest error code that names a series, bytes; a longer one is cut.
const ERROR_BYTES_MAX: usize = 256;
/// A held record can create as many series.
const SERIES_PER_RECORD: usize = 2;

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

/// Counters that accounts share: bounds and gauges, nothing that a score depends on (ISO-1).
#[derive(Debug)]
pub struct Shared {
    /// Bounds and knobs.
    pub settings: Settings,
    /// Horizons of the statistic.
    pub horizons: Horizons,
    /// Bytes of attribution values.
    pub attribution: Budget,
    /// Series held.
    pub series: usize,
    /// Records held until their time is confirmed; each has room for its series set aside.
    pub unconfirmed: usize,
    /// Principals known.
    pub principals: usize,
    /// Insights open, those left out that a rule suppresses.
    pub open: usize,
    /// eventIDs remembered.
    pub dedup_events: usize,
    /// Series that were ever begun: the number of the next one.
    pub series_begun: u64,
    /// What the open transaction has changed.
    pub journal: Journal,
}

/// What the journal keeps of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    attribution_bytes: usize,
    series: usize,
    unconfirmed: usize,
    principals: usize,
    open: usize,
    dedup_events: usize,
    series_begun: u64,
    clocks: usize,
    mature: usize,
    newest: i64,
}

/// What is live at the moment, for gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levels {
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

/// Events that are not verdicts, counted since they were last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    /// Counted records whose minute was already closed.
    pub late: u64,
    /// Attribution values that took the place of another.
    pub summarised: u64,
    /// Times the bound on eventIDs shortened the horizon.
    pub dedup_shortened: u64,
    /// Times the bound on held records made one give way.
    pub held_overflow: u64,
    /// Records of a principal that there was no room to remember: it counts as known.
    pub principals_full: u64,
}

/// What one series has shown so far.
#[derive(Clone, Copy, Debug)]
pub struct SeriesView<'a> {
    /// Account.
    pub account: AccountId,
    /// Region.
    pub region: &'a str,
    /// API, and error code of an error-rate series.
    pub key: Key<'a>,
    /// First minute of the account's history.
    pub begin: i64,
    /// The region's clock, seconds since 1970.
    pub clock: i64,
    /// Incidents and their summed excess, of the burst and the slow view, decayed.
    pub learnt: [(f64, f64); 2],
    /// Minutes watched, decayed.
    pub minutes: f64,
}

/// See the module.
#[derive(Debug)]
pub struct Detector {
    shared: Shared,
    by_id: HashMap<AccountId, u32>,
    accounts: Vec<Account>,
    clocks: usize,
    mature: usize,
    newest: i64,
    notices: Notices,
    pub(super) seen_records: SeenRecords,
    pub(super) restoring: Option<Box<Restoring>>,
    /// Records by the rule that decides about them, since they were last taken.
    matches: Vec<u64>,
}

impl Detector {
    /// A detector without history.
    pub fn new(settings: Settings) -> Self {
        let attribution = Budget {
            values_max: settings.values_max,
            value_bytes_max: settings.value_bytes_max,
            bytes_max: settings.attribution_bytes_max,
            bytes: 0,
            summarised: 0,
        };
        let horizons = Horizons::per_minute(settings.direction);
        let matches = vec![0; settings.rules.iter().len()];
        Self {
            shared: Shared {
                settings,
                horizons,
                attribution,
                series: 0,
                unconfirmed: 0,
                principals: 0,
                open: 0,
                dedup_events: 0,
                series_begun: 0,
                journal: Journal::default(),
            },
            by_id: HashMap::new(),
            accounts: Vec::new(),
            clocks: 0,
            mature: 0,
            newest: 0,
            notices: Notices::default(),
            seen_records: SeenRecords::default(),
            restoring: None,
            matches,
        }
    }

    /// Takes in one record. `wall` is the wall clock (seconds) when records arrive as they happen, none when files are
    /// replayed: a time close to the wall clock needs no confirmation.
    pub fn observe(&mut self, event: &Event<'_>, wall: Option<i64>, emit: &mut dyn FnMut(Insight)) -> Verdict {
        let in_scope = scope(event, self.shared.settings.data_events) != Scope::default();
        let rule = if in_scope { self.note_rule(event) } else { None };
        let excluded = rule.is_some_and(|rule| self.shared.settings.rules.at(rule).action == Action::Exclude);
        let outside = if excluded { Verdict::Excluded } else { Verdict::OutOfScope };
        let in_scope = in_scope && !excluded;
        let Some(account) = self.account(event) else {
            return if in_scope { Verdict::Shed(Limit::Accounts) } else { outside };
        };
        let region = self.region(account, event);
        self.note_principal(account, event);
        if !in_scope {
            return outside;
        }
        let Some(region) = region else { return Verdict::Shed(Limit::Clocks) };
        if self.is_too_late(account, region, event.time) {
            return Verdict::TooLate;
        }
        self.accounts[account].touch_region(region, &mut self.shared.journal, false);
        if !self.remember(account, region, event) {
            return Verdict::Duplicate;
        }
        self.admit(account, region, (event, rule), wall, emit)
    }

    /// The partition was read to its end at wall time `now` (seconds): silent clocks move on (WM-2).
    pub fn caught_up(&mut self, now: i64, emit: &mut dyn FnMut(Insight)) {
        for account in &mut self.accounts {
            for region in 0..account.regions.len() {
                account.idle(region, now, &mut self.shared, emit);
            }
        }
    }

    /// The end of all input: held records are applied in order of time, and every clock is brought up to the newest.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Insight)) {
        for account in 0..self.accounts.len() {
            for region in 0..self.accounts[account].regions.len() {
                while let Some(held) = self.accounts[account].regions[region].clock.take_earliest() {
                    self.apply_held(account, region, held, 0, emit);
                }
            }
        }
        for account in &mut self.accounts {
            for region in 0..account.regions.len() {
                if account.regions[region].clock.time().is_some() {
                    account.advance(region, self.newest, 0, &mut self.shared, emit);
                }
            }
        }
    }

    /// What is live now.
    pub fn levels(&self) -> Levels {
        Levels {
            series: self.shared.series as u64,
            accounts_learning: (self.accounts.len() - self.mature) as u64,
            accounts_live: self.mature as u64,
            insights_open: self.shared.open as u64,
            unconfirmed: self.shared.unconfirmed as u64,
            clock: self.newest,
            dedup_events: self.shared.dedup_events as u64,
        }
    }

    /// Shows each series held, in the order in which accounts, regions and series were first seen.
    pub fn each_series(&self, show: &mut dyn FnMut(SeriesView<'_>)) {
        for account in &self.accounts {
            for region in &account.regions {
                let Some(clock) = region.clock.time() else { continue };
                region.each_series(&self.shared, &mut |series, statistic| {
                    show(SeriesView {
                        account: account.id,
                        region: &region.name,
                        key: series.key(),
                        begin: account.begin(),
                        clock,
                        learnt: statistic.learnt(),
                        minutes: statistic.minutes(),
                    });
                });
            }
        }
    }

    /// Notices since the last call.
    pub fn take_notices(&mut self) -> Notices {
        self.notices.summarised = std::mem::take(&mut self.shared.attribution.summarised);
        std::mem::take(&mut self.notices)
    }

    /// Records by the position of the rule that decides about them, repeats included, since the last call.
    pub fn take_matches(&mut self, taken: &mut Vec<u64>) {
        taken.resize(self.matches.len(), 0);
        for (taken, matches) in taken.iter_mut().zip(&mut self.matches) {
            *taken += std::mem::take(matches);
        }
    }

    fn note_rule(&mut self, event: &Event<'_>) -> Option<u32> {
        let rule = self.shared.settings.rules.first_match(event, event.time)?;
        self.matches[rule as usize] += 1;
        Some(rule)
    }

    fn account(&mut self, event: &Event<'_>) -> Option<usize> {
        let at = match self.by_id.get(&event.account) {
            Some(&at) => at as usize,
            None if self.accounts.len() >= self.shared.settings.accounts_max => return None,
            None => {
                let number = self.accounts.len() as u32;
                self.by_id.insert(event.account, number);
                let mut new = Account::new(event.account, number, event.time, self.shared.settings.warm_up);
                new.touch(&mut self.shared.journal, true);
                self.accounts.push(new);
                number as usize
            }
        };
        self.accounts[at].touch(&mut self.shared.journal, false);
        self.mature += usize::from(self.accounts[at].note(event.time, &self.shared.settings));
        Some(at)
    }

    fn note_principal(&mut self, account: usize, event: &Event<'_>) {
        let room = self.shared.principals < self.shared.settings.principals_max;
        let (minute, of) = (event.time.div_euclid(60), fingerprint(&event.principal));
        let (journal, number) = (&mut self.shared.journal, account as u32);
        let noted = self.accounts[account].principals.note(of, minute, room, |principal| {
            if journal.is_first(&mut principal.touched) {
                journal.principal(number, of, Some(*principal));
            }
        });
        match noted {
            Noted::New => {
                self.shared.principals += 1;
                self.shared.journal.principal(number, of, None);
                if let Some(new) = self.accounts[account].principals.get(of) {
                    self.shared.journal.is_first(&mut new.touched);
                }
            }
            Noted::Known => {}
            Noted::NoRoom => self.notices.principals_full += 1,
        }
    }

    fn region(&mut self, account: usize, event: &Event<'_>) -> Option<usize> {
        let account = &mut self.accounts[account];
        if let Some(at) = account.region(&event.region) {
            return Some(at);
        }
        if self.clocks >= self.shared.settings.clocks_max {
            return None;
        }
        self.clocks += 1;
        account.regions.push(Region::new(&event.region, event.time));
        let at = account.regions.len() - 1;
        account.touch_region(at, &mut self.shared.journal, true);
        Some(at)
    }

    fn is_too_late(&self, account: usize, region: usize, time: i64) -> bool {
        let region = &self.accounts[account].regions[region];
        let horizon = region.clock.time().map_or(i64::MIN, |clock| clock - self.shared.settings.dedup_horizon_s);
        time < horizon.max(region.seen.floor())
    }

    fn remember(&mut self, account: usize, region: usize, event: &Event<'_>) -> bool {
        // Version 1.00 has no eventID: nothing to tell a repeat by, so such a record always counts.
        let Some(id) = &event.id else { return true };
        let seen = &mut self.accounts[account].regions[region].seen;
        let place = Place { account: account as u32, region: region as u32 };
        let hash = fingerprint(id);
        if self.shared.dedup_events < self.shared.settings.dedup_events_max {
            let new = seen.insert(hash, event.time);
            if new {
                self.shared.remembered(place, hash, event.time);
            }
            return new;
        }
        if seen.contains(hash, event.time) {
            return false;
        }
        // Rather a repeat that counts twice than a good record that does not count: a clock gives up its own oldest hours, and
        // where it has none to give, the record is not remembered.
        self.notices.dedup_shortened += 1;
        if let Some(freed) = seen.shorten() {
            self.shared.expired(place, freed);
            if seen.insert(hash, event.time) {
                self.shared.remembered(place, hash, event.time);
            }
        }
        true
    }

    fn admit(
        &mut self,
        account: usize,
        region: usize,
        (event, rule): (&Event<'_>, Option<u32>),
        wall: Option<i64>,
        emit: &mut dyn FnMut(Insight),
    ) -> Verdict {
        let jump_s = self.shared.settings.clock_jump_s;
        let wall_s = wall.unwrap_or(0);
        for held in self.accounts[account].regions[region].clock.confirmed(event.time, jump_s) {
            self.apply_held(account, region, held, wall_s, emit);
        }
        let near_wall = wall.is_some_and(|now| (event.time - now).abs() <= jump_s);
        if near_wall || !self.accounts[account].regions[region].clock.is_ahead(event.time, jump_s) {
            return self.apply(account, region, (event, rule), wall_s, emit);
        }
        // What is held is counted already (CNT-1), so there must be room for it when it is applied.
        let Some(reserved) = self.shared.reserve(event) else { return Verdict::Shed(Limit::Series) };
        let clock = &mut self.accounts[account].regions[region].clock;
        clock.hold(Box::new(event.to_static()), reserved);
        if clock.held() > self.shared.settings.held_max
            && let Some(earliest) = clock.take_earliest()
        {
            self.notices.held_overflow += 1;
            self.apply_held(account, region, earliest, wall_s, emit);
        }
        Verdict::Counted
    }

    fn apply_held(&mut self, account: usize, region: usize, held: Held, wall: i64, emit: &mut dyn FnMut(Insight)) {
        self.shared.unconfirmed -= 1;
        self.shared.attribution.bytes -= held.reserved;
        let rule = self.shared.settings.rules.first_match(&*held.event, held.event.time);
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
        let scope = scope(event, self.shared.settings.data_events);
        let account = &mut self.accounts[account];
        account.advance(region, event.time, wall, &mut self.shared, emit);
        self.newest = self.newest.max(event.time);
        let minute = event.time.div_euclid(60);
        let late = minute <= account.regions[region].clock.closed(self.shared.settings.lateness);
        let error = event.error.as_deref().map(|e| cut(e, ERROR_BYTES_MAX));
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
            entered |= account.count(region, key, &call, (principal, &mut counted), &mut self.shared, emit);
        }
        self.notices.late += u64::from(entered && late);
        if entered { Verdict::Counted } else { Verdict::Shed(Limit::Series) }
    }
}

impl Detector {
    /// Begins to note what changes, so that it can be rolled back and saved.
    pub fn start_journal(&mut self) {
        self.shared.journal.start();
        let counters = self.counters();
        self.shared.journal.next(counters);
    }

    /// Back to what was committed last.
    pub fn roll_back(&mut self) {
        journal::roll_back(self);
        self.notices = Notices::default();
        self.shared.attribution.summarised = 0;
        self.matches.fill(0);
    }

    /// What is noted so far is committed.
    pub(super) fn next_transaction(&mut self) {
        let counters = self.counters();
        self.shared.journal.next(counters);
    }

    /// Takes up an account that was restored.
    pub(super) fn take_up(&mut self, account: Account) {
        self.by_id.insert(account.id, account.number);
        self.mature += usize::from(account.is_mature());
        self.shared.principals += account.principals.len();
        self.accounts.push(account);
    }

    /// Takes up a region that was restored, as the next one of its account.
    pub(super) fn take_up_region(&mut self, account: AccountId, number: u32, region: Region) -> Result<(), Fault> {
        let missing = |why: String| Fault::damaged("region", why);
        let Some(&at) = self.by_id.get(&account) else { return Err(missing(format!("there is no account {account}"))) };
        let regions = &mut self.accounts[at as usize].regions;
        if regions.len() != number as usize {
            return Err(missing(format!("account {account} has no region number {}", regions.len())));
        }
        self.clocks += 1;
        self.newest = self.newest.max(region.clock.time().unwrap_or_default());
        let (reserved, held) = region.clock.reserved();
        self.shared.attribution.bytes += reserved;
        self.shared.unconfirmed += held;
        self.shared.series += region.entries().len();
        self.shared.open += region.entries().iter().filter(|entry| entry.series.is_shown()).count();
        regions.push(region);
        Ok(())
    }

    pub(super) fn region_mut(&mut self, account: AccountId, number: u32) -> Option<&mut Region> {
        let at = *self.by_id.get(&account)?;
        self.accounts[at as usize].regions.get_mut(number as usize)
    }

    pub(super) fn parts(&mut self) -> (&mut Vec<Account>, &mut Shared) {
        (&mut self.accounts, &mut self.shared)
    }

    pub(super) fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn counters(&self) -> Counters {
        let shared = &self.shared;
        Counters {
            attribution_bytes: shared.attribution.bytes,
            series: shared.series,
            unconfirmed: shared.unconfirmed,
            principals: shared.principals,
            open: shared.open,
            dedup_events: shared.dedup_events,
            series_begun: shared.series_begun,
            clocks: self.clocks,
            mature: self.mature,
            newest: self.newest,
        }
    }

    /// Accounts are gone, and the counters are what they were.
    pub(super) fn counted_again(&mut self, gone: &[AccountId], counters: Counters) {
        for account in gone {
            self.by_id.remove(account);
        }
        let shared = &mut self.shared;
        shared.attribution.bytes = counters.attribution_bytes;
        (shared.series, shared.unconfirmed, shared.principals) =
            (counters.series, counters.unconfirmed, counters.principals);
        (shared.open, shared.dedup_events, shared.series_begun) =
            (counters.open, counters.dedup_events, counters.series_begun);
        (self.clocks, self.mature, self.newest) = (counters.clocks, counters.mature, counters.newest);
    }
}

impl Shared {
    /// An eventID that was not known.
    fn remembered(&mut self, place: Place, hash: u64, time: i64) {
        self.dedup_events += 1;
        if self.journal.is_on() {
            self.journal.seen.push((place, hash, time));
        }
    }

    /// eventIDs that are forgotten.
    pub fn expired(&mut self, place: Place, bucket: Bucket) {
        self.dedup_events -= bucket.len();
        self.journal.expire(place, bucket);
    }

    /// Whether `more` series fit beside what is there and what is set aside for held records.
    pub fn has_room(&self, more: usize) -> bool {
        self.series + SERIES_PER_RECORD * self.unconfirmed + more <= self.settings.series_max
    }

    /// Sets room aside for the series of one record; returns the bytes, or nothing if there is no room.
    fn reserve(&mut self, event: &Event<'_>) -> Option<usize> {
        let error = event.error.as_deref().map_or("", |e| cut(e, ERROR_BYTES_MAX));
        let name_bytes = event.source.len() + event.name.len() + error.len();
        let series_bytes = self
            .attribution
            .least(name_bytes, [&event.principal, &event.agent, if error.is_empty() { "null" } else { error }]);
        let bytes = SERIES_PER_RECORD * series_bytes;
        if !self.has_room(SERIES_PER_RECORD) || self.attribution.bytes + bytes > self.attribution.bytes_max {
            return None;
        }
        self.attribution.bytes += bytes;
        self.unconfirmed += 1;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests;
