//! `insightd dlq`: lists the dead-letter topic, and replays dead-letter records that can be decoded now.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

pub(crate) use self::args::DlqArgs;
use self::args::DlqCommand;
use super::exit_error::ExitError;
use crate::config::Config;
use crate::kafka::dead_letters::Reader;
use crate::kafka::{self, Probe, ProbeError};
use crate::stream::dead_letter::{DeadLetter, DeadLetterId};

mod args;
mod dead_letter_text;
mod filter;
mod list;
mod replay;
mod report;
mod verdict;
mod when;

/// Longest wait for the broker.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Runs one of the commands.
///
/// # Errors
/// 78 for a configuration that is wrong or does not fit the cluster, 74 if Kafka or standard output fails.
pub(crate) fn run(args: &DlqArgs) -> Result<(), ExitError> {
    match &args.command {
        DlqCommand::List(args) => list::run(args),
        DlqCommand::Replay(args) => replay::run(args),
    }
}

/// Probes the cluster, which must have the dead-letter topic.
fn probe(config: &Config) -> Result<Probe, ExitError> {
    let probe = kafka::probe(config, ANSWER_MAX).map_err(|error| probe_failed(config, error))?;
    if probe.missing.contains(&config.dlq.topic) {
        let text = format!("topic {} does not exist: dlq.topic names no dead-letter records", config.dlq.topic);
        return Err(ExitError::new(sysexits::ExitCode::Config, text));
    }
    Ok(probe)
}

fn probe_failed(config: &Config, error: ProbeError) -> ExitError {
    match error {
        ProbeError::Refused(refused) => refused.into(),
        ProbeError::Unreachable(reason) => {
            let servers = config.kafka.bootstrap_servers.join(",");
            let text = format!("kafka.bootstrap_servers ({servers}) do not answer: {reason}");
            ExitError::io(text)
        }
    }
}

/// The dead-letter records that were replayed, by the replay markers in the topic.
fn replayed(reader: &Reader, topic: &str) -> Result<BTreeSet<DeadLetterId>, ExitError> {
    let mut replayed = BTreeSet::new();
    reader.read(&mut |dead_letter: &DeadLetter<'_>| -> Result<ControlFlow<()>, ExitError> {
        if let Some((_, place)) = dead_letter.replays.filter(|(of, _)| *of == topic) {
            replayed.insert(place);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(replayed)
}
