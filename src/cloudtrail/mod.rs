//! CloudTrail on both sides: envelopes and records in, Insights records out.
//!
//! Pure: no IO beyond reading from a `Read` it is handed, no clock, no threads, no Kafka, no metrics, no logging.

pub mod envelope;
pub mod event;
pub mod insight;
