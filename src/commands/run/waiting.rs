//! Waiting for Kafka at the start: as long as it takes, said once.

use std::time::Duration;

use crate::commands::Failure;
use crate::http::WorkerState;
use crate::kafka::ProbeError;
use crate::kafka::topics::{self, Onlooker, Ready};

use super::{Daemon, workers};

/// Longest wait for one answer of a broker.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// First pause; it doubles up to `kafka.retry_backoff_max`.
const PAUSE_FIRST: Duration = Duration::from_millis(250);

/// Looks at the cluster until everything is there; none when it shall stop before.
///
/// # Errors
/// When waiting would not help.
pub fn prepare(daemon: &Daemon) -> Result<Option<Ready>, Failure> {
    let mut pause = PAUSE_FIRST;
    let mut away = Away::default();
    let onlooker = Onlooker::new(&daemon.config).map_err(failure)?;
    while !daemon.stop.is_set() {
        match topics::prepare(&daemon.config, &onlooker, ANSWER_MAX) {
            Ok(ready) => {
                away.over();
                return Ok(Some(ready));
            }
            Err(ProbeError::Unreachable(reason)) => {
                away.say(&reason);
                daemon.set_all(&WorkerState::BrokerAway { error: reason });
                for worker in 0..daemon.config.kafka.workers {
                    daemon.metrics.broker_up(worker, false);
                }
            }
            Err(refused @ ProbeError::Refused(_)) => return Err(failure(refused)),
        }
        daemon.stop.sleep(pause);
        pause = (pause * 2).min(daemon.config.kafka.retry_backoff_max);
    }
    Ok(None)
}

fn failure(error: ProbeError) -> Failure {
    match error {
        ProbeError::Refused(refused) => workers::failure(refused),
        ProbeError::Unreachable(reason) => Failure::new(sysexits::ExitCode::IoErr, reason),
    }
}

/// Says once that Kafka is out of reach, and once that it is there again.
#[derive(Debug, Default)]
pub struct Away(bool);

impl Away {
    /// Kafka is out of reach.
    pub fn say(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.0, true) {
            tracing::warn!(reason, "no Kafka broker is in reach; trying again until one is");
        }
    }

    /// Kafka is there.
    pub fn over(&mut self) {
        if std::mem::take(&mut self.0) {
            tracing::info!("a Kafka broker is in reach again");
        }
    }
}
