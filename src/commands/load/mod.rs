//! `insightd load`: merges the history in CloudTrail files into the baselines of a running or stopped daemon.
//!
//! The command folds the files account by account, as `replay` does but without insights. The resulting
//! backfills go to the daemon through the backfill topic (`state.history_topic`), one transaction an account.
//! Only records before the minute in which an account's live history begins count (LOAD-2). So loading twice
//! changes nothing, and after a crash the command can simply run again: it skips the accounts whose backfills
//! were sent.

mod args;
mod backfill;
mod fold;
mod known;
mod show;

use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use insightd_core::cloudtrail::event::AccountId;
use sysexits::ExitCode;

pub(crate) use self::args::LoadArgs;
use self::backfill::AccountBackfill;
use self::fold::Folding;
use self::known::KnownAccounts;
use super::console::say;
use super::exit_error::ExitError;
use super::sources::{Source, Sources};
use super::wall_clock;
use crate::config::Config;
use crate::kafka::topics::Preparation;
use crate::kafka::{ProbeError, backfill_topic, changelog, topics};

/// Longest wait for one answer of a broker.
const BROKER_WAIT: Duration = Duration::from_secs(5);
/// Pause between two reads of the daemon's state.
const POLL_PAUSE: Duration = Duration::from_secs(1);
/// Times that the files are read: once more for accounts whose live history began in the meantime.
const PASSES: usize = 3;

/// Runs the command.
///
/// # Errors
/// 78 for a configuration that is wrong or does not fit the cluster, 66 and 74 for files that cannot be read,
/// 69 and 74 if Kafka fails, 75 if the daemon has not merged everything.
pub(crate) fn run(args: &LoadArgs) -> Result<(), ExitError> {
    let config = Config::load(Some(&args.config))?;
    let mut sources = Sources::find(&args.paths, None)?;
    fold::sort_by_delivery(&mut sources);
    if let Some(line) = sources.others_line() {
        say(&line);
    }
    let partitions = partitions(&config)?;
    topics::prepare_backfill_topic(&config, partitions as usize, BROKER_WAIT)?;
    let known = KnownAccounts::read(&config, partitions)?;
    Load { config: &config, sources: &sources, partitions, known }.run(args.no_wait)
}

/// Partitions of the input topic; the changelog has as many.
fn partitions(config: &Config) -> Result<i32, ExitError> {
    let ready = Preparation::new(config, BROKER_WAIT).and_then(|topics| topics.attempt()).map_err(unreached)?;
    let input = ready.topics.first().map_or(0, |topic| topic.partitions);
    i32::try_from(input).map_err(|_| ExitError::new(ExitCode::Config, "the input has too many partitions"))
}

fn unreached(error: ProbeError) -> ExitError {
    match error {
        ProbeError::Unreachable(reason) => {
            ExitError::new(ExitCode::Unavailable, format!("no broker answers: {reason}"))
        }
        ProbeError::Refused(refused) => ExitError::new(ExitCode::Config, refused.message),
    }
}

struct Load<'a> {
    config: &'a Config,
    sources: &'a Sources,
    partitions: i32,
    known: KnownAccounts,
}

impl Load<'_> {
    fn run(&mut self, no_wait: bool) -> Result<(), ExitError> {
        let mut only: Option<HashSet<AccountId>> = None;
        for pass in 1..=PASSES {
            let folded = self.folding(only.as_ref()).fold(self.sources)?;
            if only.is_none() {
                folded.summary().iter().for_each(|line| say(line));
            }
            self.send(&folded.backfills)?;
            if no_wait || !self.wait()? {
                return Ok(());
            }
            // The daemon refuses a backfill if the account's live history began while the files were read.
            let refused = folded.backfills.iter().filter(|backfill| !self.known.has(backfill));
            let missing: HashSet<AccountId> = refused.map(|backfill| backfill.account).collect();
            if missing.is_empty() {
                if !folded.backfills.is_empty() {
                    say("the daemon has merged everything");
                }
                return Ok(());
            }
            if pass == PASSES || self.sources.list.contains(&Source::StandardInput) {
                return Err(not_merged(&missing));
            }
            say(&format!("{} accounts went live in the meantime: their files are read once more", missing.len()));
            only = Some(missing);
        }
        Ok(())
    }

    /// Folds the accounts of `only`, or all accounts.
    fn folding(&self, only: Option<&HashSet<AccountId>>) -> Folding<'_> {
        let begins = self.known.begins();
        let cutoffs: HashMap<AccountId, i64> = match only {
            None => begins.collect(),
            Some(only) => begins.filter(|(account, _)| only.contains(account)).collect(),
        };
        Folding {
            config: self.config,
            partitions: self.partitions as usize,
            cutoffs,
            others: if only.is_none() { i64::MAX } else { i64::MIN },
            now: wall_clock::seconds(),
            records: Arc::default(),
        }
    }

    fn send(&self, backfills: &[AccountBackfill]) -> Result<(), ExitError> {
        if backfills.is_empty() {
            say("the files hold nothing older than the daemon's own history: nothing to load");
            return Ok(());
        }
        let writer = backfill_topic::Writer::connect(self.config)?;
        let bar = show::bar(backfills.len() as u64, "accounts sent");
        for backfill in backfills {
            let partition = self.known.partition(backfill.account);
            writer.write(partition, &backfill.account.to_string(), &backfill.parts)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        say(&show::sent(backfills));
        Ok(())
    }

    /// Waits until the daemon has read all backfills; false if no daemon runs. Interrupting the wait loses
    /// nothing.
    fn wait(&mut self) -> Result<bool, ExitError> {
        let bar = show::bar(u64::try_from(self.partitions).unwrap_or(0), "partitions merged by the daemon");
        let mut announced = false;
        for partition in 0..self.partitions {
            let Some(end) = self.known.end_of_waiting(self.config, partition)? else { continue };
            while self.known.merged(partition) < end {
                if changelog::members(self.config)? == 0 {
                    bar.finish_and_clear();
                    say(&show::no_daemon(self.config));
                    return Ok(false);
                }
                if !announced {
                    announced = true;
                    say(
                        "waiting for the daemon, which checks every few seconds; after Ctrl-C it merges the rest by itself",
                    );
                }
                std::thread::sleep(POLL_PAUSE);
                self.known.catch_up(self.config, partition)?;
            }
            bar.inc(1);
        }
        for partition in 0..self.partitions {
            self.known.catch_up(self.config, partition)?;
        }
        bar.finish_and_clear();
        Ok(true)
    }
}

fn not_merged(missing: &HashSet<AccountId>) -> ExitError {
    let mut accounts: Vec<String> = missing.iter().map(ToString::to_string).collect();
    accounts.sort_unstable();
    let text = format!(
        "the daemon has not merged the history of {} accounts ({}): its log and insightd_history_accounts_total say why",
        accounts.len(),
        accounts.join(", ")
    );
    ExitError::new(ExitCode::TempFail, text)
}
