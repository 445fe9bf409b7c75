//! Rows of `timestamp,value`, one at a time in the order of the file, whatever their times are.
//!
//! The header line is optional. With one, the columns `timestamp` and `value` may stand anywhere among
//! others. Fields may have spaces or quotes around them. Lines may end in CR LF.

use std::io::{self, BufRead};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Longest line, bytes.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Largest absolute value. Its square and sums of squares stay far below the largest float.
pub(crate) const VALUE_MAX: f64 = 1e15;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The timestamp as written, without the spaces around it.
    pub(crate) timestamp: String,
    /// The value as written, without the spaces around it.
    pub(crate) written: String,
    /// The timestamp, seconds since 1970.
    pub(crate) time: i64,
    /// The value.
    pub(crate) value: f64,
}

/// Positions of the columns, from 0.
#[derive(Clone, Copy)]
struct Columns {
    timestamp: usize,
    value: usize,
}

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    /// The input could not be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A line is not a row.
    #[error("line {line}: {reason}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

/// An iterator over the rows of an input. Ends at the first error.
pub(crate) struct Rows<R> {
    input: R,
    line: u64,
    columns: Option<Columns>,
    buffer: Vec<u8>,
    failed: bool,
}

impl<R: BufRead> Rows<R> {
    /// Reads from the beginning of `input`.
    pub(crate) fn new(input: R) -> Self {
        Self { input, line: 0, columns: None, buffer: Vec::new(), failed: false }
    }

    fn next_row(&mut self) -> Result<Option<Row>, RowError> {
        loop {
            self.buffer.clear();
            let mut limited = io::Read::take(&mut self.input, LINE_BYTES_MAX as u64 + 1);
            if limited.read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            let line = self.line;
            let wrong = |reason: String| RowError::Line { line, reason };
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(wrong(format!("is longer than {LINE_BYTES_MAX} bytes; this is not a file of counts")));
            }
            let text = std::str::from_utf8(&self.buffer).map_err(|_| wrong("is not UTF-8".to_owned()))?;
            let text = if line == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
            if text.trim().is_empty() {
                continue;
            }
            let fields: Vec<&str> = text.split(',').map(str::trim).collect();
            let columns = match self.columns {
                Some(columns) => columns,
                None => match header(&fields).map_err(wrong)? {
                    Some(columns) => {
                        self.columns = Some(columns);
                        continue;
                    }
                    None => *self.columns.insert(Columns { timestamp: 0, value: 1 }),
                },
            };
            let (Some(&timestamp), Some(&written)) = (fields.get(columns.timestamp), fields.get(columns.value)) else {
                return Err(wrong(format!("has {} fields; a row is timestamp,value", fields.len())));
            };
            let (time, value) = (instant(bare(timestamp)).map_err(wrong)?, number(bare(written)).map_err(wrong)?);
            return Ok(Some(Row { timestamp: timestamp.to_owned(), written: written.to_owned(), time, value }));
        }
    }
}

impl<R: BufRead> Iterator for Rows<R> {
    type Item = Result<Row, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_row();
        self.failed = next.is_err();
        next.transpose()
    }
}

/// The positions of the columns timestamp and value in a header; none if the line is a row.
fn header(fields: &[&str]) -> Result<Option<Columns>, String> {
    let at = |name: &str| fields.iter().position(|field| bare(field).eq_ignore_ascii_case(name));
    match (at("timestamp"), at("value")) {
        (Some(timestamp), Some(value)) => Ok(Some(Columns { timestamp, value })),
        (None, None) if fields.first().is_some_and(|first| first.contains(|c: char| c.is_ascii_digit())) => Ok(None),
        _ => Err("is neither the header timestamp,value nor a row".to_owned()),
    }
}

fn bare(field: &str) -> &str {
    field.strip_prefix('"').and_then(|field| field.strip_suffix('"')).unwrap_or(field).trim()
}

/// ISO 8601 with an offset, or without one in UTC; with `T` or a space.
fn instant(text: &str) -> Result<i64, String> {
    let in_utc = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    let instant = text.parse::<Timestamp>().ok().or_else(in_utc);
    instant
        .map(Timestamp::as_second)
        .ok_or_else(|| format!("{:?} is no timestamp, such as 2026-03-04T10:00:00Z or 2026-03-04 10:00:00", cut(text)))
}

fn number(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    match number {
        Some(number) if number.abs() <= VALUE_MAX => Ok(number),
        Some(number) if number.is_finite() => Err(format!("{:?} is beyond {VALUE_MAX:e}", cut(text))),
        _ => Err(format!("{:?} is no number", cut(text))),
    }
}

/// Text from the file, short enough for a message.
fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Result<Vec<Row>, RowError> {
        Rows::new(text.as_bytes()).collect()
    }

    fn error_of(text: &str) -> String {
        rows(text).expect_err("it is wrong").to_string()
    }

    #[test]
    fn all_forms_of_a_row_are_read_and_kept_as_written() {
        let text = "\u{feff} timestamp , value \r\n2026-03-04T10:00:00Z,3\r\n2026-03-04 10:01:00, 4.50 \n\n\
                    2026-03-04T12:02:00+02:00,1e3\n\"2026-03-04 10:03:00\",\"7\"\n2026-03-04T10:04:00.5,-0.25";
        let read = rows(text).expect("sound");
        let times: Vec<i64> = read.iter().map(|row| row.time - 1_772_618_400).collect();
        assert_eq!(times, [0, 60, 120, 180, 240]);
        let values: Vec<f64> = read.iter().map(|row| row.value).collect();
        assert_eq!(values, [3.0, 4.5, 1000.0, 7.0, -0.25]);
        assert_eq!((read[1].timestamp.as_str(), read[1].written.as_str()), ("2026-03-04 10:01:00", "4.50"));
    }

    #[test]
    fn a_header_may_be_missing_or_name_columns_among_others() {
        assert_eq!(rows("2026-03-04,1\n").expect("sound").len(), 1);
        let read = rows("value,label,timestamp\n5,1,2026-03-04 00:00:00\n").expect("sound");
        assert_eq!((read[0].value, read[0].timestamp.as_str()), (5.0, "2026-03-04 00:00:00"));
    }

    #[test]
    fn errors_name_the_line() {
        for (text, wanted) in [
            ("time,count\n", "line 1: is neither the header"),
            ("timestamp,value\n2026-03-04 00:00:00,x\n", "line 2: \"x\" is no number"),
            ("timestamp,value\n2026-03-04 00:00:00,nan\n", "line 2: \"nan\" is no number"),
            ("timestamp,value\n2026-03-04 00:00:00,inf\n", "line 2: \"inf\" is no number"),
            ("timestamp,value\n2026-03-04 00:00:00,1e16\n", "line 2: \"1e16\" is beyond 1e15"),
            ("timestamp,value\n2026-03-04 00:00:00,\n", "line 2: \"\" is no number"),
            ("timestamp,value\n\n2026-13-04 00:00:00,1\n", "line 3: \"2026-13-04 00:00:00\" is no timestamp"),
            ("timestamp,value\n2026-03-04 00:00:00\n", "line 2: has 1 fields"),
            ("1772618400,5\n", "line 1: \"1772618400\" is no timestamp"),
        ] {
            assert!(error_of(text).contains(wanted), "{text:?}: {}", error_of(text));
        }
        assert!(error_of(&"1,".repeat(40_000)).contains("longer than"));
        let bytes: Result<Vec<Row>, _> = Rows::new(&b"timestamp,value\n\xff,1\n"[..]).collect();
        assert!(bytes.expect_err("it is wrong").to_string().contains("line 2: is not UTF-8"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_no_value_is_nan(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for row in Rows::new(&bytes[..]).flatten() {
                prop_assert!(row.value.is_finite());
            }
        }

        #[test]
        fn as_many_rows_come_out_as_go_in(
            values in proptest::collection::vec(-VALUE_MAX..VALUE_MAX, 0..50),
            header: bool,
            crlf: bool,
        ) {
            let end = if crlf { "\r\n" } else { "\n" };
            let mut text = if header { format!("timestamp,value{end}") } else { String::new() };
            for value in &values {
                text += &format!("2026-03-04 10:00:00,{value:?}{end}");
            }
            let read: Vec<f64> = rows(&text).expect("sound").iter().map(|row| row.value).collect();
            prop_assert_eq!(read, values);
        }
    }
}
