//! The progress of generating traffic.

use indicatif::{HumanBytes, ProgressBar};

use super::{DAY_SECONDS, Plan, Written};
use crate::commands::console::progress;

/// The bar. Its unit is a second of the traffic of one account.
pub(super) struct Progress {
    bar: ProgressBar,
    start: i64,
    /// Seconds of traffic of each account.
    length: u64,
    accounts: u64,
}

impl Progress {
    /// The bar for the traffic of a plan.
    pub(super) fn new(plan: &Plan) -> Self {
        let (length, accounts) = (u64::from(plan.days) * DAY_SECONDS as u64, plan.accounts as u64);
        let bar = progress::ticking_bar(Some(length * accounts), "{bar:30} {percent}%, {msg}{eta} left");
        Self { bar, start: plan.start, length, accounts }
    }

    /// The account of this number has reached this time; all accounts before it are done.
    pub(super) fn account(&self, account: usize, time: i64, written: &Written) {
        self.show(account as u64 * self.length + self.since_start(time), written);
    }

    /// All accounts have reached this time.
    pub(super) fn all(&self, time: i64, written: &Written) {
        self.show(self.accounts * self.since_start(time), written);
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn since_start(&self, time: i64) -> u64 {
        u64::try_from(time - self.start).unwrap_or(0).min(self.length)
    }

    fn show(&self, position: u64, written: &Written) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_position(position);
        // Until now there was no message, so the comma after it belongs to it.
        self.bar.set_message(format!("{} records, {} of JSON, ", written.records, HumanBytes(written.bytes)));
    }
}
