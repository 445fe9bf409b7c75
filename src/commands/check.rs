//! `insightd check`.

use super::{CheckArgs, Failure};

/// Runs the command.
pub fn run(args: &CheckArgs) -> Result<(), Failure> {
    let _ = args;
    todo!()
}
