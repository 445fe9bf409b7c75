//! Every wrapping in which CloudTrail arrives, unwrapped to single records (specification 5.5).
//!
//! Two entrances, one decoder: [`decode_slice`] for a Kafka message, [`decode_stream`] for a file. A stream is read value by
//! value and a `Records` array member by member, so memory does not grow with the input.
//!
//! The way of a byte: [`window`] shows a part of the input, [`sequence`] takes values ([`value`]) off it and finds the way on behind damage
//! ([`search`]), [`view`] tells what an object is, [`decoder`] undoes its wrapping ([`transform`]) and begins again with what was
//! inside. [`payload`] sees to the dead letter of a message
//! in which nothing can be read.

mod decoder;
mod payload;
mod search;
mod sequence;
mod transform;
mod value;
mod view;
mod window;

use std::cell::Cell;
use std::io::{self, Read};

use decoder::{Context, Decoder};
use payload::PayloadSink;
use transform::{Outermost, unmarked};

use super::event::Event;
use super::outcome::{DecodeError, Envelope, Limit, Skipped};

/// Bounds of decoding; each is a configuration key of the same name under `input.`.
#[derive(Clone, Debug)]
pub struct DecodeLimits {
    /// Largest single JSON value held whole in memory, bytes (a record, or a wrapping that cannot be streamed).
    /// For a slice also the largest payload.
    pub payload_bytes_max: usize,
    /// Largest size to which the gzip streams inside one payload may unfold together, bytes. A file's own compression is
    /// streamed and not bounded by it; each value at the top of a file is a payload.
    pub decompressed_bytes_max: u64,
    /// Wrappings inside wrappings.
    pub nesting_depth_max: usize,
    /// Records in one payload (slice only).
    pub payload_records_max: u64,
    /// Latest `eventTime` that is accepted, seconds since 1970: the wall clock + 5 minutes.
    pub event_time_max: i64,
}

/// Receives what decoding finds, in the order of the input.
pub trait Sink {
    /// A usable record.
    fn event(&mut self, envelope: Envelope, event: &Event<'_>);
    /// A fragment without a readable record, or an unusable record. `raw` holds its bytes (a prefix where it was
    /// too long to hold); `detail` says what and where, for people.
    fn malformed(&mut self, envelope: Envelope, fault: DecodeError, detail: &str, raw: &[u8]);
    /// A record or fragment behind a limit.
    fn shed(&mut self, envelope: Envelope, limit: Limit, raw: &[u8]);
    /// A payload (or a file) without records by its nature.
    fn skipped(&mut self, kind: Skipped);
}

/// Decodes one payload that lies in memory (a Kafka message).
pub fn decode_slice(payload: &[u8], limits: &DecodeLimits, sink: &mut dyn Sink) {
    if payload.len() > limits.payload_bytes_max {
        return sink.shed(Envelope::Unknown, Limit::PayloadBytes, payload);
    }
    let mut sink = PayloadSink::new(payload, sink);
    let unfold_left = Cell::new(limits.decompressed_bytes_max);
    let mut decoder = Decoder::new(limits, &unfold_left, limits.payload_records_max, &mut sink);
    let decoded = decoder.bytes(payload, Context::payload());
    debug_assert!(decoded.is_ok(), "reading from memory cannot fail: {decoded:?}");
    sink.finish();
}

/// Decodes a stream (a file, standard input) in bounded memory. Gzip is recognised by its magic bytes.
///
/// # Errors
/// Only those of reading; damaged content is reported to the sink.
pub fn decode_stream(reader: &mut dyn Read, limits: &DecodeLimits, sink: &mut dyn Sink) -> io::Result<()> {
    let unfold_left = Cell::new(limits.decompressed_bytes_max);
    let mut decoder = Decoder::new(limits, &unfold_left, u64::MAX, sink);
    decoder.stream(&mut Outermost(reader), Context::file()).map_err(unmarked)
}
