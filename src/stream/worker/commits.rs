//! When the open transaction is committed, and what becomes of it when it cannot be.

use std::time::Duration;

use super::Worker;
use crate::stream::broker::{Broker, Cause, Failure};
use crate::stream::task::Task;
use crate::stream::transaction::Transaction;

impl<B: Broker, T: Task> Worker<'_, B, T> {
    /// Whether to commit without waiting for `commit_interval`. The clock is read only where it matters.
    pub(super) fn is_full(&self, open: &Transaction, now: Option<Duration>) -> bool {
        let urgent = || open.urgent && now.unwrap_or_else(|| self.clock.elapsed()) >= self.next_urgent;
        open.messages >= self.pace.transaction_records_max || urgent()
    }

    pub(super) fn commit_is_due(&self, now: Duration) -> bool {
        let Some(open) = &self.transaction else { return false };
        // What the broker does not know of yet can wait until one is in reach, and outlives any time-out.
        let possible = open.begun || !self.down;
        possible && (self.is_full(open, Some(now)) || now >= open.opened + self.pace.commit_interval)
    }

    pub(super) fn commit(&mut self) -> Result<(), Failure> {
        let Some(open) = &mut self.transaction else { return Ok(()) };
        let started = self.clock.elapsed();
        if !open.begun {
            self.broker.begin()?;
            open.begun = true;
        }
        self.broker.commit_with_offsets(&open.offsets())?;
        if let Some(done) = self.transaction.take() {
            let now = self.clock.elapsed();
            let took = now - started;
            // One insight after the other (a backlog, an attack) shares commits: they take half of the time at most.
            self.next_urgent = now + took;
            self.report.committed(&done, took, now - done.opened, self.clock.wall());
        }
        self.tell_committed();
        Ok(())
    }

    /// The last commit. What was only read, while no broker is in reach, is left to the next start.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        match &self.transaction {
            Some(open) if self.down && !open.begun => Ok(()),
            _ => self.commit(),
        }
    }

    /// Ends the open transaction after a failure, as well as it can be done, and says what that means.
    pub(super) fn give_up(&mut self, failure: Failure) -> Failure {
        let Some(open) = self.transaction.take().filter(|open| open.begun) else { return failure };
        // Where the producer itself is of no more use, the coordinator does it: at the next start, or at the time-out.
        let confirmed = failure.cause == Cause::Other && self.broker.abort().is_ok();
        let age = self.clock.elapsed().saturating_sub(open.opened);
        self.report.aborted(failure.cause == Cause::ProducerFenced, age);
        let message = format!(
            "{}; the open transaction is {} and what it held in memory cannot be rolled back, so the process ends; \
             start it again, it takes up at the committed offsets",
            failure.message,
            if confirmed { "aborted" } else { "lost" },
        );
        Failure { message, ..failure }
    }
}
