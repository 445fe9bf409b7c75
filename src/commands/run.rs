//! `insightd run`.

use super::{Failure, RunArgs};

/// Runs the command.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let _ = args;
    todo!()
}
