//! What all parts of the daemon share.

use std::sync::Arc;

use super::committed::CommittedOffsets;
use super::reachability::BrokerReachability;
use super::stop::StopSignal;
use crate::commands::exit_error::ExitError;
use crate::config::Config;
use crate::http::{Health, WorkerState};
use crate::metrics::Metrics;
use crate::stream::publisher::RecordLimits;

/// Handles to the shared parts; a clone refers to the same parts.
#[derive(Clone)]
pub(crate) struct Handles {
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    pub(crate) reachability: Arc<BrokerReachability>,
    pub(crate) committed: Arc<CommittedOffsets>,
    pub(crate) stop: Arc<StopSignal>,
    /// The largest records that the topics take, if that is known without asking the broker.
    pub(crate) limits: Option<RecordLimits>,
}

impl Handles {
    /// # Errors
    /// 70 if the metrics cannot be registered, which is a bug.
    pub(crate) fn new(config: Config, limits: Option<RecordLimits>) -> Result<Self, ExitError> {
        let metrics =
            Metrics::new(&config).map_err(|error| ExitError::new(sysexits::ExitCode::Software, error.to_string()))?;
        let health = Health::new(config.kafka.workers, config.kafka.max_poll_interval);
        Ok(Self {
            config: Arc::new(config),
            metrics,
            health,
            reachability: Arc::default(),
            committed: Arc::default(),
            stop: Arc::default(),
            limits,
        })
    }

    /// Sets the state of every worker, for /readyz.
    pub(crate) fn set_workers(&self, state: &WorkerState) {
        for worker in 0..self.config.kafka.workers {
            self.health.set(worker, state.clone());
        }
    }
}
