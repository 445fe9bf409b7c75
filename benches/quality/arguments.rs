//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use insightd_generate::Plan;

use crate::memory::Kind;

/// 2 March 2026, a Monday: where the generated organizations begin, seconds since 1970.
const BEGIN: i64 = 1_772_409_600;

/// Parts that can be run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Labeled count series.
    Counts,
    /// Generated organizations.
    Organizations,
    /// An attacker who raises the rate a little each day.
    Patient,
    /// Bytes per series.
    Memory,
}

/// Quality of the detector, beside simple rivals.
#[derive(Debug, Parser)]
#[command(name = "quality")]
pub struct Arguments {
    /// Seeds of the generated organizations; tables show each and the median
    #[arg(long, value_delimiter = ',', default_value = "1,2,3")]
    pub seeds: Vec<u64>,
    /// Accounts of an organization
    #[arg(long, default_value_t = 20)]
    pub accounts: usize,
    /// Days of traffic
    #[arg(long, default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..))]
    pub days: u32,
    /// Attacks per organization, spread over kinds, attackers and accounts
    #[arg(long, default_value_t = 180)]
    pub attacks: usize,
    /// Days without attacks at the beginning
    #[arg(long, default_value_t = 3)]
    pub quiet_days: u32,
    /// Multiplies the activity of every account
    #[arg(long, default_value_t = 1.0)]
    pub activity: f64,
    /// Settings of the budget of false insights per account-week; the one closest to 1 is shown in detail
    #[arg(long, value_delimiter = ',', default_value = "0.1,0.3,1,3,10")]
    pub budgets: Vec<f64>,
    /// Feeds calls in order of time instead of order of delivery: faster, no repeats, nothing late
    #[arg(long)]
    pub in_order: bool,
    /// Shows instead that an API's name matters only by the tables: the same calls under made-up names
    #[arg(long)]
    pub same_streams: bool,
    /// Accounts of each seed that a patient attacker works on
    #[arg(long, default_value_t = 20)]
    pub patients: u64,
    /// Factors by which the daily burst grows
    #[arg(long, value_delimiter = ',', default_value = "1.1,1.3,2,5", value_parser = growth)]
    pub growths: Vec<f64>,
    /// Folder of labeled count series (labels.json); by default those beside the repository, if they are
    /// there
    #[arg(long)]
    pub counts: Option<PathBuf>,
    /// Only one part
    #[arg(long)]
    pub only: Option<Part>,
    /// Threads
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    pub threads: u8,
    /// Passed by cargo to every bench
    #[arg(long, hide = true)]
    bench: bool,
    /// Measures the memory of one kind of series in this process
    #[arg(long, hide = true)]
    pub memory_of: Option<Kind>,
}

impl Arguments {
    /// The plan of one seed.
    pub fn plan(&self, seed: u64) -> Plan {
        Plan {
            seed,
            accounts: self.accounts,
            start: BEGIN,
            days: self.days,
            activity: self.activity,
            attacks: self.attacks,
            quiet_days: self.quiet_days,
        }
    }

    /// Weeks of all accounts of one seed together.
    pub fn account_weeks(&self) -> f64 {
        self.accounts as f64 * f64::from(self.days) / 7.0
    }

    /// What every table says about where its numbers come from.
    pub fn origin(&self) -> String {
        format!(
            "`{}`; seeds {:?}, {} accounts x {} days, {} attacks after {} quiet days, activity {}, in order of {}",
            command(),
            self.seeds,
            self.accounts,
            self.days,
            self.attacks,
            self.quiet_days,
            self.activity,
            if self.in_order { "time" } else { "delivery" }
        )
    }

    /// Index of the budget shown in detail.
    pub fn detailed(&self) -> usize {
        let from_one = |at: &usize| self.budgets[*at].ln().abs();
        (0..self.budgets.len()).min_by(|a, b| from_one(a).total_cmp(&from_one(b))).unwrap_or(0)
    }
}

/// An attack that does not grow never ends.
fn growth(text: &str) -> Result<f64, String> {
    let growth = text.parse().ok().filter(|growth| (1.01..=1000.0).contains(growth));
    growth.ok_or_else(|| "must be a factor from 1.01 to 1000".to_owned())
}

/// The command that gives the same tables.
pub fn command() -> String {
    let said: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    format!("cargo bench --bench quality -- {}", said.join(" ")).trim_end_matches([' ', '-']).to_owned()
}
