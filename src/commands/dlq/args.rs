//! The command line of `insightd dlq`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use insightd_core::cloudtrail::outcome::{DecodeError, Limit};

use super::when::When;

/// Arguments of `dlq`.
#[derive(Debug, Args)]
pub(crate) struct DlqArgs {
    /// What to do with the dead-letter records.
    #[command(subcommand)]
    pub(crate) command: DlqCommand,
}

/// The commands for dead-letter records.
#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// List dead-letter records, oldest first in each partition, and count them by reason. Writes nothing.
    List(DlqListArgs),
    /// Decode dead-letter records again with this version and configuration. Those that decode now are
    /// written back to the partition of the input topic that they came from, once, however often this is
    /// run. Those that still fail stay as they are.
    Replay(DlqReplayArgs),
}

/// Selects dead-letter records.
#[derive(Debug, Args)]
pub(crate) struct DlqFilterArgs {
    /// Configuration file (TOML). Environment variables INSIGHTD__SECTION__KEY override it.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Only dead-letter records of this reason; may be given several times.
    #[arg(long = "reason", value_name = "REASON", value_parser = reasons())]
    pub(crate) reasons: Vec<String>,
    /// Only those written at this time or later: 2026-03-04T10:00:00Z, 2026-03-04, or an age such as 2h or
    /// 7d.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<When>,
    /// Only those written before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<When>,
    /// At most this many.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

/// Arguments of `dlq list`.
#[derive(Debug, Args)]
pub(crate) struct DlqListArgs {
    /// Which.
    #[command(flatten)]
    pub(crate) filter: DlqFilterArgs,
    /// One JSON object a line on standard output, with the whole record; the summary goes to standard error.
    #[arg(long)]
    pub(crate) json: bool,
    /// Include those that were replayed already.
    #[arg(long)]
    pub(crate) all: bool,
}

/// Arguments of `dlq replay`.
#[derive(Debug, Args)]
pub(crate) struct DlqReplayArgs {
    /// Which.
    #[command(flatten)]
    pub(crate) filter: DlqFilterArgs,
    /// Decode and report, but write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The reasons of dead-letter records. Any other word is refused: it would silently match nothing.
fn reasons() -> PossibleValuesParser {
    PossibleValuesParser::new(DecodeError::ALL.map(DecodeError::label).into_iter().chain(Limit::ALL.map(Limit::label)))
}
