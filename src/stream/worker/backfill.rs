//! Backfills that `insightd load` wrote to the backfill topic: read before a partition is first processed,
//! and probed for every few seconds while it is.
//!
//! How far a task has read the topic is part of its state, so a backfill and the fact that it is merged are
//! one transaction (EO-1). If the topic is missing or unreadable, there is nothing to merge and nothing waits
//! for it.

use std::time::Duration;

use super::{RETRY_AFTER, Worker};
use crate::stream::broker::{Action, Broker, BrokerError};
use crate::stream::task::Task;
use crate::stream::tasks::Backfill;
use crate::stream::transaction::Transaction;

/// Interval at which running tasks probe for new messages.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// Longest wait for messages in one poll iteration.
const READ_MAX: Duration = Duration::from_millis(20);
/// Messages read before the worker attends to its other partitions. One may be a megabyte.
const MESSAGES_MAX: usize = 16;
const DOING: &str = "read the backfill topic";

impl<B: Broker, T: Task> Worker<'_, B, T> {
    /// One step of the backfill that is next: a probe, or some messages.
    pub(super) fn step_backfill(&mut self) -> Result<(), BrokerError> {
        let now = self.clock.elapsed();
        if self.is_down || self.is_rewinding() || now < self.deadlines.backfill {
            return Ok(());
        }
        let Some(at) = self.tasks.next_backfill() else { return Ok(()) };
        let (number, from) = (at.partition.partition, at.task.backfill_next());
        let complete = match at.backfill {
            Backfill::Reading { .. } => self.read_backfill(),
            _ => self.broker.open_backfill(number, from).map(|has_messages| !has_messages),
        };
        let Some(at) = self.tasks.next_backfill() else { return Ok(()) };
        match complete {
            Ok(true) => self.backfill_is_read(),
            Ok(false) => {
                at.backfill = Backfill::Reading { first: at.backfill.is_first() };
                Ok(())
            }
            // Anything not urgent waits for the next probe: each request may delay the other partitions.
            Err(error) if error.action == Action::Fatal || !at.backfill.is_first() => {
                self.report.retrying(DOING, &error.message);
                self.backfill_is_read()
            }
            Err(error) => {
                self.report.retrying(DOING, &error.message);
                at.backfill.begin_again(false);
                self.deadlines.backfill = now + RETRY_AFTER;
                Ok(())
            }
        }
    }

    /// Reads some messages; true if nothing is left.
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
            transaction.advance(&at.partition, at.position, &mut self.violations);
            // One backfill may change as much as many records do: it is committed soon.
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

    /// Makes the running tasks probe again, one after the other. Waits until all have finished the previous
    /// round: otherwise the last ones would never get their turn where a probe takes long.
    pub(super) fn schedule_backfill_probes(&mut self) {
        let now = self.clock.elapsed();
        if now >= self.deadlines.backfill_probe && self.tasks.next_backfill().is_none() {
            self.deadlines.backfill_probe = now + PROBE_INTERVAL;
            self.tasks.running_mut().for_each(|running| running.backfill.probe_again());
        }
    }
}
