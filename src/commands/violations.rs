//! What a command over files does about broken invariants: it says so and fails, after its output is written.

use std::sync::atomic::Ordering;

use insightd_core::invariants::{Invariant, Violation, Violations, records_add_up};
use insightd_core::pipeline::{Outcome, Pipeline, Tally};
use sysexits::ExitCode;

use super::exit_error::ExitError;

/// The violations of a pipeline at its end. `tally` is everything that it has counted.
pub(crate) fn of(pipeline: &mut Pipeline, tally: &Tally) -> Violations {
    let mut violations = pipeline.detector().take_violations();
    let records = pipeline.processed().load(Ordering::Relaxed);
    let outcomes = Outcome::ALL.map(|outcome| tally.outcome(outcome));
    violations.check(Invariant::Cnt1, records_add_up(records, outcomes), || {
        format!("{records} records ended in {outcomes:?} (in the order of the outcomes)")
    });
    violations
}

/// Fails the command if there are any.
///
/// # Errors
/// 70, with all of them.
pub(crate) fn fail_on_any(mut violations: Violations) -> Result<(), ExitError> {
    let line = |(violation, times): &(Violation, u64)| format!("invariant violated, {times} times: {violation}");
    let mut lines: Vec<String> = violations.take().iter().map(line).collect();
    if lines.is_empty() {
        return Ok(());
    }
    lines.push("This is a defect of insightd, and the output may be wrong. Please report it.".to_owned());
    Err(ExitError::new(ExitCode::Software, lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use insightd_core::invariants::OnViolation;

    use super::*;

    #[test]
    fn each_broken_invariant_fails_the_command() {
        let mut violations = Violations::new(OnViolation::Record);
        assert!(fail_on_any(Violations::default()).is_ok());
        violations.check(Invariant::Wm1, false, || "the clock went from 9 to 7".to_owned());
        violations.check(Invariant::Wm1, false, || "the clock went from 8 to 7".to_owned());
        violations.check(Invariant::Cnt1, false, || "3 records ended in [1, 1]".to_owned());
        let error = fail_on_any(violations).expect_err("two are broken");
        assert_eq!(error.code, ExitCode::Software);
        assert_eq!(error.message.lines().count(), 3);
        assert!(error.message.contains("2 times: WM-1: the clock went from 9 to 7"), "{}", error.message);
    }
}
