//! Unwraps one envelope after the other until only records are left, and reports them to the sink.

use std::cell::Cell;
use std::io::{self, Read};

use super::classify::{JsonObject, Shape, first_keys};
use super::codecs::{ByteQuota, GZIP_MAGIC, Stop, Unescape, decode_base64, gunzip};
use super::input::Input;
use super::sequence::Sequence;
use super::unwrap::{Content, Encoding, Layers, layers};
use super::{DecodeLimits, Sink};
use crate::cloudtrail::event::Event;
use crate::cloudtrail::field::Lenient;
use crate::cloudtrail::ocsf::Document;
use crate::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};
use crate::cloudtrail::record::Unusable;

/// The buffers of nested envelopes together hold at most this many times `payload_bytes_max`.
const HELD_FACTOR: usize = 3;

/// Smallest buffer of an envelope, even where the others hold all of that; bytes. Enough for records of usual
/// size.
const BUFFER_BYTES_MIN: usize = 64 * 1024;

/// Largest buffer that is reused for the next envelope, bytes.
const BUFFER_BYTES_KEPT: usize = 1024 * 1024;

/// How a piece of input is nested in envelopes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nesting<'c> {
    /// Envelopes around it.
    depth: usize,
    /// The outermost of them that has a label.
    pub(super) envelope: Option<Envelope>,
    /// It is a member of a batch that is itself the envelope, so its own key adds no depth (but a batch
    /// inside it does).
    in_batch: bool,
    /// The bytes that it was decoded from: the dead-letter record, should nothing in it be readable.
    pub(super) encoded: Option<&'c [u8]>,
    /// The top of a file, where each value is a payload of its own.
    pub(super) top_of_file: bool,
}

impl Nesting<'_> {
    /// The top of a payload.
    pub(super) fn payload() -> Self {
        Self { depth: 0, envelope: None, in_batch: false, encoded: None, top_of_file: false }
    }

    /// The top of a file.
    pub(super) fn file() -> Self {
        Self { top_of_file: true, ..Self::payload() }
    }

    /// With this label, unless it has one.
    pub(super) fn named(self, envelope: Envelope) -> Self {
        Self { envelope: self.envelope.or(Some(envelope)), ..self }
    }

    fn inside(self, envelope: Option<Envelope>) -> Self {
        let envelope = self.envelope.or(envelope);
        Self { depth: self.depth + 1, envelope, in_batch: false, encoded: None, top_of_file: false }
    }

    fn decoded_from(self, encoded: &[u8]) -> Nesting<'_> {
        Nesting { encoded: Some(encoded), ..self }
    }

    /// The label of something that is not a record.
    pub(super) fn label(&self) -> Envelope {
        self.envelope.unwrap_or(Envelope::Unknown)
    }
}

/// What all pieces of one input share: limits, quotas, buffers, the sink.
pub(super) struct Decoder<'d> {
    pub(super) limits: &'d DecodeLimits,
    sink: &'d mut dyn Sink,
    /// Bytes that the gzip streams inside the payload may still decompress to.
    decompressed_left: &'d Cell<u64>,
    /// Bytes held by the buffers of the envelopes around the current one.
    held: usize,
    /// Buffers to reuse.
    buffers: Vec<Vec<u8>>,
    /// Records and fragments that the payload may still report.
    records_left: u64,
    reports: u64,
}

impl<'d> Decoder<'d> {
    /// A decoder of at most `records_max` records.
    pub(super) fn new(
        limits: &'d DecodeLimits,
        decompressed_left: &'d Cell<u64>,
        records_max: u64,
        sink: &'d mut dyn Sink,
    ) -> Self {
        Self { limits, sink, decompressed_left, held: 0, buffers: Vec::new(), records_left: records_max, reports: 0 }
    }

    /// Decodes what lies in memory.
    pub(super) fn bytes(&mut self, bytes: &[u8], at: Nesting<'_>) -> io::Result<()> {
        if bytes.starts_with(&GZIP_MAGIC) {
            return self.gzip(bytes, at.decoded_from(bytes));
        }
        Sequence::new(self, &mut Input::slice(bytes), at).run()
    }

    /// Decodes a stream through a buffer.
    pub(super) fn stream(&mut self, reader: &mut dyn Read, at: Nesting<'_>) -> io::Result<()> {
        let most = self.limits.payload_bytes_max;
        let left = most.saturating_mul(HELD_FACTOR).saturating_sub(self.held).max(BUFFER_BYTES_MIN);
        let buffer = self.buffers.pop().unwrap_or_default();
        let mut input = Input::stream(reader, buffer, most.min(left));
        input.fill(GZIP_MAGIC.len())?;
        let done = if input.in_view().starts_with(&GZIP_MAGIC) {
            self.gzip(&mut input, at)
        } else {
            Sequence::new(self, &mut input, at).run()
        };
        let buffer = input.into_buffer();
        if buffer.len() <= BUFFER_BYTES_KEPT {
            self.buffers.push(buffer);
        }
        done
    }

    fn gzip(&mut self, reader: impl Read, at: Nesting<'_>) -> io::Result<()> {
        // A file's own compression, the outermost, may decompress to any size.
        let of_file = at.top_of_file && at.depth == 0;
        let inside = Nesting { encoded: at.encoded, top_of_file: of_file, ..at.inside(None) };
        if self.too_deep(&inside, at.encoded.unwrap_or_default()) {
            return Ok(());
        }
        if of_file {
            return self.stream(&mut gunzip(reader), inside);
        }
        self.stream(&mut ByteQuota { reader: gunzip(reader), left: self.decompressed_left }, inside)
    }

    /// Decodes one object: a record, or an envelope. `raw` is its JSON. Returns why it holds no records by
    /// its nature: the caller reports that, because it knows whether the object is one of many.
    pub(super) fn object(
        &mut self,
        object: JsonObject<'_>,
        raw: &[u8],
        at: Nesting<'_>,
    ) -> io::Result<Option<Skipped>> {
        match object.shape() {
            Shape::Record { vector } => self.record(object, vector, raw, at),
            Shape::Ocsf => self.ocsf(raw, at),
            Shape::Skip(kind) => return Ok(Some(kind)),
            Shape::Unsupported(name) => self.malformed(&at, DecodeError::EnvelopeUnsupported, name, raw),
            Shape::Envelope(content) => {
                let mut inside = at.inside(content.envelope);
                if at.in_batch && !content.value.get().starts_with('[') {
                    inside.depth = at.depth;
                }
                if !self.too_deep(&inside, content.value.get().as_bytes()) {
                    self.content(content, raw, inside)?;
                }
            }
            Shape::Unknown => self.malformed(&at, DecodeError::UnknownShape, &first_keys(raw), raw),
        }
        Ok(None)
    }

    fn record(&mut self, object: JsonObject<'_>, vector: bool, raw: &[u8], at: Nesting<'_>) {
        let envelope = at.envelope.unwrap_or(if vector { Envelope::Vector } else { Envelope::Bare });
        self.decoded(object.record.event(self.limits.event_time_max), raw, at.named(envelope));
    }

    /// Decodes an OCSF event: from the original record if it keeps that, else from its own fields.
    fn ocsf(&mut self, raw: &[u8], at: Nesting<'_>) {
        let at = at.named(Envelope::Ocsf);
        let Lenient(document): Lenient<Document<'_>> = serde_json::from_slice(raw).unwrap_or_default();
        let original = document.original();
        if let Some(event) = original.as_deref().and_then(|original| self.original(original)) {
            return self.decoded(Ok(event), raw, at);
        }
        let unmapped = document.unmapped();
        self.decoded(document.event(&unmapped, self.limits.event_time_max), raw, at);
    }

    /// The event of an original record, if it is a usable one.
    fn original<'o>(&self, json: &'o str) -> Option<Event<'o>> {
        let Lenient(object): Lenient<JsonObject<'o>> = serde_json::from_str(json).ok()?;
        match object.shape() {
            Shape::Record { .. } => object.record.event(self.limits.event_time_max).ok(),
            _ => None,
        }
    }

    /// Reports a record, usable or not.
    fn decoded(&mut self, outcome: Result<Event<'_>, Unusable>, raw: &[u8], at: Nesting<'_>) {
        match outcome {
            Ok(event) => {
                if self.admit(at.label(), raw) {
                    self.sink.event(at.label(), &event);
                }
            }
            Err(Unusable { error, detail }) => self.malformed(&at, error, &detail, raw),
        }
    }

    /// Decodes what an envelope holds. `envelope` is the JSON of the envelope.
    fn content(&mut self, content: Content<'_>, envelope: &[u8], at: Nesting<'_>) -> io::Result<()> {
        let json = content.value.get();
        match json.as_bytes().first() {
            Some(b'"') => self.text(json, content.encoding, at),
            Some(b'{') => self.bytes(json.as_bytes(), at),
            Some(b'[') => self.bytes(json.as_bytes(), Nesting { in_batch: true, ..at }),
            _ => {
                let detail = "the envelope holds neither an object nor a string";
                self.malformed(&at, DecodeError::UnknownShape, detail, envelope);
                Ok(())
            }
        }
    }

    /// Decodes a JSON string, given with its quotes, that is an envelope by itself.
    pub(super) fn string(&mut self, quoted: &str, at: Nesting<'_>) -> io::Result<()> {
        let inside = at.inside(None);
        if self.too_deep(&inside, quoted.as_bytes()) {
            return Ok(());
        }
        self.text(quoted, Encoding::Text, inside)
    }

    fn text(&mut self, quoted: &str, encoding: Encoding, at: Nesting<'_>) -> io::Result<()> {
        let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        let bytes = inner.as_bytes();
        match layers(inner, encoding) {
            Layers { base64: false, escaped: false } => self.bytes(bytes, at),
            Layers { base64: false, escaped: true } => self.stream(&mut Unescape::new(inner), at),
            Layers { base64: true, escaped: false } => self.stream(&mut decode_base64(bytes), at.decoded_from(bytes)),
            Layers { base64: true, escaped: true } => {
                self.stream(&mut decode_base64(Unescape::new(inner)), at.decoded_from(bytes))
            }
        }
    }

    fn too_deep(&mut self, at: &Nesting<'_>, raw: &[u8]) -> bool {
        let too_deep = at.depth > self.limits.nesting_depth_max;
        if too_deep {
            self.shed(at, Limit::NestingDepth, raw);
        }
        too_deep
    }

    /// Counts the bytes of a buffer as held while `work` runs.
    pub(super) fn while_held<T>(&mut self, bytes: usize, work: impl FnOnce(&mut Self) -> T) -> T {
        self.held += bytes;
        let done = work(self);
        self.held -= bytes;
        done
    }

    /// Begins a new payload: resets the limits per payload.
    pub(super) fn next_payload(&mut self) {
        self.decompressed_left.set(self.limits.decompressed_bytes_max);
    }

    // === reports ===

    /// Reports so far, of any kind.
    pub(super) fn reports(&self) -> u64 {
        self.reports
    }

    /// Counts a record or fragment; sheds it and returns false beyond the limit.
    fn admit(&mut self, envelope: Envelope, raw: &[u8]) -> bool {
        self.reports += 1;
        if self.records_left == 0 {
            self.sink.shed(envelope, Limit::PayloadRecords, raw);
            return false;
        }
        self.records_left -= 1;
        true
    }

    /// Reports a fragment or an unusable record.
    pub(super) fn malformed(&mut self, at: &Nesting<'_>, error: DecodeError, detail: &str, raw: &[u8]) {
        if self.admit(at.label(), raw) {
            self.sink.malformed(at.label(), error, detail, raw);
        }
    }

    /// Reports input beyond a limit.
    pub(super) fn shed(&mut self, at: &Nesting<'_>, limit: Limit, raw: &[u8]) {
        if self.admit(at.label(), raw) {
            self.sink.shed(at.label(), limit, raw);
        }
    }

    /// Reports that the input ended early.
    pub(super) fn stopped(&mut self, at: &Nesting<'_>, stop: Stop, raw: &[u8]) {
        match stop {
            Stop::Damaged(error) => {
                let detail = match error {
                    DecodeError::Base64Damaged => "the base64 is damaged or cut",
                    _ => "the gzip stream is damaged or cut",
                };
                self.malformed(at, error, detail, raw);
            }
            Stop::Limit(limit) => self.shed(at, limit, raw),
        }
    }

    /// Reports a payload without records.
    pub(super) fn skipped(&mut self, kind: Skipped) {
        self.reports += 1;
        self.sink.skipped(kind);
    }
}
