//! Partitions that are assigned and revoked, and brokers that come and go.

use super::{Mode, PendingAssignment, RETRY_AFTER, Worker};
use crate::stream::broker::{Action, Broker, BrokerError, TopicPartition};
use crate::stream::task::Task;

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
                self.pending_assignment = None;
                let takeover = self.tasks.assign(&assigned, self.make_task, &mut self.violations);
                self.report.assigned(&assigned, &takeover);
                self.broker.resume(&self.tasks.fetched())
            }
            Err(error) if error.action == Action::Retry => {
                self.report.retrying("ask for the group's offsets", &error.message);
                let retry_at = self.clock.elapsed() + RETRY_AFTER;
                self.pending_assignment = Some(PendingAssignment { partitions, retry_at });
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn retry_assignment(&mut self) -> Result<(), BrokerError> {
        let now = self.clock.elapsed();
        match self.pending_assignment.take_if(|pending| now >= pending.retry_at) {
            Some(pending) => self.answer_assign(pending.partitions),
            None => Ok(()),
        }
    }

    pub(super) fn answer_revoke(&mut self, lost: bool) -> Result<(), BrokerError> {
        self.pending_assignment = None;
        if !lost && !self.is_rewinding() {
            // If this fails, nothing more is committed for these partitions.
            self.commit()?;
        }
        self.forget_uncommitted();
        self.tasks.park();
        self.broker.unassign()?;
        self.report.revoked(lost);
        Ok(())
    }

    /// Rolls the tasks back to their committed state; the next owner processes the rest.
    fn forget_uncommitted(&mut self) {
        let mut producer_lost = self.is_producer_lost();
        if let Some(open) = self.transaction.take() {
            for running in self.tasks.running_mut() {
                running.roll_back(&mut self.violations);
            }
            if open.begun && !producer_lost {
                let age = self.clock.elapsed().saturating_sub(open.opened);
                let text = "the group took the partitions away while a transaction was open (no poll within \
                            kafka.max_poll_interval, or no heartbeat within kafka.session_timeout)";
                self.report.aborted(false, age, text);
                producer_lost = self.broker.abort().is_err();
            }
        }
        // A lost producer is replaced before the next transaction, even if partitions come and go meanwhile.
        self.mode = match producer_lost {
            true => Mode::Rewinding { due: self.clock.elapsed(), producer_lost },
            false => Mode::Processing,
        };
    }

    pub(super) fn went_down(&mut self, reason: &str) -> Result<(), BrokerError> {
        self.report.down(reason);
        self.is_down = true;
        for running in self.tasks.running_mut() {
            running.at_end = false;
        }
        // Otherwise messages left in the client's buffer could open a transaction that cannot end in time.
        self.broker.pause(&self.tasks.fetched())
    }

    pub(super) fn came_up(&mut self) -> Result<(), BrokerError> {
        self.report.up();
        self.is_down = false;
        if self.is_rewinding() { Ok(()) } else { self.broker.resume(&self.tasks.fetched()) }
    }
}
