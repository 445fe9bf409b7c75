//! Pasts of accounts that `insightd load` has left in the history topic: read before a partition is first processed, and looked for now and then
//! while it is.
//!
//! How far a task has read is part of its state, so a past, and that it was taken in, are one transaction (EO-1). The topic may be missing or
//! not to be read: then there is nothing to take in, and that holds up nothing.

use std::time::Duration;

use super::{ANSWER_AGAIN, Worker};
use crate::stream::broker::{Action, Broker, BrokerError};
use crate::stream::task::Task;
use crate::stream::tasks::Backfill;
use crate::stream::transaction::Transaction;

/// How often a running task looks whether there is something new.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Longest wait for messages in one turn.
const READ_MAX: Duration = Duration::from_millis(20);
/// Messages taken in before the worker looks at its other partitions. One may be a megabyte.
const MESSAGES_MAX: usize = 16;

impl<B: Broker, T: Task> Worker<'_, B, T> {
    /// One step of what there is to take in.
    pub(super) fn read_backfill_step(&mut self) -> Result<(), BrokerError> {
        let now = self.clock.elapsed();
        if self.down || self.rewind_due.is_some() || now < self.backfill_again {
            return Ok(());
        }
        let Some(at) = self.tasks.next_backfill() else { return Ok(()) };
        let (number, from) = (at.partition.partition, at.task.backfill_next());
        let complete = match at.backfill {
            Backfill::Reading { .. } => self.read_backfill(),
            _ => self.broker.open_backfill(number, from).map(|something| !something),
        };
        let Some(at) = self.tasks.next_backfill() else { return Ok(()) };
        match complete {
            Ok(true) => self.backfill_is_read(),
            Ok(false) => {
                at.backfill = Backfill::Reading { first: at.backfill.is_first() };
                Ok(())
            }
            // What need not be known now is asked again with the next look: each question may hold up the other partitions.
            Err(failure) if failure.action == Action::Fatal || !at.backfill.is_first() => {
                self.report.retrying("read the history topic", &failure.message);
                self.backfill_is_read()
            }
            Err(failure) => {
                self.report.retrying("read the history topic", &failure.message);
                at.backfill.begin_again(false);
                self.backfill_again = now + ANSWER_AGAIN;
                Ok(())
            }
        }
    }

    /// Takes in some messages; true when there is nothing more.
    fn read_backfill(&mut self) -> Result<bool, BrokerError> {
        let (now, wall) = (self.clock.elapsed(), self.clock.wall());
        let Some(at) = self.tasks.next_backfill() else { return Ok(true) };
        let (before, number) = (at.task.backfill_next(), at.partition.partition);
        let task = &mut at.task;
        let mut show = |next: i64, payload: &[u8]| {
            task.backfill(payload, next, wall);
            task.backfill_next()
        };
        let complete = self.broker.read_backfill(number, MESSAGES_MAX, READ_MAX, &mut show);
        if at.task.backfill_next() != before {
            let transaction = self.transaction.get_or_insert_with(|| Transaction::open(now));
            transaction.advance(&at.partition, at.position);
            // One past may have changed as much as many records: what was taken in is committed soon.
            transaction.urgent = true;
        }
        complete
    }

    fn backfill_is_read(&mut self) -> Result<(), BrokerError> {
        let Some(at) = self.tasks.next_backfill() else { return Ok(()) };
        let first = at.backfill.is_first();
        at.backfill = Backfill::Read;
        if first { self.broker.resume(std::slice::from_ref(&at.partition)) } else { Ok(()) }
    }

    /// Lets the running tasks look again, one after the other, when all have looked: otherwise the last ones would never have their turn where looking takes long.
    pub(super) fn look_for_history(&mut self) {
        let now = self.clock.elapsed();
        if now >= self.next_look && self.tasks.next_backfill().is_none() {
            self.next_look = now + LOOK_AGAIN;
            self.tasks.running_mut().for_each(|running| running.backfill.look_again());
        }
    }
}
