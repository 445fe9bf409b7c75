//! The command line of `insightd state`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use insightd_core::cloudtrail::event::AccountId;

/// Arguments of `state`.
#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    /// What to do with the state.
    #[command(subcommand)]
    pub(crate) command: StateCommand,
}

/// The commands about the state.
#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Show accounts and series in the changelog, one JSON object per line. Writes nothing; the daemon may
    /// run.
    Inspect(StateInspectArgs),
    /// Show the whole state in the changelog, one JSON object a line: partitions, accounts, regions, series.
    Export(StateConfigArgs),
    /// Delete all baselines, open insights and eventIDs from the changelog. No process of the group may run.
    Reset(StateResetArgs),
}

/// The configuration that names the state.
#[derive(Debug, Args)]
pub(crate) struct StateConfigArgs {
    /// Configuration file (TOML). Environment variables INSIGHTD__SECTION__KEY override it.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// Arguments of `state inspect`.
#[derive(Debug, Args)]
pub(crate) struct StateInspectArgs {
    /// Which configuration.
    #[command(flatten)]
    pub(crate) config: StateConfigArgs,
    /// Only this account.
    #[arg(long, value_name = "ID", value_parser = account)]
    pub(crate) account: Option<AccountId>,
    /// Only this region.
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Only series of this service, such as iam.amazonaws.com.
    #[arg(long, value_name = "SOURCE")]
    pub(crate) event_source: Option<String>,
    /// Only series of this API.
    #[arg(long, value_name = "NAME")]
    pub(crate) event_name: Option<String>,
}

/// Arguments of `state reset`.
#[derive(Debug, Args)]
pub(crate) struct StateResetArgs {
    /// Which configuration.
    #[command(flatten)]
    pub(crate) config: StateConfigArgs,
    /// Reset the state. Without this the command only says what it would do.
    #[arg(long)]
    pub(crate) yes: bool,
}

fn account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).ok_or_else(|| "an account ID has twelve digits".to_owned())
}
