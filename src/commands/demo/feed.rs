//! Writes the constructed traffic to the input topic: in order of delivery, no faster than the daemon commits
//! it, no earlier than the time lapse allows.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::in_flight::{self, InFlight};
use super::time_lapse::TimeLapse;
use super::traffic::Delivered;
use crate::commands::run::RunningDaemon;
use crate::commands::wall_clock;
use crate::kafka::Feeder;
use crate::stream::broker::{Action, BrokerError};

/// Longest time until the feed notices that there is room for a record.
const STEP: Duration = Duration::from_millis(1);
/// Longest time until the feed notices that it was stopped.
const STEP_MAX: Duration = Duration::from_millis(20);
/// Longest time without a commit. The daemon processes thousands of records a second, so it has stopped by
/// then.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// How far the feed is. The display reads it from another thread.
#[derive(Debug, Default)]
pub(crate) struct FeedProgress {
    /// Records written.
    pub(crate) records: AtomicU64,
    /// Time of the newest one, seconds since 1970.
    pub(crate) time: AtomicI64,
    /// Asks the feed to end.
    pub(crate) stop: AtomicBool,
}

/// The feed and what it writes to.
pub(crate) struct Feed<'a> {
    /// The daemon, whose commits set the pace.
    pub(crate) daemon: &'a RunningDaemon,
    /// Writes to the input topic.
    pub(crate) feeder: Feeder,
    /// The records that the daemon has not committed.
    pub(crate) in_flight: InFlight,
    /// When a record may be written.
    pub(crate) time_lapse: TimeLapse,
    /// When the demo began.
    pub(crate) started: Instant,
    /// How far the feed is.
    pub(crate) progress: &'a FeedProgress,
}

impl Feed<'_> {
    /// Writes the traffic and waits until the daemon has committed it; false if stopped early.
    ///
    /// # Errors
    /// If a record cannot be written, or if the daemon stops committing.
    pub(crate) fn run(&mut self, traffic: impl Iterator<Item = Delivered>) -> Result<bool, BrokerError> {
        for record in traffic {
            let partition = record.account % self.in_flight.partitions();
            let bytes = in_flight::size(&record.key, &record.payload);
            if !self.wait_for_time(record.time)? || !self.wait_for_room(partition, bytes)? {
                return Ok(false);
            }
            self.feeder.send_to(number(partition), &record.key, &record.payload)?;
            self.in_flight.written(partition, bytes);
            self.progress.time.store(record.time, Ordering::Relaxed);
            self.progress.records.fetch_add(1, Ordering::Relaxed);
        }
        self.feeder.flush()?;
        self.wait_for_daemon(InFlight::is_empty)
    }

    fn wait_for_time(&mut self, time: i64) -> Result<bool, BrokerError> {
        let mut wait = self.time_lapse.wait(time, self.started.elapsed(), wall_clock::seconds_f64());
        while wait > Duration::ZERO {
            if self.is_stopping() {
                return Ok(false);
            }
            self.feeder.wait(wait.min(STEP_MAX))?;
            wait = self.time_lapse.wait(time, self.started.elapsed(), wall_clock::seconds_f64());
        }
        Ok(true)
    }

    fn wait_for_room(&mut self, partition: usize, bytes: u64) -> Result<bool, BrokerError> {
        if self.in_flight.has_room(partition, bytes) {
            return Ok(true);
        }
        self.wait_for_daemon(|in_flight| in_flight.has_room(partition, bytes))
    }

    /// Waits until commits make `is_reached` true; false if stopped early.
    fn wait_for_daemon(&mut self, is_reached: impl Fn(&InFlight) -> bool) -> Result<bool, BrokerError> {
        let (mut last_commit, mut committed_before) = (Instant::now(), 0);
        loop {
            let committed = self.take_commits();
            if is_reached(&self.in_flight) {
                return Ok(true);
            }
            if self.is_stopping() {
                return Ok(false);
            }
            if committed > committed_before {
                (last_commit, committed_before) = (Instant::now(), committed);
            } else if last_commit.elapsed() > STALLED_AFTER {
                let stalled = STALLED_AFTER.as_secs();
                let text = format!("the daemon has committed nothing for {stalled} s; --verbose shows why");
                return Err(BrokerError::new(Action::Fatal, text));
            }
            self.feeder.wait(STEP)?;
        }
    }

    /// Removes committed records from those in flight; returns the sum of the committed offsets.
    fn take_commits(&mut self) -> i64 {
        let mut sum = 0;
        for partition in 0..self.in_flight.partitions() {
            let next = self.daemon.committed(self.feeder.topic(), number(partition));
            self.in_flight.committed(partition, next);
            sum += next;
        }
        sum
    }

    fn is_stopping(&self) -> bool {
        self.progress.stop.load(Ordering::Relaxed) || self.daemon.is_stopping()
    }
}

fn number(partition: usize) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}
