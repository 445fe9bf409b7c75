//! `insightd check`: the configuration as it is understood, or all that is wrong with it.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use super::{CheckArgs, Failure, version};
use crate::config::Resolved;

/// Loads, validates and prints. Everything that is wrong with a configuration, a missing file included, is exit code 78.
///
/// # Errors
/// All faults of the configuration at once.
pub fn run(args: &CheckArgs) -> Result<(), Failure> {
    let resolved = Resolved::load(Some(&args.config), std::env::vars_os())
        .map_err(|faults| Failure::new(sysexits::ExitCode::Config, faults.to_string()))?;
    print(&report(&resolved))
}

/// Valid TOML: what is said beside the settings is said in comments.
fn report(resolved: &Resolved) -> String {
    let mut text = format!("# insightd {}: the resolved configuration, secrets masked\n\n", version());
    text.push_str(&resolved.toml());
    text.push('\n');
    for fact in resolved.facts() {
        let _ = writeln!(text, "# {fact}");
    }
    text
}

fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // A reader that has seen enough is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(sysexits::ExitCode::IoErr, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
