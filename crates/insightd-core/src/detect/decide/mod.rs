//! What starts an insight and what ends it.
//!
//! * [`evidence`]: what speaks for an insight when a call arrives. [`drop`]: the same for a drop, when a
//!   minute is closed.
//! * [`start`]: whether evidence starts an insight, and its Start. [`end`]: when it ends, and its End.
//! * [`budget`]: the alarm budget of an account. [`suppression`]: what a sensitivity rule suppressed.
//!   [`security`]: APIs that weigh more.
//! * [`episode`]: an open insight. [`severity`]: how much it deserves to be looked at. [`insight`]: how it
//!   leaves the detector.

pub mod budget;
pub(crate) mod drop;
pub(crate) mod end;
pub mod episode;
pub(crate) mod evidence;
#[cfg(test)]
mod fixture;
pub(crate) mod insight;
pub mod security;
pub(crate) mod severity;
pub(crate) mod start;
pub(crate) mod suppression;
