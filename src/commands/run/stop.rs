//! The request to stop, shared by all threads of the daemon.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Longest time until a sleeping thread notices the request.
const STEP: Duration = Duration::from_millis(50);

/// Set once: by a signal, by the caller, or by the first worker that ends.
#[derive(Debug, Default)]
pub(crate) struct StopSignal(AtomicBool);

impl StopSignal {
    /// Asks all threads to finish.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether to finish.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// The flag that the worker loop watches.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Sleeps for `pause`, or until the request comes.
    pub(crate) fn sleep(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !self.is_set() && Instant::now() < until {
            thread::sleep(STEP.min(pause));
        }
    }
}
