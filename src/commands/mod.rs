//! The commands of the binary, one module each; here the command line and the exit code.
//!
//! A command's arguments live in its module. Code that several commands share lives beside them, in a
//! module named for its subject. A command uses another one only to run it (`demo` runs the daemon of
//! `run`).

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use self::exit_error::ExitError;

mod backtest;
mod check;
mod console;
#[cfg(feature = "generate")]
mod demo;
mod dlq;
mod exit_error;
#[cfg(feature = "generate")]
mod generate;
mod load;
mod replay;
mod run;
mod sources;
mod state;
mod version;
mod violations;
mod wall_clock;

/// An open, streaming CloudTrail Insights.
#[derive(Debug, Parser)]
#[command(name = "insightd", version = version::version(), propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: CloudTrail in from Kafka, Insights events out to Kafka.
    Run(run::RunArgs),
    /// Load, validate and print the configuration, secrets masked. If it is wrong, print every fault at
    /// once and exit with code 78.
    Check(check::CheckArgs),
    /// Run the same engine over CloudTrail files. Insights go to standard output, one JSON object a line.
    Replay(replay::ReplayArgs),
    /// Load history from CloudTrail files into the baselines of a running or stopped daemon. Raises no
    /// insights.
    Load(load::LoadArgs),
    /// Show what would have fired, on counts or on CloudTrail files.
    Backtest(backtest::BacktestArgs),
    /// List dead-letter records, and replay those that can be decoded now.
    Dlq(dlq::DlqArgs),
    /// Inspect, export or reset the daemon's state.
    State(state::StateArgs),
    /// Show the daemon at work without a server: an embedded Kafka, constructed CloudTrail with attacks,
    /// insights as they happen.
    #[cfg(feature = "generate")]
    Demo(demo::DemoArgs),
    /// Generate the traffic of a constructed organization with labeled attacks: log files of a bucket, or
    /// messages of a Kafka topic.
    #[cfg(feature = "generate")]
    Generate(generate::GenerateArgs),
}

/// Reads the command line of this process.
///
/// # Errors
/// What is wrong with it; or the help or version that it asks for.
pub fn parse() -> Result<Cli, clap::Error> {
    Cli::try_parse()
}

/// Runs one command. A failure goes to standard error and into the exit code.
pub fn run(cli: Cli) -> ExitCode {
    match dispatch(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::say(&error.message);
            error.code.into()
        }
    }
}

fn dispatch(command: Command) -> Result<(), ExitError> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Load(args) => load::run(&args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Dlq(args) => dlq::run(&args),
        Command::State(args) => state::run(&args),
        #[cfg(feature = "generate")]
        Command::Demo(args) => demo::run(&args),
        #[cfg(feature = "generate")]
        Command::Generate(args) => generate::run(&args),
    }
}

/// Prints help and version as asked (exit code 0), and what is wrong with a command line in one line (exit
/// code 64).
pub fn explain(refused: &clap::Error) -> ExitCode {
    match refused.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A closed standard output is not a reason to fail.
            let _ = refused.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = refused.print();
            sysexits::ExitCode::Usage.into()
        }
        _ => {
            console::say(&one_line(&refused.to_string()));
            sysexits::ExitCode::Usage.into()
        }
    }
}

/// The lines of clap's message before its usage lines, joined.
fn one_line(message: &str) -> String {
    let ends = |line: &str| line.starts_with("Usage:") || line.starts_with("For more information");
    let before_usage = message.lines().take_while(|line| !ends(line));
    let parts: Vec<&str> = before_usage.map(str::trim).filter(|line| !line.is_empty()).collect();
    let line = parts.join(" ");
    format!("{} (see insightd --help)", line.strip_prefix("error: ").unwrap_or(&line))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// The image is built without the feature `generate`: its help offers no command that needs the
    /// generator.
    #[test]
    fn demo_and_generate_are_offered_with_the_generator_only() {
        let help = Cli::command().render_help().to_string();
        let offered = |command: &str| help.lines().any(|line| line.trim_start().starts_with(command));
        assert!(offered("replay"), "{help}");
        for command in ["demo", "generate"] {
            assert_eq!(offered(command), cfg!(feature = "generate"), "{command}:\n{help}");
        }
    }
}
