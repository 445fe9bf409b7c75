//! Dead letters as text for people. What they hold came from outside: nothing of it may reach a terminal as a control sequence.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use jiff::Timestamp;

use crate::commands::ExitError;
use crate::stream::dead_letter::DeadLetter;

/// What stands for a header that is missing.
pub(crate) const NONE: &str = "-";

/// At most `chars_max` characters on one line, control characters escaped.
pub(crate) fn shown(text: &str, chars_max: usize) -> String {
    let mut line = String::new();
    let mut chars = text.chars();
    for next in chars.by_ref().take(chars_max) {
        if next.is_control() || is_direction(next) {
            // Writing to a text cannot fail.
            let _ = write!(line, "{}", next.escape_default());
        } else {
            line.push(next);
        }
    }
    if chars.next().is_some() {
        line.push_str("...");
    }
    line
}

/// The same for bytes, of which only the first are looked at.
pub(crate) fn shown_bytes(bytes: &[u8], chars_max: usize) -> String {
    let first = &bytes[..bytes.len().min(chars_max * 4)];
    let more = if first.len() < bytes.len() { "..." } else { "" };
    let line = shown(&String::from_utf8_lossy(first), chars_max);
    if line.ends_with("...") { line } else { line + more }
}

/// Characters that turn the direction of what follows.
fn is_direction(next: char) -> bool {
    matches!(next, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// When a letter was written, to the second.
pub(crate) fn time(millis: Option<i64>) -> String {
    let time = millis.and_then(|millis| Timestamp::from_second(millis.div_euclid(1000)).ok());
    time.map_or_else(|| NONE.to_owned(), |time| time.to_string())
}

/// Where a letter came from: `topic[partition]@offset#record`.
pub(crate) fn origin(letter: &DeadLetter<'_>) -> String {
    letter.origin.map_or_else(
        || NONE.to_owned(),
        |from| format!("{}[{}]@{}#{}", shown(from.topic, 249), from.partition, from.offset, from.record_index),
    )
}

/// Writes to standard output; false when whoever read it has seen enough.
///
/// # Errors
/// Any other failure of writing.
pub(crate) fn print(text: &str) -> Result<bool, ExitError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => {
            Err(ExitError::new(sysexits::ExitCode::IoErr, format!("cannot write to standard output: {error}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_but_text() {
        assert_eq!(shown("a\u{1b}[2Jb\n\u{202e}ä", 40), "a\\u{1b}[2Jb\\n\\u{202e}ä");
        assert_eq!(shown("abcdef", 3), "abc...");
        assert_eq!(shown("abc", 3), "abc");
        assert_eq!(shown_bytes(b"\x1f\x8b\x08\x00", 9), "\\u{1f}\u{fffd}\\u{8}\\u{0}");
        assert_eq!(shown_bytes(&[b'x'; 100], 10), "xxxxxxxxxx...");
        assert_eq!(shown_bytes("ä".repeat(20).as_bytes(), 20), "ä".repeat(20));
    }

    #[test]
    fn what_is_missing_is_a_dash() {
        let letter = DeadLetter::read((0, 0), None, std::iter::empty(), b"");
        assert_eq!((origin(&letter).as_str(), time(letter.millis).as_str()), ("-", "-"));
        assert_eq!(time(Some(1_688_989_512_999)), "2023-07-10T11:45:12Z");
    }
}
