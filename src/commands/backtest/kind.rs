//! What the paths hold: counts or CloudTrail. Told by the name where it ends in a known way, else by the first bytes.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// Bytes looked at.
const HEAD_BYTES: u64 = 4096;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rows of timestamp and value.
    Counts,
    /// CloudTrail records.
    CloudTrail,
}

/// An input of which the first bytes were looked at and given back.
pub(super) type Peeked = io::Chain<Cursor<Vec<u8>>, Box<dyn Read>>;

/// Reads the first bytes.
///
/// # Errors
/// Those of reading.
pub(super) fn peek(mut input: Box<dyn Read>) -> io::Result<(Vec<u8>, Peeked)> {
    let mut head = Vec::new();
    (&mut input).take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(input)))
}

/// What a file holds. A folder holds CloudTrail.
///
/// # Errors
/// Those of reading it.
pub(super) fn of_path(path: &Path) -> io::Result<Kind> {
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

/// What an input with these first bytes holds: rows begin with a line that has a comma and is no JSON.
pub(super) fn of_head(head: &[u8]) -> Kind {
    let mut unpacked = Vec::new();
    let head = match head.starts_with(&GZIP) {
        true => {
            // The head is cut, so an error at its end is no matter.
            let _ = MultiGzDecoder::new(head).take(HEAD_BYTES).read_to_end(&mut unpacked);
            &unpacked[..]
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

/// The input, unpacked if it is gzip.
pub(super) fn unpacked(head: &[u8], input: Peeked) -> Box<dyn Read> {
    if head.starts_with(&GZIP) { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn rows_and_records_are_told_apart_by_their_first_bytes() {
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
    fn packed_rows_are_rows_as_well() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"timestamp,value\n").expect("packed");
        assert_eq!(of_head(&packed.finish().expect("packed")), Kind::Counts);
    }
}
