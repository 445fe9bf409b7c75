//! Records and time into tasks.

use super::{TICK, Worker};
use crate::stream::broker::{Action, Broker, BrokerError, Message, TopicPartition};
use crate::stream::publish::{Publisher, Source};
use crate::stream::task::{Record, Task};
use crate::stream::tasks::Stage;
use crate::stream::transaction::{Transaction, next_offset};

impl<B: Broker, T: Task> Worker<'_, B, T> {
    pub(super) fn apply(&mut self, message: &B::Message<'_>, wall: i64) -> Result<(), BrokerError> {
        let (topic, number, offset) = (message.topic(), message.partition(), message.offset());
        let Some(running) = self.tasks.find(topic, number).filter(|found| found.stage == Stage::Running) else {
            let text =
                format!("OWN-1: got offset {offset} of {topic}[{number}], which this worker does not process now");
            return Err(BrokerError::new(Action::Fatal, text));
        };
        if offset < running.position {
            let text = format!("EO-2: {topic}[{number}] went back from offset {} to {offset}", running.position);
            return Err(BrokerError::new(Action::Fatal, text));
        }
        let now = self.clock.elapsed();
        let transaction = self.transaction.get_or_insert_with(|| Transaction::open(now));
        let record = Record { key: message.key(), payload: message.payload() };
        let source = Source { partition: &running.partition, offset, now: wall };
        let mut publisher = Publisher::new(self.broker, &self.publishing, transaction, source);
        running.task.apply(record, wall, &mut publisher);
        publisher.finish()?;
        running.position = next_offset(offset);
        running.at_end = false;
        transaction.advance(&running.partition, running.position);
        transaction.messages += 1;
        Ok(())
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

    /// Tells the time to every task that has read all there is.
    fn caught_up(&mut self, wall: i64) -> Result<(), BrokerError> {
        let now = self.clock.elapsed();
        for running in self.tasks.running_mut().filter(|running| running.at_end) {
            let mut transaction = self.transaction.take().unwrap_or_else(|| Transaction::open(now));
            let source = Source { partition: &running.partition, offset: running.position, now: wall };
            let mut publisher = Publisher::new(self.broker, &self.publishing, &mut transaction, source);
            running.task.caught_up(running.position, wall, &mut publisher);
            let outcome = publisher.finish();
            // What time alone brings about is committed with the partition's offset as well: so a worker that lost the
            // partition without knowing it is fenced by its generation.
            if running.task.is_changed() {
                transaction.advance(&running.partition, running.position);
            }
            self.transaction = transaction.is_changed().then_some(transaction);
            outcome?;
        }
        Ok(())
    }

    pub(super) fn skip(&mut self, partition: &TopicPartition, from: i64, to: i64) -> Result<(), BrokerError> {
        self.report.skipped(partition, from, to);
        if to < from {
            // The log was cut off: what was applied beyond its end is committed first, so that no transaction goes back.
            self.commit()?;
        }
        let Some(running) = self.tasks.find(&partition.topic, partition.partition) else { return Ok(()) };
        running.position = to;
        running.at_end = false;
        self.note_position(partition, to);
        Ok(())
    }

    pub(super) fn note_position(&mut self, partition: &TopicPartition, position: i64) {
        let now = self.clock.elapsed();
        self.transaction.get_or_insert_with(|| Transaction::open(now)).advance(partition, position);
    }

    pub(super) fn tick(&mut self) -> Result<(), BrokerError> {
        if !self.down && self.rewind_due.is_none() {
            self.caught_up(self.clock.wall())?;
            self.look_for_history();
        }
        for running in self.tasks.iter() {
            if let Some(end) = self.broker.end_offset(&running.partition) {
                self.report.lag(&running.partition, (end - running.position).max(0));
            }
        }
        if self.transaction.is_none() {
            self.tell_committed();
        }
        Ok(())
    }

    /// Counts and levels of all tasks. Called only while no transaction is open, when memory holds nothing but
    /// what is committed.
    pub(super) fn tell_committed(&mut self) {
        let now = self.clock.elapsed();
        let levels_are_due = now >= self.next_levels;
        for running in self.tasks.running_mut() {
            self.report.counted(&running.task.take_tally());
            if levels_are_due {
                self.report.levels(&running.partition, &running.task.gauges());
            }
        }
        if levels_are_due {
            self.next_levels = now + TICK;
        }
    }
}
