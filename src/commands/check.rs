//! `insightd check`: the configuration as it is understood, or all that is wrong with it.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use super::{CheckArgs, ExitError, version, wall_clock};
use crate::config::Resolved;
use crate::kafka::{self, Probe, ProbeError};

/// How long a broker is given to answer.
const BROKER_WAIT: Duration = Duration::from_secs(3);

/// Loads, validates and prints. Everything that is wrong with a configuration, a missing file included, is exit code 78. A broker that
/// answers is asked whether the topics suit the configuration; one that does not is no fault here.
///
/// # Errors
/// All faults of the configuration at once.
pub fn run(args: &CheckArgs) -> Result<(), ExitError> {
    let resolved = Resolved::load(Some(&args.config), std::env::vars_os())
        .map_err(|faults| ExitError::new(sysexits::ExitCode::Config, faults.to_string()))?;
    let mut text = report(&resolved);
    text.push_str(&expired(&resolved, wall_clock()));
    let looked = kafka::probe(&resolved.config, BROKER_WAIT);
    text.push_str(&cluster(&looked));
    print(&text)?;
    let faults = match looked {
        Ok(probe) => probe.faults(&resolved.config),
        Err(ProbeError::Unreachable(_)) => Vec::new(),
        Err(refused @ ProbeError::Refused(_)) => vec![refused.to_string()],
    };
    if faults.is_empty() { Ok(()) } else { Err(ExitError::new(sysexits::ExitCode::Config, faults.join("\n"))) }
}

/// What a look at the cluster has found, in comments.
fn cluster(looked: &Result<Probe, ProbeError>) -> String {
    let mut text = String::new();
    match looked {
        Ok(probe) => {
            for topic in &probe.topics {
                let _ = writeln!(
                    text,
                    "# on the broker: topic {} with {} partitions is read",
                    topic.name, topic.partitions
                );
            }
            for topic in &probe.excluded {
                let _ = writeln!(text, "# on the broker: topic {topic} is the daemon's own and never read");
            }
            for topic in &probe.missing {
                let _ = writeln!(text, "# on the broker: topic {topic} does not exist");
            }
        }
        Err(error) => {
            let told = error.to_string();
            for line in told.lines() {
                let _ = writeln!(text, "# topics could not be checked: {line}");
            }
        }
    }
    text
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

/// Rules that held once: no fault, as nobody wants a daemon that fails to start because a date has passed.
fn expired(resolved: &Resolved, now: i64) -> String {
    let mut text = String::new();
    for rule in resolved.config.rules.expired(now) {
        let _ = writeln!(text, "# warning: rule {} holds no longer, its `until` has passed; take it out", rule.name);
    }
    text
}

fn print(text: &str) -> Result<(), ExitError> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // A reader that has seen enough is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(ExitError::new(sysexits::ExitCode::IoErr, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
