//! `insightd load`: history into the baselines of a daemon that runs, or will.
//!
//! The files are folded here, account by account, as `replay` does it but without insights; what comes of it goes to the daemon by way of the
//! history topic, one transaction an account. Only what lies before the minute in which an account's own history begins is taken
//! from the files (LOAD-2), so loading twice changes nothing, and after a crash the command is simply given again: accounts whose past has been
//! handed over have it already.

pub mod args;
mod fold;
mod known;
mod show;

use std::time::Duration;

use hashbrown::HashSet;
use insightd_core::cloudtrail::event::AccountId;
use sysexits::ExitCode;

use self::args::LoadArgs;
use self::fold::Past;
use self::known::Known;
use self::show::Waiting;
use super::replay::files::{self, Found, Source};
use super::{ExitError, say};
use crate::config::Config;
use crate::kafka::topics::{ClusterProbe, ProbeError};
use crate::kafka::{backfill_topic, changelog, topics};

/// How long a broker is given to answer.
const BROKER_WAIT: Duration = Duration::from_secs(5);
/// Pause between two looks at how far the daemon is.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often the files are read anew for accounts whose own history began meanwhile.
const PASSES: usize = 3;

/// Runs the command.
///
/// # Errors
/// 78 for a configuration that is wrong or does not fit the cluster, 66 and 74 for files that cannot be read, 69 and 74 where Kafka fails, 75 where
/// the daemon has not taken everything in.
pub fn run(args: &LoadArgs) -> Result<(), ExitError> {
    let config =
        Config::load(Some(&args.config)).map_err(|faults| ExitError::new(ExitCode::Config, faults.to_string()))?;
    let mut found = files::find(&args.paths, None)?;
    fold::sort_by_delivery(&mut found);
    if found.others > 0 {
        say(&found.others_line());
    }
    let partitions = partitions(&config)?;
    topics::prepare_history(&config, partitions as usize, BROKER_WAIT)?;
    let mut known = Known::read(&config, partitions)?;
    let mut only: Option<HashSet<AccountId>> = None;
    for pass in 1..=PASSES {
        let pasts = fold::fold(&config, partitions as usize, &found, &known, only.as_ref())?;
        hand_over(&config, &known, &pasts)?;
        if args.no_wait || !wait(&config, &mut known, partitions)? {
            return Ok(());
        }
        // What the daemon has not taken in: the account's own history began while the files were read.
        let missing: HashSet<AccountId> =
            pasts.iter().filter(|past| !known.has(past)).map(|past| past.account).collect();
        if missing.is_empty() {
            if !pasts.is_empty() {
                say("the daemon has taken everything in");
            }
            return Ok(());
        }
        if pass == PASSES || found.sources.contains(&Source::StandardInput) {
            return Err(not_taken(&missing));
        }
        say(&format!("{} accounts began to live meanwhile: their files are read once more", missing.len()));
        only = Some(missing);
    }
    Ok(())
}

/// Partitions of the input, which those of the changelog are as many as.
fn partitions(config: &Config) -> Result<i32, ExitError> {
    let cluster = ClusterProbe::new(config).map_err(unreached)?;
    let ready = topics::prepare(config, &cluster, BROKER_WAIT).map_err(unreached)?;
    let input = ready.topics.first().map_or(0, |topic| topic.partitions);
    i32::try_from(input).map_err(|_| ExitError::new(ExitCode::Config, "the input has too many partitions"))
}

fn unreached(error: ProbeError) -> ExitError {
    match error {
        ProbeError::Unreachable(reason) => {
            ExitError::new(ExitCode::Unavailable, format!("no broker answers: {reason}"))
        }
        ProbeError::Refused(failure) => ExitError::new(ExitCode::Config, failure.message),
    }
}

fn hand_over(config: &Config, known: &Known, pasts: &[Past]) -> Result<(), ExitError> {
    if pasts.is_empty() {
        say("nothing in the files is older than what the daemon has counted itself: nothing to load");
        return Ok(());
    }
    let writer = backfill_topic::Writer::connect(config)?;
    let bar = show::bar(pasts.len() as u64, "accounts handed over");
    for past in pasts {
        let home = known.accounts.get(&past.account).map(|home| home.partition);
        writer.write(home, &past.account.to_string(), &past.parts)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    say(&show::handed_over(pasts));
    Ok(())
}

/// Waits until the daemon has read all that was handed over; breaking it off changes nothing about that. False if there is nobody to wait for.
fn wait(config: &Config, known: &mut Known, partitions: i32) -> Result<bool, ExitError> {
    let mut waiting = Waiting::new(partitions);
    let mut told = false;
    for partition in 0..partitions {
        let Some(last) = known.last(config, partition)? else { continue };
        while known.loaded(partition) < last {
            if changelog::members(config)? == 0 {
                waiting.finish();
                say(&format!(
                    "no process of the group {} runs: what was handed over is taken in when one starts, within the retention of {}",
                    config.kafka.group_id, config.state.history_topic
                ));
                return Ok(false);
            }
            if !told {
                told = true;
                say(
                    "waiting for the daemon, which looks every few seconds; Ctrl-C leaves it to take everything in by itself",
                );
            }
            std::thread::sleep(LOOK_AGAIN);
            known.catch_up(config, partition)?;
        }
        waiting.done();
    }
    for partition in 0..partitions {
        known.catch_up(config, partition)?;
    }
    waiting.finish();
    Ok(true)
}

fn not_taken(missing: &HashSet<AccountId>) -> ExitError {
    let mut named: Vec<String> = missing.iter().map(ToString::to_string).collect();
    named.sort_unstable();
    ExitError::new(
        ExitCode::TempFail,
        format!(
            "the daemon has not taken in the history of {} accounts ({}): its log and insightd_history_accounts_total tell why",
            named.len(),
            named.join(", ")
        ),
    )
}
