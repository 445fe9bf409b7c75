//! State comes back: the changelog of each assigned partition is read to its end before the partition is processed (RES-1).
//!
//! One partition after the other, a batch in each turn of the loop, so that partitions whose state is there go on meanwhile.

use std::time::Duration;

use insightd_core::state::RestoreError;

use super::{ANSWER_AGAIN, Worker};
use crate::crash::crash_point;
use crate::stream::broker::{Action, Broker, BrokerError, Cause, TopicPartition};
use crate::stream::report::Restored;
use crate::stream::task::Task;
use crate::stream::tasks::Stage;

/// Longest wait for records of the changelog in one turn.
const READ_MAX: Duration = Duration::from_millis(20);

impl<B: Broker, T: Task> Worker<'_, B, T> {
    /// One step of what there is to restore.
    pub(super) fn restore(&mut self) -> Result<(), BrokerError> {
        let now = self.clock.elapsed();
        if self.down || self.rewind_due.is_some() || now < self.restore_again {
            return Ok(());
        }
        let Some(next) = self.tasks.to_restore() else { return Ok(()) };
        let partition = next.partition.clone();
        match next.stage {
            Stage::Running => Ok(()),
            Stage::Waiting => match self.broker.open_changelog(partition.partition) {
                Ok(end) => {
                    next.stage = Stage::Restoring { end, position: 0, began: now, moved: now };
                    self.report.restoring(&partition, 0, end);
                    Ok(())
                }
                Err(failure) => self.ask_again(failure),
            },
            Stage::Restoring { end, position, began, moved } => {
                let (task, mut fault) = (&mut next.task, None);
                let reading =
                    self.broker.read_changelog(self.limits.restore_records_max, READ_MAX, &mut |key, value| {
                        fault = fault.take().or_else(|| task.restore(key, value).err());
                    });
                if let Some(fault) = fault {
                    return Err(damaged(&partition, &fault.to_string()));
                }
                let reading = match reading {
                    Ok(reading) => reading,
                    Err(failure) => return self.ask_again(failure),
                };
                crash_point!("restoring");
                if reading.complete || reading.position >= end {
                    return self.restored(&partition, began);
                }
                let moved = if reading.position > position { now } else { moved };
                next.stage = Stage::Restoring { end, position: reading.position, began, moved };
                if reading.position > position {
                    self.report.restoring(&partition, reading.position, end);
                }
                if now.saturating_sub(moved) > self.limits.restore_stall_max {
                    return Err(self.stalled(&partition, reading.position, end));
                }
                Ok(())
            }
        }
    }

    fn ask_again(&mut self, failure: BrokerError) -> Result<(), BrokerError> {
        if failure.action != Action::Retry {
            return Err(failure);
        }
        self.report.retrying("read the changelog", &failure.message);
        self.restore_again = self.clock.elapsed() + ANSWER_AGAIN;
        Ok(())
    }

    fn restored(&mut self, partition: &TopicPartition, began: Duration) -> Result<(), BrokerError> {
        let Some(restored) = self.tasks.find(&partition.topic, partition.partition) else { return Ok(()) };
        let mut open = Vec::new();
        let head = restored.task.restored(&mut |insight, clock| open.push((insight, clock)));
        let head = match head {
            Ok(head) => head,
            Err(fault) => return self.misfits(partition, &fault),
        };
        restored.stage = Stage::Running;
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
            // Where a new group begins is committed like any other progress. Otherwise a restart before the first record would choose
            // the beginning anew, and skip what came in between.
            self.note_position(partition, position);
        }
        // Its input is resumed when it has looked into the history topic.
        Ok(())
    }

    /// The records of a changelog do not fit together. Where somebody else writes to it, its end may have been taken in the middle of a transaction: this worker
    /// has lost the partition then and will hear of it, or was given it a moment ago. So it is read again, and only what stays so is damaged.
    fn misfits(&mut self, partition: &TopicPartition, fault: &RestoreError) -> Result<(), BrokerError> {
        let (now, make_task) = (self.clock.elapsed(), self.make_task);
        let Some(found) = self.tasks.find(&partition.topic, partition.partition) else { return Ok(()) };
        let since = *found.misfit.get_or_insert(now);
        if matches!(fault, RestoreError::Newer { .. }) || now.saturating_sub(since) > self.limits.restore_stall_max {
            return Err(damaged(partition, &fault.to_string()));
        }
        (found.stage, found.task) = (Stage::Waiting, make_task());
        self.report.retrying("take up the state", &fault.to_string());
        self.restore_again = now + ANSWER_AGAIN;
        Ok(())
    }

    fn stalled(&self, partition: &TopicPartition, position: i64, end: i64) -> BrokerError {
        let text = format!(
            "the changelog of {partition} ({}[{}]) cannot be read to its end: nothing has come for {} s at offset {position} of {end}; \
             a transaction may be open, or the log was cut off behind what is known of it",
            self.publishing.state_topic,
            partition.partition,
            self.limits.restore_stall_max.as_secs()
        );
        BrokerError::new(Action::Fatal, text)
    }
}

fn damaged(partition: &TopicPartition, why: &str) -> BrokerError {
    let message =
        format!("cannot take up the state of {partition}: {why} (insightd state reset begins anew, without baselines)");
    BrokerError { action: Action::Fatal, cause: Cause::Configuration, message }
}
