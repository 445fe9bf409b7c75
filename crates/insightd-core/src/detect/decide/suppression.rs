//! What a rule kept from starting an insight, so that the next caller whom the rule does not concern is not the one to start it: the
//! sums it left behind are above the account's limit for up to an hour, and one more call would do.

use serde::{Deserialize, Serialize};

/// For so many minutes after the last call that was held back, its score explains others: the half-life of the leaky sum.
const MINUTES: i64 = 60;
/// A score further above it by this (twice the odds) is somebody else's doing.
const FURTHER: f64 = 0.3;

/// The highest score that a rule held back, and when it last did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleSuppression {
    minute: i64,
    score: f64,
}

impl Default for RuleSuppression {
    fn default() -> Self {
        Self { minute: i64::MIN / 2, score: 0.0 }
    }
}

impl RuleSuppression {
    /// A call in `minute` reached the account's limit with this score, but not the limit of its rule.
    pub fn note(&mut self, minute: i64, score: f64) {
        let score = if self.is_over(minute) { score } else { self.score.max(score) };
        *self = Self { minute: self.minute.max(minute), score };
    }

    /// Whether the score of another call in `minute` is no more than what was held back leads to.
    pub fn explains(&self, minute: i64, score: f64) -> bool {
        !self.is_over(minute) && score < self.score + FURTHER
    }

    fn is_over(&self, minute: i64) -> bool {
        minute - self.minute >= MINUTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_held_back_explains_as_much_for_an_hour_and_nothing_after() {
        let mut held = RuleSuppression::default();
        assert!(!held.explains(1000, 0.1), "nothing was held back");
        held.note(1000, 5.0);
        held.note(1010, 4.0);
        assert!(held.explains(1010, 5.2) && held.explains(1069, 5.2) && !held.explains(1010, 5.4));
        assert!(!held.explains(1070, 5.2));
        held.note(1100, 4.0);
        assert!(held.explains(1100, 4.2) && !held.explains(1100, 5.0), "the earlier stretch is over");
    }
}
