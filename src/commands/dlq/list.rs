//! `insightd dlq list`: a table of dead-letter records, or JSON, and a summary by reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::args::DlqListArgs;
use super::dead_letter_text::{NONE, origin, time};
use super::filter::Filter;
use super::{probe, replayed};
use crate::commands::console::printable::{printable, printable_bytes};
use crate::commands::console::{print, say};
use crate::commands::exit_error::ExitError;
use crate::commands::wall_clock;
use crate::config::Config;
use crate::kafka::dead_letters::Reader;
use crate::stream::dead_letter::{DeadLetter, DeadLetterId};

/// The head of the table. The last two columns have no fixed width.
const HEAD: &str = "TIME                  REASON                 FROM                                     BYTES  DETAIL; FIRST BYTES\n";
/// Longest detail shown, characters.
const DETAIL_CHARS_MAX: usize = 80;
/// Longest reason shown, characters: that of another program may be any text.
const REASON_CHARS_MAX: usize = 40;
/// Longest beginning of a value shown, characters.
const BEGIN_CHARS_MAX: usize = 60;

/// Runs the command.
///
/// # Errors
/// Those of [`super::run`].
pub(crate) fn run(args: &DlqListArgs) -> Result<(), ExitError> {
    let config = Config::load(Some(&args.filter.config))?;
    probe(&config)?;
    let filter = Filter::new(&args.filter, wall_clock::millis());
    let reader = Reader::open(&config, filter.since)?;
    let replayed = replayed(&reader, &config.dlq.topic)?;
    let mut list = List { args, filter, replayed, shown: 0, counts: BTreeMap::new() };
    reader.read(&mut |dead_letter| list.add(dead_letter))?;
    let summary = list.summary(&config.dlq.topic);
    if args.json {
        summary.lines().for_each(say);
        return Ok(());
    }
    print(&summary).map(drop)
}

/// Counts of one reason. All but `replayed` exclude replayed records.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    dead_letters: u64,
    bytes: u64,
    cut: u64,
    replayed: u64,
}

/// The list while the topic is read.
struct List<'a> {
    args: &'a DlqListArgs,
    filter: Filter,
    replayed: BTreeSet<DeadLetterId>,
    shown: u64,
    /// By reason, including those that are not shown.
    counts: BTreeMap<String, Count>,
}

impl List<'_> {
    fn add(&mut self, dead_letter: &DeadLetter<'_>) -> Result<ControlFlow<()>, ExitError> {
        if dead_letter.replays.is_some() || !self.filter.selects(dead_letter) {
            return Ok(ControlFlow::Continue(()));
        }
        let replayed = self.replayed.contains(&dead_letter.id);
        let count = self.counts.entry(printable(dead_letter.reason.unwrap_or(NONE), REASON_CHARS_MAX)).or_default();
        if replayed {
            count.replayed += 1;
        } else {
            count.dead_letters += 1;
            count.bytes += dead_letter.value.len() as u64;
            count.cut += u64::from(dead_letter.truncated);
        }
        if (replayed && !self.args.all) || self.args.filter.limit.is_some_and(|limit| self.shown >= limit) {
            return Ok(ControlFlow::Continue(()));
        }
        let mut text = match self.args.json {
            true => json_line(dead_letter, replayed).to_string(),
            false => row(dead_letter, replayed),
        };
        text.push('\n');
        if self.shown == 0 && !self.args.json {
            text.insert_str(0, HEAD);
        }
        self.shown += 1;
        Ok(if print(&text)? { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }

    fn summary(&self, topic: &str) -> String {
        if self.counts.is_empty() {
            return format!("no dead-letter records in {topic} match\n");
        }
        let mut total = Count::default();
        let mut text = String::new();
        let mut line = |name: &str, count: Count| {
            let Count { dead_letters, bytes, cut, replayed } = count;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<22} {dead_letters:>9} {bytes:>13} {cut:>9} {replayed:>9}");
        };
        for (reason, count) in &self.counts {
            line(reason, *count);
            total.dead_letters += count.dead_letters;
            total.bytes += count.bytes;
            total.cut += count.cut;
            total.replayed += count.replayed;
        }
        line("all", total);
        let outstanding = if self.args.all { total.dead_letters + total.replayed } else { total.dead_letters };
        let hidden = outstanding.saturating_sub(self.shown);
        let beyond = if hidden > 0 { format!("{hidden} more are not shown\n") } else { String::new() };
        let gap = if self.shown > 0 && !self.args.json { "\n" } else { "" };
        format!("{beyond}{gap}{:<22} {:>9} {:>13} {:>9} {:>9}\n{text}", "REASON", "RECORDS", "BYTES", "CUT", "REPLAYED")
    }
}

fn row(dead_letter: &DeadLetter<'_>, replayed: bool) -> String {
    let marks = [(replayed, " (replayed)"), (dead_letter.truncated, " (cut)")];
    let marks: String = marks.into_iter().filter(|(holds, _)| *holds).map(|(_, mark)| mark).collect();
    format!(
        "{:<21} {:<22} {:<36} {:>9}  {}{marks}; {}",
        time(dead_letter.millis),
        printable(dead_letter.reason.unwrap_or(NONE), REASON_CHARS_MAX),
        origin(dead_letter),
        dead_letter.value.len(),
        printable(dead_letter.detail, DETAIL_CHARS_MAX),
        printable_bytes(dead_letter.value, BEGIN_CHARS_MAX),
    )
}

/// A dead-letter record with all its headers and its whole value: as text, or in base64 if it is not UTF-8.
fn json_line(dead_letter: &DeadLetter<'_>, replayed: bool) -> Value {
    let DeadLetterId { partition, offset } = dead_letter.id;
    let mut line = json!({
        "time": dead_letter.millis.map(|millis| time(Some(millis))),
        "reason": dead_letter.reason,
        "detail": dead_letter.detail,
        "topic": dead_letter.origin.map(|from| from.topic),
        "partition": dead_letter.origin.map(|from| from.partition),
        "offset": dead_letter.origin.map(|from| from.offset),
        "record_index": dead_letter.origin.map(|from| from.record_index),
        "bytes": dead_letter.value.len(),
        "truncated": dead_letter.truncated,
        "replayed": replayed,
        "letter": {"partition": partition, "offset": offset},
    });
    match std::str::from_utf8(dead_letter.value) {
        Ok(text) => line["value"] = json!(text),
        Err(_) => line["value_base64"] = json!(STANDARD.encode(dead_letter.value)),
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: [(&str, Option<&[u8]>); 7] = [
        ("reason", Some(b"not_json")),
        ("detail", Some(b"expected value\nat line 1")),
        ("topic", Some(b"cloudtrail")),
        ("partition", Some(b"3")),
        ("offset", Some(b"77")),
        ("record-index", Some(b"4")),
        ("truncated", Some(b"true")),
    ];

    #[test]
    fn a_row_says_when_why_where_and_how_the_value_begins() {
        let dead_letter = DeadLetter::read(
            DeadLetterId { partition: 0, offset: 9 },
            Some(1_688_989_512_000),
            HEADERS.into_iter(),
            b"<html>\x1b[0m",
        );
        let line = row(&dead_letter, true);
        for said in [
            "2023-07-10T11:45:12Z",
            "not_json",
            "cloudtrail[3]@77#4",
            " 10 ",
            "value\\nat",
            "<html>\\u{1b}",
            "(cut)",
            "(replayed)",
        ] {
            assert!(line.contains(said), "{said}: {line}");
        }
        assert!(!line.contains(['\n', '\u{1b}']));
    }

    #[test]
    fn json_holds_the_whole_value() {
        let dead_letter = DeadLetter::read(
            DeadLetterId { partition: 2, offset: 9 },
            Some(1_688_989_512_000),
            HEADERS.into_iter(),
            "<html>ä".as_bytes(),
        );
        let line = json_line(&dead_letter, false);
        assert_eq!(line["value"], "<html>ä");
        assert_eq!((&line["offset"], &line["record_index"], &line["replayed"]), (&json!(77), &json!(4), &json!(false)));
        assert_eq!(line["letter"], json!({"partition": 2, "offset": 9}));
        let binary = DeadLetter::read(DeadLetterId { partition: 2, offset: 9 }, None, std::iter::empty(), b"\x1f\x8b");
        let line = json_line(&binary, true);
        assert_eq!(
            (&line["value_base64"], &line["reason"], &line["time"]),
            (&json!("H4s="), &Value::Null, &Value::Null)
        );
    }
}
