//! Whether Kafka is in reach, for the log: said once for the whole process, however many workers notice.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The workers that reach no broker, and since when there are any.
#[derive(Debug, Default)]
pub(super) struct Reach(Mutex<(BTreeSet<usize>, Option<Instant>)>);

impl Reach {
    /// A worker reaches no broker.
    pub(super) fn down(&self, worker: usize, reason: &str) {
        let mut state = self.lock();
        state.0.insert(worker);
        if state.1.is_none() {
            state.1 = Some(Instant::now());
            tracing::warn!(reason, "no Kafka broker is in reach; trying again until one is");
        }
    }

    /// A worker reaches one.
    pub(super) fn up(&self, worker: usize) {
        let mut state = self.lock();
        state.0.remove(&worker);
        if state.0.is_empty()
            && let Some(since) = state.1.take()
        {
            tracing::info!(away_s = since.elapsed().as_secs_f64(), "Kafka is in reach again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, (BTreeSet<usize>, Option<Instant>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
