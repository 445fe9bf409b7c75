//! Series, baselines, scores, episodes: how a deviation is found.
//!
//! Pure: no IO, no clock, no threads, no Kafka, no metrics, no logging; time comes in as a value. Minutes are minutes of
//! event time since 1970 throughout.
//!
//! From the outside only [`Detector`] matters: records go in, verdicts and insights come out. Inside, from the bottom up:
//!
//! * [`horizon`]: half-lives and sums of decayed sequences.
//! * [`tail`]: the calibrated tail of one view, incidents, trend evidence.
//! * [`statistic`]: the three views (burst, slow, level) of one series, its score and the count that reaches a limit.
//! * [`recent`], [`days`], [`attribution`]: what is counted exactly, for the numbers of a record.
//! * [`episode`]: an open insight. [`series`]: all of that for one API; [`dormant`]: what is left of it after a long silence; [`entry`]: either.
//! * [`scope`], [`dedup`], [`clock`]: which records count, and when a minute is closed.
//! * [`principals`], [`profile`], [`leaky`]: who calls, and what is new about it. [`observations`]: what any record tells of its account.
//! * [`prior`], [`security`]: tables of the configuration. [`budget`]: what raises an insight. [`suppression`]: what a rule kept from it.
//! * [`undo`], [`saved`], [`restore`]: what a transaction has changed, put back or saved, and all that was saved brought back.
//! * [`history`]: what was before an account's own history, loaded from files.
//! * [`region`], [`account`], [`context`], [`detector`]: the whole; [`view`]: for those who look. [`counts`]: a series of counts by itself, for `backtest`.

pub mod context;
pub mod counts;
pub mod decide;
pub mod detector;
#[cfg(test)]
mod fixture;
pub mod intake;
pub mod model;
pub mod statistics;
pub mod store;
pub mod view;

use std::sync::Arc;

pub use detector::{Detector, Gauges, Verdict};
pub use store::backfill::{BackfillRefusal, BackfillResult, Backfilled};
pub use view::{AccountView, RegionView, SeriesView};

use crate::rules::Rules;

/// Minutes in a day.
pub const DAY: i64 = 1440;

/// Bounds and knobs of detection, resolved from the configuration. All times in minutes unless the name says otherwise.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which deviations count.
    pub direction: statistics::horizon::Direction,
    /// What is known of APIs beforehand.
    pub priors: Arc<statistics::prior::Priors>,
    /// Security-relevant APIs.
    pub security: Arc<decide::security::Security>,
    /// Principals known at most, over all accounts.
    pub principals_max: usize,
    /// Closed minutes: a minute is open until its clock passes it by this.
    pub lateness: i64,
    /// Seconds a record may lie ahead of its clock without being held.
    pub clock_jump_s: i64,
    /// Records held per clock at most.
    pub held_max: usize,
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
    /// A record older than its account's history moves the beginning back: of files, which come in no strict order, nothing may be left over
    /// that the next load would find older still.
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
