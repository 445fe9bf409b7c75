//! CloudTrail on both sides: envelopes and records in, Insights records out.
//!
//! Pure: reads only from a `Read` that the caller passes; no clock, threads, Kafka, metrics or logging.

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
