//! How far it has come: a bar on standard error when that is a terminal, nothing otherwise.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{DAY_SECONDS, Plan, Written};

/// See the module. Counts days of accounts, in seconds.
pub(super) struct Progress {
    bar: ProgressBar,
    start: i64,
    /// Seconds of traffic of each account.
    length: u64,
    accounts: u64,
}

impl Progress {
    /// A display for the traffic of a plan.
    pub(super) fn new(plan: &Plan) -> Self {
        let (length, accounts) = (u64::from(plan.days) * DAY_SECONDS as u64, plan.accounts as u64);
        let bar = if io::stderr().is_terminal() {
            ProgressBar::with_draw_target(Some(length * accounts), ProgressDrawTarget::stderr_with_hz(10))
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent}%, {msg}, {eta} left") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, start: plan.start, length, accounts }
    }

    /// Account number `account` has come to this time; those before it are done.
    pub(super) fn account(&self, account: usize, time: i64, written: &Written) {
        self.show(account as u64 * self.length + self.since_start(time), written);
    }

    /// All accounts have come to this time.
    pub(super) fn all(&self, time: i64, written: &Written) {
        self.show(self.accounts * self.since_start(time), written);
    }

    /// Takes the bar away.
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
        self.bar.set_message(format!("{} records, {} of JSON", written.records, HumanBytes(written.bytes)));
    }
}
