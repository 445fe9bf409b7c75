//! `insightd generate`: the traffic of a constructed organisation, as the files of a trail's bucket or into a Kafka topic, with the
//! labels of the attacks in it written apart.

mod files;
mod labels;
mod pace;
mod pool;
mod progress;
mod topic;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytesize::ByteSize;
use clap::Args;
use insightd_generate::account::Account;
use insightd_generate::delivery::{Delivery, File};
use insightd_generate::json::Callers;
use insightd_generate::{Organisation, Plan};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sysexits::ExitCode;

use self::progress::Progress;
use super::{ExitError, say};

/// Beginning of generated files where `--start` does not say otherwise: a Monday, always the same, so that the same seed gives the
/// same bytes on any day.
const START_OF_FILES: Date = jiff::civil::date(2025, 1, 6);
const DAY_SECONDS: i64 = 86_400;
/// Quiet days where nothing else is said: the detector's own warm-up has passed by then.
const QUIET_DAYS_MAX: u32 = 7;

/// Arguments of `generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Accounts of the organisation.
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub accounts: u32,
    /// Days of traffic.
    #[arg(long, value_name = "COUNT", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
    /// Same seed, same traffic, whatever the number of threads.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// First day, UTC [default: 2025-01-06; with --kafka so that the last day is yesterday].
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub start: Option<Date>,
    /// Multiplies how much each account does; 1 is some 20,000 calls a day in the median account.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = above_zero)]
    pub activity: f64,
    /// Attacks over the whole organisation.
    #[arg(long, value_name = "COUNT", default_value_t = 12, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub attacks: u32,
    /// Days without attacks at the beginning [default: 7, at most half of --days].
    #[arg(long, value_name = "COUNT")]
    pub quiet_days: Option<u32>,
    /// Threads that write records [default: as many as there are processors].
    #[arg(long, value_name = "COUNT")]
    pub threads: Option<NonZeroUsize>,
    /// Write the log files of a trail's bucket (AWSLogs/ACCOUNT/CloudTrail/...) into this folder, which must be empty or not exist.
    #[arg(long, value_name = "DIR", required_unless_present = "kafka", conflicts_with = "kafka")]
    pub out: Option<PathBuf>,
    /// Send the records, one a message with the account as its key, to the input topic of this configuration file.
    #[arg(long, value_name = "CONFIG")]
    pub kafka: Option<PathBuf>,
    /// With --kafka: send no more than so many records a second.
    #[arg(long, value_name = "RECORDS_PER_SECOND", conflicts_with = "out", value_parser = above_zero)]
    pub rate: Option<f64>,
    /// With --kafka: let event time run this many times as fast as the wall clock [default: as fast as the broker takes them].
    #[arg(long, value_name = "FACTOR", conflicts_with = "out", value_parser = above_zero)]
    pub lapse: Option<f64>,
    /// Write the labels of the attacks as JSON to this file [default: labels.json in the folder of --out; with --kafka none].
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    records: u64,
    files: u64,
    /// Of uncompressed JSON.
    bytes: u64,
    /// Of compressed files.
    compressed: u64,
}

impl Written {
    fn add(&mut self, other: Self) {
        self.records += other.records;
        self.files += other.files;
        self.bytes += other.bytes;
        self.compressed += other.compressed;
    }
}

/// Runs the command.
///
/// # Errors
/// 64 for arguments that do not fit together, 73 for a folder that is in use, 74 where writing failed, 78 for a configuration that is
/// wrong, 69 for a broker that is away.
pub fn run(args: &GenerateArgs) -> Result<(), ExitError> {
    let plan = plan(args)?;
    let labels = labels::path(args)?;
    let threads = args.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let begun = Instant::now();
    let (written, place) = match (&args.out, &args.kafka) {
        (Some(folder), _) => {
            files::prepare(folder)?;
            let organisation = organisation(&plan, labels.as_deref())?;
            let written = files::write(folder, &organisation, threads, &Progress::new(&plan))?;
            let size = ByteSize(written.compressed);
            (written, format!("{} files, {size:.1}, below {}", written.files, folder.join("AWSLogs").display()))
        }
        (None, Some(config)) => {
            let mut feeder = topic::connect(config)?;
            let organisation = organisation(&plan, labels.as_deref())?;
            let pace = pace::Pace::new(args.rate, args.lapse);
            let written = topic::send(&mut feeder, &organisation, threads, pace, &Progress::new(&plan))?;
            (written, format!("topic {}", feeder.topic()))
        }
        (None, None) => return Err(ExitError::new(ExitCode::Usage, "neither --out nor --kafka is given")),
    };
    summary(&plan, written, &place, labels.as_deref(), begun);
    Ok(())
}

fn plan(args: &GenerateArgs) -> Result<Plan, ExitError> {
    let quiet_days = args.quiet_days.unwrap_or_else(|| QUIET_DAYS_MAX.min(args.days / 2));
    if args.attacks > 0 && quiet_days >= args.days {
        let text = format!(
            "--quiet-days {quiet_days} leaves no day for attacks of --days {}: lower it, or say --attacks 0",
            args.days
        );
        return Err(ExitError::new(ExitCode::Usage, text));
    }
    let start = match args.start {
        Some(day) => midnight(day)?,
        None if args.kafka.is_some() => recent(args.days),
        None => midnight(START_OF_FILES)?,
    };
    Ok(Plan {
        seed: args.seed,
        accounts: args.accounts as usize,
        start,
        days: args.days,
        activity: args.activity,
        attacks: args.attacks as usize,
        quiet_days,
    })
}

/// Settles the organisation and writes its labels, which are known before any record is.
fn organisation(plan: &Plan, labels: Option<&std::path::Path>) -> Result<Organisation, ExitError> {
    let organisation = Organisation::new(plan.clone());
    if let Some(path) = labels {
        labels::write(path, plan, &organisation)?;
    }
    Ok(organisation)
}

/// The files of an account in order of delivery.
fn delivery(account: &Account) -> impl Iterator<Item = File> + '_ {
    Delivery::new(account.id(), account.calls())
}

fn callers(account: &Account) -> Arc<Callers> {
    Arc::new(Callers::new(account.id(), account.actors()))
}

fn summary(plan: &Plan, written: Written, place: &str, labels: Option<&std::path::Path>, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64().max(0.001);
    let speed = ByteSize((written.bytes as f64 / seconds) as u64);
    let labels = match labels {
        Some(path) => format!("; labels of {} attacks in {}", plan.attacks, path.display()),
        None => String::new(),
    };
    say(&format!(
        "generated {} records, {:.1} of JSON, of {} accounts and {} days: {place}{labels}; {seconds:.1} s, {speed:.1}/s, {:.0} records/s",
        written.records,
        ByteSize(written.bytes),
        plan.accounts,
        plan.days,
        written.records as f64 / seconds,
    ));
}

// === arguments ===

fn midnight(day: Date) -> Result<i64, ExitError> {
    let moment = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0));
    moment.map(|moment| moment.as_second()).map_err(|e| ExitError::new(ExitCode::Usage, format!("--start: {e}")))
}

/// So many days before the last midnight: everything has happened by now.
fn recent(days: u32) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let today = i64::try_from(now).unwrap_or_default();
    today - today.rem_euclid(DAY_SECONDS) - i64::from(days) * DAY_SECONDS
}

fn day(text: &str) -> Result<Date, String> {
    let day: Date = text.parse().map_err(|_| "must be a day such as 2025-01-06".to_owned())?;
    match (2006..=2200).contains(&day.year()) {
        true => Ok(day),
        false => Err("must lie in 2006 to 2200".to_owned()),
    }
}

fn above_zero(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("must be a number above 0".to_owned()),
    }
}
