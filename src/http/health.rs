//! The state of each worker as it reports it, and the answers to liveness and readiness that follow.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a worker is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WorkerState {
    /// Not started yet.
    Starting,
    /// Connecting to a broker for the first time, or waiting to join the group.
    Connecting,
    /// In the group. A worker without partitions is a healthy spare.
    Assigned {
        /// Input partitions held.
        partitions: usize,
    },
    /// In the group, and reading the state of partitions before it processes them.
    Restoring {
        /// Input partitions held.
        partitions: usize,
        /// Changelog offsets that remain to be read.
        left: i64,
    },
    /// It was in the group, but no broker answers at present.
    BrokerAway {
        /// librdkafka's error.
        error: String,
    },
    /// Finishing its transaction and leaving the group.
    Stopping,
}

impl fmt::Display for WorkerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => write!(f, "starting"),
            Self::Connecting => write!(f, "connecting to the broker"),
            Self::Assigned { partitions: 1 } => write!(f, "1 partition assigned"),
            Self::Assigned { partitions } => write!(f, "{partitions} partitions assigned"),
            Self::Restoring { partitions, left } => {
                write!(f, "restoring state of {partitions} partitions, {left} offsets of the changelog left")
            }
            Self::BrokerAway { error } => write!(f, "broker away ({error})"),
            Self::Stopping => write!(f, "stopping"),
        }
    }
}

/// Health of the process, shared by the workers, which report, and HTTP, which answers.
#[derive(Debug)]
pub(crate) struct Health {
    begun: Instant,
    stall_max: Duration,
    stopping: AtomicBool,
    workers: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    state: Mutex<(WorkerState, Instant)>,
    polled: Moment,
    committed: Moment,
}

impl Health {
    /// Health of this many workers. A worker that does not poll for `stall_max` (`kafka.max_poll_interval`:
    /// the group has removed it by then) makes the process not alive.
    pub(crate) fn new(workers: usize, stall_max: Duration) -> Arc<Self> {
        let begun = Instant::now();
        let worker = || Worker {
            state: Mutex::new((WorkerState::Starting, begun)),
            polled: Moment::never(),
            committed: Moment::never(),
        };
        let workers = std::iter::repeat_with(worker).take(workers).collect();
        Arc::new(Self { begun, stall_max, stopping: AtomicBool::new(false), workers })
    }

    /// Sets what a worker is doing. The age of an unchanged state is kept.
    pub(crate) fn set(&self, worker: usize, state: WorkerState) {
        let Some(worker) = self.workers.get(worker) else { return };
        let mut held = worker.state.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != state {
            *held = (state, Instant::now());
        }
    }

    /// Notes that a worker's poll returned. Cheap enough for every poll.
    pub(crate) fn polled(&self, worker: usize) {
        if let Some(worker) = self.workers.get(worker) {
            worker.polled.set(self.begun);
        }
    }

    /// Notes that a worker committed a transaction.
    pub(crate) fn committed(&self, worker: usize) {
        if let Some(worker) = self.workers.get(worker) {
            worker.committed.set(self.begun);
        }
    }

    /// Notes that the process was asked to stop: it stays alive but is no longer ready.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Alive: every worker that has started to poll still polls. `Err` names one that does not.
    ///
    /// # Errors
    /// The reason, in words.
    pub(crate) fn live(&self) -> Result<String, String> {
        for (number, worker) in self.workers.iter().enumerate() {
            if let Some(age) = worker.polled.age(self.begun).filter(|age| *age > self.stall_max) {
                let (age, most) = (age.as_secs(), self.stall_max.as_secs());
                return Err(format!(
                    "worker {number} has not polled for {age} s (kafka.max_poll_interval is {most} s)"
                ));
            }
        }
        Ok("alive".to_owned())
    }

    /// Ready: alive, not stopping, and every worker is in the group and reaches a broker. `Err` names what is
    /// missing.
    ///
    /// # Errors
    /// The reason, in words.
    pub(crate) fn ready(&self) -> Result<String, String> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err("not ready: stopping".to_owned());
        }
        self.live().map_err(|reason| format!("not ready: {reason}"))?;
        let all: Vec<(bool, String)> = self.workers.iter().enumerate().map(|(n, w)| self.describe(n, w)).collect();
        let ready = all.iter().all(|(ready, _)| *ready);
        let lines: Vec<String> = all.into_iter().map(|(_, line)| line).collect();
        let text = format!("{}: {}", if ready { "ready" } else { "not ready" }, lines.join("; "));
        if ready { Ok(text) } else { Err(text) }
    }

    fn describe(&self, number: usize, worker: &Worker) -> (bool, String) {
        let (state, since) = worker.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut line = format!("worker {number} {state} since {} s", since.elapsed().as_secs());
        for (what, moment) in [("poll", &worker.polled), ("commit", &worker.committed)] {
            if let Some(age) = moment.age(self.begun) {
                line.push_str(&format!(", last {what} {:.1} s ago", age.as_secs_f64()));
            }
        }
        (matches!(state, WorkerState::Assigned { .. }), line)
    }
}

/// A moment that one thread sets and another reads: milliseconds since the process began, plus 1; 0 means
/// never.
#[derive(Debug)]
struct Moment(AtomicU64);

impl Moment {
    fn never() -> Self {
        Self(AtomicU64::new(0))
    }

    fn set(&self, begun: Instant) {
        self.0.store(begun.elapsed().as_millis() as u64 + 1, Ordering::Relaxed);
    }

    fn age(&self, begun: Instant) -> Option<Duration> {
        let at = self.0.load(Ordering::Relaxed).checked_sub(1)?;
        Some(begun.elapsed().saturating_sub(Duration::from_millis(at)))
    }
}
