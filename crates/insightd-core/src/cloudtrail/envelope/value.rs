//! Reads one JSON value at the beginning of what is in view: whole, cut by the end of the view, or damaged.

use serde::Deserialize;

use crate::cloudtrail::outcome::DecodeError;

/// An error this close to the end of what is in view may come from the cut itself, as with a number cut after
/// its sign; bytes.
const CUT_BYTES: usize = 16;

/// The result of reading a value.
pub(super) enum ReadValue<T> {
    /// The value and its length.
    Value(T, usize),
    /// It continues beyond what is in view.
    Cut,
    /// It is not JSON.
    Damaged(Damage),
}

/// What is wrong with a value.
pub(super) struct Damage {
    /// Where serde_json noticed it, bytes from the beginning of the value.
    pub(super) offset: usize,
    pub(super) error: DecodeError,
    pub(super) detail: String,
}

/// Reads the value at the beginning of `bytes`.
pub(super) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8], ended: bool) -> ReadValue<T> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<T>();
    let error = match values.next() {
        // A number that ends where the view ends may continue.
        Some(Ok(_)) if values.byte_offset() == bytes.len() && !ended && !closes(bytes) => return ReadValue::Cut,
        Some(Ok(value)) => return ReadValue::Value(value, values.byte_offset()),
        Some(Err(error)) => error,
        None => return ReadValue::Cut,
    };
    let offset = offset_of(bytes, error.line(), error.column());
    if !ended && (error.is_eof() || offset + CUT_BYTES >= bytes.len()) {
        return ReadValue::Cut;
    }
    let kind = if error.is_eof() { DecodeError::Truncated } else { DecodeError::NotJson };
    ReadValue::Damaged(Damage { offset, error: kind, detail: error.to_string() })
}

/// Whether the last byte closes a value by itself.
fn closes(bytes: &[u8]) -> bool {
    matches!(bytes.last(), Some(b'}' | b']' | b'"'))
}

/// The offset of a line and column as serde_json counts them.
fn offset_of(bytes: &[u8], line: usize, column: usize) -> usize {
    let newlines = memchr::memchr_iter(b'\n', bytes);
    let line_start = match line {
        0 | 1 => 0,
        _ => newlines.take(line - 1).last().map_or(0, |newline| newline + 1),
    };
    (line_start + column).min(bytes.len())
}
