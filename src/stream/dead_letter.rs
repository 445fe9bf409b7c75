//! A dead letter as it lies in its topic: the headers that are written, and what is read back of them.
//!
//! A letter stays where it is; that it was replayed is told by a *mark* in the same partition, written in the transaction that replays it.
//! So a mark always lies behind its letter, and whoever reads a partition from a letter on to its end knows whether it was replayed.

/// Names of the headers.
pub mod header {
    /// Why it is a dead letter: the label of a fault or limit.
    pub const REASON: &str = "reason";
    /// What and where, for people.
    pub const DETAIL: &str = "detail";
    /// Topic of the message that the record was in.
    pub const TOPIC: &str = "topic";
    /// Its partition.
    pub const PARTITION: &str = "partition";
    /// Its offset.
    pub const OFFSET: &str = "offset";
    /// Position among the records and fragments of the message, from 0.
    pub const RECORD_INDEX: &str = "record-index";
    /// `true` if the letter was cut.
    pub const TRUNCATED: &str = "truncated";
    /// On a mark: which letter was replayed, `TOPIC/PARTITION/OFFSET` in the dead-letter topic.
    pub const REPLAYED: &str = "replayed";
}

/// Reason of a mark.
pub const REPLAYED: &str = "replayed";

/// Where a letter lies in the dead-letter topic: partition and offset.
pub type DeadLetterId = (i32, i64);

/// The message that a letter came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetterSource<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Position of the record in it.
    pub record_index: u64,
}

/// A record of the dead-letter topic: a letter, a mark, or something that somebody else has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// Where it lies.
    pub place: DeadLetterId,
    /// When it was written, milliseconds since 1970.
    pub millis: Option<i64>,
    /// Why it is here; none if it is no letter of this daemon.
    pub reason: Option<&'a str>,
    /// What and where, for people.
    pub detail: &'a str,
    /// Where it came from; none if it does not say so.
    pub origin: Option<DeadLetterSource<'a>>,
    /// It was cut, so what it held cannot be had from it.
    pub truncated: bool,
    /// On a mark: which letter was replayed.
    pub replays: Option<(&'a str, DeadLetterId)>,
    /// The damaged record, or the whole message.
    pub value: &'a [u8],
}

impl<'a> DeadLetter<'a> {
    /// Reads a record of the dead-letter topic. Headers of other names, and values that are no text, are passed over.
    pub fn read(
        place: DeadLetterId,
        millis: Option<i64>,
        headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
        value: &'a [u8],
    ) -> Self {
        let mut letter =
            Self { place, millis, reason: None, detail: "", origin: None, truncated: false, replays: None, value };
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
                header::REPLAYED => letter.replays = marked(text),
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

/// The headers of the mark of a letter of the dead-letter topic `dlq`.
pub fn replay_marker_headers(
    dlq: &str,
    letter: &DeadLetter<'_>,
    origin: &DeadLetterSource<'_>,
) -> [(&'static str, String); 7] {
    let (partition, offset) = letter.place;
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

/// What `TOPIC/PARTITION/OFFSET` says. A topic's name has no slash.
fn marked(text: &str) -> Option<(&str, DeadLetterId)> {
    let mut parts = text.split('/');
    let (topic, partition, offset) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some((topic, (partition, offset)))
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
    fn a_letter_is_read_back() {
        let letter = DeadLetter::read((1, 42), Some(5), bytes(&HEADERS), b"{");
        assert_eq!(letter.reason, Some("truncated"));
        assert_eq!(letter.origin, Some(DeadLetterSource { topic: "in", partition: 3, offset: 77, record_index: 4 }));
        assert!(!letter.truncated && letter.replays.is_none());
        let cut = DeadLetter::read((1, 42), None, bytes(&HEADERS).chain([("truncated", Some(&b"true"[..]))]), b"{");
        assert!(cut.truncated);
    }

    #[test]
    fn a_mark_names_its_letter_and_where_that_came_from() {
        let letter = DeadLetter::read((1, 42), Some(5), bytes(&HEADERS), b"{}");
        let origin = letter.origin.unwrap();
        let headers = replay_marker_headers("dlq", &letter, &origin);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let mark = DeadLetter::read((1, 43), Some(6), bytes(&headers), b"");
        assert_eq!(mark.replays, Some(("dlq", (1, 42))));
        assert_eq!((mark.reason, mark.origin), (Some(REPLAYED), Some(origin)));
    }

    #[test]
    fn what_others_have_written_is_neither() {
        let strange: [&[(&str, &str)]; 4] = [
            &[],
            &[("topic", "in"), ("partition", "x"), ("offset", "1"), ("record-index", "0")],
            &[("replayed", "dlq/1")],
            &[("replayed", "dlq/1/2/3")],
        ];
        for headers in strange {
            let letter = DeadLetter::read((0, 0), None, bytes(headers), b"");
            assert_eq!((letter.reason, letter.origin, letter.replays), (None, None, None), "{headers:?}");
        }
        let no_text = [("reason", Some(&b"\xff"[..])), ("detail", None)];
        assert_eq!(DeadLetter::read((0, 0), None, no_text.into_iter(), b"").reason, None);
    }
}
