//! Kafka through librdkafka. The only place that knows rdkafka; nothing here may know metrics.
//!
//! [`broker::KafkaBroker`] implements the worker's seam. [`probe`] and [`topics`] check and prepare the
//! cluster before any worker starts. [`changelog`], [`backfill_topic`] and [`dead_letters`] serve the
//! commands; [`feeder`] writes generated traffic to the input topic; [`embedded`] is a Kafka inside the
//! process, for `demo`.

mod admin;
pub(crate) mod backfill_topic;
pub mod broker;
pub(crate) mod changelog;
mod client;
mod context;
mod creation;
pub(crate) mod dead_letters;
#[cfg(feature = "generate")]
pub(crate) mod embedded;
mod errors;
#[cfg(feature = "generate")]
pub(crate) mod feeder;
mod offsets;
mod partition_ends;
mod partition_reader;
pub(crate) mod probe;
pub(crate) mod topics;
mod transactional_producer;

pub use broker::KafkaBroker;
pub use context::OnClientError;
#[cfg(feature = "generate")]
pub(crate) use feeder::Feeder;
pub(crate) use probe::{Probe, ProbeError, probe};
