//! Any headers of a record of the dead-letter topic; and the mark of any letter is read back as what it marks.
#![no_main]

#[path = "../../src/stream/letter.rs"]
#[allow(dead_code, reason = "a part of it is fuzzed here")]
mod letter;

use letter::{Letter, header, mark_headers};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 9] = [
    header::REASON,
    header::DETAIL,
    header::TOPIC,
    header::PARTITION,
    header::OFFSET,
    header::RECORD_INDEX,
    header::TRUNCATED,
    header::REPLAYED,
    "x",
];

fuzz_target!(|input: (i32, i64, Vec<(u8, Option<&[u8]>)>, &[u8])| {
    let (partition, offset, headers, value) = input;
    let headers = headers.iter().map(|(name, value)| (NAMES[usize::from(*name) % NAMES.len()], *value));
    let letter = Letter::read((partition, offset), None, headers, value);
    let Some(origin) = letter.origin else { return };
    let mark = mark_headers("insightd-dlq", &letter, &origin);
    let mark = mark.iter().map(|(name, text)| (*name, Some(text.as_bytes())));
    let mark = Letter::read((0, 0), None, mark, b"");
    assert_eq!(mark.marks, Some(("insightd-dlq", (partition, offset))));
    assert_eq!(mark.origin, Some(origin));
});
