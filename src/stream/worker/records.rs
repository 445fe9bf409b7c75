//! Passes records and the time to the tasks.

use insightd_core::invariants::{Invariant, Violations, is_owned, is_restored, offset_follows};

use super::{TICK, Worker};
use crate::stream::broker::{Action, Broker, BrokerError, Message, Skipped, TopicPartition};
use crate::stream::publisher::{Publisher, Source};
use crate::stream::task::{Record, Task};
use crate::stream::tasks::{Assignment, Stage};
use crate::stream::transaction::{Transaction, next_offset};

impl<B: Broker, T: Task> Worker<'_, B, T> {
    pub(super) fn apply(&mut self, message: &B::Message<'_>, wall: i64) -> Result<(), BrokerError> {
        let (topic, number, offset) = (message.topic(), message.partition(), message.offset());
        let Some(running) = self.tasks.find(topic, number) else { return Err(self.refuse_foreign(message)) };
        admit(running, offset, &mut self.violations)?;
        let now = self.clock.elapsed();
        let transaction = self.transaction.get_or_insert_with(|| Transaction::open(now));
        let record = Record { key: message.key(), payload: message.payload() };
        let source = Source { partition: &running.partition, offset, now: wall };
        let mut publisher = Publisher::new(self.broker, &self.publishing, transaction, source);
        running.task.apply(record, wall, &mut publisher);
        publisher.finish()?;
        running.position = next_offset(offset);
        running.applied = Some(offset);
        running.at_end = false;
        transaction.advance(&running.partition, running.position, &mut self.violations);
        transaction.messages += 1;
        Ok(())
    }

    /// Refuses a message of a partition that this worker does not hold (OWN-1).
    fn refuse_foreign(&mut self, message: &B::Message<'_>) -> BrokerError {
        let partition = TopicPartition::new(message.topic(), message.partition());
        let text = format!("got offset {} of {partition}, which this worker does not hold", message.offset());
        let held = self.tasks.iter().map(|task| &task.partition);
        self.violations.check(Invariant::Own1, is_owned(&partition, held), || text.clone());
        BrokerError::new(Action::Fatal, format!("{}: {text}", Invariant::Own1))
    }

    pub(super) fn reached_end(&mut self, partition: &TopicPartition, wall: i64) -> Result<(), BrokerError> {
        self.set_at_end(partition, true);
        self.caught_up(wall)
    }

    pub(super) fn set_at_end(&mut self, partition: &TopicPartition, at_end: bool) {
        if let Some(running) = self.tasks.find(&partition.topic, partition.partition) {
            running.at_end = at_end;
        }
    }

    /// Passes the time to every task that has read its partition to the end.
    fn caught_up(&mut self, wall: i64) -> Result<(), BrokerError> {
        let now = self.clock.elapsed();
        for running in self.tasks.running_mut().filter(|running| running.at_end) {
            let mut transaction = self.transaction.take().unwrap_or_else(|| Transaction::open(now));
            let source = Source { partition: &running.partition, offset: running.position, now: wall };
            let mut publisher = Publisher::new(self.broker, &self.publishing, &mut transaction, source);
            running.task.caught_up(running.position, wall, &mut publisher);
            let outcome = publisher.finish();
            // Changes caused only by the passing of time are committed with the partition's offset, too, so
            // that the generation fences a worker that lost the partition without knowing it.
            if running.task.is_changed() {
                transaction.advance(&running.partition, running.position, &mut self.violations);
            }
            self.transaction = transaction.is_changed().then_some(transaction);
            outcome?;
        }
        Ok(())
    }

    pub(super) fn skip(&mut self, skipped: &Skipped) -> Result<(), BrokerError> {
        let Skipped { partition, from, to } = skipped;
        self.report.skipped(skipped);
        if to < from {
            // The log was truncated: what was applied beyond its end is committed first, so that no
            // transaction goes back.
            self.commit()?;
        }
        let Some(running) = self.tasks.find(&partition.topic, partition.partition) else { return Ok(()) };
        running.skip_to(*to);
        self.note_position(partition, *to);
        Ok(())
    }

    pub(super) fn note_position(&mut self, partition: &TopicPartition, position: i64) {
        let now = self.clock.elapsed();
        let transaction = self.transaction.get_or_insert_with(|| Transaction::open(now));
        transaction.advance(partition, position, &mut self.violations);
    }

    pub(super) fn tick(&mut self) -> Result<(), BrokerError> {
        if !self.is_down && !self.is_rewinding() {
            self.caught_up(self.clock.wall())?;
            self.schedule_backfill_probes();
        }
        for running in self.tasks.iter() {
            if let Some(end) = self.broker.end_offset(&running.partition) {
                self.report.lag(&running.partition, (end - running.position).max(0));
            }
        }
        if self.transaction.is_none() {
            self.report_committed_counts();
        }
        Ok(())
    }

    /// Reports counts and gauges of all tasks. Called only while no transaction is open: then memory holds
    /// nothing but what is committed.
    pub(super) fn report_committed_counts(&mut self) {
        let now = self.clock.elapsed();
        let gauges_are_due = now >= self.deadlines.gauges;
        for running in self.tasks.running_mut() {
            self.report.counted(&running.task.take_tally());
            running.task.check(&mut self.violations);
            if gauges_are_due {
                self.report.gauges(&running.partition, &running.task.gauges());
            }
        }
        if gauges_are_due {
            self.deadlines.gauges = now + TICK;
        }
    }
}

/// A message may be applied only if its partition is restored (RES-1) and its offset does not go back (EO-2).
/// Any other ends the worker: the next start continues at the committed offsets.
fn admit<T>(task: &Assignment<T>, offset: i64, violations: &mut Violations) -> Result<(), BrokerError> {
    let restored = match task.stage {
        Stage::Waiting => false,
        Stage::Restoring(at) => is_restored(at.position, at.end, false),
        Stage::Running => true,
    };
    let text = || format!("got offset {offset} of {}, whose state is not restored yet", task.partition);
    if !violations.check(Invariant::Res1, restored, text) {
        return Err(BrokerError::new(Action::Fatal, format!("{}: {}", Invariant::Res1, text())));
    }
    let follows = offset_follows(next_offset(task.position), Some(offset), next_offset(offset));
    let text = || format!("{} went back from offset {} to {offset}", task.partition, task.position);
    if !violations.check(Invariant::Eo2, follows, text) {
        return Err(BrokerError::new(Action::Fatal, format!("{}: {}", Invariant::Eo2, text())));
    }
    Ok(())
}
