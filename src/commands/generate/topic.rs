//! The traffic as messages of a Kafka topic: one record each, keyed by account, all accounts together in
//! order of delivery.

use std::path::Path;
use std::time::Duration;

use insightd_generate::Organization;
use insightd_generate::delivery::{File, Merged};
use insightd_generate::json::Writer;
use sysexits::ExitCode;

use super::pace::Pace;
use super::{Progress, Written, callers, delivery, pool};
use crate::commands::exit_error::ExitError;
use crate::config::Config;
use crate::kafka::{Feeder, ProbeError};
use crate::stream::broker::BrokerError;

/// Longest wait for the broker.
const BROKER_WAIT: Duration = Duration::from_secs(5);

/// Connects to the input topic of a configuration file.
///
/// # Errors
/// 78 for a configuration that is wrong, 69 if no broker answers.
pub(super) fn connect(path: &Path) -> Result<Feeder, ExitError> {
    let config = Config::load(Some(path))?;
    Feeder::connect(&config, BROKER_WAIT).map_err(|error| match error {
        ProbeError::Unreachable(reason) => {
            let brokers = config.kafka.bootstrap_servers.join(", ");
            ExitError::new(ExitCode::Unavailable, format!("no broker of {brokers} answers: {reason}"))
        }
        ProbeError::Refused(refused) => ExitError::new(ExitCode::Config, refused.message),
    })
}

/// The records of one file, as messages.
struct Messages {
    /// Index of the account.
    account: usize,
    /// Delivery time, seconds since 1970.
    delivered: i64,
    json: Vec<u8>,
    /// Where each record ends in `json`.
    ends: Vec<usize>,
}

/// Sends all records, and returns when the broker has acknowledged them.
pub(super) fn send(
    feeder: &mut Feeder,
    organization: &Organization,
    threads: usize,
    mut pace: Pace,
    progress: &Progress,
) -> Result<Written, ExitError> {
    let accounts = organization.accounts();
    let callers: Vec<_> = accounts.iter().map(callers).collect();
    let worker = || {
        let (mut writer, callers) = (Writer::default(), &callers);
        move |(account, file): (usize, File)| {
            let (mut json, mut ends) = (Vec::new(), Vec::with_capacity(file.calls.len()));
            for call in &file.calls {
                writer.write(&callers[account], call, &mut json);
                ends.push(json.len());
            }
            Messages { account, delivered: file.delivered, json, ends }
        }
    };
    let mut total = Written::default();
    let outcome = pool::in_order(Merged::new(accounts.iter().map(delivery)), threads, worker, |messages: Messages| {
        let mut begin = 0;
        for end in messages.ends {
            feeder.wait(pace.wait(messages.delivered))?;
            feeder.send(accounts[messages.account].id(), &messages.json[begin..end])?;
            total.records += 1;
            begin = end;
        }
        total.bytes += begin as u64;
        progress.all(messages.delivered, &total);
        Ok(())
    });
    let outcome = outcome.and_then(|()| feeder.flush());
    progress.finish();
    outcome
        .map(|()| total)
        .map_err(|error: BrokerError| ExitError::io(format!("{} after {} records", error.message, total.records)))
}
