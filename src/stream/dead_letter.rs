//! A dead-letter record as it lies in its topic: the headers that are written, and what is read back.
//!
//! A dead-letter record stays where it is. A *replay marker* in the same partition, written in the
//! transaction that replays the record, says that it was replayed. So a marker always lies behind its record,
//! and reading a partition from a record to its end shows whether it was replayed.

/// Names of the headers.
pub mod header {
    /// Why the record is here: the label of a decode error or limit.
    pub const REASON: &str = "reason";
    /// What is wrong and where, for people.
    pub const DETAIL: &str = "detail";
    /// Topic of the message that held the record.
    pub const TOPIC: &str = "topic";
    /// Partition of that message.
    pub const PARTITION: &str = "partition";
    /// Offset of that message.
    pub const OFFSET: &str = "offset";
    /// Position among the records and fragments of the message, from 0.
    pub const RECORD_INDEX: &str = "record-index";
    /// `true` if the record was cut.
    pub const TRUNCATED: &str = "truncated";
    /// On a replay marker: which record was replayed, `TOPIC/PARTITION/OFFSET` in the dead-letter topic.
    pub const REPLAYED: &str = "replayed";
}

/// Reason of a replay marker.
const REPLAYED: &str = "replayed";

/// Where a record lies in the dead-letter topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeadLetterId {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
}

/// The message that a dead-letter record came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetterSource<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Position of the record in the message.
    pub record_index: u64,
}

/// A record of the dead-letter topic: a dead-letter record, a replay marker, or something that another
/// program wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// Where it lies.
    pub id: DeadLetterId,
    /// When it was written, milliseconds since 1970.
    pub millis: Option<i64>,
    /// Why it is here; none if this daemon did not write it.
    pub reason: Option<&'a str>,
    /// What is wrong and where, for people.
    pub detail: &'a str,
    /// Where it came from; none if it does not say so.
    pub origin: Option<DeadLetterSource<'a>>,
    /// It was cut, so the original cannot be recovered from it.
    pub truncated: bool,
    /// On a replay marker: the topic and the record that was replayed.
    pub replays: Option<(&'a str, DeadLetterId)>,
    /// The damaged record, or the whole message.
    pub value: &'a [u8],
}

impl<'a> DeadLetter<'a> {
    /// Reads a record of the dead-letter topic. Ignores other headers, and values that are not UTF-8.
    pub fn read(
        id: DeadLetterId,
        millis: Option<i64>,
        headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
        value: &'a [u8],
    ) -> Self {
        let mut letter =
            Self { id, millis, reason: None, detail: "", origin: None, truncated: false, replays: None, value };
        let (mut topic, mut partition, mut offset, mut record_index) = (None, None, None, None);
        for (name, value) in headers {
            let Some(text) = value.and_then(|value| std::str::from_utf8(value).ok()) else { continue };
            match name {
                header::REASON => letter.reason = Some(text),
                header::DETAIL => letter.detail = text,
                header::TOPIC => topic = Some(text),
                header::PARTITION => partition = text.parse().ok(),
                header::OFFSET => offset = text.parse().ok(),
                header::RECORD_INDEX => record_index = text.parse().ok(),
                header::TRUNCATED => letter.truncated = text == "true",
                header::REPLAYED => letter.replays = replayed(text),
                _ => {}
            }
        }
        if let (Some(topic), Some(partition), Some(offset), Some(record_index)) =
            (topic, partition, offset, record_index)
        {
            letter.origin = Some(DeadLetterSource { topic, partition, offset, record_index });
        }
        letter
    }
}

/// The headers of the replay marker for a record of the dead-letter topic `dlq`.
pub fn replay_marker_headers(
    dlq: &str,
    letter: &DeadLetter<'_>,
    origin: &DeadLetterSource<'_>,
) -> [(&'static str, String); 7] {
    let DeadLetterId { partition, offset } = letter.id;
    [
        (header::REASON, REPLAYED.to_owned()),
        (header::DETAIL, format!("written to {}[{}] again", origin.topic, origin.partition)),
        (header::TOPIC, origin.topic.to_owned()),
        (header::PARTITION, origin.partition.to_string()),
        (header::OFFSET, origin.offset.to_string()),
        (header::RECORD_INDEX, origin.record_index.to_string()),
        (header::REPLAYED, format!("{dlq}/{partition}/{offset}")),
    ]
}

/// Reads `TOPIC/PARTITION/OFFSET`. A topic's name has no slash.
fn replayed(text: &str) -> Option<(&str, DeadLetterId)> {
    let mut parts = text.split('/');
    let (topic, partition, offset) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some((topic, DeadLetterId { partition, offset }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<'a>(headers: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> {
        headers.iter().map(|(name, value)| (*name, Some(value.as_bytes())))
    }

    const HEADERS: [(&str, &str); 6] = [
        ("reason", "truncated"),
        ("detail", "byte 9"),
        ("topic", "in"),
        ("partition", "3"),
        ("offset", "77"),
        ("record-index", "4"),
    ];

    #[test]
    fn a_dead_letter_record_is_read_back() {
        let letter = DeadLetter::read(DeadLetterId { partition: 1, offset: 42 }, Some(5), bytes(&HEADERS), b"{");
        assert_eq!(letter.reason, Some("truncated"));
        assert_eq!(letter.origin, Some(DeadLetterSource { topic: "in", partition: 3, offset: 77, record_index: 4 }));
        assert!(!letter.truncated && letter.replays.is_none());
        let cut = DeadLetter::read(
            DeadLetterId { partition: 1, offset: 42 },
            None,
            bytes(&HEADERS).chain([("truncated", Some(&b"true"[..]))]),
            b"{",
        );
        assert!(cut.truncated);
    }

    #[test]
    fn a_replay_marker_names_its_record_and_where_that_came_from() {
        let letter = DeadLetter::read(DeadLetterId { partition: 1, offset: 42 }, Some(5), bytes(&HEADERS), b"{}");
        let origin = letter.origin.unwrap();
        let headers = replay_marker_headers("dlq", &letter, &origin);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let marker = DeadLetter::read(DeadLetterId { partition: 1, offset: 43 }, Some(6), bytes(&headers), b"");
        assert_eq!(marker.replays, Some(("dlq", DeadLetterId { partition: 1, offset: 42 })));
        assert_eq!((marker.reason, marker.origin), (Some(REPLAYED), Some(origin)));
    }

    #[test]
    fn records_of_other_programs_are_neither() {
        let strange: [&[(&str, &str)]; 4] = [
            &[],
            &[("topic", "in"), ("partition", "x"), ("offset", "1"), ("record-index", "0")],
            &[("replayed", "dlq/1")],
            &[("replayed", "dlq/1/2/3")],
        ];
        for headers in strange {
            let letter = DeadLetter::read(DeadLetterId { partition: 0, offset: 0 }, None, bytes(headers), b"");
            assert_eq!((letter.reason, letter.origin, letter.replays), (None, None, None), "{headers:?}");
        }
        let no_text = [("reason", Some(&b"\xff"[..])), ("detail", None)];
        assert_eq!(
            DeadLetter::read(DeadLetterId { partition: 0, offset: 0 }, None, no_text.into_iter(), b"").reason,
            None
        );
    }
}
