//! The binary: parse arguments, run one command, exit with its code.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use insightd::commands::{self, Cli};

fn main() -> ExitCode {
    #[cfg(feature = "crash-points")]
    insightd::crash::arm();
    match Cli::try_parse() {
        Ok(cli) => commands::run(cli),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                // A closed standard output is no reason to fail.
                let _ = error.print();
                ExitCode::SUCCESS
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                let _ = error.print();
                sysexits::ExitCode::Usage.into()
            }
            _ => commands::usage(&error.to_string()),
        },
    }
}
