//! `insightd run`: the daemon.
//!
//! The configuration is parsed to a value, the daemon is built from it, runs, and drains: the open
//! transactions are finished before the process ends. `demo` drives the same [`Daemon`].

use std::path::PathBuf;

use clap::Args;

use super::exit_error::ExitError;
use crate::config::Config;

mod committed;
mod control_plane;
mod daemon;
mod handles;
pub(crate) mod logging;
mod reachability;
mod report;
mod startup;
mod stop;
mod worker_thread;
mod workers;

pub(crate) use daemon::Daemon;
#[cfg(feature = "generate")]
pub(crate) use daemon::RunningDaemon;

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Configuration file (TOML). Environment variables INSIGHTD__SECTION__KEY override it.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs the daemon until a signal stops it or it fails.
///
/// # Errors
/// 78 if the configuration is wrong or does not fit the cluster, 74 if Kafka or HTTP fails, 70 for a bug in
/// insightd.
pub(crate) fn run(args: &RunArgs) -> Result<(), ExitError> {
    let config = Config::load(Some(&args.config))?;
    logging::start(&config.log)?;
    Daemon::build(config, None)?.start()?.wait()
}
