//! Text from outside made safe for a terminal: no control sequence and no change of direction gets through.

use std::fmt::Write as _;

/// Shows at most `chars_max` characters on one line, control characters escaped.
pub(crate) fn printable(text: &str, chars_max: usize) -> String {
    let mut line = String::new();
    let mut chars = text.chars();
    for next in chars.by_ref().take(chars_max) {
        if next.is_control() || is_direction(next) {
            // Writing to a string cannot fail.
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

/// [`printable`] for bytes; converts no more of them than it can show.
pub(crate) fn printable_bytes(bytes: &[u8], chars_max: usize) -> String {
    let first = &bytes[..bytes.len().min(chars_max * 4)];
    let more = if first.len() < bytes.len() { "..." } else { "" };
    let line = printable(&String::from_utf8_lossy(first), chars_max);
    if line.ends_with("...") { line } else { line + more }
}

/// Characters that reverse the direction of the text after them.
fn is_direction(next: char) -> bool {
    matches!(next, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_direction_characters_are_escaped() {
        assert_eq!(printable("a\u{1b}[2Jb\n\u{202e}ä", 40), "a\\u{1b}[2Jb\\n\\u{202e}ä");
        assert_eq!(printable("abcdef", 3), "abc...");
        assert_eq!(printable("abc", 3), "abc");
        assert_eq!(printable_bytes(b"\x1f\x8b\x08\x00", 9), "\\u{1f}\u{fffd}\\u{8}\\u{0}");
        assert_eq!(printable_bytes(&[b'x'; 100], 10), "xxxxxxxxxx...");
        assert_eq!(printable_bytes("ä".repeat(20).as_bytes(), 20), "ä".repeat(20));
    }
}
