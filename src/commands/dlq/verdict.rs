//! Whether a dead letter is fine by today's rules: its value is decoded again, as the daemon would decode it. Pure.

use insightd_core::cloudtrail::envelope::{DecodeLimits, Sink, decode_slice};
use insightd_core::cloudtrail::event::{AccountId, Event};
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};

use crate::stream::dead_letter::DeadLetter;

/// What decoding a letter again gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It holds usable records.
    Fine(Fine),
    /// It still fails, for this reason.
    Fails(&'static str),
    /// It holds no records by its nature: recognised by today's rules, and passed over.
    NoRecords,
    /// It was cut, so what it held is not in it.
    Cut,
    /// Nothing of what failed was kept.
    Empty,
}

/// What a letter holds that is fine now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fine {
    /// Account of the first usable record.
    pub account: AccountId,
    /// Usable records.
    pub records: u64,
    /// Records and fragments beside them that still fail; the daemon makes dead letters of their own of them.
    pub failing: u64,
    /// Usable records that were dated before the deduplication horizon.
    pub old: u64,
}

impl Verdict {
    /// Decodes a letter within these limits. Records dated before `horizon` (seconds since 1970) are old.
    pub(super) fn of(letter: &DeadLetter<'_>, limits: &DecodeLimits, horizon: i64) -> Self {
        if letter.truncated {
            return Self::Cut;
        }
        if letter.value.is_empty() {
            return Self::Empty;
        }
        let mut found = Found { horizon, account: None, records: 0, old: 0, failing: 0, reason: None };
        decode_slice(letter.value, limits, &mut found);
        match (found.account, found.reason) {
            (Some(account), _) => {
                Self::Fine(Fine { account, records: found.records, failing: found.failing, old: found.old })
            }
            (None, Some(reason)) => Self::Fails(reason),
            (None, None) => Self::NoRecords,
        }
    }
}

struct Found {
    horizon: i64,
    account: Option<AccountId>,
    records: u64,
    old: u64,
    failing: u64,
    reason: Option<&'static str>,
}

impl Found {
    fn fails(&mut self, reason: &'static str) {
        self.failing += 1;
        self.reason.get_or_insert(reason);
    }
}

impl Sink for Found {
    fn event(&mut self, _: Envelope, event: &Event<'_>) {
        self.account.get_or_insert(event.account);
        self.records += 1;
        self.old += u64::from(event.time < self.horizon);
    }

    fn malformed(&mut self, _: Envelope, fault: DecodeError, _: &str, _: &[u8]) {
        self.fails(fault.label());
    }

    fn shed(&mut self, _: Envelope, limit: Limit, _: &[u8]) {
        self.fails(limit.label());
    }

    fn skipped(&mut self, _: Skipped) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 2026-03-04T10:17:05Z.
    const RECORD: &str = r#"{"eventVersion":"1.09","eventTime":"2026-03-04T10:17:05Z","eventSource":"ec2.amazonaws.com","eventName":
        "RunInstances","awsRegion":"eu-west-1","recipientAccountId":"000000000042"}"#;
    const TIME: i64 = 1_772_619_425;

    fn verdict(value: &str, limits: &DecodeLimits) -> Verdict {
        Verdict::of(&DeadLetter::read((0, 0), None, std::iter::empty(), value.as_bytes()), limits, TIME)
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

    fn fine(records: u64, failing: u64, old: u64) -> Verdict {
        let account = AccountId::parse("000000000042").unwrap();
        Verdict::Fine(Fine { account, records, failing, old })
    }

    #[test]
    fn what_decodes_is_fine() {
        assert_eq!(verdict(RECORD, &limits()), fine(1, 0, 0));
        let old = RECORD.replace("10:17:05", "10:17:04");
        assert_eq!(verdict(&format!("{RECORD}\n{old}\nnoise\n"), &limits()), fine(2, 1, 1));
    }

    #[test]
    fn what_fails_says_why_and_a_raised_limit_or_passed_time_heals_it() {
        assert_eq!(verdict(&RECORD[..50], &limits()), Verdict::Fails("truncated"));
        let narrow = DecodeLimits { payload_bytes_max: 100, ..limits() };
        assert_eq!(verdict(RECORD, &narrow), Verdict::Fails("payload_bytes"));
        let earlier = DecodeLimits { event_time_max: TIME - 1, ..limits() };
        assert_eq!(verdict(RECORD, &earlier), Verdict::Fails("event_time_future"));
    }

    #[test]
    fn what_was_cut_or_never_kept_is_gone() {
        let cut =
            DeadLetter { truncated: true, ..DeadLetter::read((0, 0), None, std::iter::empty(), RECORD.as_bytes()) };
        assert_eq!(Verdict::of(&cut, &limits(), 0), Verdict::Cut);
        assert_eq!(verdict("", &limits()), Verdict::Empty);
        assert_eq!(
            verdict(r#"{"class_uid":4001,"metadata":{"product":{"name":"Amazon VPC"}}}"#, &limits()),
            Verdict::NoRecords
        );
    }
}
