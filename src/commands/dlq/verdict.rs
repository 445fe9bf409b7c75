//! Whether a dead-letter record can be decoded now. Decodes its value as the daemon would. Pure.

use insightd_core::cloudtrail::envelope::{DecodeLimits, Sink, decode_slice};
use insightd_core::cloudtrail::event::{AccountId, Event};
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};

use crate::stream::dead_letter::DeadLetter;

/// The result of decoding a dead-letter record again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It holds usable records.
    Decodable(Decodable),
    /// It still fails, for this reason.
    Fails(&'static str),
    /// Its value is now known as a kind that holds no records.
    NoRecords,
    /// It was cut, so the original is not in it.
    Cut,
    /// It holds nothing of the original.
    Empty,
}

/// The contents of a dead-letter record that can be decoded now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decodable {
    /// Account of the first usable record.
    pub(crate) account: AccountId,
    /// Usable records.
    pub(crate) records: u64,
    /// Records and fragments beside them that still fail. The daemon writes a dead-letter record for each
    /// of them.
    pub(crate) failing: u64,
    /// Usable records dated before the deduplication horizon.
    pub(crate) old: u64,
}

impl Verdict {
    /// Decodes a dead-letter record within these limits. Records dated before `horizon` (seconds since
    /// 1970) are old.
    pub(crate) fn of(dead_letter: &DeadLetter<'_>, limits: &DecodeLimits, horizon: i64) -> Self {
        if dead_letter.truncated {
            return Self::Cut;
        }
        if dead_letter.value.is_empty() {
            return Self::Empty;
        }
        let mut contents = Contents { horizon, account: None, records: 0, old: 0, failing: 0, reason: None };
        decode_slice(dead_letter.value, limits, &mut contents);
        match (contents.account, contents.reason) {
            (Some(account), _) => Self::Decodable(Decodable {
                account,
                records: contents.records,
                failing: contents.failing,
                old: contents.old,
            }),
            (None, Some(reason)) => Self::Fails(reason),
            (None, None) => Self::NoRecords,
        }
    }
}

/// Counts what the decoder reports.
struct Contents {
    horizon: i64,
    account: Option<AccountId>,
    records: u64,
    old: u64,
    failing: u64,
    reason: Option<&'static str>,
}

impl Contents {
    fn fail(&mut self, reason: &'static str) {
        self.failing += 1;
        self.reason.get_or_insert(reason);
    }
}

impl Sink for Contents {
    fn event(&mut self, _: Envelope, event: &Event<'_>) {
        self.account.get_or_insert(event.account);
        self.records += 1;
        self.old += u64::from(event.time < self.horizon);
    }

    fn malformed(&mut self, _: Envelope, fault: DecodeError, _: &str, _: &[u8]) {
        self.fail(fault.label());
    }

    fn shed(&mut self, _: Envelope, limit: Limit, _: &[u8]) {
        self.fail(limit.label());
    }

    fn skipped(&mut self, _: Skipped) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::dead_letter::DeadLetterId;

    /// Dated 2026-03-04T10:17:05Z.
    const RECORD: &str = r#"{"eventVersion":"1.09","eventTime":"2026-03-04T10:17:05Z","eventSource":"ec2.amazonaws.com","eventName":
        "RunInstances","awsRegion":"eu-west-1","recipientAccountId":"000000000042"}"#;
    const TIME: i64 = 1_772_619_425;

    fn verdict(value: &str, limits: &DecodeLimits) -> Verdict {
        Verdict::of(
            &DeadLetter::read(DeadLetterId { partition: 0, offset: 0 }, None, std::iter::empty(), value.as_bytes()),
            limits,
            TIME,
        )
    }

    fn limits() -> DecodeLimits {
        DecodeLimits {
            payload_bytes_max: 10_000,
            decompressed_bytes_max: 10_000,
            nesting_depth_max: 8,
            payload_records_max: 100,
            event_time_max: TIME,
        }
    }

    fn decodable(records: u64, failing: u64, old: u64) -> Verdict {
        let account = AccountId::parse("000000000042").unwrap();
        Verdict::Decodable(Decodable { account, records, failing, old })
    }

    #[test]
    fn usable_records_are_counted_with_what_fails_beside_them() {
        assert_eq!(verdict(RECORD, &limits()), decodable(1, 0, 0));
        let old = RECORD.replace("10:17:05", "10:17:04");
        assert_eq!(verdict(&format!("{RECORD}\n{old}\nnoise\n"), &limits()), decodable(2, 1, 1));
    }

    #[test]
    fn a_dead_letter_is_decoded_by_todays_limits() {
        assert_eq!(verdict(&RECORD[..50], &limits()), Verdict::Fails("truncated"));
        let narrow = DecodeLimits { payload_bytes_max: 100, ..limits() };
        assert_eq!(verdict(RECORD, &narrow), Verdict::Fails("payload_bytes"));
        let earlier = DecodeLimits { event_time_max: TIME - 1, ..limits() };
        assert_eq!(verdict(RECORD, &earlier), Verdict::Fails("event_time_future"));
    }

    #[test]
    fn dead_letters_without_the_original_are_distinguished() {
        let cut = DeadLetter {
            truncated: true,
            ..DeadLetter::read(DeadLetterId { partition: 0, offset: 0 }, None, std::iter::empty(), RECORD.as_bytes())
        };
        assert_eq!(Verdict::of(&cut, &limits(), 0), Verdict::Cut);
        assert_eq!(verdict("", &limits()), Verdict::Empty);
        assert_eq!(
            verdict(r#"{"class_uid":4001,"metadata":{"product":{"name":"Amazon VPC"}}}"#, &limits()),
            Verdict::NoRecords
        );
    }
}
