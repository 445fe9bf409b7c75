//! A Kafka message in which nothing at all can be read becomes one dead-letter record: the whole message, not
//! the fragment at which decoding gave up, so that a replay has everything.

use super::Sink;
use crate::cloudtrail::event::Event;
use crate::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};

/// Stands between the decoder and the sink of one payload.
pub(super) struct PayloadSink<'p> {
    payload: &'p [u8],
    sink: &'p mut dyn Sink,
    /// The first report while it is the only one, if it is a fragment without a readable record.
    first: Option<Fragment>,
    /// Something was reported.
    begun: bool,
}

struct Fragment {
    envelope: Envelope,
    error: DecodeError,
    detail: String,
    raw: Vec<u8>,
}

impl<'p> PayloadSink<'p> {
    pub(super) fn new(payload: &'p [u8], sink: &'p mut dyn Sink) -> Self {
        Self { payload, sink, first: None, begun: false }
    }

    /// Ends the payload. If a fragment is all that was reported, its dead-letter record is the whole payload.
    pub(super) fn finish(self) {
        if let Some(first) = self.first {
            self.sink.malformed(first.envelope, first.error, &first.detail, self.payload);
        }
    }

    /// Passes on the first report, which is no longer the only one.
    fn next(&mut self) {
        self.begun = true;
        if let Some(first) = self.first.take() {
            self.sink.malformed(first.envelope, first.error, &first.detail, &first.raw);
        }
    }
}

impl Sink for PayloadSink<'_> {
    fn event(&mut self, envelope: Envelope, event: &Event<'_>) {
        self.next();
        self.sink.event(envelope, event);
    }

    fn malformed(&mut self, envelope: Envelope, error: DecodeError, detail: &str, raw: &[u8]) {
        if !self.begun && error.is_unread() {
            self.begun = true;
            self.first = Some(Fragment { envelope, error, detail: detail.to_owned(), raw: raw.to_vec() });
            return;
        }
        self.next();
        self.sink.malformed(envelope, error, detail, raw);
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
