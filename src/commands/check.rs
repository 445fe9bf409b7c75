//! `insightd check`: the resolved configuration, or everything that is wrong with it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::console::number::counted;
use super::console::print;
use super::exit_error::ExitError;
use super::version::version;
use super::wall_clock;
use crate::config::Resolved;
use crate::kafka::{self, Probe, ProbeError};

/// Longest wait for the broker.
const BROKER_WAIT: Duration = Duration::from_secs(3);

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Configuration file (TOML). Environment variables INSIGHTD__SECTION__KEY override it.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Loads, validates and prints the configuration. If a broker answers, also checks that the topics fit it; a
/// broker that does not answer is not a fault here.
///
/// # Errors
/// 78 with all faults of the configuration at once, a missing file included.
pub(crate) fn run(args: &CheckArgs) -> Result<(), ExitError> {
    let resolved = Resolved::load(Some(&args.config), std::env::vars_os())?;
    let mut text = report(&resolved);
    text.push_str(&expired(&resolved, wall_clock::seconds()));
    let probed = kafka::probe(&resolved.config, BROKER_WAIT);
    text.push_str(&cluster(&probed));
    print(&text)?;
    let faults = match probed {
        Ok(probe) => probe.faults(&resolved.config),
        Err(ProbeError::Unreachable(_)) => Vec::new(),
        Err(refused @ ProbeError::Refused(_)) => vec![refused.to_string()],
    };
    match faults.is_empty() {
        true => Ok(()),
        false => Err(ExitError::new(sysexits::ExitCode::Config, faults.join("\n"))),
    }
}

/// The settings as valid TOML. Everything that is not a setting is a comment.
fn report(resolved: &Resolved) -> String {
    let mut text = format!("# insightd {}: the resolved configuration, secrets masked\n\n", version());
    text.push_str(&resolved.toml());
    text.push('\n');
    for fact in resolved.facts() {
        let _ = writeln!(text, "# {fact}");
    }
    text
}

/// Rules that no longer apply. Only a warning: a daemon must not fail to start because a date has passed.
fn expired(resolved: &Resolved, now: i64) -> String {
    let mut text = String::new();
    for rule in resolved.config.rules.expired(now) {
        let _ = writeln!(text, "# warning: rule {} no longer applies, its `until` has passed; remove it", rule.name);
    }
    text
}

/// The topics that the probe of the cluster found.
fn cluster(probed: &Result<Probe, ProbeError>) -> String {
    let mut text = String::new();
    match probed {
        Ok(probe) => {
            for topic in &probe.topics {
                let partitions = counted(topic.partitions as u64, "partition");
                let _ = writeln!(text, "# on the broker: topic {} with {partitions} is read", topic.name);
            }
            for topic in &probe.excluded {
                let _ = writeln!(text, "# on the broker: topic {topic} is the daemon's own and never read");
            }
            for topic in &probe.missing {
                let _ = writeln!(text, "# on the broker: topic {topic} does not exist");
            }
        }
        Err(error) => {
            for line in error.to_string().lines() {
                let _ = writeln!(text, "# topics could not be checked: {line}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::probe::InputTopic;

    #[test]
    fn a_single_partition_is_singular() {
        let topic = |name: &str, partitions| InputTopic { name: name.to_owned(), partitions };
        let probe = Probe { topics: vec![topic("a", 1), topic("b", 6)], ..Probe::default() };
        assert_eq!(
            cluster(&Ok(probe)),
            "# on the broker: topic a with 1 partition is read\n# on the broker: topic b with 6 partitions is read\n"
        );
    }
}
