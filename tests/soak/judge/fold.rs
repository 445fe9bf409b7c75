//! The expected output: folds each partition of the input by decoding and detection alone, on one thread, in
//! order of offsets; and gives the same payloads to `insightd replay`.

use std::fs::File;
use std::io::{BufWriter, Read as _, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use flate2::read::GzDecoder;
use insightd::config::Config;
use insightd_core::cloudtrail::envelope::{DecodeLimits, Sink, decode_slice};
use insightd_core::cloudtrail::event::Event;
use insightd_core::cloudtrail::insight::Insight;
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};
use insightd_core::detect::{Detector, Settings};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use super::topics::Follower;
use super::{Facts, Line, save};

/// The fold of one partition.
struct Fold<'a> {
    detector: Detector,
    partition: i32,
    offset: i64,
    index: u64,
    now: i64,
    insights: &'a mut Vec<Line>,
    dead_letters: &'a mut Vec<Line>,
    records: &'a mut u64,
}

/// See `judge fold`.
pub fn run(config: &Config, file: &Path, into: &Path, insightd: &Path) {
    save(into, "found", &outcome(config, &config.output.topic, insight));
    save(into, "found-dead-letters", &outcome(config, &config.dlq.topic, dead_letter));

    let replayed = File::create(into.join("replayed")).expect("a file");
    let mut replay = Command::new(insightd)
        .args(["replay", "-", "--config"])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(replayed)
        .stderr(File::create(into.join("replay.log")).expect("a file"))
        .spawn()
        .expect("insightd can be run");
    let mut lines = BufWriter::with_capacity(1 << 20, replay.stdin.take().expect("a pipe"));

    let (mut insights, mut dead_letters, mut facts) = (Vec::new(), Vec::new(), Facts::default());
    let input = Follower::new(config, &config.input.topics[0], true);
    facts.ends = input.ends(config);
    // The wall clock differs from the daemons', but no result depends on it: no record is from today, and no
    // idle advance moved a clock.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    let limits = limits(config, now);
    for partition in 0..input.partitions() {
        let end = facts.ends[partition as usize];
        let mut fold = Fold {
            detector: Detector::new(Settings::from(config)),
            partition,
            offset: 0,
            index: 0,
            now,
            insights: &mut insights,
            dead_letters: &mut dead_letters,
            records: &mut facts.records,
        };
        input.assign(partition..partition + 1);
        input.read_to(&[(partition, end)], |message| {
            // The producers use no transactions, so a gap in the offsets is a lost message.
            assert_eq!(message.offset(), fold.offset, "input, partition {partition}");
            let payload = message.payload().unwrap_or_default();
            facts.bytes += payload.len() as u64;
            fold.index = 0;
            decode_slice(payload, &limits, &mut fold);
            fold.offset += 1;
            write_line(payload, &mut lines);
        });
        assert_eq!(fold.offset, end, "input, partition {partition}: its end");
    }
    lines.flush().expect("replay reads everything");
    drop(lines);
    let status = replay.wait().expect("it ends");
    assert!(status.success(), "replay ended with {status}: see replay.log");
    save(into, "folded", &insights);
    save(into, "folded-dead-letters", &dead_letters);
    save(into, "facts", &[facts]);
}

fn limits(config: &Config, now: i64) -> DecodeLimits {
    DecodeLimits {
        payload_bytes_max: config.input.payload_bytes_max,
        decompressed_bytes_max: config.input.decompressed_bytes_max,
        nesting_depth_max: config.input.nesting_depth_max,
        payload_records_max: config.input.payload_records_max,
        event_time_max: now + config.input.future_max.as_secs() as i64,
    }
}

/// Writes a payload as one line of text. Skips damaged gzip, in which `replay` finds no record either.
fn write_line(payload: &[u8], lines: &mut impl Write) {
    let mut plain = Vec::new();
    let text = match payload {
        [0x1f, 0x8b, ..] if GzDecoder::new(payload).read_to_end(&mut plain).is_err() => return,
        [0x1f, 0x8b, ..] => plain.as_slice(),
        _ => payload,
    };
    assert!(!text.contains(&b'\n'), "a payload of several lines");
    lines.write_all(text).and_then(|()| lines.write_all(b"\n")).expect("replay reads on");
}

fn outcome(config: &Config, topic: &str, line: impl Fn(&BorrowedMessage<'_>) -> Line) -> Vec<Line> {
    let (topic, mut found) = (Follower::new(config, topic, true), Vec::new());
    let ends: Vec<(i32, i64)> = (0..).zip(topic.ends(config)).collect();
    topic.read_to(&ends, |message| found.push(line(message)));
    found
}

fn place(message: &BorrowedMessage<'_>) -> String {
    format!("{}[{}] offset {}", message.topic(), message.partition(), message.offset())
}

fn insight(message: &BorrowedMessage<'_>) -> Line {
    let text = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
    let account = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
    Line { of: account, id: event_id(&text).to_owned(), text, at: place(message) }
}

/// The `eventID`, found by text search, because a damaged insight may be no JSON.
pub fn event_id(text: &str) -> &str {
    let rest = text.split_once("\"eventID\":\"").map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default()
}

fn dead_letter(message: &BorrowedMessage<'_>) -> Line {
    let header = |name: &str| {
        let all = message.headers().map(|all| all.iter().collect::<Vec<_>>()).unwrap_or_default();
        let found = all.iter().find(|header| header.key == name).and_then(|header| header.value);
        String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
    };
    let (partition, offset, index) = (header("partition"), header("offset"), header("record-index"));
    let text = dead_letter_text(&header("reason"), message.payload().unwrap_or_default());
    Line {
        of: format!("partition {partition}"),
        id: dead_letter_id(&partition, &offset, &index),
        text,
        at: place(message),
    }
}

fn dead_letter_id(
    partition: &dyn std::fmt::Display,
    offset: &dyn std::fmt::Display,
    index: &dyn std::fmt::Display,
) -> String {
    format!("record {index} of offset {offset} of partition {partition}")
}

fn dead_letter_text(reason: &str, raw: &[u8]) -> String {
    format!("{reason}: {}", raw.escape_ascii())
}

impl Fold<'_> {
    fn at(&self) -> String {
        format!("input[{}] offset {}", self.partition, self.offset)
    }

    fn dead(&mut self, reason: &str, raw: &[u8]) {
        self.dead_letters.push(Line {
            of: format!("partition {}", self.partition),
            id: dead_letter_id(&self.partition, &self.offset, &self.index),
            text: dead_letter_text(reason, raw),
            at: self.at(),
        });
        self.counted();
    }

    fn counted(&mut self) {
        self.index += 1;
        *self.records += 1;
    }
}

impl Sink for Fold<'_> {
    fn event(&mut self, _: Envelope, event: &Event<'_>) {
        let (at, insights) = (self.at(), &mut *self.insights);
        self.detector.observe(event, Some(self.now), &mut |insight: Insight| {
            let mut bytes = Vec::new();
            insight.write_json(&mut bytes, false);
            let text = String::from_utf8(bytes).expect("JSON is UTF-8");
            insights.push(Line {
                of: insight.account.to_string(),
                id: event_id(&text).to_owned(),
                text,
                at: at.clone(),
            });
        });
        self.counted();
    }

    fn malformed(&mut self, _: Envelope, fault: DecodeError, _: &str, raw: &[u8]) {
        self.dead(fault.label(), raw);
    }

    fn shed(&mut self, _: Envelope, limit: Limit, raw: &[u8]) {
        self.dead(limit.label(), raw);
    }

    fn skipped(&mut self, _: Skipped) {}
}
