//! Partitions that come and go, and brokers that do.

use super::{ANSWER_AGAIN, Worker};
use crate::stream::broker::{Action, Broker, Failure, TopicPartition};
use crate::stream::task::Task;

impl<B: Broker, T: Task> Worker<'_, B, T> {
    pub(super) fn answer_assign(&mut self, partitions: Vec<TopicPartition>) -> Result<(), Failure> {
        if self.pace.single_partition && partitions.iter().any(|assigned| assigned.partition > 0) {
            return Err(Failure::configuration(format!(
                "input.keyed_by_account = false, but the input has grown to more than one partition ({} was assigned): \
                 key the topic by account id and set input.keyed_by_account = true, or use a topic with one partition",
                partitions.last().map_or_else(String::new, ToString::to_string),
            )));
        }
        match self.broker.assign(&partitions) {
            Ok(assigned) => {
                self.unanswered = None;
                let (origins, gone) = self.tasks.assign(&assigned, self.make_task);
                self.report.assigned(&assigned, &origins, &gone);
                // Where a new group begins is committed like any other progress. Otherwise a restart before the first
                // record would choose the beginning anew, and skip what came in between.
                for fresh in assigned.iter().filter(|fresh| !fresh.committed) {
                    self.note_position(&fresh.partition, fresh.position);
                }
                Ok(())
            }
            Err(failure) if failure.action == Action::Retry => {
                self.report.retrying("ask for the group's offsets", &failure.message);
                self.unanswered = Some((partitions, self.clock.elapsed() + ANSWER_AGAIN));
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    pub(super) fn answer_again(&mut self) -> Result<(), Failure> {
        let now = self.clock.elapsed();
        match self.unanswered.take_if(|(_, at)| now >= *at) {
            Some((partitions, _)) => self.answer_assign(partitions),
            None => Ok(()),
        }
    }

    pub(super) fn answer_revoke(&mut self, lost: bool) -> Result<(), Failure> {
        self.unanswered = None;
        if lost {
            self.forget_uncommitted()?;
        } else {
            self.commit()?;
        }
        self.tasks.park();
        self.broker.unassign()?;
        self.report.revoked(lost);
        Ok(())
    }

    /// The partitions belong to somebody else already. Records that were only applied in memory are theirs now: the tasks
    /// stand at offsets the group has not committed, so they will not be taken up again.
    fn forget_uncommitted(&mut self) -> Result<(), Failure> {
        if self.transaction.as_ref().is_some_and(|open| open.begun) {
            let text = "the group took the partitions away while a transaction was open (no poll within \
                        kafka.max_poll_interval, or no heartbeat within kafka.session_timeout)";
            return Err(Failure::new(Action::AbortAndRewind, text));
        }
        self.transaction = None;
        Ok(())
    }

    pub(super) fn went_down(&mut self, reason: &str) -> Result<(), Failure> {
        self.report.down(reason);
        self.down = true;
        for running in self.tasks.iter_mut() {
            running.at_end = false;
        }
        // Otherwise what is still in the client's buffer could open a transaction that cannot be ended in time.
        self.broker.pause()
    }

    pub(super) fn came_up(&mut self) -> Result<(), Failure> {
        self.report.up();
        self.down = false;
        self.broker.resume()
    }
}
