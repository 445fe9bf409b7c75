//! Whether Kafka is reachable, for the log: one line for the whole process, however many workers notice.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Logs when the first worker loses its broker, and when the last one has it back.
#[derive(Debug, Default)]
pub(crate) struct BrokerReachability(Mutex<Outage>);

#[derive(Debug, Default)]
struct Outage {
    /// Workers that reach no broker.
    workers: BTreeSet<usize>,
    /// When the first worker lost its broker.
    since: Option<Instant>,
}

impl BrokerReachability {
    /// A worker reaches no broker.
    pub(crate) fn down(&self, worker: usize, reason: &str) {
        let mut outage = self.lock();
        outage.workers.insert(worker);
        if outage.since.is_none() {
            outage.since = Some(Instant::now());
            tracing::warn!(reason, "no Kafka broker is reachable; retrying until one is");
        }
    }

    /// A worker reaches a broker.
    pub(crate) fn up(&self, worker: usize) {
        let mut outage = self.lock();
        outage.workers.remove(&worker);
        if outage.workers.is_empty()
            && let Some(since) = outage.since.take()
        {
            tracing::info!(away_s = since.elapsed().as_secs_f64(), "Kafka is reachable again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Outage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
