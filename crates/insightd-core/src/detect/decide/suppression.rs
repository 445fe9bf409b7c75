//! What a sensitivity rule suppressed. The leaky sum stays elevated for about an hour after a suppressed
//! burst; without this, the next unrelated call would trigger the insight.

use serde::{Deserialize, Serialize};

/// For this many minutes after the last suppressed call its score explains others: the half-life of the leaky
/// sum.
const MINUTES: i64 = 60;
/// A score that is higher by this (twice the odds) is not explained by it.
const FURTHER: f64 = 0.3;

/// The highest score that a rule suppressed, and the minute in which it last did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RuleSuppression {
    minute: i64,
    score: f64,
}

impl Default for RuleSuppression {
    fn default() -> Self {
        Self { minute: i64::MIN / 2, score: 0.0 }
    }
}

impl RuleSuppression {
    /// A call in `minute` reached the account's limit with this score, but not the limit under its rule.
    pub(crate) fn note(&mut self, minute: i64, score: f64) {
        let score = if self.is_over(minute) { score } else { self.score.max(score) };
        *self = Self { minute: self.minute.max(minute), score };
    }

    /// Whether the suppressed calls explain the score of another call in `minute`.
    pub(crate) fn explains(&self, minute: i64, score: f64) -> bool {
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
    fn suppressed_calls_explain_others_for_an_hour() {
        let mut suppressed = RuleSuppression::default();
        assert!(!suppressed.explains(1000, 0.1), "nothing was suppressed");
        suppressed.note(1000, 5.0);
        suppressed.note(1010, 4.0);
        assert!(suppressed.explains(1010, 5.2) && suppressed.explains(1069, 5.2) && !suppressed.explains(1010, 5.4));
        assert!(!suppressed.explains(1070, 5.2));
        assert!(!suppressed.explains(1010, 5.3), "twice the odds are evidence of more");
        suppressed.note(1100, 4.0);
        assert!(suppressed.explains(1100, 4.2) && !suppressed.explains(1100, 5.0), "the earlier stretch is over");
    }
}
