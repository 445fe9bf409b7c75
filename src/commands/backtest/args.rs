//! The command line of `insightd backtest`.

use std::path::PathBuf;

use clap::Args;
use insightd_core::detect::statistics::horizon::Direction;

/// Arguments of `backtest`.
#[derive(Debug, Args)]
pub(crate) struct BacktestArgs {
    /// Configuration file (TOML); without it the defaults and the environment apply.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Counts: the width of a bucket, 60s to 7d [default: 60s].
    #[arg(long, value_name = "DURATION")]
    pub(crate) bucket: Option<String>,
    /// Deviations that count: up (rises) or both (rises and drops) [default: detect.direction of the
    /// configuration].
    #[arg(long, value_name = "up|both", value_parser = direction)]
    pub(crate) direction: Option<Direction>,
    /// CloudTrail files: one JSON object instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw values, expectation and insights of one series into this file.
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
    /// CloudTrail files: the series to draw [default: the one with most insights].
    #[arg(long, value_name = "ACCOUNT/REGION/SOURCE/NAME[/ERROR]", requires = "plot")]
    pub(crate) series: Option<String>,
    /// CloudTrail files: write the expected rates learned for each API as a table for `detect.priors`. The
    /// files should contain no attacks.
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) learn_priors: Option<PathBuf>,
    /// One CSV file of counts (timestamp,value), or CloudTrail files and folders as `replay` reads them; -
    /// for standard input.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

fn direction(text: &str) -> Result<Direction, String> {
    match text {
        "up" => Ok(Direction::Up),
        "both" => Ok(Direction::Both),
        _ => Err("must be up or both".to_owned()),
    }
}
