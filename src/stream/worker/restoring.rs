//! Restores state: reads the changelog of each assigned partition to its end before the partition is
//! processed (RES-1).
//!
//! One partition at a time, one batch in each poll iteration, so that restored partitions are processed
//! meanwhile.

use std::time::Duration;

use insightd_core::invariants::is_restored;
use insightd_core::state::RestoreError;

use super::{RETRY_AFTER, Worker};
use crate::crash::crash_point;
use crate::stream::broker::{Action, Broker, BrokerError, Cause, TopicPartition};
use crate::stream::report::Restored;
use crate::stream::task::Task;
use crate::stream::tasks::{Restoring, Stage};

/// Longest wait for records of the changelog in one poll iteration.
const READ_MAX: Duration = Duration::from_millis(20);

impl<B: Broker, T: Task> Worker<'_, B, T> {
    /// One step of the restore that is next.
    pub(super) fn restore(&mut self) -> Result<(), BrokerError> {
        let now = self.clock.elapsed();
        if self.is_down || self.is_rewinding() || now < self.deadlines.restore {
            return Ok(());
        }
        let Some(next) = self.tasks.to_restore() else { return Ok(()) };
        let partition = next.partition.clone();
        match next.stage {
            Stage::Running => Ok(()),
            Stage::Waiting => match self.broker.open_changelog(partition.partition) {
                Ok(end) => {
                    next.stage = Stage::Restoring(Restoring { end, position: 0, began: now, moved: now });
                    self.report.restoring(&partition, end);
                    Ok(())
                }
                Err(error) => self.retry_restore(error),
            },
            Stage::Restoring(at) => self.read_changelog(&partition, at),
        }
    }

    /// Reads one batch of the changelog.
    fn read_changelog(&mut self, partition: &TopicPartition, at: Restoring) -> Result<(), BrokerError> {
        let now = self.clock.elapsed();
        let Some(restoring) = self.tasks.find(&partition.topic, partition.partition) else { return Ok(()) };
        let (task, mut unreadable) = (&mut restoring.task, None);
        let reading = self.broker.read_changelog(self.limits.restore_records_max, READ_MAX, &mut |key, value| {
            unreadable = unreadable.take().or_else(|| task.restore(key, value).err());
        });
        if let Some(error) = unreadable {
            return Err(damaged(partition, &error.to_string()));
        }
        let reading = match reading {
            Ok(reading) => reading,
            Err(error) => return self.retry_restore(error),
        };
        crash_point!("restoring");
        if is_restored(reading.position, at.end, reading.complete) {
            return self.restored(partition, at.began);
        }
        let has_moved = reading.position > at.position;
        let moved = if has_moved { now } else { at.moved };
        restoring.stage = Stage::Restoring(Restoring { position: reading.position, moved, ..at });
        if has_moved {
            self.report.restoring(partition, at.end - reading.position);
        }
        if now.saturating_sub(moved) > self.limits.restore_stall_max {
            return Err(self.stalled(partition, reading.position, at.end));
        }
        Ok(())
    }

    fn retry_restore(&mut self, error: BrokerError) -> Result<(), BrokerError> {
        if error.action != Action::Retry {
            return Err(error);
        }
        self.report.retrying("read the changelog", &error.message);
        self.deadlines.restore = self.clock.elapsed() + RETRY_AFTER;
        Ok(())
    }

    fn restored(&mut self, partition: &TopicPartition, began: Duration) -> Result<(), BrokerError> {
        let Some(restored) = self.tasks.find(&partition.topic, partition.partition) else { return Ok(()) };
        let mut open = Vec::new();
        let head = match restored.task.restored(&mut |insight, clock| open.push((insight, clock))) {
            Ok(head) => head,
            Err(error) => return self.retry_misfit(partition, &error),
        };
        restored.run();
        let (position, committed, expected) = (restored.position, restored.began.committed, restored.began.state);
        self.report.restored(
            partition,
            &Restored {
                head: head.as_ref(),
                expected,
                position,
                open: &open,
                took: self.clock.elapsed().saturating_sub(began),
                wall: self.clock.wall(),
            },
        );
        if !committed {
            // Where a new group begins is committed like any other progress. Otherwise a restart before the
            // first record would choose the beginning again, and skip what arrived in between.
            self.note_position(partition, position);
        }
        // Its input is resumed after it has probed the backfill topic.
        Ok(())
    }

    /// The records of a changelog do not fit together. If another worker writes to it, its end may have been
    /// captured in the middle of a transaction: then this worker has lost the partition and will hear of it,
    /// or received it a moment ago. So the changelog is read again, and only what stays inconsistent counts
    /// as damaged.
    fn retry_misfit(&mut self, partition: &TopicPartition, error: &RestoreError) -> Result<(), BrokerError> {
        let (now, make_task) = (self.clock.elapsed(), self.make_task);
        let Some(found) = self.tasks.find(&partition.topic, partition.partition) else { return Ok(()) };
        let since = *found.misfit.get_or_insert(now);
        if matches!(error, RestoreError::Newer { .. }) || now.saturating_sub(since) > self.limits.restore_stall_max {
            return Err(damaged(partition, &error.to_string()));
        }
        (found.stage, found.task) = (Stage::Waiting, make_task());
        self.report.retrying("restore the state", &error.to_string());
        self.deadlines.restore = now + RETRY_AFTER;
        Ok(())
    }

    fn stalled(&self, partition: &TopicPartition, position: i64, end: i64) -> BrokerError {
        let text = format!(
            "the changelog of {partition} ({}[{}]) cannot be read to its end: nothing has come for {} s at offset {position} of {end}; \
             a transaction may be open, or the log was truncated after its end was read",
            self.publishing.state_topic,
            partition.partition,
            self.limits.restore_stall_max.as_secs()
        );
        BrokerError::new(Action::Fatal, text)
    }
}

fn damaged(partition: &TopicPartition, why: &str) -> BrokerError {
    let message =
        format!("cannot load the state of {partition}: {why} (insightd state reset starts over, without baselines)");
    BrokerError { action: Action::Fatal, cause: Cause::Configuration, message }
}
