//! How a command fails: an exit code of sysexits.h, and what standard error shows. No command exits by any
//! other code.

use std::io;

use sysexits::ExitCode;

use crate::config::ConfigErrors;
use crate::stream::broker::{BrokerError, Cause};

/// The exit code of a failed command and its message.
#[derive(Debug)]
pub(crate) struct ExitError {
    /// Exit code.
    pub(crate) code: ExitCode,
    /// What happened, where, and what to do; one line or more.
    pub(crate) message: String,
}

impl ExitError {
    pub(crate) fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// 74: reading, writing or Kafka failed.
    pub(crate) fn io(message: impl Into<String>) -> Self {
        Self::new(ExitCode::IoErr, message)
    }

    /// 74: standard output failed. A reader that closed it is not a failure; the callers sort that out.
    pub(crate) fn stdout(error: &io::Error) -> Self {
        Self::new(ExitCode::IoErr, format!("cannot write to standard output: {error}"))
    }

    /// 71: the operating system refused a thread, a signal handler or the like.
    pub(crate) fn system(error: &io::Error) -> Self {
        Self::new(ExitCode::OsErr, error.to_string())
    }
}

/// 78, with all errors of the configuration at once.
impl From<ConfigErrors> for ExitError {
    fn from(errors: ConfigErrors) -> Self {
        Self::new(ExitCode::Config, errors.to_string())
    }
}

/// 78 if changing the configuration helps, otherwise 74.
impl From<BrokerError> for ExitError {
    fn from(error: BrokerError) -> Self {
        let code = match error.cause {
            Cause::Configuration => ExitCode::Config,
            Cause::MemberFenced | Cause::ProducerFenced | Cause::Other => ExitCode::IoErr,
        };
        Self::new(code, error.message)
    }
}
