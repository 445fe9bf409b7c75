//! `insightd state`: what the changelog holds, and emptying it.

use self::args::{StateArgs, StateCommand};
use super::ExitError;
use crate::config::Config;

pub mod args;
mod reset;
mod show;

/// Runs one of the commands.
///
/// # Errors
/// 78 for a configuration that is wrong or does not fit the cluster or the changelog, 74 where Kafka or standard output failed.
pub fn run(args: &StateArgs) -> Result<(), ExitError> {
    match &args.command {
        StateCommand::Inspect(args) => show::inspect(args),
        StateCommand::Export(args) => show::export(args),
        StateCommand::Reset(args) => reset::run(args),
    }
}

fn load(path: &std::path::Path) -> Result<Config, ExitError> {
    Config::load(Some(path)).map_err(|faults| ExitError::new(sysexits::ExitCode::Config, faults.to_string()))
}
