//! The command line of `insightd generate`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use jiff::civil::Date;

/// Arguments of `generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// Accounts of the organization.
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) accounts: u32,
    /// Days of traffic.
    #[arg(long, value_name = "COUNT", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) days: u32,
    /// Same seed, same traffic, whatever the number of threads.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// First day, UTC [default: 2025-01-06; with --kafka so that the last day is yesterday].
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(crate) start: Option<Date>,
    /// Multiplies the activity of each account; 1 is about 20,000 calls a day in the median account.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = above_zero)]
    pub(crate) activity: f64,
    /// Attacks over the whole organization.
    #[arg(long, value_name = "COUNT", default_value_t = 12, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub(crate) attacks: u32,
    /// Days without attacks at the beginning [default: 7, at most half of --days].
    #[arg(long, value_name = "COUNT")]
    pub(crate) quiet_days: Option<u32>,
    /// Threads that write records [default: as many as there are processors].
    #[arg(long, value_name = "COUNT")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Write the log files of a trail's bucket (AWSLogs/ACCOUNT/CloudTrail/...) into this folder, which must
    /// be empty or not exist.
    #[arg(long, value_name = "DIR", required_unless_present = "kafka", conflicts_with = "kafka")]
    pub(crate) out: Option<PathBuf>,
    /// Send the records, one a message with the account as its key, to the input topic of this configuration
    /// file.
    #[arg(long, value_name = "CONFIG")]
    pub(crate) kafka: Option<PathBuf>,
    /// With --kafka: send at most this many records a second.
    #[arg(long, value_name = "RECORDS_PER_SECOND", conflicts_with = "out", value_parser = above_zero)]
    pub(crate) rate: Option<f64>,
    /// With --kafka: run event time this many times as fast as the wall clock [default: as fast as the
    /// broker accepts records].
    #[arg(long, value_name = "FACTOR", conflicts_with = "out", value_parser = above_zero)]
    pub(crate) lapse: Option<f64>,
    /// Write the labels of the attacks as JSON to this file [default: labels.json in the folder of --out;
    /// with --kafka none].
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
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
