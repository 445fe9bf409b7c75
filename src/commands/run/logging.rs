//! Logging on standard error, as `[log]` configures it.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::commands::exit_error::ExitError;
use crate::config::{Log, LogFormat};

/// Starts logging for the rest of the process.
///
/// # Errors
/// 78 if `log.level` is not a filter.
pub(crate) fn start(log: &Log) -> Result<(), ExitError> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| {
        ExitError::new(
            sysexits::ExitCode::Config,
            format!("log.level = {:?} is not a valid filter: {error}", log.level),
        )
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match log.format {
        LogFormat::Text => lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| ExitError::new(sysexits::ExitCode::Software, format!("cannot start logging: {error}")))
}
