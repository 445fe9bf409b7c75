//! The dead letter of a Kafka message that says nothing at all is the message as a whole.

use super::Sink;
use crate::cloudtrail::event::Event;
use crate::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};

/// Between the decoder and the sink of one payload.
pub(super) struct PayloadSink<'p> {
    payload: &'p [u8],
    sink: &'p mut dyn Sink,
    /// The first report, while it is the only one: a fragment without a readable record.
    first: Option<Fragment>,
    /// Something was reported.
    begun: bool,
}

struct Fragment {
    envelope: Envelope,
    fault: DecodeError,
    detail: String,
    raw: Vec<u8>,
}

impl<'p> PayloadSink<'p> {
    pub(super) fn new(payload: &'p [u8], sink: &'p mut dyn Sink) -> Self {
        Self { payload, sink, first: None, begun: false }
    }

    /// The payload is over. If a fragment was all there was in it, nothing in it could be read, and the fragment is the payload.
    pub(super) fn finish(self) {
        if let Some(first) = self.first {
            self.sink.malformed(first.envelope, first.fault, &first.detail, self.payload);
        }
    }

    /// Passes on the first report, now that it is not the only one.
    fn next(&mut self) {
        self.begun = true;
        if let Some(first) = self.first.take() {
            self.sink.malformed(first.envelope, first.fault, &first.detail, &first.raw);
        }
    }
}

impl Sink for PayloadSink<'_> {
    fn event(&mut self, envelope: Envelope, event: &Event<'_>) {
        self.next();
        self.sink.event(envelope, event);
    }

    fn malformed(&mut self, envelope: Envelope, fault: DecodeError, detail: &str, raw: &[u8]) {
        if !self.begun && is_unread(fault) {
            self.begun = true;
            self.first = Some(Fragment { envelope, fault, detail: detail.to_owned(), raw: raw.to_vec() });
            return;
        }
        self.next();
        self.sink.malformed(envelope, fault, detail, raw);
    }

    fn shed(&mut self, envelope: Envelope, limit: Limit, raw: &[u8]) {
        self.next();
        self.sink.shed(envelope, limit, raw);
    }

    fn skipped(&mut self, kind: Skipped) {
        self.next();
        self.sink.skipped(kind);
    }
}

/// Whether no record was read, in contrast to a record that is unusable.
fn is_unread(fault: DecodeError) -> bool {
    matches!(
        fault,
        DecodeError::NotJson
            | DecodeError::Truncated
            | DecodeError::UnknownShape
            | DecodeError::EnvelopeUnsupported
            | DecodeError::GzipDamaged
            | DecodeError::Base64Damaged
    )
}
