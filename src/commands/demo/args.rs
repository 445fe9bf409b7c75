//! The command line of `insightd demo`.

use clap::Args;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Seed of the constructed traffic: the same seed, the same organization and attacks.
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) seed: u64,
    /// Continue after the summary, with traffic at the pace of the wall clock, until Ctrl-C.
    #[arg(long)]
    pub(crate) keep_running: bool,
    /// Show the daemon's log.
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Accounts of the organization.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..), hide = true)]
    pub(crate) accounts: u32,
    /// Days of history; insights are raised from the age of 36 hours on.
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(2..=60), hide = true)]
    pub(crate) days: u32,
    /// Attacks on the day after the history.
    #[arg(long, value_name = "N", default_value_t = 10, hide = true)]
    pub(crate) attacks: u32,
    /// Activity of every account; 1 is about 20,000 calls a day.
    #[arg(long, value_name = "FACTOR", default_value_t = 0.3, hide = true)]
    pub(crate) activity: f64,
    /// Seconds to show the day with the attacks in, unless the machine is slower.
    #[arg(long, value_name = "SECONDS", default_value_t = 24, hide = true)]
    pub(crate) day_seconds: u32,
}
