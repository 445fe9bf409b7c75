//! `insightd dlq`: what lies in the dead-letter topic, and sending through once more what can be read now.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use self::args::{DlqArgs, DlqCommand};
use super::ExitError;
use crate::config::Config;
use crate::kafka::dead_letters::Reader;
use crate::kafka::{self, Probe, ProbeError};
use crate::stream::broker::{self, Cause};
use crate::stream::dead_letter::{DeadLetter, DeadLetterId};

pub mod args;
pub mod filter;
mod list;
mod replay;
pub(super) mod text;
mod verdict;

/// How long a broker is given to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Runs one of the commands.
///
/// # Errors
/// 78 for a configuration that is wrong or does not fit the cluster, 74 where Kafka or standard output failed.
pub fn run(args: &DlqArgs) -> Result<(), ExitError> {
    match &args.command {
        DlqCommand::List(args) => list::run(args),
        DlqCommand::Replay(args) => replay::run(args),
    }
}

fn load(path: &std::path::Path) -> Result<Config, ExitError> {
    Config::load(Some(path)).map_err(|faults| ExitError::new(sysexits::ExitCode::Config, faults.to_string()))
}

/// Looks at the cluster: a broker that refuses says why, and a dead-letter topic that is missing is named.
fn probe(config: &Config) -> Result<Probe, ExitError> {
    let probe = kafka::probe(config, ANSWER_MAX).map_err(|error| unprobed(config, error))?;
    if probe.missing.contains(&config.dlq.topic) {
        let text = format!("topic {} does not exist: dlq.topic names no dead letters", config.dlq.topic);
        return Err(ExitError::new(sysexits::ExitCode::Config, text));
    }
    Ok(probe)
}

fn unprobed(config: &Config, error: ProbeError) -> ExitError {
    match error {
        ProbeError::Refused(refused) => refused.into(),
        ProbeError::Unreachable(reason) => {
            let servers = config.kafka.bootstrap_servers.join(",");
            ExitError::new(
                sysexits::ExitCode::IoErr,
                format!("kafka.bootstrap_servers ({servers}) do not answer: {reason}"),
            )
        }
    }
}

impl From<broker::BrokerError> for ExitError {
    fn from(failure: broker::BrokerError) -> Self {
        let code = match failure.cause {
            Cause::Configuration => sysexits::ExitCode::Config,
            Cause::MemberFenced | Cause::ProducerFenced | Cause::Other => sysexits::ExitCode::IoErr,
        };
        Self::new(code, failure.message)
    }
}

/// Places of the letters that were replayed, by the marks behind them.
fn replayed(reader: &Reader, topic: &str) -> Result<BTreeSet<DeadLetterId>, ExitError> {
    let mut replayed = BTreeSet::new();
    reader.read(&mut |letter: &DeadLetter<'_>| -> Result<ControlFlow<()>, ExitError> {
        if let Some((_, place)) = letter.replays.filter(|(of, _)| *of == topic) {
            replayed.insert(place);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(replayed)
}

/// Milliseconds since 1970.
fn wall_clock_millis() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
