//! The loop of one worker: poll, apply, commit, answer rebalances.
//!
//! A worker is one thread with one consumer, one transactional producer and the tasks of its partitions. It
//! shares nothing with other workers. Polls and commits may block; nothing else happens on its thread.
//!
//! *Architecture invariant*: rebalances are answered here, between two records, never inside a callback. So
//! nothing is committed for a partition after it was given back (OWN-1).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use insightd_core::invariants::{Invariant, OnViolation, Violations, timeouts_increase};

use super::broker::{Broker, BrokerError, Polled, TopicPartition};
use super::clock::Clock;
use super::publisher::Publishing;
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

/// Interval at which tasks at the end of their partition learn the time, and gauges are refreshed.
const TICK: Duration = Duration::from_secs(1);
/// Longest wait of a poll: how late the loop notices that it must stop.
const POLL_MAX: Duration = Duration::from_millis(100);
/// Pause before something that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

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
    /// The input is not keyed by account, so a second partition would split accounts.
    pub single_partition: bool,
    /// The timeouts that EO-4 orders.
    pub timeouts: Timeouts,
}

/// The timeouts that EO-4 orders.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// `kafka.transaction_timeout`
    pub transaction: Duration,
    /// `kafka.session_timeout`
    pub session: Duration,
    /// `kafka.max_poll_interval`
    pub poll_interval: Duration,
}

impl WorkerLimits {
    /// The limits of a configuration.
    pub fn new(config: &Config) -> Self {
        Self {
            commit_interval: config.kafka.commit_interval,
            transaction_records_max: config.kafka.transaction_records_max,
            poll_records_max: config.kafka.poll_records_max,
            restore_records_max: config.state.restore_records_max,
            restore_stall_max: config.state.restore_stall_max,
            single_partition: !config.input.keyed_by_account,
            timeouts: Timeouts {
                transaction: config.kafka.transaction_timeout,
                session: config.kafka.session_timeout,
                poll_interval: config.kafka.max_poll_interval,
            },
        }
    }
}

/// What the worker does with what the broker delivers.
///
/// Holding no partitions is not a mode: then there are no tasks, and no message arrives. A rewind is due all
/// the same, because it may be what replaces a lost producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Messages are applied.
    Processing,
    /// A transaction failed: messages are dropped until the committed offsets are known again.
    Rewinding {
        /// When to try next, on the worker's clock.
        due: Duration,
        /// The producer was fenced or cannot abort: it is replaced first.
        producer_lost: bool,
    },
}

/// An assignment that could not be answered yet.
struct PendingAssignment {
    partitions: Vec<TopicPartition>,
    retry_at: Duration,
}

/// When each periodic action is next due, on the worker's clock.
#[derive(Default)]
struct Deadlines {
    /// Tasks at the end of their partition learn the time.
    tick: Duration,
    /// Gauges are reported.
    gauges: Duration,
    /// An urgent transaction is committed without waiting for `commit_interval`.
    urgent_commit: Duration,
    /// The changelog is read again, after it could not be read.
    restore: Duration,
    /// The backfill topic is read again, after it could not be read.
    backfill: Duration,
    /// Running tasks probe the backfill topic.
    backfill_probe: Duration,
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
    mode: Mode,
    pending_assignment: Option<PendingAssignment>,
    /// No broker is reachable: nothing new begins.
    is_down: bool,
    /// Transactions that failed since the last commit.
    failures_in_row: u32,
    deadlines: Deadlines,
    violations: Violations,
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
            mode: Mode::Processing,
            pending_assignment: None,
            is_down: false,
            failures_in_row: 0,
            deadlines: Deadlines::default(),
            violations: Violations::default(),
        }
    }

    /// With this response to a broken invariant instead of the build's own.
    #[must_use]
    pub fn on_violation(mut self, response: OnViolation) -> Self {
        self.violations = Violations::new(response);
        self
    }

    /// Works until `stop` is set, then finishes the open transaction.
    ///
    /// # Errors
    /// The error that ends the process; the next start continues at the committed offsets.
    pub fn run(&mut self, stop: &AtomicBool) -> Result<(), BrokerError> {
        let Timeouts { transaction, session, poll_interval } = self.limits.timeouts;
        self.violations.check(Invariant::Eo4, timeouts_increase(transaction, session, poll_interval), || {
            format!("transaction timeout {transaction:?}, session timeout {session:?}, poll interval {poll_interval:?}")
        });
        let outcome = self.iterate_until(stop).and_then(|()| self.finish()).map_err(|error| self.give_up(error));
        self.report_violations();
        outcome
    }

    fn iterate_until(&mut self, stop: &AtomicBool) -> Result<(), BrokerError> {
        while !stop.load(Ordering::Relaxed) {
            self.iterate()?;
        }
        Ok(())
    }

    /// One poll iteration: at most `poll_records_max` messages, then rebalances, restores and what is due by
    /// time.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn iterate(&mut self) -> Result<(), BrokerError> {
        let outcome = self.iteration();
        self.report_violations();
        outcome
    }

    fn iteration(&mut self) -> Result<(), BrokerError> {
        let open = self.transaction.as_ref().is_some_and(|open| open.begun) && !self.is_rewinding();
        self.report.iterated(open);
        self.poll_records().or_else(|error| self.recover(error))?;
        self.report.at(Phase::Rebalance);
        self.retry_assignment()?;
        self.report.at(Phase::Rewind);
        self.rewind()?;
        self.report.at(Phase::Restore);
        self.restore()?;
        self.step_backfill()?;
        self.report.at(Phase::Tick);
        let now = self.clock.elapsed();
        if now >= self.deadlines.tick {
            self.deadlines.tick = now + TICK;
            self.tick().or_else(|error| self.recover(error))?;
        }
        if !self.is_rewinding() && self.commit_is_due(now) { self.commit() } else { Ok(()) }
    }

    fn poll_records(&mut self) -> Result<(), BrokerError> {
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
                // Fetched before the rewind: read again after it.
                Polled::Message(_) | Polled::End(_) | Polled::Skipped(_) if self.is_rewinding() => {}
                Polled::Message(message) => self.apply(&message, wall)?,
                Polled::End(partition) => self.reached_end(&partition, wall)?,
                Polled::Away(partition) => self.set_at_end(&partition, false),
                Polled::Assign(partitions) => self.answer_assign(partitions)?,
                Polled::Revoke { lost } => self.answer_revoke(lost)?,
                Polled::Skipped(skipped) => self.skip(&skipped)?,
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
        let reads_backfill = self.tasks.next_backfill().is_some() && now >= self.deadlines.backfill;
        if (self.tasks.to_restore().is_some() || reads_backfill) && !self.is_down {
            return Duration::ZERO;
        }
        let due = match &self.transaction {
            _ if self.is_rewinding() => now + RETRY_AFTER,
            // Only a broker can change anything now.
            Some(open) if self.is_down && !open.begun => self.deadlines.tick,
            Some(open) if open.urgent => self.deadlines.urgent_commit,
            Some(open) => open.opened + self.limits.commit_interval,
            None => self.deadlines.tick,
        };
        due.min(self.deadlines.tick).saturating_sub(now).min(POLL_MAX)
    }

    fn is_rewinding(&self) -> bool {
        matches!(self.mode, Mode::Rewinding { .. })
    }

    fn is_producer_lost(&self) -> bool {
        matches!(self.mode, Mode::Rewinding { producer_lost: true, .. })
    }

    fn report_violations(&mut self) {
        if !self.violations.is_empty() {
            for (violation, times) in self.violations.take() {
                self.report.violated(&violation, times);
            }
        }
    }
}
