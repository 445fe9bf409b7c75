//! Arriving records in the envelopes that occur on Kafka (docs/input-formats.md), keyed by account, and as
//! files for `replay`: one payload per line if it is text, otherwise one file per payload.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::clock::iso;
use crate::delivery::{Delivery, What};
use crate::random::Random;
use crate::record;
use crate::traffic::Call;

/// The envelope of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeKind {
    /// One record, one message.
    Bare,
    /// A log file.
    Records,
    /// A log file, compressed.
    RecordsGzip,
    /// One record in an EventBridge event.
    EventBridge,
    /// A CloudWatch Logs subscription, compressed.
    CloudWatchLogs,
    /// One record in Filebeat's document.
    Filebeat,
    /// A Firehose request: records in base64.
    Firehose,
}

/// All of them: seven, so more than the five that must be seen.
const ENVELOPE_KINDS: [EnvelopeKind; 7] = [
    EnvelopeKind::Bare,
    EnvelopeKind::Records,
    EnvelopeKind::RecordsGzip,
    EnvelopeKind::EventBridge,
    EnvelopeKind::CloudWatchLogs,
    EnvelopeKind::Filebeat,
    EnvelopeKind::Firehose,
];

/// One Kafka message.
#[derive(Clone, Debug)]
pub struct Message {
    /// The account: the message key.
    pub account: &'static str,
    /// The bytes.
    pub payload: Vec<u8>,
    /// The same as one line of text; `None` if it has no such form (a damaged gzip stream).
    pub line: Option<Vec<u8>>,
}

/// Most records in one payload.
const BATCH: usize = 40;

/// Wraps the arrivals in order and passes on each message.
pub fn messages(calls: &[Call], deliveries: &[Delivery], seed: u64, mut take: impl FnMut(Message)) {
    let mut random = Random::new(seed);
    let mut batch: Vec<&Delivery> = Vec::new();
    for delivery in deliveries {
        let alone = matches!(delivery.what, What::Broken(how) if how.alone());
        let fits = batch.first().is_none_or(|first| {
            first.slot == delivery.slot && calls[first.call].account == calls[delivery.call].account
        });
        if alone || !fits || batch.len() >= BATCH {
            flush(calls, &mut batch, &mut random, &mut take);
        }
        if alone {
            let What::Broken(how) = delivery.what else { unreachable!() };
            let payload = how.bytes(&calls[delivery.call]);
            let line = (!payload.starts_with(&[0x1f, 0x8b])).then(|| payload.clone());
            take(Message { account: calls[delivery.call].account, payload, line });
        } else {
            batch.push(delivery);
        }
    }
    flush(calls, &mut batch, &mut random, &mut take);
}

fn flush(calls: &[Call], batch: &mut Vec<&Delivery>, random: &mut Random, take: &mut impl FnMut(Message)) {
    let Some(first) = batch.first() else { return };
    let account = calls[first.call].account;
    let texts: Vec<String> = batch.iter().map(|delivery| text(calls, delivery)).collect();
    let region = calls[first.call].region;
    let envelope = *random.pick(&ENVELOPE_KINDS);
    let mut whole =
        |plain: String| take(Message { account, payload: plain.clone().into_bytes(), line: Some(plain.into_bytes()) });
    match envelope {
        EnvelopeKind::Bare => texts.into_iter().for_each(whole),
        EnvelopeKind::EventBridge => texts.iter().for_each(|text| whole(eventbridge(text, account, region))),
        EnvelopeKind::Filebeat => texts.iter().for_each(|text| whole(filebeat(text))),
        EnvelopeKind::Records => whole(records(&texts)),
        EnvelopeKind::Firehose => whole(firehose(&texts)),
        EnvelopeKind::RecordsGzip => take(compressed(account, records(&texts))),
        EnvelopeKind::CloudWatchLogs => take(compressed(account, cloudwatch_logs(&texts, account, region))),
    }
    batch.clear();
}

fn compressed(account: &'static str, plain: String) -> Message {
    Message { account, payload: gzip(plain.as_bytes()), line: Some(plain.into_bytes()) }
}

/// The record as it arrives, whole or broken (but not a kind that needs its own payload).
fn text(calls: &[Call], delivery: &Delivery) -> String {
    match delivery.what {
        What::Good(_) => record::json(&calls[delivery.call]),
        What::Broken(how) => String::from_utf8(how.bytes(&calls[delivery.call])).expect("only a lone one is not text"),
    }
}

/// Compresses.
pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

/// A log file.
pub fn records(texts: &[String]) -> String {
    format!(r#"{{"Records":[{}]}}"#, texts.join(","))
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON")
}

fn eventbridge(text: &str, account: &str, region: &str) -> String {
    format!(
        r#"{{"version":"0","id":"7d3e1a52-0000-4000-8000-000000000001","detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","account":"{account}","time":"2025-01-01T00:00:00Z","region":"{region}","resources":[],"detail":{text}}}"#
    )
}

fn filebeat(text: &str) -> String {
    format!(
        r#"{{"@timestamp":"2025-01-01T00:00:00.000Z","@metadata":{{"beat":"filebeat","type":"_doc","version":"8.14.0"}},"message":{},"input":{{"type":"aws-s3"}},"aws":{{"s3":{{"bucket":{{"name":"trail-logs"}}}}}},"log":{{"offset":0}},"event":{{"module":"aws","dataset":"aws.cloudtrail"}}}}"#,
        quoted(text)
    )
}

fn firehose(texts: &[String]) -> String {
    let records: Vec<String> = texts.iter().map(|text| format!(r#"{{"data":"{}"}}"#, STANDARD.encode(text))).collect();
    format!(
        r#"{{"requestId":"ed4acda5-034f-4f42-bba1-f29aea6d7d8f","timestamp":1735689600000,"records":[{}]}}"#,
        records.join(",")
    )
}

fn cloudwatch_logs(texts: &[String], account: &str, region: &str) -> String {
    let events: Vec<String> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| format!(r#"{{"id":"{n:056}","timestamp":1735689600000,"message":{}}}"#, quoted(text)))
        .collect();
    format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"{account}","logGroup":"aws-cloudtrail-logs","logStream":"{account}_CloudTrail_{region}","subscriptionFilters":["to-kafka"],"logEvents":[{}]}}"#,
        events.join(",")
    )
}

/// Writes messages as files whose names keep the order: text messages as lines (every second file
/// compressed), any other message as its own file.
pub struct Folder {
    path: PathBuf,
    files: usize,
    lines: usize,
    open: Option<Writer>,
}

enum Writer {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

/// Lines in one file.
const LINES: usize = 20_000;

impl Folder {
    /// An empty folder.
    pub fn new(path: &Path) -> Self {
        std::fs::create_dir_all(path).expect("the folder can be made");
        Self { path: path.to_owned(), files: 0, lines: 0, open: None }
    }

    /// Adds one.
    pub fn add(&mut self, message: &Message) {
        let Some(line) = &message.line else {
            self.close();
            let path = self.next("json.gz");
            std::fs::write(path, &message.payload).expect("the file can be written");
            return;
        };
        if self.open.is_none() {
            let compress = self.files % 2 == 1;
            let path = self.next(if compress { "ndjson.gz" } else { "ndjson" });
            let file = BufWriter::new(File::create(path).expect("the file can be made"));
            self.open = Some(if compress {
                Writer::Gzip(Box::new(GzEncoder::new(file, Compression::fast())))
            } else {
                Writer::Plain(file)
            });
            self.lines = 0;
        }
        let write = |out: &mut dyn Write| out.write_all(line).and_then(|()| out.write_all(b"\n"));
        match self.open.as_mut().expect("opened above") {
            Writer::Plain(out) => write(out),
            Writer::Gzip(out) => write(out),
        }
        .expect("the file can be written");
        self.lines += 1;
        if self.lines == LINES {
            self.close();
        }
    }

    /// Finishes the last file.
    pub fn close(&mut self) {
        match self.open.take() {
            Some(Writer::Plain(mut out)) => out.flush().expect("the file can be written"),
            Some(Writer::Gzip(out)) => out.finish().and_then(|mut file| file.flush()).expect("the file can be written"),
            None => {}
        }
    }

    fn next(&mut self, ending: &str) -> PathBuf {
        self.files += 1;
        self.path.join(format!("part-{:06}.{ending}", self.files))
    }
}

/// Path of a log file below the bucket's root, as CloudTrail names it.
pub fn log_file_path(account: &str, region: &str, time: i64, unique: &str) -> String {
    let stamp = iso(time);
    let (date, hour_minute) = (&stamp[..10], stamp[11..16].replace(':', ""));
    format!(
        "AWSLogs/{account}/CloudTrail/{region}/{}/{account}_CloudTrail_{region}_{}T{hour_minute}Z_{unique}.json.gz",
        date.replace('-', "/"),
        date.replace('-', "")
    )
}
