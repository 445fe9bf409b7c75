//! Ends the process when a worker hangs: a call that does not return, a loop that does not iterate, a
//! transaction that stays open.
//!
//! `send_offsets` of librdkafka can ignore its time limit when a group coordinator is lost (librdkafka
//! #5456). Nothing inside the calling thread helps then, so another thread watches how long the running call
//! has taken, and how long ago the loop last iterated.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Interval of the watchdog's checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// A check that comes this late shows that the process itself was suspended: its workers get until the next
/// check.
const SUSPENDED_AFTER: Duration = Duration::from_secs(10);

/// What a worker is doing, within one poll iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Polls the broker for records.
    Poll,
    /// Applies records.
    Apply,
    /// Answers a rebalance.
    Rebalance,
    /// Returns to the committed offsets.
    Rewind,
    /// Reads a changelog.
    Restore,
    /// Passes the time to its tasks.
    Tick,
    /// Commits.
    Commit,
}

impl Phase {
    const ALL: [Self; 7] =
        [Self::Poll, Self::Apply, Self::Rebalance, Self::Rewind, Self::Restore, Self::Tick, Self::Commit];

    /// The name, for messages.
    fn name(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Apply => "apply",
            Self::Rebalance => "rebalance",
            Self::Rewind => "rewind",
            Self::Restore => "restore",
            Self::Tick => "tick",
            Self::Commit => "commit",
        }
    }
}

/// What one worker is doing, shared between it and its watchdog.
#[derive(Debug)]
pub struct Calls {
    running: Mutex<Option<(&'static str, Instant)>>,
    start: Instant,
    /// When the loop last iterated, in milliseconds since `start` plus 1; 0 while it does not run.
    iterated: AtomicU64,
    /// Since when a transaction is open, in the same form; 0 while none is.
    opened: AtomicU64,
    phase: AtomicU8,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            running: Mutex::default(),
            start: Instant::now(),
            iterated: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            phase: AtomicU8::new(0),
        }
    }
}

impl Calls {
    /// Notes that a call begins. It ends when the guard is dropped.
    pub fn enter(&self, call: &'static str) -> CallGuard<'_> {
        self.set(Some((call, Instant::now())));
        CallGuard(self)
    }

    /// The running call, and for how long it has run.
    fn running(&self) -> Option<(&'static str, Duration)> {
        let running = *self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.map(|(call, since)| (call, since.elapsed()))
    }

    /// The loop iterates; `open` is whether a transaction that the broker knows of is open.
    pub fn iterated(&self, open: bool) {
        let now = self.now();
        self.iterated.store(now, Ordering::Relaxed);
        if !open {
            self.closed();
        } else if self.opened.load(Ordering::Relaxed) == 0 {
            self.opened.store(now, Ordering::Relaxed);
        }
    }

    /// The open transaction has ended. Another one is noted at the next iteration.
    pub fn closed(&self) {
        self.opened.store(0, Ordering::Relaxed);
    }

    /// The loop enters a phase.
    pub fn at(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// The loop has ended.
    pub fn ended(&self) {
        self.iterated.store(0, Ordering::Relaxed);
        self.closed();
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn age(&self, since: &AtomicU64) -> Option<Duration> {
        let since = since.load(Ordering::Relaxed);
        (since > 0).then(|| Duration::from_millis(self.now().saturating_sub(since)))
    }

    /// What hangs, if anything does. A call says more than the phase it belongs to, and an iteration more
    /// than the transaction that it holds up.
    fn hung(&self, limits: HangLimits) -> Option<Hung> {
        if let Some((call, took)) = self.running().filter(|(_, took)| *took > limits.call) {
            return Some(Hung::Call(call, took));
        }
        let at = self.phase.load(Ordering::Relaxed);
        let phase = Phase::ALL.get(usize::from(at)).copied().unwrap_or(Phase::Poll);
        let beyond = |since: &AtomicU64, limit| self.age(since).filter(|age| *age > limit);
        let iteration = beyond(&self.iterated, limits.iteration).map(|age| Hung::Iteration(phase, age));
        iteration.or_else(|| beyond(&self.opened, limits.transaction).map(|age| Hung::Transaction(phase, age)))
    }

    fn set(&self, running: Option<(&'static str, Instant)>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
    }
}

/// A call that runs until this is dropped.
#[derive(Debug)]
pub struct CallGuard<'a>(&'a Calls);

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

/// Longest times, each beyond what any timeout of the client or the broker allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HangLimits {
    /// Of one transactional call.
    pub call: Duration,
    /// Of one poll iteration.
    pub iteration: Duration,
    /// Of a transaction that the broker knows of.
    pub transaction: Duration,
}

impl HangLimits {
    /// The limits that follow from `kafka.transaction_timeout` and `kafka.max_poll_interval`.
    pub(crate) fn new(transaction_timeout: Duration, max_poll_interval: Duration) -> Self {
        // A call that takes longer than this many timeouts does not return. An iteration has several calls;
        // one that is longer than the group allows has lost its partitions, which is no reason to end the
        // process.
        let call = transaction_timeout * 3;
        Self { call, iteration: max_poll_interval + 2 * call, transaction: 2 * call }
    }
}

/// What hangs, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hung {
    /// A call of the client.
    Call(&'static str, Duration),
    /// The loop, in this phase.
    Iteration(Phase, Duration),
    /// A transaction that is neither committed nor aborted, though the loop iterates.
    Transaction(Phase, Duration),
}

impl fmt::Display for Hung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call, took) => write!(f, "the call {call} has not returned for {} s", took.as_secs()),
            Self::Iteration(phase, took) => {
                write!(f, "the loop has not come back to poll for {} s; it is at {}", took.as_secs(), phase.name())
            }
            Self::Transaction(phase, took) => {
                write!(f, "a transaction has been open for {} s; the loop is at {}", took.as_secs(), phase.name())
            }
        }
    }
}

/// Watches the workers from a thread of its own, for as long as the process lives. Calls `hung` with the
/// number of the worker and what hangs; it is expected to end the process.
///
/// # Errors
/// If the system cannot start a thread.
pub(crate) fn watch(
    workers: Vec<Arc<Calls>>,
    limits: HangLimits,
    hung: impl Fn(usize, Hung) + Send + 'static,
) -> std::io::Result<()> {
    let check = move || {
        let mut checked = Instant::now();
        loop {
            let was_suspended = checked.elapsed() > SUSPENDED_AFTER;
            checked = Instant::now();
            for (number, calls) in workers.iter().enumerate().filter(|_| !was_suspended) {
                if let Some(found) = calls.hung(limits) {
                    hung(number, found);
                }
            }
            thread::sleep(CHECK_INTERVAL);
        }
    };
    thread::Builder::new().name("watchdog".to_owned()).spawn(check).map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_call_beyond_the_limit_is_reported_by_name() {
        let (finished, hanging) = (Arc::new(Calls::default()), Arc::new(Calls::default()));
        drop(finished.enter("commit_transaction"));
        assert_eq!(finished.running(), None);
        let _running = hanging.enter("send_offsets_to_transaction");
        let (sender, receiver) = mpsc::channel();
        let limits = HangLimits { call: SHORT, iteration: LONG, transaction: LONG };
        watch(vec![finished, hanging.clone()], limits, move |worker, hung| {
            // The receiver is gone once the test has seen enough.
            let _ = sender.send((worker, hung));
        })
        .unwrap();
        let (worker, hung) = receiver.recv_timeout(Duration::from_secs(10)).unwrap();
        let Hung::Call(call, took) = hung else { panic!("{hung}") };
        assert_eq!((worker, call), (1, "send_offsets_to_transaction"));
        assert!(took > SHORT);
        assert!(hung.to_string().starts_with("the call send_offsets_to_transaction has not returned for "), "{hung}");
    }

    #[test]
    fn a_loop_that_does_not_iterate_is_reported_with_its_phase() {
        let limits = HangLimits { call: LONG, iteration: SHORT, transaction: LONG };
        let calls = Calls::default();
        thread::sleep(2 * SHORT);
        assert_eq!(calls.hung(limits), None, "it waits for its broker");
        calls.iterated(false);
        calls.at(Phase::Restore);
        assert_eq!(calls.hung(limits), None);
        thread::sleep(2 * SHORT);
        let hung = calls.hung(limits);
        assert!(matches!(hung, Some(Hung::Iteration(Phase::Restore, _))), "{hung:?}");
        calls.ended();
        assert_eq!(calls.hung(limits), None);
    }

    #[test]
    fn an_open_transaction_is_reported_though_the_loop_iterates() {
        let limits = HangLimits { call: LONG, iteration: LONG, transaction: 2 * SHORT };
        let calls = Calls::default();
        for _ in 0..3 {
            // One after the other, each ended in its iteration.
            calls.iterated(true);
            thread::sleep(SHORT);
            calls.closed();
        }
        calls.iterated(true);
        assert_eq!(calls.hung(limits), None);
        for _ in 0..3 {
            calls.iterated(true);
            thread::sleep(SHORT);
        }
        calls.at(Phase::Apply);
        let hung = calls.hung(limits);
        assert!(matches!(hung, Some(Hung::Transaction(Phase::Apply, _))), "{hung:?}");
        calls.iterated(false);
        assert_eq!(calls.hung(limits), None, "aborted, or never begun");
    }

    #[test]
    fn every_phase_is_found_by_its_number() {
        assert!(Phase::ALL.iter().enumerate().all(|(at, phase)| *phase as usize == at));
    }
}
