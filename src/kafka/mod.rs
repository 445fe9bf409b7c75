//! Kafka through librdkafka. The only place that knows rdkafka.
//!
//! [`broker::KafkaBroker`] implements the worker's seam; [`topics`] looks at the cluster before any worker starts; [`dead_letters`] reads
//! the dead-letter topic and replays from it; [`changelog`] reads the state; [`history`] hands
//! accounts' pasts over to the workers; [`feeder`] writes generated traffic to the input topic; [`embedded`] is a Kafka inside the
//! process, for `demo`.

mod admin;
pub(crate) mod backfill_topic;
pub mod broker;
pub(crate) mod changelog;
pub(crate) mod client;
mod context;
pub(crate) mod dead_letters;
#[cfg(feature = "generate")]
pub(crate) mod embedded;
mod errors;
#[cfg(feature = "generate")]
pub(crate) mod feeder;
mod offsets;
mod partition_ends;
mod reader;
pub(crate) mod topics;
mod transactional;

pub use broker::KafkaBroker;
#[cfg(feature = "generate")]
pub(crate) use feeder::Feeder;
pub(crate) use topics::{Probe, ProbeError, probe};
