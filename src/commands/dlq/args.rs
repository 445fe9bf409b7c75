//! The command line of `insightd dlq`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Arguments of `dlq`.
#[derive(Debug, Args)]
pub struct DlqArgs {
    /// What to do with the dead letters.
    #[command(subcommand)]
    pub command: DlqCommand,
}

/// The commands about dead letters.
#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// Show the dead letters, oldest first in each partition, and how many there are for each reason. Writes nothing.
    List(DlqListArgs),
    /// Decode dead letters again, by this version and configuration. Each that is fine now is written to the partition of the input topic that
    /// it came from, once, however often this is run; those that still fail stay as they are.
    Replay(DlqReplayArgs),
}

/// Which dead letters.
#[derive(Debug, Args)]
pub struct DlqFilterArgs {
    /// Configuration file (TOML). Environment variables INSIGHTD__SECTION__KEY override it.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Only dead letters of this reason; may be given several times.
    #[arg(long = "reason", value_name = "REASON", value_parser = super::filter::reasons())]
    pub reasons: Vec<String>,
    /// Only those written at this time or later: 2026-03-04T10:00:00Z, 2026-03-04, or an age such as 2h or 7d.
    #[arg(long, value_name = "TIME")]
    pub since: Option<super::filter::When>,
    /// Only those written before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<super::filter::When>,
    /// At most this many.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

/// Arguments of `dlq list`.
#[derive(Debug, Args)]
pub struct DlqListArgs {
    /// Which.
    #[command(flatten)]
    pub filter: DlqFilterArgs,
    /// One JSON object a line on standard output, with the whole record; the summary goes to standard error.
    #[arg(long)]
    pub json: bool,
    /// Show those as well that were replayed already.
    #[arg(long)]
    pub all: bool,
}

/// Arguments of `dlq replay`.
#[derive(Debug, Args)]
pub struct DlqReplayArgs {
    /// Which.
    #[command(flatten)]
    pub filter: DlqFilterArgs,
    /// Decode and report, but write nothing.
    #[arg(long)]
    pub dry_run: bool,
}
