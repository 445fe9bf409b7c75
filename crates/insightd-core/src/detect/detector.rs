//! Records in; verdicts and insights out. The one entrance to detection.
//!
//! A record passes these files in order: here its scope, its rule and its account are found; [`observing`]:
//! what it shows of its account; [`admitting`]: whether it counts now, later or not at all; [`closing`]:
//! the minutes that its clock closes; [`counting`]: its series, and the insight that it may start.

mod admitting;
mod closing;
mod counting;
mod observing;

use hashbrown::HashMap;

use crate::cloudtrail::event::{AccountId, Event};
use crate::cloudtrail::insight::Insight;
use crate::cloudtrail::outcome::Limit;
use crate::detect::Settings;
use crate::detect::context::{DetectorContext, DetectorEvents};
use crate::detect::intake::incoming::{Arrival, IncomingRecord};
use crate::detect::intake::scope::Scope;
use crate::detect::model::account::Account;
use crate::detect::model::region::Region;
use crate::detect::store::event_records::EventRecords;
use crate::detect::store::rollback::roll_back;
use crate::invariants::{Invariant, Violations, is_own};
use crate::rules::Action;

/// The outcome of one decoded record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It enters at least one series, now or once its time is confirmed.
    Counted,
    /// Its eventID was already seen.
    Duplicate,
    /// It enters no series.
    OutOfScope,
    /// A rule excludes it from the series that it would enter.
    Excluded,
    /// Older than the deduplication horizon.
    TooLate,
    /// A limit was reached.
    Shed(Limit),
}

/// Current numbers, for the gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gauges {
    /// Series held.
    pub series: u64,
    /// Accounts too young for an insight.
    pub accounts_learning: u64,
    /// Accounts old enough.
    pub accounts_live: u64,
    /// Insights open, without those that a rule suppresses.
    pub insights_open: u64,
    /// Records quarantined until another one confirms their time.
    pub unconfirmed: u64,
    /// Latest event-time clock, seconds since 1970; 0 before the first.
    pub clock: i64,
    /// eventIDs remembered.
    pub dedup_events: u64,
}

/// The detector of one partition, or of all files of a replay.
#[derive(Debug)]
pub struct Detector {
    pub(super) context: DetectorContext,
    pub(super) by_id: HashMap<AccountId, u32>,
    pub(super) accounts: Vec<Account>,
    pub(super) event_records: EventRecords,
    /// Records by the rule that decides about them, since they were last taken.
    rule_matches: Vec<u64>,
}

impl Detector {
    /// A detector without history.
    pub fn new(settings: Settings) -> Self {
        let rule_matches = vec![0; settings.rules.iter().len()];
        Self {
            rule_matches,
            context: DetectorContext::new(settings),
            by_id: HashMap::new(),
            accounts: Vec::new(),
            event_records: EventRecords::default(),
        }
    }

    /// Observes one record. `wall` is the wall clock (seconds), or none in a replay of files. A time close to
    /// the wall clock needs no confirmation.
    pub fn observe(&mut self, event: &Event<'_>, wall: Option<i64>, emit: &mut dyn FnMut(Insight)) -> Verdict {
        let (record, outside) = self.incoming(event);
        let is_in_scope = !record.scope.is_empty();
        let Some(account_index) = self.account(event.account) else {
            return if is_in_scope { Verdict::Shed(Limit::Accounts) } else { outside };
        };
        let region_index = self.region(account_index, &event.region);
        let (account, context) = (&mut self.accounts[account_index], &mut self.context);
        let arrival = Arrival::new(event.time, wall, context.settings.clock_jump_s);
        account.observe(&record, region_index, arrival, context);
        if !is_in_scope {
            return outside;
        }
        let Some(region_index) = region_index else { return Verdict::Shed(Limit::Clocks) };
        if account.is_too_late(region_index, event.time, context) {
            return Verdict::TooLate;
        }
        let mut foreign = None;
        let verdict = account.admit(region_index, &record, arrival, context, &mut |insight| {
            if !is_own(&insight.account, &event.account) {
                foreign = Some(insight.account);
            }
            emit(insight);
        });
        context.violations.check(Invariant::Iso1, foreign.is_none(), || {
            format!("a record of account {} has raised an insight of {foreign:?}", event.account)
        });
        verdict
    }

    /// A record with its scope and its rule, and its verdict if it enters no series.
    fn incoming<'a>(&mut self, event: &'a Event<'a>) -> (IncomingRecord<'a>, Verdict) {
        let settings = &self.context.settings;
        let scope = Scope::of(event, settings.data_events);
        let rule = if scope.is_empty() { None } else { settings.rules.first_match(event, event.time) };
        if let Some(rule) = rule {
            self.rule_matches[rule as usize] += 1;
            if settings.rules.at(rule).action == Action::Exclude {
                return (IncomingRecord::new(event, Scope::default(), None), Verdict::Excluded);
            }
        }
        (IncomingRecord::new(event, scope, rule), Verdict::OutOfScope)
    }

    /// The partition was read to its end at wall time `now` (seconds): idle clocks advance (WM-2). Returns
    /// whether any clock advanced.
    pub fn caught_up(&mut self, now: i64, emit: &mut dyn FnMut(Insight)) -> bool {
        let mut advanced = false;
        for account in &mut self.accounts {
            for i in 0..account.state.region_order.len() {
                let region_index = account.state.region_order[i] as usize;
                advanced |= account.advance_idle(region_index, now, &mut self.context, emit);
            }
        }
        advanced
    }

    /// Ends the input. For each account: applies, in order of time, the quarantined records that are not
    /// ahead of the account; brings every clock to the account's newest; then applies the records that
    /// nothing has confirmed.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Insight)) {
        for account in &mut self.accounts {
            account.release_quarantined(false, &mut self.context, emit);
            account.bring_clocks_up(&mut self.context, emit);
            account.release_quarantined(true, &mut self.context, emit);
            account.confirm_all_observations(&mut self.context);
        }
    }

    /// Current numbers.
    pub fn gauges(&self) -> Gauges {
        let totals = &self.context.totals;
        Gauges {
            series: totals.series as u64,
            accounts_learning: totals.accounts_learning as u64,
            accounts_live: totals.accounts_live as u64,
            insights_open: totals.open as u64,
            unconfirmed: totals.quarantined as u64,
            clock: totals.newest,
            dedup_events: totals.dedup_events as u64,
        }
    }

    /// Events since the last call.
    pub fn take_events(&mut self) -> DetectorEvents {
        let mut events = std::mem::take(&mut self.context.events);
        events.summarized = std::mem::take(&mut self.context.quota.summarized);
        events
    }

    /// Violations of invariants found since the last call: ISO-1, LOAD-1, LOAD-2, WM-1, WM-2.
    pub fn take_violations(&mut self) -> Violations {
        std::mem::take(&mut self.context.violations)
    }

    /// Adds to `taken` the records since the last call, by the position of the rule that decides about them;
    /// repeats included.
    pub fn take_matches(&mut self, taken: &mut Vec<u64>) {
        taken.resize(self.rule_matches.len(), 0);
        for (taken, matches) in taken.iter_mut().zip(&mut self.rule_matches) {
            *taken += std::mem::take(matches);
        }
    }

    /// Index of an account; none if it is new and there is no room for it.
    pub(super) fn account(&mut self, id: AccountId) -> Option<usize> {
        if let Some(&account_index) = self.by_id.get(&id) {
            return Some(account_index as usize);
        }
        if self.accounts.len() >= self.context.settings.accounts_max {
            return None;
        }
        let number = self.accounts.len() as u32;
        self.by_id.insert(id, number);
        let (warm_up, changes) = (self.context.settings.warm_up, &mut self.context.transaction.accounts);
        self.accounts.push(Account::created(id, number, warm_up, changes));
        Some(number as usize)
    }

    /// Index of a region in its account; none if it is new and there is no room for it.
    pub(super) fn region(&mut self, account_index: usize, name: &str) -> Option<usize> {
        let account = &mut self.accounts[account_index];
        if let Some(region_index) = account.region(name) {
            return Some(region_index);
        }
        if self.context.totals.clocks >= self.context.settings.clocks_max {
            return None;
        }
        self.context.totals.clocks += 1;
        let region_index = account.regions.len();
        account.regions.push(Region::created(
            name,
            account.region_id(region_index),
            &mut self.context.transaction.regions,
        ));
        Some(region_index)
    }
}

impl Detector {
    /// Starts recording changes, so that they can be rolled back and saved.
    pub fn start_undo(&mut self) {
        self.context.transaction.start_recording();
        self.context.next_transaction();
    }

    /// Restores the last committed state (EO-3).
    pub fn roll_back(&mut self) {
        for account in roll_back(&mut self.accounts, &mut self.context) {
            self.by_id.remove(&account);
        }
        self.rule_matches.fill(0);
    }
}

#[cfg(test)]
mod tests;
