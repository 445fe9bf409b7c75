//! The command line of `insightd replay`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use insightd_core::cloudtrail::insight::Format;

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Configuration file (TOML); without it the defaults and the environment apply.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Write counts of the run as one JSON object to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) stats: Option<PathBuf>,
    /// Add `detectedAt` and `insightd` (how the insight was found) to each record.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Shape of the records on standard output [default: output.format of the configuration].
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    pub(crate) format: Option<Format>,
    /// Files, folders (read recursively: .json .json.gz .ndjson .ndjson.gz) or - for standard input, in the
    /// order given.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

/// Reads the name of a format. Help lists all of [`Format::ALL`].
fn formats() -> impl TypedValueParser<Value = Format> {
    let names = Format::ALL.map(|format| PossibleValue::new(format.name()).help(format.about()));
    PossibleValuesParser::new(names).try_map(|name| Format::named(&name).ok_or("no such format"))
}
