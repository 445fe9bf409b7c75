//! What holds for a Kafka message as a whole: its number of records, and the dead letter of one that says nothing at all.

use super::{Envelope, Fault, Limit, Sink, Skipped};
use crate::cloudtrail::event::Event;

/// Between the decoder and the sink of one payload.
pub(super) struct PayloadSink<'p> {
    payload: &'p [u8],
    sink: &'p mut dyn Sink,
    /// Records and fragments that may still come.
    records_left: u64,
    /// The first report, while it is the only one: a fragment without a readable record.
    first: Option<Fragment>,
    reports: u64,
}

struct Fragment {
    envelope: Envelope,
    fault: Fault,
    detail: String,
    raw: Vec<u8>,
}

impl<'p> PayloadSink<'p> {
    pub(super) fn new(payload: &'p [u8], records_max: u64, sink: &'p mut dyn Sink) -> Self {
        Self { payload, sink, records_left: records_max, first: None, reports: 0 }
    }

    /// The payload is over. If a fragment was all there was in it, nothing in it could be read, and the fragment is the payload.
    pub(super) fn finish(mut self) {
        if let Some(first) = self.first.take() {
            self.sink.malformed(first.envelope, first.fault, &first.detail, self.payload);
        }
    }

    /// Counts a report; the first one is passed on now that it is not the only one.
    fn next(&mut self) {
        self.reports += 1;
        if let Some(first) = self.first.take() {
            self.sink.malformed(first.envelope, first.fault, &first.detail, &first.raw);
        }
    }

    /// Counts a record or fragment; false if it lies behind the limit.
    fn admit(&mut self, envelope: Envelope, raw: &[u8]) -> bool {
        self.next();
        if self.records_left == 0 {
            self.sink.shed(envelope, Limit::PayloadRecords, raw);
            return false;
        }
        self.records_left -= 1;
        true
    }
}

impl Sink for PayloadSink<'_> {
    fn event(&mut self, envelope: Envelope, event: &Event<'_>) {
        if self.admit(envelope, &[]) {
            self.sink.event(envelope, event);
        }
    }

    fn malformed(&mut self, envelope: Envelope, fault: Fault, detail: &str, raw: &[u8]) {
        if !self.admit(envelope, raw) {
            return;
        }
        if self.reports == 1 && is_unread(fault) {
            self.first = Some(Fragment { envelope, fault, detail: detail.to_owned(), raw: raw.to_vec() });
        } else {
            self.sink.malformed(envelope, fault, detail, raw);
        }
    }

    fn shed(&mut self, envelope: Envelope, limit: Limit, raw: &[u8]) {
        if self.admit(envelope, raw) {
            self.sink.shed(envelope, limit, raw);
        }
    }

    fn skipped(&mut self, kind: Skipped) {
        self.next();
        self.sink.skipped(kind);
    }
}

/// Whether no record was read, in contrast to a record that is unusable.
fn is_unread(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::NotJson
            | Fault::Truncated
            | Fault::UnknownShape
            | Fault::EnvelopeUnsupported
            | Fault::GzipDamaged
            | Fault::Base64Damaged
    )
}
