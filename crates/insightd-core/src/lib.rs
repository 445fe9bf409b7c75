//! What insightd computes, apart from where records come from and where results go.
//!
//! Pure by its manifest: no IO, no clock, no threads, no Kafka, no metrics, no logging. Time comes in as a
//! value, so that the same code can be run live, replayed and simulated. Dependencies point only downwards in
//! this list:
//!
//! * [`pipeline`]: one payload in; counted outcomes, insights and dead-letter records out.
//! * [`detect`]: series, baselines, scores, insights.
//! * [`state`]: the format of the changelog's records.
//! * [`rules`]: the operator's ordered rules.
//! * [`cloudtrail`]: envelopes and records in, Insights records out.
//!
//! [`invariants`] stands beside them: the invariants by name, which any layer may check.

#![forbid(unsafe_code)]

pub mod cloudtrail;
pub mod detect;
pub mod invariants;
pub mod pipeline;
pub mod rules;
pub mod state;
