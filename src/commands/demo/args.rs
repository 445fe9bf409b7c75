//! The command line of `demo`.

use clap::Args;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Seed of the constructed traffic: the same seed, the same organisation and attacks.
    #[arg(long, value_name = "N", default_value_t = super::SEED)]
    pub seed: u64,
    /// Go on after the summary, with traffic at the pace of the wall clock, until Ctrl-C.
    #[arg(long)]
    pub keep_running: bool,
    /// Show what the daemon logs.
    #[arg(long)]
    pub verbose: bool,
    /// Accounts of the organisation.
    #[arg(long, value_name = "N", default_value_t = super::ACCOUNTS, value_parser = clap::value_parser!(u32).range(1..), hide = true)]
    pub accounts: u32,
    /// Days of history; insights are raised from the age of 36 hours on.
    #[arg(long, value_name = "N", default_value_t = super::HISTORY_DAYS, value_parser = clap::value_parser!(u32).range(2..=60), hide = true)]
    pub days: u32,
    /// Attacks on the day after it.
    #[arg(long, value_name = "N", default_value_t = super::ATTACKS, hide = true)]
    pub attacks: u32,
    /// How much every account does; 1 is some 20,000 calls a day.
    #[arg(long, value_name = "FACTOR", default_value_t = super::ACTIVITY, hide = true)]
    pub activity: f64,
    /// Seconds that the day with the attacks takes.
    #[arg(long, value_name = "SECONDS", default_value_t = super::DAY_SHOWN_IN_S, hide = true)]
    pub day_seconds: u32,
}
