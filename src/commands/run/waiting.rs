//! Waiting for Kafka at the start: as long as it takes, said once.

use std::time::Duration;

use super::{Daemon, workers};
use crate::commands::ExitError;
use crate::http::WorkerState;
use crate::kafka::ProbeError;
use crate::kafka::topics::{self, ClusterProbe, Ready};

/// Longest wait for one answer of a broker.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// First pause; it doubles up to `kafka.retry_backoff_max`.
const PAUSE_FIRST: Duration = Duration::from_millis(250);

/// Looks at the cluster until everything is there; none when it shall stop before.
///
/// # Errors
/// When waiting would not help.
pub(super) fn prepare(daemon: &Daemon) -> Result<Option<Ready>, ExitError> {
    let workers = daemon.config.kafka.workers;
    let mut pause = PAUSE_FIRST;
    let cluster = ClusterProbe::new(&daemon.config).map_err(failure)?.knowing(daemon.limits);
    while !daemon.stop.is_set() {
        match topics::prepare(&daemon.config, &cluster, ANSWER_MAX) {
            Ok(ready) => {
                (0..workers).for_each(|worker| daemon.reach.up(worker));
                return Ok(Some(ready));
            }
            Err(ProbeError::Unreachable(reason)) => {
                for worker in 0..workers {
                    daemon.reach.down(worker, &reason);
                    daemon.metrics.broker_up(worker, false);
                }
                daemon.set_all(&WorkerState::BrokerAway { error: reason });
            }
            Err(refused @ ProbeError::Refused(_)) => return Err(failure(refused)),
        }
        daemon.stop.sleep(pause);
        pause = (pause * 2).min(daemon.config.kafka.retry_backoff_max);
    }
    Ok(None)
}

fn failure(error: ProbeError) -> ExitError {
    match error {
        ProbeError::Refused(refused) => workers::failure(refused),
        ProbeError::Unreachable(reason) => ExitError::new(sysexits::ExitCode::IoErr, reason),
    }
}
