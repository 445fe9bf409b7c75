//! Bounds and knobs of detection, resolved from the configuration.

use std::sync::Arc;

use super::decide::security::Security;
use super::statistics::horizon::Direction;
use super::statistics::prior::Priors;
use crate::rules::Rules;

/// Bounds and knobs of detection, resolved from the configuration. All times in minutes unless the name says
/// otherwise.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which deviations count.
    pub direction: Direction,
    /// What is known of APIs beforehand.
    pub priors: Arc<Priors>,
    /// Security-relevant APIs.
    pub security: Arc<Security>,
    /// Principals known at most, over all accounts.
    pub principals_max: usize,
    /// Closed minutes: a minute is open until its clock passes it by this.
    pub lateness: i64,
    /// Seconds a record may lie ahead of its clock without being quarantined.
    pub clock_jump_s: i64,
    /// Quarantined records per clock, and quarantined observations per account, at most.
    pub quarantined_max: usize,
    /// Seconds of event time over which eventIDs are remembered; older records are too late.
    pub dedup_horizon_s: i64,
    /// eventIDs remembered at most.
    pub dedup_events_max: usize,
    /// Seconds of wall time after which a silent clock moves on by itself.
    pub idle_after_s: i64,
    /// Age of an account before its first insight.
    pub warm_up: i64,
    /// The alarm budget, insights per account and week.
    pub budget: f64,
    /// Closed minutes at the usual rate before an End.
    pub end_after: u32,
    /// Accounts at most.
    pub accounts_max: usize,
    /// Clocks (account and region) at most.
    pub clocks_max: usize,
    /// Series at most.
    pub series_max: usize,
    /// Minutes without an event after which a series is forgotten.
    pub series_ttl: i64,
    /// Distinct values per series and attribute that are counted exactly.
    pub values_max: usize,
    /// Bytes of one attribution value; longer ones are cut.
    pub value_bytes_max: usize,
    /// Bytes of all attribution values together.
    pub attribution_bytes_max: usize,
    /// Whether data events are counted.
    pub data_events: bool,
    /// The operator's rules.
    pub rules: Arc<Rules>,
    /// A record older than its account's history moves the beginning back: of files, which come in no strict
    /// order, nothing may be left over that the next load would find older still.
    pub moves_back: bool,
}

impl Settings {
    /// For the past of accounts.
    #[must_use]
    pub fn for_backfill(mut self) -> Self {
        self.moves_back = true;
        self
    }

    /// With the bounds of so many detectors together.
    #[must_use]
    pub fn times(mut self, detectors: usize) -> Self {
        for bound in [
            &mut self.principals_max,
            &mut self.dedup_events_max,
            &mut self.accounts_max,
            &mut self.clocks_max,
            &mut self.series_max,
            &mut self.attribution_bytes_max,
        ] {
            *bound = bound.saturating_mul(detectors.max(1));
        }
        self
    }
}
