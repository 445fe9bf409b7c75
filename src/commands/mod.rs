//! One file for each command of the binary; here the command line itself and how a command ends.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use insightd_core::cloudtrail::insight::Format;

pub mod backtest;
pub mod check;
#[cfg(feature = "generate")]
pub mod demo;
pub mod dlq;
#[cfg(feature = "generate")]
pub mod generate;
pub mod insight_text;
pub mod load;
mod paint;
pub mod replay;
pub mod run;
pub mod state;

/// An open, streaming CloudTrail Insights.
#[derive(Debug, Parser)]
#[command(name = "insightd", version = version(), propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon: CloudTrail in from Kafka, Insights events out to Kafka.
    Run(RunArgs),
    /// Load, validate and print the configuration, secrets masked. Exit code 78 and every fault at once if it is wrong.
    Check(CheckArgs),
    /// Run the same engine over CloudTrail files. Insights go to standard output, one JSON object a line.
    Replay(ReplayArgs),
    /// Load history from CloudTrail files into the baselines of the daemon, whether it runs or not. Raises no insights.
    Load(load::args::LoadArgs),
    /// What would have fired, on counts or on CloudTrail files.
    Backtest(backtest::args::BacktestArgs),
    /// Look into the dead letters, and send what can be read now through once more.
    Dlq(dlq::args::DlqArgs),
    /// Look into the state of the daemon, or forget it.
    State(state::args::StateArgs),
    /// Show the daemon at work, with no server: an embedded Kafka, constructed CloudTrail with attacks, insights as they happen.
    #[cfg(feature = "generate")]
    Demo(demo::DemoArgs),
    /// Make the traffic of a constructed organisation, with labelled attacks in it: log files of a bucket, or messages of a Kafka topic.
    #[cfg(feature = "generate")]
    Generate(generate::GenerateArgs),
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Configuration file (TOML). Environment variables INSIGHTD__SECTION__KEY override it.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Configuration file (TOML). Environment variables INSIGHTD__SECTION__KEY override it.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Configuration file (TOML); without it the defaults (and the environment) hold.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Write counts of the run as one JSON object to this file.
    #[arg(long, value_name = "FILE")]
    pub stats: Option<PathBuf>,
    /// Add `detectedAt` and `insightd` (how the insight was found) to each record.
    #[arg(long)]
    pub explain: bool,
    /// Shape of the records on standard output [default: output.format of the configuration].
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    pub format: Option<Format>,
    /// Files, folders (read recursively: .json .json.gz .ndjson .ndjson.gz) or - for standard input, in the order given.
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
}

/// Reads the name of a format; help lists what [`Format::ALL`] holds.
fn formats() -> impl TypedValueParser<Value = Format> {
    let names = Format::ALL.map(|format| PossibleValue::new(format.name()).help(format.about()));
    PossibleValuesParser::new(names).try_map(|name| Format::named(&name).ok_or("no such format"))
}

/// How a command failed: an exit code of sysexits.h and a message of one or more lines for standard error.
#[derive(Debug)]
pub struct ExitError {
    /// Exit code.
    pub code: sysexits::ExitCode,
    /// What happened, where, and what to do.
    pub message: String,
}

impl ExitError {
    /// A failure with this code.
    pub fn new(code: sysexits::ExitCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Version and git revision (`unknown` in a build outside git).
pub fn version() -> &'static str {
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("INSIGHTD_REVISION"), ")")
}

/// Runs one command and turns its outcome into the process's exit code.
pub fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
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
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&failure.message);
            failure.code.into()
        }
    }
}

/// A command line that cannot be understood, told in one line: what clap says of it before its usage lines.
pub fn usage(said: &str) -> ExitCode {
    let ends = |line: &str| line.starts_with("Usage:") || line.starts_with("For more information");
    let before_usage = said.lines().take_while(|line| !ends(line));
    let parts: Vec<&str> = before_usage.map(str::trim).filter(|line| !line.is_empty()).collect();
    let line = parts.join(" ");
    say(&format!("{} (insightd --help tells more)", line.strip_prefix("error: ").unwrap_or(&line)));
    sysexits::ExitCode::Usage.into()
}

/// Seconds since 1970.
pub(crate) fn wall_clock() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// One line for people on standard error. A closed standard error is no reason to fail.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "insightd: {line}");
}
