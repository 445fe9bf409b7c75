//! `insightd state`: shows what the changelog holds, and empties it.

mod args;
mod reset;
mod show;

pub(crate) use self::args::StateArgs;
use self::args::StateCommand;
use super::exit_error::ExitError;

/// Runs one of the commands.
///
/// # Errors
/// 78 for a configuration that is wrong or does not fit the cluster or the changelog, 74 if Kafka or standard
/// output fails.
pub(crate) fn run(args: &StateArgs) -> Result<(), ExitError> {
    match &args.command {
        StateCommand::Inspect(args) => show::inspect(args),
        StateCommand::Export(args) => show::export(args),
        StateCommand::Reset(args) => reset::run(args),
    }
}
