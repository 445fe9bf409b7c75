//! How a deviation is found: records go in, verdicts and insights come out.
//!
//! Pure: no IO, no clock, no threads, no Kafka, no metrics, no logging; time comes in as a value. A minute is
//! a minute of event time since 1970 throughout.
//!
//! From the outside only [`Detector`] matters, and [`Restorer`], which becomes one. Inside, by what happens
//! to a record:
//!
//! * [`detector`]: the way of a record, from its arrival to the insight that it starts.
//! * [`intake`]: which records count, and when.
//! * [`model`]: what is known of accounts: regions, series, principals, and what is counted.
//! * [`statistics`]: the statistic of one series.
//! * [`decide`]: what starts an insight and what ends it.
//! * [`store`]: state that survives: changelog, restore, rollback, backfill. [`undo`]: why no change escapes
//!   the rollback; [`transaction`]: what the open transaction has changed.
//! * [`context`]: what accounts share. [`view`]: for people who look. [`counts`]: a series of counts by
//!   itself, for `backtest`.
//!
//! Dependencies: `undo` and `ids` know nothing; `statistics` and `intake` know nothing of `model`; `model`
//! uses both, and the state that `decide` keeps in it; `context` and `transaction` use `model`; `store` and
//! `detector` use everything.

pub(crate) mod context;
pub mod counts;
pub mod decide;
pub(crate) mod detector;
#[cfg(test)]
mod fixture;
mod ids;
pub(crate) mod intake;
pub(crate) mod model;
mod settings;
pub mod statistics;
pub mod store;
mod totals;
mod transaction;
mod undo;
pub mod view;

pub use context::DetectorEvents;
pub use detector::{Detector, Gauges, Verdict};
pub use intake::dedup::RepeatFilter;
pub use model::key::SeriesKey;
pub use settings::Settings;
pub use store::backfill::{BackfillRefusal, BackfillResult, Backfilled};
pub use store::restorer::Restorer;
pub use view::{AccountView, RegionView, SeriesView};

/// Minutes in a day.
pub const DAY: i64 = 1440;
