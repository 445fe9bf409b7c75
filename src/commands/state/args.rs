//! The command line of `insightd state`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Arguments of `state`.
#[derive(Debug, Args)]
pub struct StateArgs {
    /// What to do with the state.
    #[command(subcommand)]
    pub command: StateCommand,
}

/// The commands about the state.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Show accounts and series as the changelog has them, one JSON object a line. Writes nothing; the daemon may run.
    Inspect(StateInspectArgs),
    /// Show everything in the changelog that makes up the state, one JSON object a line: partitions, accounts, regions, series.
    Export(StateConfigArgs),
    /// Forget all baselines, open insights and eventIDs: the changelog is emptied. No process of the group may run.
    Reset(StateResetArgs),
}

/// Which configuration.
#[derive(Debug, Args)]
pub struct StateConfigArgs {
    /// Configuration file (TOML). Environment variables INSIGHTD__SECTION__KEY override it.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Arguments of `state inspect`.
#[derive(Debug, Args)]
pub struct StateInspectArgs {
    /// Which configuration.
    #[command(flatten)]
    pub config: StateConfigArgs,
    /// Only this account.
    #[arg(long, value_name = "ID", value_parser = account)]
    pub account: Option<insightd_core::cloudtrail::event::AccountId>,
    /// Only this region.
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Only series of this service, such as iam.amazonaws.com.
    #[arg(long, value_name = "SOURCE")]
    pub event_source: Option<String>,
    /// Only series of this API.
    #[arg(long, value_name = "NAME")]
    pub event_name: Option<String>,
}

/// Arguments of `state reset`.
#[derive(Debug, Args)]
pub struct StateResetArgs {
    /// Which configuration.
    #[command(flatten)]
    pub config: StateConfigArgs,
    /// Do it. Without this the command only says what it would do.
    #[arg(long)]
    pub yes: bool,
}

fn account(text: &str) -> Result<insightd_core::cloudtrail::event::AccountId, String> {
    insightd_core::cloudtrail::event::AccountId::parse(text).ok_or_else(|| "an account has twelve digits".to_owned())
}
