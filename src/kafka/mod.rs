//! Kafka through librdkafka. The only place that knows rdkafka.
//!
//! [`broker::KafkaBroker`] implements the worker's seam; [`topics`] looks at the cluster before any worker starts.

mod admin;
pub mod broker;
pub mod client;
mod context;
mod ends;
mod errors;
mod offsets;
pub mod topics;

pub use broker::KafkaBroker;
pub use topics::{Probe, ProbeError, probe};
