//! insightd: an open, streaming CloudTrail Insights.
//!
//! CloudTrail records come in from Kafka or from files. Insights events in AWS's own record shape go out,
//! exactly once, within the minute in which the call or error rate of an API deviates.
//!
//! This package connects the pure crate [`insightd_core`], which decodes and detects, to the outside.
//! Dependencies point only downwards in this list:
//!
//! * [`commands`]: the commands of the binary, one module each.
//! * `http`: `/metrics`, `/livez`, `/readyz`. Never touches Kafka.
//! * [`kafka`]: the only place that knows rdkafka. Implements the broker of `stream`.
//! * [`stream`]: the worker loop, transactions and rebalances, over the trait `Broker`.
//! * [`metrics`]: the only place that spells metric names.
//! * [`config`]: settings as written, checked and resolved. Nothing else interprets a default.
//! * [`crash`]: places where a test kills the process; empty in what ships.
//!
//! `docs/contributing/architecture.md` names the invariants (EO-1, WM-1 ...) that comments cite.

#![forbid(unsafe_code)]

pub mod commands;
pub mod config;
pub mod crash;
pub(crate) mod http;
pub mod kafka;
pub mod metrics;
pub mod stream;
