//! Byte codecs: readers that decode JSON string escapes, base64 and gzip. None of them holds more than a few
//! kilobytes.
//!
//! A chain of them returns errors of two kinds: those of the outermost reader ([`SourceError`]), which go to
//! the caller, and damage or a limit found on the way ([`Stop`]), which goes to the sink.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::io::{self, Read};

use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::read::DecoderReader;
use flate2::read::MultiGzDecoder;

use crate::cloudtrail::outcome::{DecodeError, Limit};

/// First bytes of a gzip stream.
pub(super) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why a stream ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// An encoding is damaged.
    Damaged(DecodeError),
    /// The rest is beyond a limit.
    Limit(Limit),
}

/// A [`Stop`] inside an `io::Error`.
#[derive(Debug)]
struct Stopped(Stop);

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl Error for Stopped {}

/// An error of the outermost reader, marked so that no codec on its way reports it as damage.
#[derive(Debug)]
struct SourceError(io::Error);

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for SourceError {}

fn stopped(stop: Stop) -> io::Error {
    io::Error::other(Stopped(stop))
}

/// The stop inside an error.
///
/// # Errors
/// The error itself if the outermost reader caused it.
pub(super) fn stop_of(error: io::Error) -> io::Result<Stop> {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Stopped>()) {
        Some(Stopped(stop)) => Ok(*stop),
        None => Err(error),
    }
}

/// The error as it was before [`MarkSource`] marked it.
pub(super) fn source_error(error: io::Error) -> io::Error {
    match error.downcast::<SourceError>() {
        Ok(SourceError(source)) => source,
        Err(error) => error,
    }
}

/// Marks the errors of the outermost reader.
pub(super) struct MarkSource<'r>(pub &'r mut dyn Read);

impl Read for MarkSource<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io::Error::new(error.kind(), SourceError(error))),
                read => return read,
            }
        }
    }
}

/// Turns a codec's errors into the damage that they mean.
struct MarkDamage<R> {
    reader: R,
    damage: DecodeError,
}

impl<R: Read> Read for MarkDamage<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reader.read(into).map_err(|error| {
            let from_below = error.get_ref().is_some_and(|inner| inner.is::<Stopped>() || inner.is::<SourceError>());
            if from_below { error } else { stopped(Stop::Damaged(self.damage)) }
        })
    }
}

/// Decompresses gzip, any number of members.
pub(super) fn gunzip<'r>(reader: impl Read + 'r) -> impl Read + 'r {
    MarkDamage { reader: Pieces(MultiGzDecoder::new(reader)), damage: DecodeError::GzipDamaged }
}

/// Reads in small pieces: a decoder loses what it decompressed in the call that finds damage, and records
/// before the damage still count.
struct Pieces<R>(R);

/// Size of a piece, bytes: a few records.
const PIECE_BYTES: usize = 4096;

impl<R: Read> Read for Pieces<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(PIECE_BYTES);
        self.0.read(&mut into[..most])
    }
}

/// Decodes base64 of the standard alphabet, padded or not.
pub(super) fn decode_base64<'r>(reader: impl Read + 'r) -> impl Read + 'r {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    MarkDamage { reader: DecoderReader::new(reader, &ENGINE), damage: DecodeError::Base64Damaged }
}

/// Passes `left` bytes and stops at the next one.
pub(super) struct ByteQuota<'b, R> {
    pub reader: R,
    pub left: &'b Cell<u64>,
}

impl<R: Read> Read for ByteQuota<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            return match self.reader.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(stopped(Stop::Limit(Limit::DecompressedBytes))),
            };
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let count = self.reader.read(&mut into[..most])?;
        self.left.set(left - count as u64);
        Ok(count)
    }
}

/// Decodes the escapes of a JSON string, given what stands between its quotes. That must be valid JSON, as
/// serde_json accepts it; lone surrogates, which it accepts, become replacement characters.
pub(super) struct Unescape<'a> {
    rest: &'a [u8],
    /// The last escape's character, whose bytes from `character_start` to `character_end` are still to be
    /// returned.
    character: [u8; 4],
    character_end: usize,
    character_start: usize,
}

impl<'a> Unescape<'a> {
    pub(super) fn new(escaped: &'a str) -> Self {
        Self { rest: escaped.as_bytes(), character: [0; 4], character_end: 0, character_start: 0 }
    }

    /// Decodes the escape at the beginning of the rest.
    fn take_escape(&mut self) {
        let (character, taken) = match self.rest.get(1) {
            Some(b'n') => ('\n', 2),
            Some(b't') => ('\t', 2),
            Some(b'r') => ('\r', 2),
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'u') => take_unicode(self.rest),
            // `"`, `\` and `/` stand for themselves.
            Some(&other) => (char::from(other), 2),
            None => (char::REPLACEMENT_CHARACTER, 1),
        };
        self.rest = &self.rest[taken..];
        self.character_end = character.encode_utf8(&mut self.character).len();
        self.character_start = 0;
    }
}

/// The character of a `\uXXXX` escape, or of two that make a surrogate pair, and the bytes it takes.
fn take_unicode(escape: &[u8]) -> (char, usize) {
    const LEN: usize = r"\u0000".len();
    let unit = |from: usize| -> Option<u32> {
        let digits = escape.get(from..from + LEN)?.strip_prefix(br"\u")?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let Some(first) = unit(0) else { return (char::REPLACEMENT_CHARACTER, escape.len().min(LEN)) };
    if let (0xd800..0xdc00, Some(second @ 0xdc00..0xe000)) = (first, unit(LEN)) {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 2 * LEN);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), LEN)
}

impl Read for Unescape<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            if self.character_start < self.character_end {
                into[filled] = self.character[self.character_start];
                self.character_start += 1;
                filled += 1;
                continue;
            }
            if self.rest.is_empty() {
                break;
            }
            let plain = memchr::memchr(b'\\', self.rest).unwrap_or(self.rest.len()).min(into.len() - filled);
            into[filled..filled + plain].copy_from_slice(&self.rest[..plain]);
            self.rest = &self.rest[plain..];
            filled += plain;
            if self.rest.first() == Some(&b'\\') && filled < into.len() {
                self.take_escape();
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unescaped(json: &str, step: usize) -> String {
        let mut reader = Unescape::new(&json[1..json.len() - 1]);
        let mut text = Vec::new();
        let mut piece = vec![0; step];
        loop {
            match reader.read(&mut piece).unwrap() {
                0 => return String::from_utf8(text).unwrap(),
                count => text.extend_from_slice(&piece[..count]),
            }
        }
    }

    proptest! {
        #[test]
        fn unescaping_agrees_with_serde_json(text: String, step in 1..40_usize) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(unescaped(&json, step), text.clone());
            let ascii: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(unescaped(&format!("\"{ascii}\""), step), text);
        }
    }

    #[test]
    fn every_short_escape() {
        assert_eq!(unescaped(r#""\"\\\/\b\f\n\r\t\u00e4\uD83D\ude00""#, 3), "\"\\/\u{8}\u{c}\n\r\tä😀");
    }

    #[test]
    fn lone_surrogates_become_replacement_characters() {
        assert_eq!(unescaped(r#""a\ud83db\ude00\ud83d\u0041""#, 64), "a\u{fffd}b\u{fffd}\u{fffd}A");
    }

    #[test]
    fn a_quota_passes_exactly_its_bytes() {
        let left = Cell::new(10);
        let mut text = Vec::new();
        ByteQuota { reader: &[b'x'; 10][..], left: &left }.read_to_end(&mut text).unwrap();
        assert_eq!((text.len(), left.get()), (10, 0));

        left.set(9);
        let error = ByteQuota { reader: &[b'x'; 10][..], left: &left }.read_to_end(&mut text).unwrap_err();
        assert_eq!(stop_of(error).unwrap(), Stop::Limit(Limit::DecompressedBytes));
    }

    #[test]
    fn damage_and_source_errors_differ_through_a_chain() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the disk is gone"))
            }
        }
        let mut broken = Broken;
        let error = gunzip(decode_base64(MarkSource(&mut broken))).read(&mut [0; 9]).unwrap_err();
        let error = stop_of(error).unwrap_err();
        assert_eq!(source_error(error).to_string(), "the disk is gone");

        let error = gunzip(decode_base64(&b"!!!!"[..])).read(&mut [0; 9]).unwrap_err();
        assert_eq!(stop_of(error).unwrap(), Stop::Damaged(DecodeError::Base64Damaged));
        let error = gunzip(decode_base64(&b"H4sIAAAA////"[..])).read(&mut [0; 9]).unwrap_err();
        assert_eq!(stop_of(error).unwrap(), Stop::Damaged(DecodeError::GzipDamaged));
    }
}
