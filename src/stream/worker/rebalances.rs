//! Partitions that come and go, and brokers that do.

use super::{ANSWER_AGAIN, Worker};
use crate::stream::broker::{Action, Broker, BrokerError, TopicPartition};
use crate::stream::task::Task;
use crate::stream::tasks::Assignment;

impl<B: Broker, T: Task> Worker<'_, B, T> {
    pub(super) fn answer_assign(&mut self, partitions: Vec<TopicPartition>) -> Result<(), BrokerError> {
        if self.limits.single_partition && partitions.iter().any(|assigned| assigned.partition > 0) {
            return Err(BrokerError::configuration(format!(
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
                self.broker.resume(&self.tasks.running())
            }
            Err(failure) if failure.action == Action::Retry => {
                self.report.retrying("ask for the group's offsets", &failure.message);
                self.unanswered = Some((partitions, self.clock.elapsed() + ANSWER_AGAIN));
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    pub(super) fn answer_again(&mut self) -> Result<(), BrokerError> {
        let now = self.clock.elapsed();
        match self.unanswered.take_if(|(_, at)| now >= *at) {
            Some((partitions, _)) => self.answer_assign(partitions),
            None => Ok(()),
        }
    }

    pub(super) fn answer_revoke(&mut self, lost: bool) -> Result<(), BrokerError> {
        self.unanswered = None;
        if !lost && self.rewind_due.is_none() {
            // When it fails, nothing is committed for these partitions any more.
            self.commit()?;
        }
        self.forget_uncommitted();
        self.tasks.park();
        self.broker.unassign()?;
        self.report.revoked(lost);
        Ok(())
    }

    /// Whatever is not committed is somebody else's to do: tasks go back to their committed state.
    fn forget_uncommitted(&mut self) {
        if let Some(open) = self.transaction.take() {
            self.tasks.running_mut().for_each(Assignment::roll_back);
            if open.begun && !self.producer_lost {
                let age = self.clock.elapsed().saturating_sub(open.opened);
                let text = "the group took the partitions away while a transaction was open (no poll within \
                            kafka.max_poll_interval, or no heartbeat within kafka.session_timeout)";
                self.report.aborted(false, age, text);
                self.producer_lost = self.broker.abort().is_err();
            }
        }
        // A producer that is of no more use gets its successor before the next transaction, also if the partitions come and go meanwhile.
        self.rewind_due = self.producer_lost.then(|| self.clock.elapsed());
    }

    pub(super) fn went_down(&mut self, reason: &str) -> Result<(), BrokerError> {
        self.report.down(reason);
        self.down = true;
        for running in self.tasks.running_mut() {
            running.at_end = false;
        }
        // Otherwise what is still in the client's buffer could open a transaction that cannot be ended in time.
        self.broker.pause(&self.tasks.running())
    }

    pub(super) fn came_up(&mut self) -> Result<(), BrokerError> {
        self.report.up();
        self.down = false;
        if self.rewind_due.is_some() { Ok(()) } else { self.broker.resume(&self.tasks.running()) }
    }
}
