//! What people see: lines on standard error, text on standard output, colors, progress bars. Shared by the
//! commands; knows none of them.

use std::io::{self, Write as _};

#[cfg(feature = "generate")]
pub(crate) mod insight_text;
pub(crate) mod number;
#[cfg(feature = "generate")]
pub(crate) mod paint;
pub(crate) mod printable;
pub(crate) mod progress;

use super::exit_error::ExitError;

/// Writes one line to standard error. A closed standard error is not a reason to fail.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "insightd: {line}");
}

/// Writes to standard output; false if its reader has closed it, which is not a failure.
///
/// # Errors
/// 74 for any other failure to write.
pub(crate) fn print(text: &str) -> Result<bool, ExitError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(ExitError::stdout(&error)),
    }
}
