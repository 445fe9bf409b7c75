//! Counts of what became of records: plain numbers, which a commit adds to the metrics.

use crate::cloudtrail::event::AccountId;
use crate::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};
use crate::detect::BackfillResult;

/// What became of a record. Each record ends in exactly one of these (CNT-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Entered at least one series.
    Counted,
    /// Would have been counted, but its eventID was seen.
    Duplicate,
    /// Decoded, enters no series, or is excluded by a rule.
    OutOfScope,
    /// Older than the deduplication horizon.
    TooLate,
    /// No record could be read, or it is unusable.
    Malformed,
    /// A limit was reached.
    Shed,
}

impl Outcome {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 6] =
        [Self::Counted, Self::Duplicate, Self::OutOfScope, Self::TooLate, Self::Malformed, Self::Shed];

    /// The label value.
    pub fn label(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Duplicate => "duplicate",
            Self::OutOfScope => "out_of_scope",
            Self::TooLate => "too_late",
            Self::Malformed => "malformed",
            Self::Shed => "shed",
        }
    }
}

/// Counts since the last [`Pipeline::take_tally`](super::Pipeline::take_tally).
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Records by envelope (row) and outcome (column).
    pub records: [[u64; Outcome::ALL.len()]; Envelope::ALL.len()],
    /// Malformed records by error.
    pub malformed: [u64; DecodeError::ALL.len()],
    /// Shed records by limit.
    pub shed: [u64; Limit::ALL.len()],
    /// Payloads without records, by kind.
    pub skipped: [u64; Skipped::ALL.len()],
    /// Management records with readOnly true.
    pub read_only: u64,
    /// Records whose read/write or category was inferred.
    pub inferred: u64,
    /// Counted records whose minute was already closed.
    pub late: u64,
    /// Records whose message key is not their account id.
    pub misrouted: u64,
    /// Attribution values that entered an approximate summary (more than `attribution.values_max` distinct).
    pub attributions_summarized: u64,
    /// Times `input.dedup_events_max` shortened the deduplication horizon.
    pub dedup_shortened: u64,
    /// Times `input.held_records_max` released a quarantined record that nothing had confirmed.
    pub quarantine_overflow: u64,
    /// Records of principals that `detect.principals_max` left no room to remember.
    pub principals_full: u64,
    /// Insights by type (call rate, error rate) and state (Start, End).
    pub insights: [[u64; 2]; 2],
    /// Records by the rule that decides about them, in the order of the rules; repeats included.
    pub rule_records: Vec<u64>,
    /// Insights (their Starts) by the rule that their tipping record matched, in the order of the rules.
    pub rule_insights: Vec<u64>,
    /// Seconds from eventTime to `now`, one per decoded record; only in `run` (left empty by `replay`).
    pub delays_s: Vec<u32>,
    /// Payload bytes processed.
    pub payload_bytes: u64,
    /// Payloads processed.
    pub payloads: u64,
    /// Backfills of accounts that came from the backfill topic.
    pub backfills: Vec<BackfillResult>,
    /// Accounts seen misrouted for the first time, to be logged once each (bounded).
    pub misrouted_accounts: Vec<AccountId>,
}

impl Tally {
    /// Records with this outcome.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.records.iter().map(|row| row[outcome as usize]).sum()
    }

    /// All records.
    pub fn total(&self) -> u64 {
        self.records.iter().flatten().sum()
    }
}
