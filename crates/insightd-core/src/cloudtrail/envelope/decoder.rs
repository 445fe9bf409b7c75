//! Undoes one wrapping after the other until records are left, and reports them.

use std::cell::Cell;
use std::io::{self, Read};

use serde_json::value::RawValue;

use super::sequence::Sequence;
use super::transform::{Budget, GZIP_MAGIC, Stop, Unescape, decode_base64, gunzip};
use super::view::{Encoding, Shape, View, first_keys};
use super::window::Window;
use super::{DecodeLimits, Sink};
use crate::cloudtrail::event::Event;
use crate::cloudtrail::field::Lenient;
use crate::cloudtrail::ocsf::Document;
use crate::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};

/// Buffers of wrappings inside wrappings together hold at most this many times `payload_bytes_max`.
const HELD_FACTOR: usize = 3;

/// What is left to a wrapping's buffer when the others hold all of that, bytes: enough for records of usual size.
const BUFFER_BYTES_MIN: usize = 64 * 1024;

/// Larger buffers are not kept for the next wrapping, bytes.
const BUFFER_BYTES_KEPT: usize = 1024 * 1024;

/// Where in its wrappings a piece of input stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'c> {
    /// Wrappings around it.
    depth: usize,
    /// The outermost of them that has a name.
    pub(super) envelope: Option<Envelope>,
    /// It is a member of a batch that is itself the wrapping, so its own key is not one more (but a batch inside of it is).
    in_batch: bool,
    /// What it was decoded from, for the case that nothing in it can be read.
    pub(super) encoded: Option<&'c [u8]>,
    /// The top of a file, where each value is a payload of its own.
    pub(super) top_of_file: bool,
}

impl Context<'_> {
    /// The top of a payload.
    pub(super) fn payload() -> Self {
        Self { depth: 0, envelope: None, in_batch: false, encoded: None, top_of_file: false }
    }

    /// The top of a file.
    pub(super) fn file() -> Self {
        Self { top_of_file: true, ..Self::payload() }
    }

    /// The same place, the label settled if it was not.
    pub(super) fn named(self, envelope: Envelope) -> Self {
        Self { envelope: self.envelope.or(Some(envelope)), ..self }
    }

    fn inside(self, envelope: Option<Envelope>) -> Self {
        let envelope = self.envelope.or(envelope);
        Self { depth: self.depth + 1, envelope, in_batch: false, encoded: None, top_of_file: false }
    }

    fn decoded_from(self, encoded: &[u8]) -> Context<'_> {
        Context { encoded: Some(encoded), ..self }
    }

    /// The label of something that is no record.
    pub(super) fn label(&self) -> Envelope {
        self.envelope.unwrap_or(Envelope::Unknown)
    }
}

/// The state of decoding that does not belong to one piece of input.
pub(super) struct Decoder<'d> {
    pub(super) limits: &'d DecodeLimits,
    sink: &'d mut dyn Sink,
    /// Bytes to which gzip streams inside the payload may still unfold.
    unfold_left: &'d Cell<u64>,
    /// Bytes held by the buffers of the wrappings around.
    held: usize,
    buffers: Vec<Vec<u8>>,
    /// Records and fragments that may still come.
    records_left: u64,
    reports: u64,
}

impl<'d> Decoder<'d> {
    /// A decoder of at most `records_max` records.
    pub(super) fn new(
        limits: &'d DecodeLimits,
        unfold_left: &'d Cell<u64>,
        records_max: u64,
        sink: &'d mut dyn Sink,
    ) -> Self {
        Self { limits, sink, unfold_left, held: 0, buffers: Vec::new(), records_left: records_max, reports: 0 }
    }

    /// Decodes what lies in memory.
    pub(super) fn bytes(&mut self, bytes: &[u8], at: Context<'_>) -> io::Result<()> {
        if bytes.starts_with(&GZIP_MAGIC) {
            return self.gzip(bytes, at.decoded_from(bytes));
        }
        Sequence::new(self, &mut Window::slice(bytes), at).run()
    }

    /// Decodes a stream through a buffer.
    pub(super) fn stream(&mut self, reader: &mut dyn Read, at: Context<'_>) -> io::Result<()> {
        let most = self.limits.payload_bytes_max;
        let left = most.saturating_mul(HELD_FACTOR).saturating_sub(self.held).max(BUFFER_BYTES_MIN);
        let buffer = self.buffers.pop().unwrap_or_default();
        let mut window = Window::stream(reader, buffer, most.min(left));
        window.fill(GZIP_MAGIC.len())?;
        let done = if window.in_view().starts_with(&GZIP_MAGIC) {
            self.gzip(&mut window, at)
        } else {
            Sequence::new(self, &mut window, at).run()
        };
        let buffer = window.into_buffer();
        if buffer.len() <= BUFFER_BYTES_KEPT {
            self.buffers.push(buffer);
        }
        done
    }

    fn gzip(&mut self, reader: impl Read, at: Context<'_>) -> io::Result<()> {
        // A file's own compression, the outermost, may unfold to any size.
        let of_file = at.top_of_file && at.depth == 0;
        let inside = Context { encoded: at.encoded, top_of_file: of_file, ..at.inside(None) };
        if self.too_deep(&inside, at.encoded.unwrap_or_default()) {
            return Ok(());
        }
        if of_file {
            return self.stream(&mut gunzip(reader), inside);
        }
        self.stream(&mut Budget { reader: gunzip(reader), left: self.unfold_left }, inside)
    }

    /// Decodes one object: a record, or something around records. `raw` is its JSON. A payload without records is left for the
    /// caller to report, who knows whether it is one of many.
    pub(super) fn object(&mut self, view: View<'_>, raw: &[u8], at: Context<'_>) -> io::Result<Option<Skipped>> {
        match view.shape() {
            Shape::Record { vector } => self.record(view, vector, raw, at),
            Shape::Ocsf => self.ocsf(raw, at),
            Shape::Skip(kind) => return Ok(Some(kind)),
            Shape::Unsupported(name) => self.malformed(&at, DecodeError::EnvelopeUnsupported, name, raw),
            Shape::Wrapped { envelope, inner, encoding } => {
                let mut inside = at.inside(envelope);
                if at.in_batch && !inner.get().starts_with('[') {
                    inside.depth = at.depth;
                }
                if !self.too_deep(&inside, inner.get().as_bytes()) {
                    self.inner(inner, encoding, raw, inside)?;
                }
            }
            Shape::Unknown => self.malformed(&at, DecodeError::UnknownShape, &first_keys(raw), raw),
        }
        Ok(None)
    }

    fn record(&mut self, view: View<'_>, vector: bool, raw: &[u8], at: Context<'_>) {
        let envelope = at.envelope.unwrap_or(if vector { Envelope::Vector } else { Envelope::Bare });
        self.decoded(view.record.event(self.limits.event_time_max), raw, at.named(envelope));
    }

    /// Decodes an OCSF event: from the original record if it holds that, else from its own fields.
    fn ocsf(&mut self, raw: &[u8], at: Context<'_>) {
        let at = at.named(Envelope::Ocsf);
        let Lenient(document): Lenient<Document<'_>> = serde_json::from_slice(raw).unwrap_or_default();
        let original = document.original();
        if let Some(event) = original.as_deref().and_then(|original| self.original(original)) {
            return self.decoded(Ok(event), raw, at);
        }
        let unmapped = document.unmapped();
        self.decoded(document.event(&unmapped, self.limits.event_time_max), raw, at);
    }

    /// The event of an original record, if it is one and usable.
    fn original<'o>(&self, json: &'o str) -> Option<Event<'o>> {
        let Lenient(view): Lenient<View<'o>> = serde_json::from_str(json).ok()?;
        match view.shape() {
            Shape::Record { .. } => view.record.event(self.limits.event_time_max).ok(),
            _ => None,
        }
    }

    /// Reports what came of a record.
    fn decoded(&mut self, outcome: Result<Event<'_>, (DecodeError, String)>, raw: &[u8], at: Context<'_>) {
        match outcome {
            Ok(event) => {
                if self.admit(at.label(), raw) {
                    self.sink.event(at.label(), &event);
                }
            }
            Err((fault, detail)) => self.malformed(&at, fault, &detail, raw),
        }
    }

    /// Decodes the value that a wrapping holds. `outer` is the JSON of the wrapping.
    fn inner(&mut self, inner: &RawValue, encoding: Encoding, outer: &[u8], at: Context<'_>) -> io::Result<()> {
        let json = inner.get();
        match json.as_bytes().first() {
            Some(b'"') => self.text(json, encoding, at),
            Some(b'{') => self.bytes(json.as_bytes(), at),
            Some(b'[') => self.bytes(json.as_bytes(), Context { in_batch: true, ..at }),
            _ => {
                let detail = "the wrapping holds neither an object nor a string";
                self.malformed(&at, DecodeError::UnknownShape, detail, outer);
                Ok(())
            }
        }
    }

    /// Decodes what is wrapped as a JSON string of its own, with quotes.
    pub(super) fn string(&mut self, quoted: &str, at: Context<'_>) -> io::Result<()> {
        let inside = at.inside(None);
        if self.too_deep(&inside, quoted.as_bytes()) {
            return Ok(());
        }
        self.text(quoted, Encoding::Text, inside)
    }

    fn text(&mut self, quoted: &str, encoding: Encoding, at: Context<'_>) -> io::Result<()> {
        let escaped = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        let encoded = !begins_like_json(escaped)
            && match encoding {
                Encoding::Text => false,
                Encoding::Base64 => true,
                Encoding::TextOrBase64 => looks_like_base64(escaped),
            };
        // Without escapes, the string lies in memory as it is.
        let plain = memchr::memchr(b'\\', escaped.as_bytes()).is_none();
        match (encoded, plain) {
            (false, true) => self.bytes(escaped.as_bytes(), at),
            (false, false) => self.stream(&mut Unescape::new(escaped), at),
            (true, true) => self.stream(&mut decode_base64(escaped.as_bytes()), at.decoded_from(escaped.as_bytes())),
            (true, false) => {
                self.stream(&mut decode_base64(Unescape::new(escaped)), at.decoded_from(escaped.as_bytes()))
            }
        }
    }

    fn too_deep(&mut self, at: &Context<'_>, raw: &[u8]) -> bool {
        let too_deep = at.depth > self.limits.nesting_depth_max;
        if too_deep {
            self.shed(at, Limit::NestingDepth, raw);
        }
        too_deep
    }

    /// Counts a buffer's bytes as held while `work` runs.
    pub(super) fn while_held<T>(&mut self, bytes: usize, work: impl FnOnce(&mut Self) -> T) -> T {
        self.held += bytes;
        let done = work(self);
        self.held -= bytes;
        done
    }

    /// A new payload begins: limits that hold for one payload begin anew.
    pub(super) fn next_payload(&mut self) {
        self.unfold_left.set(self.limits.decompressed_bytes_max);
    }

    // === reports ===

    /// Reports so far, of any kind.
    pub(super) fn reports(&self) -> u64 {
        self.reports
    }

    /// Counts a record or fragment; false if it lies behind the limit.
    fn admit(&mut self, envelope: Envelope, raw: &[u8]) -> bool {
        self.reports += 1;
        if self.records_left == 0 {
            self.sink.shed(envelope, Limit::PayloadRecords, raw);
            return false;
        }
        self.records_left -= 1;
        true
    }

    pub(super) fn malformed(&mut self, at: &Context<'_>, fault: DecodeError, detail: &str, raw: &[u8]) {
        if self.admit(at.label(), raw) {
            self.sink.malformed(at.label(), fault, detail, raw);
        }
    }

    pub(super) fn shed(&mut self, at: &Context<'_>, limit: Limit, raw: &[u8]) {
        if self.admit(at.label(), raw) {
            self.sink.shed(at.label(), limit, raw);
        }
    }

    pub(super) fn stopped(&mut self, at: &Context<'_>, stop: Stop, raw: &[u8]) {
        match stop {
            Stop::DecodeError(fault) => {
                let detail = match fault {
                    DecodeError::Base64Damaged => "the base64 is damaged or cut",
                    _ => "the gzip stream is damaged or cut",
                };
                self.malformed(at, fault, detail, raw);
            }
            Stop::Limit(limit) => self.shed(at, limit, raw),
        }
    }

    pub(super) fn skipped(&mut self, kind: Skipped) {
        self.reports += 1;
        self.sink.skipped(kind);
    }
}

/// Whether an escaped text begins like JSON, behind white space.
fn begins_like_json(escaped: &str) -> bool {
    let mut rest = escaped;
    loop {
        let next = rest.trim_start();
        let next = [r"\n", r"\r", r"\t", "\u{feff}"].iter().find_map(|space| next.strip_prefix(space)).unwrap_or(next);
        if next.len() == rest.len() {
            return rest.starts_with(['{', '[']) || rest.starts_with(r#"\""#);
        }
        rest = next;
    }
}

/// Whether a text can be base64, seen from its beginning.
fn looks_like_base64(escaped: &str) -> bool {
    const SEEN_BYTES: usize = 64;
    let mut seen = escaped.bytes().take(SEEN_BYTES);
    escaped.len() >= 4 && seen.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\\'))
}
