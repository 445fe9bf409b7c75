//! The binary: parses the command line, runs one command, exits with its code.

use std::process::ExitCode;

use insightd::commands;

fn main() -> ExitCode {
    #[cfg(feature = "crash-points")]
    insightd::crash::arm();
    match commands::parse() {
        Ok(cli) => commands::run(cli),
        Err(refused) => commands::explain(&refused),
    }
}
