//! Any headers of a record of the dead-letter topic; and the replay marker of any dead-letter record is read
//! back as what it marks.
#![no_main]

use insightd::stream::dead_letter::{DeadLetter, DeadLetterId, header, replay_marker_headers};
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

/// Which name, and the value.
type Headers<'a> = Vec<(u8, Option<&'a [u8]>)>;

fuzz_target!(|input: (i32, i64, Headers<'_>, &[u8])| {
    let (partition, offset, headers, value) = input;
    let id = DeadLetterId { partition, offset };
    let headers = headers.iter().map(|(name, value)| (NAMES[usize::from(*name) % NAMES.len()], *value));
    let letter = DeadLetter::read(id, None, headers, value);
    let Some(origin) = letter.origin else { return };
    let marker = replay_marker_headers("insightd-dlq", &letter, &origin);
    let marker = marker.iter().map(|(name, text)| (*name, Some(text.as_bytes())));
    let marker = DeadLetter::read(DeadLetterId { partition: 0, offset: 0 }, None, marker, b"");
    assert_eq!(marker.replays, Some(("insightd-dlq", id)));
    assert_eq!(marker.origin, Some(origin));
});
