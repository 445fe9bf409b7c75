//! The loop of one worker: poll, apply, commit, answer rebalances.
//!
//! A worker is one thread with one consumer, one transactional producer and the tasks of its partitions. It shares nothing
//! with other workers. Polling may block it, and so may a commit: nothing else happens on its thread.
//!
//! *Architecture invariant*: rebalances are answered here, between two records, never inside a callback; so nothing is
//! committed for a partition after it was given back (OWN-1).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::config::Config;

use super::broker::{Action, Broker, Cause, Failure, Message, Polled, TopicPartition};
use super::clock::Clock;
use super::publish::{Publisher, Publishing};
use super::report::Report;
use super::task::{Record, Task};
use super::tasks::Tasks;
use super::transaction::{Transaction, next_offset};

/// How often tasks at the end of their partition learn the time, and gauges are refreshed.
const TICK: Duration = Duration::from_secs(1);
/// Longest wait in a poll: how late the loop notices that it shall stop.
const POLL_MAX: Duration = Duration::from_millis(100);
/// Pause before a rebalance is answered again that could not be answered.
const ANSWER_AGAIN: Duration = Duration::from_millis(250);

/// The configured limits of the loop.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// `kafka.commit_interval`
    pub commit_interval: Duration,
    /// `kafka.transaction_records_max`
    pub transaction_records_max: usize,
    /// `kafka.poll_records_max`
    pub poll_records_max: usize,
    /// Whether a second partition would tear an account apart: the input is not keyed by account.
    pub single_partition: bool,
}

impl Pace {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        Self {
            commit_interval: config.kafka.commit_interval,
            transaction_records_max: config.kafka.transaction_records_max,
            poll_records_max: config.kafka.poll_records_max,
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
    pace: Pace,
    tasks: Tasks<T>,
    transaction: Option<Transaction>,
    /// An assignment that could not be answered yet, and when to try again.
    unanswered: Option<(Vec<TopicPartition>, Duration)>,
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
        pace: Pace,
    ) -> Self {
        Self {
            broker,
            clock,
            make_task,
            report,
            publishing,
            pace,
            tasks: Tasks::default(),
            transaction: None,
            unanswered: None,
            down: false,
            next_tick: Duration::ZERO,
            next_levels: Duration::ZERO,
            next_urgent: Duration::ZERO,
        }
    }

    /// Works until `stop` is set, then finishes the open transaction.
    ///
    /// # Errors
    /// The failure that ends the process. Memory cannot be rolled back yet, so that is also every transaction that had to be
    /// aborted; the next start takes up at the committed offsets.
    pub fn run(&mut self, stop: &AtomicBool) -> Result<(), Failure> {
        self.work(stop).and_then(|()| self.finish()).map_err(|failure| self.give_up(failure))
    }

    fn work(&mut self, stop: &AtomicBool) -> Result<(), Failure> {
        while !stop.load(Ordering::Relaxed) {
            self.turn()?;
        }
        Ok(())
    }

    /// One turn: at most `poll_records_max` messages, then a look at rebalances and at the time.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn turn(&mut self) -> Result<(), Failure> {
        self.report.turned();
        self.take_in()?;
        self.answer_again()?;
        let now = self.clock.elapsed();
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            self.tick()?;
        }
        if self.commit_is_due(now) { self.commit() } else { Ok(()) }
    }

    fn take_in(&mut self) -> Result<(), Failure> {
        let wall = self.clock.wall();
        let mut wait = self.wait();
        let broker = self.broker;
        for _ in 0..self.pace.poll_records_max.max(1) {
            match broker.poll(wait)? {
                Polled::Nothing => break,
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
    fn wait(&self) -> Duration {
        let now = self.clock.elapsed();
        let due = match &self.transaction {
            Some(open) if open.urgent => self.next_urgent,
            Some(open) => open.opened + self.pace.commit_interval,
            None => self.next_tick,
        };
        let due = due.min(self.next_tick);
        due.saturating_sub(now).min(POLL_MAX)
    }
}

// === records ===

impl<B: Broker, T: Task> Worker<'_, B, T> {
    fn apply(&mut self, message: &B::Message<'_>, wall: i64) -> Result<(), Failure> {
        let (topic, number, offset) = (message.topic(), message.partition(), message.offset());
        let Some(running) = self.tasks.find(topic, number) else {
            let text = format!("OWN-1: got offset {offset} of {topic}[{number}], which is not assigned to this worker");
            return Err(Failure::new(Action::Fatal, text));
        };
        if offset < running.position {
            let text = format!("EO-2: {topic}[{number}] went back from offset {} to {offset}", running.position);
            return Err(Failure::new(Action::Fatal, text));
        }
        let now = self.clock.elapsed();
        let transaction = self.transaction.get_or_insert_with(|| Transaction::open(now));
        let mut publisher = Publisher {
            broker: self.broker,
            publishing: &self.publishing,
            transaction,
            source: &running.partition,
            offset,
            now: wall,
            failure: None,
        };
        running.task.apply(Record { key: message.key(), payload: message.payload() }, wall, &mut publisher);
        if let Some(failure) = publisher.failure {
            return Err(failure);
        }
        running.position = next_offset(offset);
        running.at_end = false;
        transaction.advance(&running.partition, running.position);
        transaction.messages += 1;
        Ok(())
    }

    fn reached_end(&mut self, partition: &TopicPartition, wall: i64) -> Result<(), Failure> {
        self.set_at_end(partition, true);
        self.caught_up(wall)
    }

    fn set_at_end(&mut self, partition: &TopicPartition, at_end: bool) {
        if let Some(running) = self.tasks.find(&partition.topic, partition.partition) {
            running.at_end = at_end;
        }
    }

    /// Tells the time to every task that has read all there is.
    fn caught_up(&mut self, wall: i64) -> Result<(), Failure> {
        let now = self.clock.elapsed();
        for running in self.tasks.iter_mut().filter(|running| running.at_end) {
            let mut transaction = self.transaction.take().unwrap_or_else(|| Transaction::open(now));
            let insights = transaction.insights.len();
            let mut publisher = Publisher {
                broker: self.broker,
                publishing: &self.publishing,
                transaction: &mut transaction,
                source: &running.partition,
                offset: running.position,
                now: wall,
                failure: None,
            };
            running.task.caught_up(wall, &mut publisher);
            let failure = publisher.failure;
            // What time alone brings about is committed with the partition's offset as well: so a worker that lost the
            // partition without knowing it is fenced by its generation.
            if transaction.insights.len() > insights {
                transaction.advance(&running.partition, running.position);
            }
            self.transaction = transaction.is_changed().then_some(transaction);
            failure.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn skip(&mut self, partition: &TopicPartition, from: i64, to: i64) -> Result<(), Failure> {
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

    fn note_position(&mut self, partition: &TopicPartition, position: i64) {
        let now = self.clock.elapsed();
        self.transaction.get_or_insert_with(|| Transaction::open(now)).advance(partition, position);
    }

    fn tick(&mut self) -> Result<(), Failure> {
        if !self.down {
            self.caught_up(self.clock.wall())?;
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
    fn tell_committed(&mut self) {
        let now = self.clock.elapsed();
        let levels_are_due = now >= self.next_levels;
        for running in self.tasks.iter_mut() {
            self.report.counted(&running.task.take_tally());
            if levels_are_due {
                self.report.levels(&running.partition, &running.task.levels());
            }
        }
        if levels_are_due {
            self.next_levels = now + TICK;
        }
    }
}

// === transactions ===

impl<B: Broker, T: Task> Worker<'_, B, T> {
    /// Whether to commit without waiting for `commit_interval`. The clock is read only where it matters.
    fn is_full(&self, open: &Transaction, now: Option<Duration>) -> bool {
        let urgent = || open.urgent && now.unwrap_or_else(|| self.clock.elapsed()) >= self.next_urgent;
        open.messages >= self.pace.transaction_records_max || urgent()
    }

    fn commit_is_due(&self, now: Duration) -> bool {
        let Some(open) = &self.transaction else { return false };
        // What the broker does not know of yet can wait until one is in reach, and outlives any time-out.
        let possible = open.begun || !self.down;
        possible && (self.is_full(open, Some(now)) || now >= open.opened + self.pace.commit_interval)
    }

    fn commit(&mut self) -> Result<(), Failure> {
        let Some(open) = &mut self.transaction else { return Ok(()) };
        let started = self.clock.elapsed();
        if !open.begun {
            self.broker.begin()?;
            open.begun = true;
        }
        self.broker.commit_with_offsets(&open.offsets())?;
        if let Some(done) = self.transaction.take() {
            let now = self.clock.elapsed();
            let took = now - started;
            // One insight after the other (a backlog, an attack) shares commits: they take half of the time at most.
            self.next_urgent = now + took;
            self.report.committed(&done, took, now - done.opened, self.clock.wall());
        }
        self.tell_committed();
        Ok(())
    }

    /// The last commit. What was only read, while no broker is in reach, is left to the next start.
    fn finish(&mut self) -> Result<(), Failure> {
        match &self.transaction {
            Some(open) if self.down && !open.begun => Ok(()),
            _ => self.commit(),
        }
    }

    /// Ends the open transaction after a failure, as well as it can be done, and says what that means.
    fn give_up(&mut self, failure: Failure) -> Failure {
        let Some(open) = self.transaction.take().filter(|open| open.begun) else { return failure };
        // Where the producer itself is of no more use, the coordinator does it: at the next start, or at the time-out.
        let confirmed = failure.cause == Cause::Other && self.broker.abort().is_ok();
        let age = self.clock.elapsed().saturating_sub(open.opened);
        self.report.aborted(failure.cause == Cause::ProducerFenced, age);
        let message = format!(
            "{}; the open transaction is {} and what it held in memory cannot be rolled back, so the process ends; \
             start it again, it takes up at the committed offsets",
            failure.message,
            if confirmed { "aborted" } else { "lost" },
        );
        Failure { message, ..failure }
    }
}

// === rebalances ===

impl<B: Broker, T: Task> Worker<'_, B, T> {
    fn answer_assign(&mut self, partitions: Vec<TopicPartition>) -> Result<(), Failure> {
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

    fn answer_again(&mut self) -> Result<(), Failure> {
        let now = self.clock.elapsed();
        match self.unanswered.take_if(|(_, at)| now >= *at) {
            Some((partitions, _)) => self.answer_assign(partitions),
            None => Ok(()),
        }
    }

    fn answer_revoke(&mut self, lost: bool) -> Result<(), Failure> {
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

    fn went_down(&mut self, reason: &str) -> Result<(), Failure> {
        self.report.down(reason);
        self.down = true;
        for running in self.tasks.iter_mut() {
            running.at_end = false;
        }
        // Otherwise what is still in the client's buffer could open a transaction that cannot be ended in time.
        self.broker.pause()
    }

    fn came_up(&mut self) -> Result<(), Failure> {
        self.report.up();
        self.down = false;
        self.broker.resume()
    }
}
