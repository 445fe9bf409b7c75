//! Fixed label values that are the daemon's own. Those of records (envelopes, outcomes, reasons, limits)
//! belong to the core's types.

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transaction {
    /// Committed.
    Committed,
    /// Aborted, by this process or by the broker.
    Aborted,
    /// Another producer with the same transactional id took over, or the transaction timed out.
    Fenced,
}

impl Transaction {
    pub(super) const ALL: [Self; 3] = [Self::Committed, Self::Aborted, Self::Fenced];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Aborted => "aborted",
            Self::Fenced => "fenced",
        }
    }
}

/// What a rebalance did to a worker's partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rebalance {
    /// The worker received partitions.
    Assigned,
    /// The worker handed partitions back in time.
    Revoked,
    /// The group had moved the partitions before the worker could hand them back.
    Lost,
}

impl Rebalance {
    pub(super) const ALL: [Self; 3] = [Self::Assigned, Self::Revoked, Self::Lost];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Revoked => "revoked",
            Self::Lost => "lost",
        }
    }
}

/// What the changelog contained when a partition was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RestoreOutcome {
    /// The state of the committed offset.
    State,
    /// No state, as expected: the group has committed no offset, or one from before it kept state.
    Nothing,
    /// The state of another offset: the group's offset was set by hand.
    OtherState,
    /// No state, although the committed offset has one.
    StateLost,
}

impl RestoreOutcome {
    pub(super) const ALL: [Self; 4] = [Self::State, Self::Nothing, Self::OtherState, Self::StateLost];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Nothing => "nothing",
            Self::OtherState => "other_state",
            Self::StateLost => "state_lost",
        }
    }
}

/// A record written by the daemon that was truncated to a size limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truncated {
    /// A dead-letter record longer than `dlq.record_bytes_max` or than the broker accepts.
    DeadLetterRecord,
    /// An insight that the broker refused for its size.
    Insight,
}

impl Truncated {
    pub(super) const ALL: [Self; 2] = [Self::DeadLetterRecord, Self::Insight];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::DeadLetterRecord => "dead_letter",
            Self::Insight => "insight",
        }
    }
}

/// Configured limits that cost accuracy or a gauge but shed no record: values of the label `limit` beside
/// those of [`Limit`](insightd_core::cloudtrail::outcome::Limit).
pub(super) const SOFT_LIMITS: [&str; 5] = [ATTRIBUTION_VALUES, DEDUP_EVENTS, HELD_RECORDS, OPEN_INSIGHTS, PRINCIPALS];
/// `attribution.values_max`
pub(super) const ATTRIBUTION_VALUES: &str = "attribution_values";
/// `input.dedup_events_max`
pub(super) const DEDUP_EVENTS: &str = "dedup_events";
/// `input.held_records_max`
pub(super) const HELD_RECORDS: &str = "held_records";
/// `metrics.open_insights_max`
pub(super) const OPEN_INSIGHTS: &str = "open_insights";
/// `detect.principals_max`
pub(super) const PRINCIPALS: &str = "principals";

/// A backfill that was adopted: a value of `insightd_history_accounts_total{outcome}` beside those of
/// [`BackfillRefusal`](insightd_core::detect::BackfillRefusal).
pub(super) const BACKFILL_TAKEN: &str = "taken";
