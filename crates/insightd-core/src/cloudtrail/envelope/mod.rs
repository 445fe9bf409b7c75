//! Every envelope in which CloudTrail arrives, unwrapped to single records (docs/input-formats.md).
//!
//! Two entrances, one decoder: [`decode_slice`] for a Kafka message, [`decode_stream`] for a file. A stream
//! is read value by value and a `Records` array member by member, so memory does not grow with the input.
//!
//! | module | question |
//! |---|---|
//! | `input` | which part of the input is in view? |
//! | `sequence` | where does the next value begin? (`value`: is it whole? `search`: where to continue?) |
//! | `classify` | is this object a record, an envelope, or neither? (`keys`: the keys that tell) |
//! | `unwrap` | which value of the envelope holds the records, and how? |
//! | `codecs` | gzip, base64, JSON escapes |
//! | `decoder` | unwraps until records are left, within the limits, and reports them |
//! | `payload` | which bytes become the dead-letter record of an unreadable message? |
//!
//! # Adding an envelope
//!
//! Four edits in three files:
//!
//! 1. `cloudtrail/outcome.rs`: a variant of [`Envelope`] with its label. Metrics and statistics follow.
//! 2. `envelope/keys.rs`: a line for each new key.
//! 3. `envelope/unwrap.rs`: a function that returns its content.
//! 4. `envelope/unwrap.rs`: its place in the order of `unwrap`.
//!
//! Besides the code: a row in docs/input-formats.md, and a sample in the list of envelopes of the decoding
//! tests.

mod classify;
mod codecs;
mod decoder;
mod input;
mod keys;
mod payload;
mod search;
mod sequence;
mod unwrap;
mod value;

use std::cell::Cell;
use std::io::{self, Read};

use codecs::{MarkSource, source_error};
use decoder::{Decoder, Nesting};
use payload::PayloadSink;

use super::event::Event;
use super::outcome::{DecodeError, Envelope, Limit, Skipped};

/// The limits of decoding; each is a configuration key of the same name under `input.`.
#[derive(Clone, Debug)]
pub struct DecodeLimits {
    /// Largest JSON value held whole in memory (a record, or an envelope that cannot be streamed), bytes. For
    /// a slice also the largest payload.
    pub payload_bytes_max: usize,
    /// Most bytes that the gzip streams inside one payload may decompress to, together. A file's own
    /// compression is streamed and not limited; each value at the top of a file is a payload.
    pub decompressed_bytes_max: u64,
    /// Most envelopes around a record.
    pub nesting_depth_max: usize,
    /// Most records in one payload (slice only).
    pub payload_records_max: u64,
    /// Latest accepted `eventTime`, seconds since 1970: the wall clock plus `input.future_max`.
    pub event_time_max: i64,
}

/// Receives what decoding finds, in the order of the input.
pub trait Sink {
    /// A usable record.
    fn event(&mut self, envelope: Envelope, event: &Event<'_>);
    /// A fragment without a readable record, or an unusable record. `raw` holds its bytes (only the first
    /// ones if it was too long to hold); `detail` describes the problem for people.
    fn malformed(&mut self, envelope: Envelope, error: DecodeError, detail: &str, raw: &[u8]);
    /// A record or fragment beyond a limit.
    fn shed(&mut self, envelope: Envelope, limit: Limit, raw: &[u8]);
    /// A payload (or a file) without records by its nature.
    fn skipped(&mut self, kind: Skipped);
}

/// Decodes one payload in memory (a Kafka message).
pub fn decode_slice(payload: &[u8], limits: &DecodeLimits, sink: &mut dyn Sink) {
    if payload.len() > limits.payload_bytes_max {
        return sink.shed(Envelope::Unknown, Limit::PayloadBytes, payload);
    }
    let mut sink = PayloadSink::new(payload, sink);
    let decompressed_left = Cell::new(limits.decompressed_bytes_max);
    let mut decoder = Decoder::new(limits, &decompressed_left, limits.payload_records_max, &mut sink);
    let decoded = decoder.bytes(payload, Nesting::payload());
    debug_assert!(decoded.is_ok(), "reading from memory cannot fail: {decoded:?}");
    sink.finish();
}

/// Decodes a stream (a file, standard input) in bounded memory. Gzip is recognized by its magic bytes.
///
/// # Errors
/// Only those of reading; damaged content is reported to the sink.
pub fn decode_stream(reader: &mut dyn Read, limits: &DecodeLimits, sink: &mut dyn Sink) -> io::Result<()> {
    let decompressed_left = Cell::new(limits.decompressed_bytes_max);
    let mut decoder = Decoder::new(limits, &decompressed_left, u64::MAX, sink);
    decoder.stream(&mut MarkSource(reader), Nesting::file()).map_err(source_error)
}
