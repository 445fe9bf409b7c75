//! The command line of `insightd load`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `load`.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Configuration file (TOML) of the daemon. Environment variables INSIGHTD__SECTION__KEY override it.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Do not wait until the daemon has merged everything.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Files, folders (read recursively: .json .json.gz .ndjson .ndjson.gz) or - for standard input, in the
    /// order given.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
}
