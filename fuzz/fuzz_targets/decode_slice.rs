//! Any bytes as a Kafka message: no panic, no more records than the limit, and every event usable.
#![no_main]

use insightd_core::cloudtrail::envelope::{DecodeLimits, Sink, decode_slice};
use insightd_core::cloudtrail::event::{Category, Event};
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};
use libfuzzer_sys::fuzz_target;

const RECORDS_MAX: u64 = 100;

#[derive(Default)]
struct Checks {
    records: u64,
    reports: u64,
}

impl Sink for Checks {
    fn event(&mut self, _: Envelope, event: &Event<'_>) {
        assert!(event.account.number() < 1_000_000_000_000);
        assert!(!event.region.is_empty() && !event.principal.is_empty() && !event.agent.is_empty());
        assert!(event.category == Category::Insight || !(event.source.is_empty() || event.name.is_empty()));
        assert!(event.error.as_deref() != Some(""));
        self.records += 1;
        self.reports += 1;
    }

    fn malformed(&mut self, _: Envelope, _: DecodeError, detail: &str, _: &[u8]) {
        assert!(!detail.is_empty());
        self.records += 1;
        self.reports += 1;
    }

    fn shed(&mut self, _: Envelope, limit: Limit, _: &[u8]) {
        self.records += u64::from(limit != Limit::PayloadRecords);
        self.reports += 1;
    }

    fn skipped(&mut self, _: Skipped) {
        self.reports += 1;
    }
}

fuzz_target!(|payload: &[u8]| {
    let limits = DecodeLimits {
        payload_bytes_max: 1 << 20,
        decompressed_bytes_max: 1 << 22,
        nesting_depth_max: 8,
        payload_records_max: RECORDS_MAX,
        event_time_max: 1_893_456_000,
    };
    let mut checks = Checks::default();
    decode_slice(payload, &limits, &mut checks);
    assert!(checks.records <= RECORDS_MAX);
    assert!(checks.reports > 0, "every payload is reported");
});
