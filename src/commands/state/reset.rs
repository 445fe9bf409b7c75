//! `insightd state reset`: empties the changelog.

use super::args::StateResetArgs;
use crate::commands::console::say;
use crate::commands::exit_error::ExitError;
use crate::config::Config;
use crate::kafka::{backfill_topic, changelog};

/// Runs the command.
///
/// # Errors
/// Those of [`super::run`]; 74 if members of the group run.
pub(crate) fn run(args: &StateResetArgs) -> Result<(), ExitError> {
    let config = Config::load(Some(&args.config.config))?;
    let (topic, group) = (&config.state.topic, &config.kafka.group_id);
    let partitions = changelog::partitions(&config)?;
    let members = changelog::members(&config)?;
    if members > 0 {
        let text = format!(
            "{members} members of the group {group} are running (or stopped less than kafka.session_timeout ago): stop them first"
        );
        return Err(ExitError::new(sysexits::ExitCode::IoErr, text));
    }
    if !args.yes {
        say(&format!(
            "would empty the {partitions} partitions of {topic}: the group {group} forgets its baselines, open insights and \
             eventIDs, and each account raises nothing for baseline.warm_up; its offsets stay; add --yes to do it"
        ));
        return Ok(());
    }
    // The backfill topic first: if the command is interrupted, no backfill fills the emptied changelog before
    // it runs again.
    backfill_topic::empty(&config)?;
    let mut records = 0;
    for partition in 0..partitions {
        records += changelog::empty(&config, partition)?;
    }
    say(&format!("{topic} is empty: {records} records were deleted"));
    Ok(())
}
