//! `insightd replay`.

use super::{Failure, ReplayArgs};

/// Runs the command.
pub fn run(args: &ReplayArgs) -> Result<(), Failure> {
    let _ = args;
    todo!()
}
