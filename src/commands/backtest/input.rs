//! Whether an input holds counts or CloudTrail: by its name if that has a known ending, otherwise by its
//! first bytes.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use sysexits::ExitCode;

use crate::commands::exit_error::ExitError;

/// Bytes that decide.
const HEAD_BYTES: u64 = 4096;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// CSV rows of timestamp and value.
    Counts,
    /// CloudTrail records.
    CloudTrail,
}

/// An input whose first bytes were read and put back.
pub(crate) type Peeked = io::Chain<Cursor<Vec<u8>>, Box<dyn Read>>;

/// Reads the first bytes, and puts them back.
///
/// # Errors
/// Those of reading.
pub(crate) fn peek(mut input: Box<dyn Read>) -> io::Result<(Vec<u8>, Peeked)> {
    let mut head = Vec::new();
    (&mut input).take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(input)))
}

/// The kind of a file. A folder holds CloudTrail.
///
/// # Errors
/// Those of reading it.
pub(crate) fn of_path(path: &Path) -> io::Result<Kind> {
    if path.is_dir() {
        return Ok(Kind::CloudTrail);
    }
    let name = path.as_os_str().to_string_lossy().to_ascii_lowercase();
    if name.ends_with(".csv") || name.ends_with(".csv.gz") {
        return Ok(Kind::Counts);
    }
    if [".json", ".json.gz", ".ndjson", ".ndjson.gz"].iter().any(|ending| name.ends_with(ending)) {
        return Ok(Kind::CloudTrail);
    }
    let (head, _) = peek(Box::new(File::open(path)?))?;
    Ok(of_head(&head))
}

/// The kind of an input with these first bytes. Counts begin with a line that has a comma and is not JSON.
pub(crate) fn of_head(head: &[u8]) -> Kind {
    let mut decompressed = Vec::new();
    let head = match head.starts_with(&GZIP) {
        true => {
            // The head is cut, so an error at its end does not matter.
            let _ = MultiGzDecoder::new(head).take(HEAD_BYTES).read_to_end(&mut decompressed);
            &decompressed[..]
        }
        false => head,
    };
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    match head.first() {
        Some(b'{' | b'[') => Kind::CloudTrail,
        _ if line.contains(&b',') => Kind::Counts,
        _ => Kind::CloudTrail,
    }
}

/// The input, decompressed if it is gzip.
pub(crate) fn decompressed(head: &[u8], input: Peeked) -> Box<dyn Read> {
    if head.starts_with(&GZIP) { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) }
}

/// The name of an input in messages.
pub(crate) fn name(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}

/// 66: an input cannot be read.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> ExitError {
    ExitError::new(ExitCode::NoInput, format!("cannot read {}: {error}", name(path)))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_first_bytes_tell_rows_from_records() {
        for rows in
            ["timestamp,value\n", "2020-01-01 00:00:00,3\n", "\u{feff}timestamp,value\r\n", "\"timestamp\",\"value\"\n"]
        {
            assert_eq!(of_head(rows.as_bytes()), Kind::Counts, "{rows:?}");
        }
        for records in ["{\"Records\":[]}", " \n[{\"a\":1,\"b\":2}]", "\u{feff}{\"a\":1,", "", "H4sIAAAA"] {
            assert_eq!(of_head(records.as_bytes()), Kind::CloudTrail, "{records:?}");
        }
    }

    #[test]
    fn compressed_rows_are_rows() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"timestamp,value\n").expect("packed");
        assert_eq!(of_head(&packed.finish().expect("packed")), Kind::Counts);
    }
}
