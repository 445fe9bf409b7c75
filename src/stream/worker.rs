//! The loop of one worker: poll, apply, commit, answer rebalances.
//!
//! A worker is one thread with one consumer, one transactional producer and the tasks of its partitions. It shares nothing
//! with other workers. Polling may block it, and so may a commit: nothing else happens on its thread.
//!
//! *Architecture invariant*: rebalances are answered here, between two records, never inside a callback; so nothing is
//! committed for a partition after it was given back (OWN-1).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::broker::{Broker, BrokerError, Polled, TopicPartition};
use super::clock::Clock;
use super::publish::Publishing;
use super::report::Report;
use super::task::Task;
use super::tasks::Tasks;
use super::transaction::Transaction;
use super::watchdog::Phase;
use crate::config::Config;

mod backfill;
mod commits;
mod rebalances;
mod records;
mod restoring;
#[cfg(test)]
mod tests;

/// How often tasks at the end of their partition learn the time, and gauges are refreshed.
const TICK: Duration = Duration::from_secs(1);
/// Longest wait in a poll: how late the loop notices that it shall stop.
const POLL_MAX: Duration = Duration::from_millis(100);
/// Pause before a rebalance is answered again that could not be answered.
const ANSWER_AGAIN: Duration = Duration::from_millis(250);

/// The configured limits of the loop.
#[derive(Clone, Copy, Debug)]
pub struct WorkerLimits {
    /// `kafka.commit_interval`
    pub commit_interval: Duration,
    /// `kafka.transaction_records_max`
    pub transaction_records_max: usize,
    /// `kafka.poll_records_max`
    pub poll_records_max: usize,
    /// `state.restore_records_max`
    pub restore_records_max: usize,
    /// `state.restore_stall_max`
    pub restore_stall_max: Duration,
    /// Whether a second partition would tear an account apart: the input is not keyed by account.
    pub single_partition: bool,
}

impl WorkerLimits {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        Self {
            commit_interval: config.kafka.commit_interval,
            transaction_records_max: config.kafka.transaction_records_max,
            poll_records_max: config.kafka.poll_records_max,
            restore_records_max: config.state.restore_records_max,
            restore_stall_max: config.state.restore_stall_max,
            single_partition: !config.input.keyed_by_account,
        }
    }
}

/// One worker.
pub struct Worker<'b, B: Broker, T: Task> {
    broker: &'b B,
    clock: &'b dyn Clock,
    make_task: &'b dyn Fn() -> T,
    report: &'b mut dyn Report,
    publishing: Publishing,
    limits: WorkerLimits,
    tasks: Tasks<T>,
    transaction: Option<Transaction>,
    /// An assignment that could not be answered yet, and when to try again.
    unanswered: Option<(Vec<TopicPartition>, Duration)>,
    /// The open transaction failed: from when on to go back to the committed offsets. Until that is done no record is taken in.
    rewind_due: Option<Duration>,
    /// The producer was fenced, or cannot abort.
    producer_lost: bool,
    /// Transactions that failed since the last commit.
    failed: u32,
    /// From when on the changelog is asked again.
    restore_again: Duration,
    /// From when on the history topic is asked again.
    backfill_again: Duration,
    /// When running tasks look into it again.
    next_look: Duration,
    /// No broker is in reach: nothing new is begun.
    down: bool,
    next_tick: Duration,
    next_levels: Duration,
    /// From when on an insight is committed at once again.
    next_urgent: Duration,
}

impl<'b, B: Broker, T: Task> Worker<'b, B, T> {
    /// A worker without partitions.
    pub fn new(
        broker: &'b B,
        clock: &'b dyn Clock,
        make_task: &'b dyn Fn() -> T,
        report: &'b mut dyn Report,
        publishing: Publishing,
        limits: WorkerLimits,
    ) -> Self {
        Self {
            broker,
            clock,
            make_task,
            report,
            publishing,
            limits,
            tasks: Tasks::default(),
            transaction: None,
            unanswered: None,
            rewind_due: None,
            producer_lost: false,
            failed: 0,
            restore_again: Duration::ZERO,
            backfill_again: Duration::ZERO,
            next_look: Duration::ZERO,
            down: false,
            next_tick: Duration::ZERO,
            next_levels: Duration::ZERO,
            next_urgent: Duration::ZERO,
        }
    }

    /// Works until `stop` is set, then finishes the open transaction.
    ///
    /// # Errors
    /// The failure that ends the process; the next start takes up at the committed offsets.
    pub fn run(&mut self, stop: &AtomicBool) -> Result<(), BrokerError> {
        self.work(stop).and_then(|()| self.finish()).map_err(|failure| self.give_up(failure))
    }

    fn work(&mut self, stop: &AtomicBool) -> Result<(), BrokerError> {
        while !stop.load(Ordering::Relaxed) {
            self.iterate()?;
        }
        Ok(())
    }

    /// One turn: at most `poll_records_max` messages, then a look at rebalances and at the time.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn iterate(&mut self) -> Result<(), BrokerError> {
        let open = self.transaction.as_ref().is_some_and(|open| open.begun) && self.rewind_due.is_none();
        self.report.iterated(open);
        self.take_in().or_else(|failure| self.recover(failure))?;
        self.report.at(Phase::Rebalance);
        self.answer_again()?;
        self.report.at(Phase::Rewind);
        self.rewind()?;
        self.report.at(Phase::Restore);
        self.restore()?;
        self.read_backfill_step()?;
        self.report.at(Phase::Tick);
        let now = self.clock.elapsed();
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            self.tick().or_else(|failure| self.recover(failure))?;
        }
        if self.rewind_due.is_none() && self.commit_is_due(now) { self.commit() } else { Ok(()) }
    }

    fn take_in(&mut self) -> Result<(), BrokerError> {
        let wall = self.clock.wall();
        let mut wait = self.wait();
        let broker = self.broker;
        for _ in 0..self.limits.poll_records_max.max(1) {
            self.report.at(Phase::Poll);
            let polled = broker.poll(wait)?;
            self.report.at(match polled {
                Polled::Assign(_) | Polled::Revoke { .. } => Phase::Rebalance,
                _ => Phase::Apply,
            });
            match polled {
                Polled::Nothing => break,
                // What was fetched before is read again.
                Polled::Message(_) | Polled::End(_) | Polled::Skipped { .. } if self.rewind_due.is_some() => {}
                Polled::Message(message) => self.apply(&message, wall)?,
                Polled::End(partition) => self.reached_end(&partition, wall)?,
                Polled::Away(partition) => self.set_at_end(&partition, false),
                Polled::Assign(partitions) => self.answer_assign(partitions)?,
                Polled::Revoke { lost } => self.answer_revoke(lost)?,
                Polled::Skipped { partition, from, to } => self.skip(&partition, from, to)?,
                Polled::Down(reason) => self.went_down(&reason)?,
                Polled::Up => self.came_up()?,
            }
            wait = Duration::ZERO;
            if self.transaction.as_ref().is_some_and(|open| self.is_full(open, None)) {
                break;
            }
        }
        Ok(())
    }

    /// How long a poll may block: until the open transaction or the next tick is due.
    fn wait(&mut self) -> Duration {
        let now = self.clock.elapsed();
        let reads_history = self.tasks.next_backfill().is_some() && now >= self.backfill_again;
        if (self.tasks.to_restore().is_some() || reads_history) && !self.down {
            return Duration::ZERO;
        }
        let due = match &self.transaction {
            _ if self.rewind_due.is_some() => now + ANSWER_AGAIN,
            // Nothing to wait for but a broker.
            Some(open) if self.down && !open.begun => self.next_tick,
            Some(open) if open.urgent => self.next_urgent,
            Some(open) => open.opened + self.limits.commit_interval,
            None => self.next_tick,
        };
        let due = due.min(self.next_tick);
        due.saturating_sub(now).min(POLL_MAX)
    }
}
