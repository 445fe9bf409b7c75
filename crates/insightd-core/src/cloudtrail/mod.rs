//! CloudTrail on both sides: envelopes and records in, Insights records out.
//!
//! Pure: no IO beyond reading from a `Read` it is handed, no clock, no threads, no Kafka, no metrics, no logging.

mod category;
pub mod envelope;
pub mod event;
mod field;
pub mod insight;
mod ocsf;
pub mod outcome;
mod principal;
mod record;
mod time;
