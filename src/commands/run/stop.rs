//! The wish to stop, shared by everybody.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How late a sleeper notices.
const STEP: Duration = Duration::from_millis(50);

/// Set once, by a signal or by the first worker that ends.
#[derive(Debug, Default)]
pub(super) struct Stop(AtomicBool);

impl Stop {
    /// Everybody shall finish.
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether to finish.
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// The flag itself.
    pub(super) fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Sleeps, but not beyond the wish to stop.
    pub(super) fn sleep(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !self.is_set() && Instant::now() < until {
            thread::sleep(STEP.min(pause));
        }
    }
}
