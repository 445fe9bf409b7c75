//! Waits for Kafka at startup, without a time limit; logs it once.

use std::time::Duration;

use super::handles::Handles;
use crate::commands::exit_error::ExitError;
use crate::http::WorkerState;
use crate::kafka::ProbeError;
use crate::kafka::topics::{Preparation, Ready};

/// Longest wait for one answer of a broker.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// First pause; it doubles up to `kafka.retry_backoff_max`.
const PAUSE_FIRST: Duration = Duration::from_millis(250);

/// Probes the cluster until all topics are ready; none if the daemon is asked to stop first.
///
/// # Errors
/// If waiting does not help.
pub(crate) fn prepare(handles: &Handles) -> Result<Option<Ready>, ExitError> {
    let workers = handles.config.kafka.workers;
    let mut pause = PAUSE_FIRST;
    let preparation = Preparation::new(&handles.config, ANSWER_MAX).map_err(exit_error)?.with_limits(handles.limits);
    while !handles.stop.is_set() {
        match preparation.attempt() {
            Ok(ready) => {
                (0..workers).for_each(|worker| handles.reachability.up(worker));
                return Ok(Some(ready));
            }
            Err(ProbeError::Unreachable(reason)) => {
                for worker in 0..workers {
                    handles.reachability.down(worker, &reason);
                    handles.metrics.broker_up(worker, false);
                }
                handles.set_workers(&WorkerState::BrokerAway { error: reason });
            }
            Err(refused @ ProbeError::Refused(_)) => return Err(exit_error(refused)),
        }
        handles.stop.sleep(pause);
        pause = (pause * 2).min(handles.config.kafka.retry_backoff_max);
    }
    Ok(None)
}

fn exit_error(error: ProbeError) -> ExitError {
    match error {
        ProbeError::Refused(refused) => refused.into(),
        ProbeError::Unreachable(reason) => ExitError::io(reason),
    }
}
