//! The Insights record: counts in, AWS's JSON out.
//!
//! This module says what an insight is, in counts and minutes; [`record`] writes it field for field as AWS
//! does.

mod eventbridge;
mod format;
mod record;

use std::sync::Arc;

pub use format::Format;
pub use record::rfc3339;
use serde::{Deserialize, Serialize};

use super::event::AccountId;

/// The rate that deviates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InsightType {
    /// Calls per minute.
    ApiCallRate,
    /// Calls per minute that ended in one error code.
    ApiErrorRate,
}

impl InsightType {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 2] = [Self::ApiCallRate, Self::ApiErrorRate];

    /// `insightType` as AWS writes it.
    pub fn label(self) -> &'static str {
        match self {
            Self::ApiCallRate => "ApiCallRateInsight",
            Self::ApiErrorRate => "ApiErrorRateInsight",
        }
    }
}

/// Beginning or end of an insight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The unusual activity began.
    Start,
    /// It is over.
    End,
}

impl State {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 2] = [Self::Start, Self::End];

    /// `state` as AWS writes it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::End => "End",
        }
    }
}

/// Which stream of records the series counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SourceCategory {
    /// Management events.
    Management,
    /// Data events.
    Data,
}

/// Top values of one attribute: counts, not yet averages; descending, at most five a side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribution {
    /// Value and calls inside the insight's window.
    pub insight: Vec<(String, u64)>,
    /// Value and calls inside the baseline's window.
    pub baseline: Vec<(String, u64)>,
}

/// Everything behind one Insights record, in counts and minutes, so that every average can be recomputed.
#[derive(Clone, Debug, PartialEq)]
pub struct Insight {
    /// Account the activity belongs to.
    pub account: AccountId,
    /// Region.
    pub region: String,
    /// API's service, `ec2.amazonaws.com`.
    pub source: String,
    /// API.
    pub name: String,
    /// The one error an error-rate insight is about.
    pub error: Option<String>,
    /// Management or data.
    pub category: SourceCategory,
    /// Call or error rate.
    pub kind: InsightType,
    /// Start or End.
    pub state: State,
    /// Start minute (minutes since 1970), in Start and End alike: with the series, the identity of the
    /// insight.
    pub start: i64,
    /// `eventTime` in minutes since 1970: the Start minute, or the minute after the last unusual one.
    pub event_minute: i64,
    /// Calls in the baseline window.
    pub baseline_count: u64,
    /// `baselineDuration`, minutes.
    pub baseline_minutes: u64,
    /// Calls in the insight window.
    pub insight_count: u64,
    /// `insightDuration`, minutes.
    pub insight_minutes: u64,
    /// Principals.
    pub principals: Attribution,
    /// User agents.
    pub agents: Attribution,
    /// Error codes, `"null"` for none; call-rate insights only.
    pub errors: Option<Attribution>,
    /// How it was found; only headers, `--explain` and metrics show it.
    pub finding: Finding,
}

/// How urgent an insight is: from its probability, the table of security-relevant APIs, and what is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// Worth a look when there is time.
    #[default]
    Low,
    /// Worth a look today.
    Medium,
    /// Worth a look now.
    High,
}

impl Severity {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// As in the header `insight-severity` and in `--explain`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What kind of evidence raised an insight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// The counts of the series, of all callers together.
    #[default]
    Counts,
    /// A principal new to the account.
    NewPrincipal,
    /// A principal known to the account, on APIs that it has not called before.
    NewToPrincipal,
    /// A principal that uses the API, far above all it did there before.
    BeyondHabit,
}

impl Reason {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 4] = [Self::Counts, Self::NewPrincipal, Self::NewToPrincipal, Self::BeyondHabit];

    /// As in the header `insight-reason` and in `--explain`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::NewPrincipal => "new-principal",
            Self::NewToPrincipal => "new-to-principal",
            Self::BeyondHabit => "beyond-habit",
        }
    }
}

/// How an insight was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// `eventTime` of the tipping event (Start), or the clock when the End was known; seconds since 1970.
    pub detected_at: i64,
    /// `eventID` of the tipping event; empty for an End or where the record had none.
    pub tipping_event: String,
    /// Minute whose counts were found significant: the tipping event's, or a later one of the same series
    /// whose sum it completed; minutes since 1970.
    pub detection_minute: i64,
    /// Calls of the detection minute at the tipping event (Start), calls a minute over the insight (End).
    pub observed: f64,
    /// Calls a minute expected (mean of the seven-day view).
    pub expected: f64,
    /// Score: -log10 of the calibrated tail probability.
    pub score: f64,
    /// Score from which an insight starts, at this moment and for this account.
    pub limit: f64,
    /// First record of the series less than 24 h before the Start.
    pub series_new: bool,
    /// First record of the account in this region less than 24 h before the Start.
    pub region_new: bool,
    /// The top principal does not occur in the baseline.
    pub principal_new: bool,
    /// What kind of evidence raised it.
    pub reason: Reason,
    /// How much it deserves to be looked at.
    pub severity: Severity,
    /// Position of the rule that its tipping record matched.
    pub rule: Option<u32>,
    /// Name of that rule, if it suppresses the insight.
    pub suppressed_by: Option<Arc<str>>,
}
