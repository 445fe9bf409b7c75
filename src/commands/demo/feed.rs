//! The thread that writes the constructed traffic: in order of delivery, no faster than the daemon takes it, no earlier than the
//! time lapse says.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::lapse::Lapse;
use super::traffic::Delivered;
use super::window::{self, Window};
use crate::commands::run::Running;
use crate::kafka::Feeder;
use crate::stream::broker::{Action, BrokerError};

/// How late the feed notices that there is room.
const STEP: Duration = Duration::from_millis(1);
/// How late it notices that it shall end.
const STEP_MAX: Duration = Duration::from_millis(20);
/// Longest wait for the daemon to go on: it takes in thousands of records a second, so it has stopped doing so.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// How far the feed is, for others to look at.
#[derive(Debug, Default)]
pub(super) struct Fed {
    /// Records written.
    pub records: AtomicU64,
    /// Time of the newest one, seconds since 1970.
    pub time: AtomicI64,
    /// Asks the feed to end.
    pub stop: AtomicBool,
}

/// What the feed needs of the rest.
pub(super) struct Feed<'a> {
    /// The daemon, whose commits set the pace.
    pub daemon: &'a Running,
    /// Where records go.
    pub feeder: Feeder,
    /// What is under way in its partitions.
    pub window: Window,
    /// The pace of time.
    pub lapse: Lapse,
    /// When the demo began.
    pub started: Instant,
    /// How far it is.
    pub fed: &'a Fed,
}

impl Feed<'_> {
    /// Writes all of it and waits until the daemon has committed it; `false` when it was stopped before.
    ///
    /// # Errors
    /// When a record cannot be written, or the daemon takes none in any more.
    pub(super) fn run(&mut self, traffic: impl Iterator<Item = Delivered>) -> Result<bool, BrokerError> {
        for record in traffic {
            let partition = record.account % self.window.partitions();
            let bytes = window::size(&record.key, &record.payload);
            if !self.wait_for_time(record.time)? || !self.wait_for_room(partition, bytes)? {
                return Ok(false);
            }
            self.feeder.send_to(number(partition), &record.key, &record.payload)?;
            self.window.written(partition, bytes);
            self.fed.time.store(record.time, Ordering::Relaxed);
            self.fed.records.fetch_add(1, Ordering::Relaxed);
        }
        self.feeder.flush()?;
        self.wait_for_daemon(Window::is_empty)
    }

    fn wait_for_time(&mut self, time: i64) -> Result<bool, BrokerError> {
        let mut wait = self.lapse.wait(time, self.started.elapsed(), wall());
        while wait > Duration::ZERO {
            if self.is_stopping() {
                return Ok(false);
            }
            self.feeder.wait(wait.min(STEP_MAX))?;
            wait = self.lapse.wait(time, self.started.elapsed(), wall());
        }
        Ok(true)
    }

    fn wait_for_room(&mut self, partition: usize, bytes: u64) -> Result<bool, BrokerError> {
        if self.window.has_room(partition, bytes) {
            return Ok(true);
        }
        self.wait_for_daemon(|window| window.has_room(partition, bytes))
    }

    /// Waits until commits have brought the window there; `false` when stopped before.
    fn wait_for_daemon(&mut self, there: impl Fn(&Window) -> bool) -> Result<bool, BrokerError> {
        let mut moved = (Instant::now(), 0);
        loop {
            let committed = self.take_commits();
            if there(&self.window) {
                return Ok(true);
            }
            if self.is_stopping() {
                return Ok(false);
            }
            if committed > moved.1 {
                moved = (Instant::now(), committed);
            } else if moved.0.elapsed() > STALLED_AFTER {
                let stalled = STALLED_AFTER.as_secs();
                let text = format!("the daemon has taken in nothing for {stalled} s; --verbose shows why");
                return Err(BrokerError::new(Action::Fatal, text));
            }
            self.feeder.wait(STEP)?;
        }
    }

    /// Makes room for what the daemon has committed since; returns the sum of its offsets.
    fn take_commits(&mut self) -> i64 {
        let mut sum = 0;
        for partition in 0..self.window.partitions() {
            let next = self.daemon.committed(self.feeder.topic(), number(partition));
            self.window.committed(partition, next);
            sum += next;
        }
        sum
    }

    fn is_stopping(&self) -> bool {
        self.fed.stop.load(Ordering::Relaxed) || self.daemon.is_stopping()
    }
}

fn number(partition: usize) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

/// Wall clock, seconds since 1970.
fn wall() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
