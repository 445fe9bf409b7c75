//! Constructed CloudTrail traffic of an organization, from a seed: who calls what when, the attacks among it,
//! and the records that this leaves.
//!
//! Pure: no IO, no clock, no threads. Each account draws from its own stream of random numbers, so that
//! accounts can be made on any number of threads and adding one changes no other. Times are seconds since
//! 1970, UTC.
//!
//! * [`account`]: one account of it, with its calls in order of time.
//! * [`call`]: one call, and who makes it.
//! * [`label`]: what was injected, for judging.
//! * [`json`]: the record of a call.
//! * [`delivery`]: in which log files and when the records arrive.
//! * [`layout`]: where a log file lies, and what it holds.

#![forbid(unsafe_code)]

pub mod account;
mod account_builder;
mod attack;
mod automation;
mod calendar;
pub mod call;
mod catalog;
mod changes;
mod decoded;
pub mod delivery;
mod federation;
pub mod json;
pub mod label;
pub mod layout;
mod organization;
mod pending;
mod plan;
mod population;
mod principal;
mod random;
mod regions;
mod style;
mod tools;
mod trust;
mod workload;

pub use self::organization::Organization;
pub use self::plan::Plan;
