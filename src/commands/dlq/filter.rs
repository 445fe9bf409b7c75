//! Which dead letters are meant: by reason and by the time at which they were written.

use std::str::FromStr;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use insightd_core::cloudtrail::outcome::{DecodeError, Limit};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::args::DlqFilterArgs;
use crate::stream::dead_letter::DeadLetter;

/// A point in time, as it is given on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Milliseconds since 1970.
    At(i64),
    /// Before now.
    Ago(Duration),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(age) = humantime::parse_duration(text) {
            return Ok(Self::Ago(age));
        }
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Self::At(time.as_millisecond()));
        }
        // Without a zone, or a date alone: UTC.
        let civil = text.parse::<DateTime>().ok().and_then(|civil| TimeZone::UTC.to_timestamp(civil).ok());
        civil.map(|time| Self::At(time.as_millisecond())).ok_or_else(|| {
            "neither a time such as 2026-03-04T10:00:00Z, a date such as 2026-03-04, nor an age such as 2h or 7d"
                .to_owned()
        })
    }
}

impl When {
    fn millis(self, now: i64) -> i64 {
        match self {
            Self::At(millis) => millis,
            Self::Ago(age) => now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
        }
    }
}

/// The reasons that a dead letter may have. Another word is a slip of the pen, and would silently match nothing.
pub fn reasons() -> PossibleValuesParser {
    PossibleValuesParser::new(DecodeError::ALL.map(DecodeError::label).into_iter().chain(Limit::ALL.map(Limit::label)))
}

/// The filter of a command.
#[derive(Clone, Debug)]
pub struct Filter {
    reasons: Vec<String>,
    /// Milliseconds since 1970.
    pub since: Option<i64>,
    until: Option<i64>,
}

impl Filter {
    /// As asked for at wall time `now`, milliseconds since 1970.
    pub fn new(args: &DlqFilterArgs, now: i64) -> Self {
        let millis = |when: Option<When>| when.map(|when| when.millis(now));
        Self { reasons: args.reasons.clone(), since: millis(args.since), until: millis(args.until) }
    }

    /// Whether a letter is meant. A record without a time is of any time.
    pub fn takes(&self, letter: &DeadLetter<'_>) -> bool {
        let in_time = letter.millis.is_none_or(|millis| {
            self.since.is_none_or(|since| millis >= since) && self.until.is_none_or(|until| millis < until)
        });
        let by_reason = self.reasons.is_empty()
            || letter.reason.is_some_and(|reason| self.reasons.iter().any(|asked| asked == reason));
        in_time && by_reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(reason: Option<&str>, millis: Option<i64>) -> DeadLetter<'_> {
        DeadLetter { reason, ..DeadLetter::read((0, 0), millis, std::iter::empty(), b"") }
    }

    #[test]
    fn times_dates_and_ages() {
        let at = |text: &str| text.parse::<When>().map(|when| when.millis(10_000_000));
        assert_eq!(at("2023-07-10T11:45:12Z"), Ok(1_688_989_512_000));
        assert_eq!(at("2023-07-10T13:45:12.5+02:00"), Ok(1_688_989_512_500));
        assert_eq!(at("2023-07-10T11:45:12"), Ok(1_688_989_512_000));
        assert_eq!(at("2023-07-10"), Ok(1_688_947_200_000));
        assert_eq!(at("2h"), Ok(10_000_000 - 7_200_000));
        assert_eq!(at("1day 1h"), Ok(10_000_000 - 90_000_000));
        for wrong in ["", "yesterday", "12", "2023-13-01", "7 parsecs"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn reason_and_time_must_both_fit() {
        let filter =
            Filter { reasons: vec!["not_json".into(), "truncated".into()], since: Some(100), until: Some(200) };
        assert!(filter.takes(&letter(Some("not_json"), Some(100))));
        assert!(filter.takes(&letter(Some("truncated"), Some(199))));
        assert!(filter.takes(&letter(Some("truncated"), None)));
        assert!(!filter.takes(&letter(Some("not_json"), Some(99))));
        assert!(!filter.takes(&letter(Some("not_json"), Some(200))));
        assert!(!filter.takes(&letter(Some("gzip_damaged"), Some(150))));
        assert!(!filter.takes(&letter(None, Some(150))));
        let all = Filter { reasons: Vec::new(), since: None, until: None };
        assert!(all.takes(&letter(None, Some(1))) && all.takes(&letter(Some("series"), None)));
    }
}
