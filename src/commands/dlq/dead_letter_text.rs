//! The fields of a dead-letter record as text for people. Its headers and value come from outside, so every
//! field is made printable.

use jiff::Timestamp;

use crate::commands::console::printable::printable;
use crate::stream::dead_letter::DeadLetter;

/// Shown instead of a missing header.
pub(crate) const NONE: &str = "-";
/// Longest topic name that Kafka allows, characters.
const TOPIC_CHARS_MAX: usize = 249;

/// When a dead-letter record was written, to the second.
pub(crate) fn time(millis: Option<i64>) -> String {
    let time = millis.and_then(|millis| Timestamp::from_second(millis.div_euclid(1000)).ok());
    time.map_or_else(|| NONE.to_owned(), |time| time.to_string())
}

/// Where a dead-letter record came from: `topic[partition]@offset#record`.
pub(crate) fn origin(dead_letter: &DeadLetter<'_>) -> String {
    dead_letter.origin.map_or_else(
        || NONE.to_owned(),
        |from| {
            format!(
                "{}[{}]@{}#{}",
                printable(from.topic, TOPIC_CHARS_MAX),
                from.partition,
                from.offset,
                from.record_index
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::dead_letter::DeadLetterId;

    #[test]
    fn missing_headers_are_shown_as_a_dash() {
        let dead_letter = DeadLetter::read(DeadLetterId { partition: 0, offset: 0 }, None, std::iter::empty(), b"");
        assert_eq!((origin(&dead_letter).as_str(), time(dead_letter.millis).as_str()), ("-", "-"));
        assert_eq!(time(Some(1_688_989_512_999)), "2023-07-10T11:45:12Z");
    }
}
