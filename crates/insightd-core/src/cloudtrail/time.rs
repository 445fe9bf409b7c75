//! `eventTime` in both forms in use (docs/input-formats.md#records).

use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;

static PARSER: DateTimeParser = DateTimeParser::new();

/// Shortest time with a date, a separator and seconds.
const LEN_MIN: usize = "20230710T114512".len();

/// Seconds since 1970 of an `eventTime`: `2023-07-10T11:45:12Z` as CloudTrail writes it, or `2023-07-10
/// 11:45:12.000000000` (read as UTC) as downstream stores rewrite it. Fractions are cut off; an offset is
/// honored.
pub(super) fn parse(text: &str) -> Option<i64> {
    if text.len() < LEN_MIN {
        return None;
    }
    if let Ok(timestamp) = PARSER.parse_timestamp(text) {
        return Some(timestamp.as_second());
    }
    let civil = PARSER.parse_datetime(text).ok()?;
    Some(TimeZone::UTC.to_timestamp(civil).ok()?.as_second())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn both_forms_and_their_relatives() {
        for text in [
            "2023-07-10T11:45:12Z",
            "2023-07-10 11:45:12.000000000",
            "2023-07-10 11:45:12",
            "2023-07-10T11:45:12",
            "2023-07-10T11:45:12.345Z",
            "2023-07-10T13:45:12+02:00",
            "20230710T114512Z",
        ] {
            assert_eq!(parse(text), Some(1_688_989_512), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "2023-07-10",
            "11:45:12",
            "1688989512",
            "2023-13-10T11:45:12Z",
            "2023-02-30T11:45:12Z",
            "2023-07-10T25:45:12Z",
            "Mon Jul 10 11:45:12 2023",
            "2023-07-10T11:45:12Zzz",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_leap_second_belongs_to_its_minute() {
        assert_eq!(parse("2016-12-31T23:59:60Z"), parse("2016-12-31T23:59:59Z"));
    }
}
