//! When the open transaction is committed, and what becomes of it when it cannot be.

use std::time::Duration;

use super::Worker;
use crate::crash::crash_point;
use crate::stream::broker::{Action, Assigned, Broker, BrokerError, Cause, Outgoing, Position};
use crate::stream::task::Task;
use crate::stream::transaction::Transaction;
use crate::stream::watchdog::Phase;

impl<B: Broker, T: Task> Worker<'_, B, T> {
    /// Whether to commit without waiting for `commit_interval`. The clock is read only where it matters.
    pub(super) fn is_full(&self, open: &Transaction, now: Option<Duration>) -> bool {
        let urgent = || open.urgent && now.unwrap_or_else(|| self.clock.elapsed()) >= self.next_urgent;
        open.messages >= self.limits.transaction_records_max || urgent()
    }

    pub(super) fn commit_is_due(&self, now: Duration) -> bool {
        let Some(open) = &self.transaction else { return false };
        // What the broker does not know of yet can wait until one is in reach, and outlives any time-out.
        let possible = open.begun || !self.down;
        possible && (self.is_full(open, Some(now)) || now >= open.opened + self.limits.commit_interval)
    }

    /// Commits what is open: what was produced, the state of every task that changed, and the offsets behind it (EO-1).
    pub(super) fn commit(&mut self) -> Result<(), BrokerError> {
        if self.transaction.is_none() {
            return Ok(());
        }
        self.report.at(Phase::Commit);
        let started = self.clock.elapsed();
        let outcome = self.save().and_then(|()| match &self.transaction {
            Some(open) => self.broker.commit_with_offsets(&open.positions()),
            None => Ok(()),
        });
        match outcome {
            Ok(()) => {
                self.committed(started);
                Ok(())
            }
            Err(failure) => self.recover(failure),
        }
    }

    /// Adds the changelog's records to the open transaction.
    fn save(&mut self) -> Result<(), BrokerError> {
        let Some(open) = &mut self.transaction else { return Ok(()) };
        if !open.begun {
            self.broker.begin()?;
            open.begun = true;
        }
        for running in self.tasks.running_mut() {
            if !running.task.is_changed() && !open.touches(&running.partition) {
                continue;
            }
            let number = running.partition.partition;
            let (mut outcome, mut records, mut bytes) = (Ok(()), 0, 0);
            let mut write = |key: &[u8], value: Option<&[u8]>| {
                records += 1;
                bytes += (key.len() + value.map_or(0, <[u8]>::len)) as u64;
                let topic = self.publishing.state_topic.as_str();
                let record = Outgoing { topic, partition: Some(number), key: Some(key), value, headers: &[] };
                if outcome.is_ok() {
                    outcome = self.broker.produce(&record);
                }
            };
            let state = running.task.save(running.position, &mut write);
            outcome?;
            crash_point!("producing");
            open.state_records += records;
            open.state_bytes += bytes;
            // Also where time alone has passed: so a worker that lost the partition without knowing it is fenced by its generation.
            open.advance(&running.partition, running.position);
            open.saved(&running.partition, state);
        }
        Ok(())
    }

    /// The open transaction is committed: what it held may be told.
    fn committed(&mut self, started: Duration) {
        self.failed = 0;
        for running in self.tasks.running_mut() {
            running.task.commit();
            running.committed = running.position;
        }
        if let Some(done) = self.transaction.take() {
            let now = self.clock.elapsed();
            let took = now.saturating_sub(started);
            // One insight after the other (a backlog, an attack) shares commits: they take half of the time at most.
            self.next_urgent = now + took;
            self.report.committed(&done, took, now.saturating_sub(done.opened), self.clock.wall());
        }
        self.tell_committed();
    }

    /// A transaction could not be committed, or nobody knows whether it was: it is ended, and all partitions go back to the committed
    /// offsets. Nothing is fetched until that is done.
    ///
    /// # Errors
    /// A failure that no going back helps against: this process is not wanted any more, or a fault of its own.
    pub(super) fn recover(&mut self, failure: BrokerError) -> Result<(), BrokerError> {
        let fenced = failure.cause == Cause::ProducerFenced;
        if failure.cause == Cause::MemberFenced || (failure.action == Action::Fatal && !fenced) {
            return Err(failure);
        }
        self.report.at(Phase::Rewind);
        let begun = self.transaction.as_ref().is_some_and(|open| open.begun);
        // A producer that cannot abort is of no more use; its successor ends what it left open.
        self.producer_lost |= fenced || (begun && self.broker.abort().is_err());
        let opened = self.transaction.as_ref().map_or_else(|| self.clock.elapsed(), |open| open.opened);
        self.report.aborted(fenced, self.clock.elapsed().saturating_sub(opened), &failure.message);
        // What fails again and again is tried ever more seldom.
        let pause = if self.failed == 0 { Duration::ZERO } else { super::ANSWER_AGAIN * (1 << self.failed.min(5)) };
        self.failed = self.failed.saturating_add(1);
        self.rewind_due = Some(self.clock.elapsed() + pause);
        self.broker.pause(&self.tasks.running())?;
        self.rewind()
    }

    /// Goes back to the committed offsets, if that is due and can be done now.
    pub(super) fn rewind(&mut self) -> Result<(), BrokerError> {
        let now = self.clock.elapsed();
        if self.rewind_due.is_none_or(|at| now < at) {
            return Ok(());
        }
        let renewed = if self.producer_lost { self.broker.renew() } else { Ok(()) };
        self.producer_lost &= renewed.is_err();
        match renewed.and_then(|()| self.broker.rewind()) {
            Ok(assigned) => {
                self.rewind_due = None;
                self.taken_back(&assigned)
            }
            Err(failure) if failure.action == Action::Retry => {
                self.report.retrying("go back to the committed offsets", &failure.message);
                self.rewind_due = Some(now + super::ANSWER_AGAIN);
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    /// The committed offsets after a transaction that failed. They tell whether it was committed after all; otherwise memory goes back to
    /// what was committed before (EO-3), and where somebody else has moved on, it is restored.
    fn taken_back(&mut self, assigned: &[Assigned]) -> Result<(), BrokerError> {
        let open = self.transaction.take();
        if let Some(open) =
            open.filter(|open| open.is_saved() && open.positions().iter().all(|p| was_committed(p, assigned)))
        {
            let opened = open.opened;
            self.transaction = Some(open);
            self.committed(opened);
        }
        let make_task = self.make_task;
        for running in self.tasks.running_mut() {
            running.roll_back();
            running.at_end = false;
            match assigned.iter().find(|now| now.partition == running.partition) {
                Some(now) if running.fits(now) => {}
                Some(now) => running.restart(now, make_task()),
                None => {}
            }
        }
        for other in self.tasks.unready_mut() {
            // Its partition may have been moved on as well while it waited for its state: what it would be restored to is of the past.
            if let Some(now) = assigned.iter().find(|now| now.partition == other.partition && **now != other.began) {
                other.restart(now, make_task());
            }
        }
        self.broker.resume(&self.tasks.running())
    }

    /// The last commit. What was only read, while no broker is in reach, is left to the next start.
    pub(super) fn finish(&mut self) -> Result<(), BrokerError> {
        match &self.transaction {
            // It failed and is aborted; what it held is done again by the next start.
            _ if self.rewind_due.is_some() => Ok(()),
            Some(open) if self.down && !open.begun => Ok(()),
            _ => self.commit(),
        }
    }

    /// Ends the open transaction as well as it can be done, because the process ends with this failure.
    pub(super) fn give_up(&mut self, failure: BrokerError) -> BrokerError {
        if let Some(open) = self.transaction.take().filter(|open| open.begun) {
            // Where the producer itself is of no more use, the coordinator does it: at the next start, or at the time-out.
            let confirmed = failure.cause == Cause::Other && self.broker.abort().is_ok();
            let age = self.clock.elapsed().saturating_sub(open.opened);
            self.report.aborted(failure.cause == Cause::ProducerFenced, age, &failure.message);
            let ended = if confirmed { "aborted" } else { "lost" };
            let message = format!(
                "{}; the open transaction is {ended}, the next start takes up at the committed offsets",
                failure.message
            );
            return BrokerError { message, ..failure };
        }
        failure
    }
}

fn was_committed(position: &Position, assigned: &[Assigned]) -> bool {
    let is_there = |now: &Assigned| now.position == position.next && now.state == Some(position.state);
    assigned.iter().any(|now| now.partition == position.partition && is_there(now))
}
