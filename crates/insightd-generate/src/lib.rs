//! Generates the CloudTrail traffic of a fictional organization from a seed: calls, injected attacks, records
//! and log files.
//!
//! Pure: no IO, no clock, no threads. Each account has its own random streams, so accounts can be generated
//! on any number of threads, and adding one changes no other. Times are seconds since 1970, UTC.
//!
//! * [`account`]: one account and its calls in order of time.
//! * [`call`]: a call and its caller.
//! * [`label`]: the injected attacks, for evaluation.
//! * [`json`]: the record of a call.
//! * [`delivery`]: the log files, and when they arrive.
//! * [`layout`]: the path and the content of a log file.

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
