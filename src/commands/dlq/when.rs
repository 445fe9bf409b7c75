//! A point in time on the command line: absolute, or an age.

use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
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
        // Without a time zone, or a date alone: UTC.
        let civil = text.parse::<DateTime>().ok().and_then(|civil| TimeZone::UTC.to_timestamp(civil).ok());
        civil.map(|time| Self::At(time.as_millisecond())).ok_or_else(|| {
            "neither a time such as 2026-03-04T10:00:00Z, a date such as 2026-03-04, nor an age such as 2h or 7d"
                .to_owned()
        })
    }
}

impl When {
    /// Milliseconds since 1970; so is `now`.
    pub(crate) fn millis(self, now: i64) -> i64 {
        match self {
            Self::At(millis) => millis,
            Self::Ago(age) => now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
