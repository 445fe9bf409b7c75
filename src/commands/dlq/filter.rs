//! Selects dead-letter records by reason and by the time at which they were written.

use super::args::DlqFilterArgs;
use super::when::When;
use crate::stream::dead_letter::DeadLetter;

/// The filter of a command.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// Empty for all of them.
    reasons: Vec<String>,
    /// Milliseconds since 1970.
    pub(crate) since: Option<i64>,
    until: Option<i64>,
}

impl Filter {
    /// The filter that `args` ask for at wall time `now`, milliseconds since 1970.
    pub(crate) fn new(args: &DlqFilterArgs, now: i64) -> Self {
        let millis = |when: Option<When>| when.map(|when| when.millis(now));
        Self { reasons: args.reasons.clone(), since: millis(args.since), until: millis(args.until) }
    }

    /// Whether a dead-letter record is selected. A record without a time matches any time.
    pub(crate) fn selects(&self, dead_letter: &DeadLetter<'_>) -> bool {
        let in_time = dead_letter.millis.is_none_or(|millis| {
            self.since.is_none_or(|since| millis >= since) && self.until.is_none_or(|until| millis < until)
        });
        let by_reason = self.reasons.is_empty()
            || dead_letter.reason.is_some_and(|reason| self.reasons.iter().any(|selected| selected == reason));
        in_time && by_reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::dead_letter::DeadLetterId;

    fn dead_letter(reason: Option<&str>, millis: Option<i64>) -> DeadLetter<'_> {
        DeadLetter {
            reason,
            ..DeadLetter::read(DeadLetterId { partition: 0, offset: 0 }, millis, std::iter::empty(), b"")
        }
    }

    #[test]
    fn reason_and_time_must_both_match() {
        let filter =
            Filter { reasons: vec!["not_json".into(), "truncated".into()], since: Some(100), until: Some(200) };
        assert!(filter.selects(&dead_letter(Some("not_json"), Some(100))));
        assert!(filter.selects(&dead_letter(Some("truncated"), Some(199))));
        assert!(filter.selects(&dead_letter(Some("truncated"), None)));
        assert!(!filter.selects(&dead_letter(Some("not_json"), Some(99))));
        assert!(!filter.selects(&dead_letter(Some("not_json"), Some(200))));
        assert!(!filter.selects(&dead_letter(Some("gzip_damaged"), Some(150))));
        assert!(!filter.selects(&dead_letter(None, Some(150))));
        let all = Filter { reasons: Vec::new(), since: None, until: None };
        assert!(all.selects(&dead_letter(None, Some(1))) && all.selects(&dead_letter(Some("series"), None)));
    }
}
