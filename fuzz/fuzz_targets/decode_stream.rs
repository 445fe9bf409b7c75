//! Any bytes as a file, read in pieces of any size: the same is found as in one piece.
#![no_main]

use std::io::{self, Read};

use insightd_core::cloudtrail::envelope::{DecodeLimits, Sink, decode_stream};
use insightd_core::cloudtrail::event::Event;
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Default, PartialEq, Eq)]
struct Log(Vec<String>);

impl Sink for Log {
    fn event(&mut self, envelope: Envelope, event: &Event<'_>) {
        self.0.push(format!("{envelope:?} {event:?}"));
    }

    fn malformed(&mut self, envelope: Envelope, fault: DecodeError, _: &str, raw: &[u8]) {
        self.0.push(format!("{envelope:?} {fault:?} {}", raw.escape_ascii()));
    }

    fn shed(&mut self, envelope: Envelope, limit: Limit, _: &[u8]) {
        self.0.push(format!("{envelope:?} {limit:?}"));
    }

    fn skipped(&mut self, kind: Skipped) {
        self.0.push(format!("{kind:?}"));
    }
}

struct Steps<'a> {
    bytes: &'a [u8],
    step: usize,
}

impl Read for Steps<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = self.step.min(into.len());
        self.bytes.read(&mut into[..most])
    }
}

fn decode(bytes: &[u8], step: usize) -> Log {
    let limits = DecodeLimits {
        payload_bytes_max: 4096,
        decompressed_bytes_max: 1 << 20,
        nesting_depth_max: 4,
        payload_records_max: u64::MAX,
        event_time_max: 1_893_456_000,
    };
    let mut log = Log::default();
    decode_stream(&mut Steps { bytes, step }, &limits, &mut log).expect("reading from memory cannot fail");
    log
}

fuzz_target!(|input: (u16, &[u8])| {
    let (step, bytes) = input;
    let whole = decode(bytes, usize::MAX);
    let pieces = decode(bytes, usize::from(step) + 1);
    // How much comes out of damaged gzip before the damage is noticed depends on the size of reads, and it
    // may be base64.
    if !bytes.starts_with(&[0x1f, 0x8b]) && !bytes.windows(4).any(|four| four == b"H4sI") {
        assert_eq!(whole, pieces);
    }
});
