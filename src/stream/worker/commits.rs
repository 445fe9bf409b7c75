//! When the open transaction is committed, and what happens if it cannot be.

use std::time::Duration;

use insightd_core::invariants::{
    Invariant, StateAt, is_owned, offset_follows, state_advances, state_belongs_to_offset,
};

use super::{Mode, RETRY_AFTER, Worker};
use crate::crash::crash_point;
use crate::stream::broker::{Action, Assigned, Broker, BrokerError, Cause, Outgoing, Position};
use crate::stream::report::Committed;
use crate::stream::task::Task;
use crate::stream::transaction::Transaction;
use crate::stream::watchdog::Phase;

/// The pause after transactions that fail in a row doubles up to this many times.
const BACKOFF_DOUBLINGS_MAX: u32 = 5;

impl<B: Broker, T: Task> Worker<'_, B, T> {
    /// Whether to commit without waiting for `commit_interval`. Reads the clock only where it matters.
    pub(super) fn is_full(&self, open: &Transaction, now: Option<Duration>) -> bool {
        let urgent = || open.urgent && now.unwrap_or_else(|| self.clock.elapsed()) >= self.deadlines.urgent_commit;
        open.messages >= self.limits.transaction_records_max || urgent()
    }

    pub(super) fn commit_is_due(&self, now: Duration) -> bool {
        let Some(open) = &self.transaction else { return false };
        // A transaction that the broker does not know of has no timeout: it can wait until a broker is
        // reachable.
        let possible = open.begun || !self.is_down;
        possible && (self.is_full(open, Some(now)) || now >= open.opened + self.limits.commit_interval)
    }

    /// Commits the open transaction: what was produced, the state of every task that changed, and the offsets
    /// behind it (EO-1).
    pub(super) fn commit(&mut self) -> Result<(), BrokerError> {
        if self.transaction.is_none() {
            return Ok(());
        }
        self.report.at(Phase::Commit);
        let started = self.clock.elapsed();
        let outcome = self.save().and_then(|()| match self.checked_positions() {
            Some(positions) => self.broker.commit_with_offsets(&positions),
            None => Ok(()),
        });
        match outcome {
            Ok(()) => {
                self.committed(started);
                Ok(())
            }
            Err(error) => self.recover(error),
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
            // Even if only time has passed, so that the generation fences a worker that lost the partition
            // without knowing it.
            open.advance(&running.partition, running.position, &mut self.violations);
            open.saved(&running.partition, state);
        }
        Ok(())
    }

    /// The offsets that the open transaction commits, each checked against its task (OWN-1, EO-1, EO-2).
    fn checked_positions(&mut self) -> Option<Vec<Position>> {
        let positions = self.transaction.as_ref()?.positions();
        for Position { partition, next, state } in &positions {
            let held = self.tasks.iter().map(|task| &task.partition);
            let text = || format!("offset {next} of {partition} is to be committed, which this worker does not hold");
            self.violations.check(Invariant::Own1, is_owned(partition, held), text);
            let Some(task) = self.tasks.find(&partition.topic, partition.partition) else { continue };
            let (before, position) = (task.committed, task.position);
            let (saved, committed) =
                (StateAt { next: position, state: *state }, StateAt { next: *next, state: *state });
            let belongs = state_belongs_to_offset(saved, committed) && state_advances(before.state, *state);
            self.violations.check(Invariant::Eo1, belongs, || {
                format!("{partition}: saved is {saved:?}, to be committed is {committed:?}, after {before:?}")
            });
            let follows = offset_follows(task.floor, task.applied, *next);
            self.violations.check(Invariant::Eo2, follows, || {
                format!(
                    "{partition}: {next} is to be committed after {}, last applied is {:?}",
                    task.floor, task.applied
                )
            });
        }
        Some(positions)
    }

    /// The open transaction is committed: what it held may be reported.
    fn committed(&mut self, started: Duration) {
        self.failures_in_row = 0;
        for running in self.tasks.running_mut() {
            running.commit();
        }
        if let Some(done) = self.transaction.take() {
            let now = self.clock.elapsed();
            let took = now.saturating_sub(started);
            // Insights in quick succession (a backlog, an attack) share commits, which take at most half of
            // the time.
            self.deadlines.urgent_commit = now + took;
            let (open, wall) = (now.saturating_sub(done.opened), self.clock.wall());
            self.report.committed(&Committed { transaction: &done, took, open, wall });
        }
        self.report_committed_counts();
    }

    /// Ends a transaction that could not be committed, or whose outcome is unknown: all partitions return to
    /// the committed offsets. Nothing is fetched until that is done.
    ///
    /// # Errors
    /// An error that no rewind cures: this process was replaced, or is itself at fault.
    pub(super) fn recover(&mut self, error: BrokerError) -> Result<(), BrokerError> {
        let fenced = error.cause == Cause::ProducerFenced;
        if error.cause == Cause::MemberFenced || (error.action == Action::Fatal && !fenced) {
            return Err(error);
        }
        self.report.at(Phase::Rewind);
        let begun = self.transaction.as_ref().is_some_and(|open| open.begun);
        // A producer that cannot abort is unusable; its successor ends what it left open.
        let lost_now = fenced || (begun && self.broker.abort().is_err());
        let producer_lost = self.is_producer_lost() || lost_now;
        let now = self.clock.elapsed();
        let opened = self.transaction.as_ref().map_or(now, |open| open.opened);
        self.report.aborted(fenced, now.saturating_sub(opened), &error.message);
        let pause = match self.failures_in_row {
            0 => Duration::ZERO,
            failures => RETRY_AFTER * (1 << failures.min(BACKOFF_DOUBLINGS_MAX)),
        };
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.mode = Mode::Rewinding { due: self.clock.elapsed() + pause, producer_lost };
        self.broker.pause(&self.tasks.fetched())?;
        self.rewind()
    }

    /// Returns to the committed offsets, if that is due and possible now.
    pub(super) fn rewind(&mut self) -> Result<(), BrokerError> {
        let now = self.clock.elapsed();
        let Mode::Rewinding { due, producer_lost } = self.mode else { return Ok(()) };
        if now < due {
            return Ok(());
        }
        let renewed = if producer_lost { self.broker.renew() } else { Ok(()) };
        let producer_lost = producer_lost && renewed.is_err();
        self.mode = Mode::Rewinding { due, producer_lost };
        match renewed.and_then(|()| self.broker.rewind()) {
            Ok(assigned) => {
                self.mode = Mode::Processing;
                self.resume_at(&assigned)
            }
            Err(error) if error.action == Action::Retry => {
                self.report.retrying("go back to the committed offsets", &error.message);
                self.mode = Mode::Rewinding { due: now + RETRY_AFTER, producer_lost };
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Continues at the committed offsets after a transaction that failed. They show whether it was committed
    /// after all. If not, memory returns to the last commit (EO-3); where another worker has committed since,
    /// the state is restored.
    fn resume_at(&mut self, assigned: &[Assigned]) -> Result<(), BrokerError> {
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
            running.roll_back(&mut self.violations);
            running.at_end = false;
            match assigned.iter().find(|now| now.partition == running.partition) {
                Some(now) if running.fits(now) => {}
                Some(now) => running.restart(now, make_task()),
                None => {}
            }
        }
        for other in self.tasks.unready_mut() {
            // Another worker may have committed for its partition while it waited: then it would be restored
            // to a state of the past.
            if let Some(now) = assigned.iter().find(|now| now.partition == other.partition && **now != other.began) {
                other.restart(now, make_task());
            }
        }
        self.broker.resume(&self.tasks.fetched())
    }

    /// The last commit. If no broker is reachable, records that were only read are left to the next start.
    pub(super) fn finish(&mut self) -> Result<(), BrokerError> {
        match &self.transaction {
            // It failed and is aborted; the next start does its work again.
            _ if self.is_rewinding() => Ok(()),
            Some(open) if self.is_down && !open.begun => Ok(()),
            _ => self.commit(),
        }
    }

    /// Ends the open transaction as well as possible, because the process ends with this error.
    pub(super) fn give_up(&mut self, error: BrokerError) -> BrokerError {
        if let Some(open) = self.transaction.take().filter(|open| open.begun) {
            // If the producer itself is unusable, the coordinator aborts: at the next start, or at the
            // timeout.
            let confirmed = error.cause == Cause::Other && self.broker.abort().is_ok();
            let age = self.clock.elapsed().saturating_sub(open.opened);
            self.report.aborted(error.cause == Cause::ProducerFenced, age, &error.message);
            let ended = if confirmed { "aborted" } else { "lost" };
            let message = format!(
                "{}; the open transaction is {ended}, the next start takes up at the committed offsets",
                error.message
            );
            return BrokerError { message, ..error };
        }
        error
    }
}

fn was_committed(position: &Position, assigned: &[Assigned]) -> bool {
    let is_there = |now: &Assigned| now.position == position.next && now.state == Some(position.state);
    assigned.iter().any(|now| now.partition == position.partition && is_there(now))
}
