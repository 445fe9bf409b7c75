//! `insightd generate`: the traffic of a constructed organization, as the files of a trail's bucket or as
//! messages of a Kafka topic, with the labels of the attacks in a separate file.

mod args;
mod files;
mod labels;
mod pace;
mod pool;
mod progress;
mod topic;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use bytesize::ByteSize;
use insightd_generate::account::Account;
use insightd_generate::delivery::{Delivery, File};
use insightd_generate::json::Callers;
use insightd_generate::{Organization, Plan};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sysexits::ExitCode;

pub(crate) use self::args::GenerateArgs;
use self::progress::Progress;
use super::console::say;
use super::exit_error::ExitError;
use super::wall_clock;

/// First day of generated files without `--start`: a fixed Monday, so that the same seed gives the same bytes
/// on any day.
const START_OF_FILES: Date = jiff::civil::date(2025, 1, 6);
const DAY_SECONDS: i64 = 86_400;
/// Most quiet days without `--quiet-days`: the warm-up of the detector is over by then.
const QUIET_DAYS_MAX: u32 = 7;

/// How much was written.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    records: u64,
    files: u64,
    /// Bytes of uncompressed JSON.
    bytes: u64,
    /// Bytes of compressed files.
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
/// 64 for arguments that do not fit together, 73 for a folder that is not empty, 74 if writing fails, 78 for
/// a configuration that is wrong, 69 for a broker that does not answer.
pub(crate) fn run(args: &GenerateArgs) -> Result<(), ExitError> {
    let plan = plan(args)?;
    let labels = labels::path(args)?;
    let threads = args.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let began = Instant::now();
    let (written, destination) = match (&args.out, &args.kafka) {
        (Some(folder), _) => {
            files::prepare(folder)?;
            let organization = organization(&plan, labels.as_deref())?;
            let written = files::write(folder, &organization, threads, &Progress::new(&plan))?;
            let size = ByteSize(written.compressed);
            (written, format!("{} files, {size:.1}, below {}", written.files, folder.join("AWSLogs").display()))
        }
        (None, Some(config)) => {
            let mut feeder = topic::connect(config)?;
            let organization = organization(&plan, labels.as_deref())?;
            let pace = pace::Pace::new(args.rate, args.lapse);
            let written = topic::send(&mut feeder, &organization, threads, pace, &Progress::new(&plan))?;
            (written, format!("topic {}", feeder.topic()))
        }
        (None, None) => return Err(ExitError::new(ExitCode::Usage, "neither --out nor --kafka is given")),
    };
    summary(&plan, written, &destination, labels.as_deref(), began);
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

/// Constructs the organization and writes the labels of its attacks, which are known before any record is
/// made.
fn organization(plan: &Plan, labels: Option<&Path>) -> Result<Organization, ExitError> {
    let organization = Organization::new(plan.clone());
    if let Some(path) = labels {
        labels::write(path, plan, &organization)?;
    }
    Ok(organization)
}

/// The files of an account in order of delivery.
fn delivery(account: &Account) -> impl Iterator<Item = File> + '_ {
    Delivery::new(account.id(), account.calls())
}

fn callers(account: &Account) -> Arc<Callers> {
    Arc::new(Callers::new(account.id(), account.actors()))
}

fn summary(plan: &Plan, written: Written, destination: &str, labels: Option<&Path>, began: Instant) {
    let seconds = began.elapsed().as_secs_f64().max(0.001);
    let speed = ByteSize((written.bytes as f64 / seconds) as u64);
    let labels = match labels {
        Some(path) => format!("; labels of {} attacks in {}", plan.attacks, path.display()),
        None => String::new(),
    };
    say(&format!(
        "generated {} records, {:.1} of JSON, of {} accounts and {} days: {destination}{labels}; {seconds:.1} s, {speed:.1}/s, {:.0} records/s",
        written.records,
        ByteSize(written.bytes),
        plan.accounts,
        plan.days,
        written.records as f64 / seconds,
    ));
}

fn midnight(day: Date) -> Result<i64, ExitError> {
    let moment = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0));
    moment.map(|moment| moment.as_second()).map_err(|e| ExitError::new(ExitCode::Usage, format!("--start: {e}")))
}

/// The midnight `days` days before the last one, so that no record is dated in the future.
fn recent(days: u32) -> i64 {
    let now = wall_clock::seconds();
    now - now.rem_euclid(DAY_SECONDS) - i64::from(days) * DAY_SECONDS
}
