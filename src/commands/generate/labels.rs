//! The labels of the attacks as a JSON file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use insightd_generate::label::Label;
use insightd_generate::{Organization, Plan};
use serde::Serialize;
use sysexits::ExitCode;

use super::GenerateArgs;
use crate::commands::exit_error::ExitError;

/// The parameters of the traffic, and the attacks in it. Times are seconds since 1970.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Labels<'a> {
    seed: u64,
    accounts: usize,
    start: i64,
    days: u32,
    activity: f64,
    quiet_days: u32,
    attacks: Vec<&'a Label>,
}

/// Path of the labels, if they are written. Not among the log files: a reader would mistake them for records.
///
/// # Errors
/// 64 if `--labels` lies among the log files.
pub(super) fn path(args: &GenerateArgs) -> Result<Option<PathBuf>, ExitError> {
    let Some(path) = &args.labels else { return Ok(args.out.as_ref().map(|folder| folder.join("labels.json"))) };
    if args.out.as_ref().is_some_and(|folder| path.starts_with(folder.join("AWSLogs"))) {
        let text = format!("--labels {} lies among the log files: put it elsewhere", path.display());
        return Err(ExitError::new(ExitCode::Usage, text));
    }
    Ok(Some(path.clone()))
}

/// Writes the labels of all accounts in the order of their beginnings.
pub(super) fn write(path: &Path, plan: &Plan, organization: &Organization) -> Result<(), ExitError> {
    let mut attacks: Vec<&Label> = organization.accounts().iter().flat_map(|account| account.labels()).collect();
    attacks.sort_by_key(|label| label.start);
    let Plan { seed, accounts, start, days, activity, quiet_days, .. } = *plan;
    let labels = Labels { seed, accounts, start, days, activity, quiet_days, attacks };
    let written = File::create(path).and_then(|file| {
        let mut file = BufWriter::new(file);
        serde_json::to_writer_pretty(&mut file, &labels)?;
        file.write_all(b"\n")?;
        file.flush()
    });
    written.map_err(|error| ExitError::io(format!("cannot write the labels to {}: {error}", path.display())))
}
