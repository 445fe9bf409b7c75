//! Pasts of accounts that `insightd load` has left in the history topic: read before a partition is first processed, and looked for now and then
//! while it is.
//!
//! How far a task has read is part of its state, so a past, and that it was taken in, are one transaction (EO-1). The topic may be missing or
//! not to be read: then there is nothing to take in, and that holds up nothing.

use std::time::Duration;

use super::{ANSWER_AGAIN, Worker};
use crate::stream::broker::{Action, Broker, Failure};
use crate::stream::task::Task;
use crate::stream::tasks::History;
use crate::stream::transaction::Transaction;

/// How often a running task looks whether there is something new.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Longest wait for messages in one turn.
const READ_MAX: Duration = Duration::from_millis(20);
/// Messages taken in before the worker looks at its other partitions. One may be a megabyte.
const MESSAGES_MAX: usize = 16;

impl<B: Broker, T: Task> Worker<'_, B, T> {
    /// One step of what there is to take in.
    pub(super) fn take_history(&mut self) -> Result<(), Failure> {
        let now = self.clock.elapsed();
        if self.down || self.rewind_due.is_some() || now < self.history_again {
            return Ok(());
        }
        let Some(at) = self.tasks.next_history() else { return Ok(()) };
        let (number, from) = (at.partition.partition, at.task.loaded());
        let complete = match at.history {
            History::Reading { .. } => self.read_history(),
            _ => self.broker.open_history(number, from).map(|something| !something),
        };
        let Some(at) = self.tasks.next_history() else { return Ok(()) };
        match complete {
            Ok(true) => self.history_is_read(),
            Ok(false) => {
                at.history = History::Reading { first: at.history.is_first() };
                Ok(())
            }
            // What need not be known now is asked again with the next look: each question may hold up the other partitions.
            Err(failure) if failure.action == Action::Fatal || !at.history.is_first() => {
                self.report.retrying("read the history topic", &failure.message);
                self.history_is_read()
            }
            Err(failure) => {
                self.report.retrying("read the history topic", &failure.message);
                at.history.begin_again(false);
                self.history_again = now + ANSWER_AGAIN;
                Ok(())
            }
        }
    }

    /// Takes in some messages; true when there is nothing more.
    fn read_history(&mut self) -> Result<bool, Failure> {
        let (now, wall) = (self.clock.elapsed(), self.clock.wall());
        let Some(at) = self.tasks.next_history() else { return Ok(true) };
        let (before, number) = (at.task.loaded(), at.partition.partition);
        let task = &mut at.task;
        let mut show = |next: i64, payload: &[u8]| {
            task.load(payload, next, wall);
            task.loaded()
        };
        let complete = self.broker.read_history(number, MESSAGES_MAX, READ_MAX, &mut show);
        if at.task.loaded() != before {
            let transaction = self.transaction.get_or_insert_with(|| Transaction::open(now));
            transaction.advance(&at.partition, at.position);
            // One past may have changed as much as many records: what was taken in is committed soon.
            transaction.urgent = true;
        }
        complete
    }

    fn history_is_read(&mut self) -> Result<(), Failure> {
        let Some(at) = self.tasks.next_history() else { return Ok(()) };
        let first = at.history.is_first();
        at.history = History::Read;
        if first { self.broker.resume(std::slice::from_ref(&at.partition)) } else { Ok(()) }
    }

    /// Lets the running tasks look again, one after the other, when all have looked: otherwise the last ones would never have their turn where looking takes long.
    pub(super) fn look_for_history(&mut self) {
        let now = self.clock.elapsed();
        if now >= self.next_look && self.tasks.next_history().is_none() {
            self.next_look = now + LOOK_AGAIN;
            self.tasks.running_mut().for_each(|running| running.history.look_again());
        }
    }
}
