//! One account: its actors, their workloads, and its calls in order of time.

use super::calendar::{DAY, HOUR};
use super::call::{Actor, Call};
use super::label::Label;
use super::pending::{DueCalls, PendingCalls};
use super::workload::ScheduledWorkload;

/// One account of an organization. Accounts are independent: each can be built and generated alone.
#[derive(Clone, Debug)]
pub struct Account {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) regions: Vec<&'static str>,
    pub(crate) actors: Vec<Actor>,
    /// For each actor, the principal that Insights attributes its calls to.
    pub(crate) principals: Vec<String>,
    pub(crate) workloads: Vec<ScheduledWorkload>,
    pub(crate) labels: Vec<Label>,
    pub(crate) start: i64,
    pub(crate) days: u32,
}

impl Account {
    /// Twelve digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// [`Self::id`] as a number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The callers; [`Call::actor`] is an index into this list.
    pub fn actors(&self) -> &[Actor] {
        &self.actors
    }

    /// The regions where the account works, its main region first. Scanners also read other regions, and
    /// global services record in `us-east-1`.
    pub fn regions(&self) -> &[&'static str] {
        &self.regions
    }

    /// The attacks among its calls, in order of time.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The principal that Insights attributes an actor's calls to.
    pub fn principal(&self, actor: u32) -> &str {
        self.principals.get(actor as usize).map_or("unknown", String::as_str)
    }

    /// The account's calls in order of time. Holds one hour in memory, plus the calls that the day's
    /// workloads have already scheduled.
    pub fn calls(&self) -> impl Iterator<Item = Call> + '_ {
        Calls::new(self)
    }
}

/// The calls of an account, generated hour by hour.
#[derive(Debug)]
struct Calls<'a> {
    account: &'a Account,
    pending: PendingCalls,
    due: DueCalls,
    /// The next hour to generate, counted from the start of the plan.
    hour: i64,
}

impl<'a> Calls<'a> {
    fn new(account: &'a Account) -> Self {
        let end = account.start + i64::from(account.days) * DAY;
        Self { account, pending: PendingCalls::new(account.start, end), due: DueCalls::default(), hour: 0 }
    }

    fn make_hour(&mut self) {
        let start = self.account.start + self.hour * HOUR;
        for (nth, workload) in self.account.workloads.iter().enumerate() {
            workload.fill(nth, start, self.hour, &mut self.pending);
        }
        self.pending.advance(&mut self.due);
        self.hour += 1;
    }
}

impl Iterator for Calls<'_> {
    type Item = Call;

    fn next(&mut self) -> Option<Call> {
        loop {
            if let Some(call) = self.due.next() {
                return Some(call);
            }
            if self.hour >= i64::from(self.account.days) * 24 {
                return None;
            }
            self.make_hour();
        }
    }
}
