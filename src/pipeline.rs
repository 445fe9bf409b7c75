//! One payload in; counted outcomes, insights and dead letters out. `run` and `replay` drive the same pipeline.
//!
//! Pure but for reading from a `Read`: no Kafka, no clock (wall time comes in as a value), no metrics, no logging.

use std::io::{self, Read};

use crate::cloudtrail::envelope::{Envelope, Fault, Limit, Skipped};
use crate::cloudtrail::event::AccountId;
use crate::cloudtrail::insight::Insight;
use crate::config::Config;

/// What became of a record. Each record ends in exactly one of these (CNT-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Entered at least one series.
    Counted,
    /// Would have been counted, but its eventID was seen.
    Duplicate,
    /// Decoded, enters no series.
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

/// Counts since it was last taken. Plain numbers: whoever commits adds them to the metrics.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Records by envelope (row) and outcome (column).
    pub records: [[u64; Outcome::ALL.len()]; Envelope::ALL.len()],
    /// Malformed records by fault.
    pub malformed: [u64; Fault::ALL.len()],
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
    pub attributions_summarised: u64,
    /// Times `input.dedup_events_max` shortened the deduplication horizon.
    pub dedup_shortened: u64,
    /// Times `input.held_records_max` made a held record give way.
    pub held_overflow: u64,
    /// Insights by type (call rate, error rate) and state (Start, End).
    pub insights: [[u64; 2]; 2],
    /// Seconds from eventTime to `now`, one per decoded record; only in `run` (left empty by `replay`).
    pub delays_s: Vec<u32>,
    /// Payload bytes taken in.
    pub payload_bytes: u64,
    /// Payloads taken in.
    pub payloads: u64,
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

/// What is live at the moment, for gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levels {
    /// Series held.
    pub series: u64,
    /// Accounts too young for an insight.
    pub accounts_learning: u64,
    /// Accounts old enough.
    pub accounts_live: u64,
    /// Insights open.
    pub insights_open: u64,
    /// Records held back until another one confirms their time.
    pub unconfirmed: u64,
    /// Latest event-time clock, seconds since 1970; 0 before the first.
    pub clock: i64,
    /// eventIDs remembered.
    pub dedup_events: u64,
}

/// One record for the dead-letter topic.
#[derive(Clone, Debug)]
pub struct DeadLetter<'a> {
    /// Why: a [`Fault`] or [`Limit`] label.
    pub reason: &'static str,
    /// What and where, for people.
    pub detail: &'a str,
    /// Position among the records and fragments of the payload, from 0.
    pub record_index: u64,
    /// The damaged record alone, or the whole payload if nothing in it could be read. Not cut yet.
    pub raw: &'a [u8],
}

/// Receives insights and dead letters, in order.
pub trait Output {
    /// An insight was raised or ended.
    fn insight(&mut self, insight: Insight);
    /// A record that cannot be used.
    fn dead_letter(&mut self, letter: DeadLetter<'_>);
}

/// Decode, count and score for one task: in `run` one input partition, in `replay` the whole input.
pub struct Pipeline {
    tally: Tally,
}

impl Pipeline {
    /// A pipeline without history.
    pub fn new(config: &Config) -> Self {
        let _ = config;
        todo!()
    }

    /// Takes in one message. `key` is its Kafka key, given only when the topic is keyed by account and misrouted records
    /// are to be counted; `now` is the wall clock, seconds since 1970.
    pub fn payload(&mut self, payload: &[u8], key: Option<Option<&[u8]>>, now: i64, out: &mut dyn Output) {
        let _ = (payload, key, now, out);
        todo!()
    }

    /// Takes in one file.
    ///
    /// # Errors
    /// Only those of reading.
    pub fn stream(&mut self, reader: &mut dyn Read, now: i64, out: &mut dyn Output) -> io::Result<()> {
        let _ = (reader, now, out);
        todo!()
    }

    /// The task has reached the end of its partition at wall time `now` (seconds): clocks silent for `input.idle_after` move on by
    /// the time that has passed (WM-2).
    pub fn caught_up(&mut self, now: i64, out: &mut dyn Output) {
        let _ = (now, out);
        todo!()
    }

    /// The end of the input of `replay`: what is held is applied, and every clock is brought up to the newest.
    pub fn finish(&mut self, out: &mut dyn Output) {
        let _ = out;
        todo!()
    }

    /// Takes the counts since the last call.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// What is live now.
    pub fn levels(&self) -> Levels {
        todo!()
    }
}
