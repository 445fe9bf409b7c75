//! Kafka through librdkafka. The only place that knows rdkafka.
//!
//! [`broker::KafkaBroker`] implements the worker's seam; [`topics`] looks at the cluster before any worker starts; [`dead_letters`] reads
//! the dead-letter topic and replays from it; [`changelog`] reads the state; [`history`] hands
//! accounts' pasts over to the workers; [`feeder`] writes generated traffic to the input topic; [`embedded`] is a Kafka inside the
//! process, for `demo`.

mod admin;
pub mod backfill_topic;
pub mod broker;
pub mod changelog;
pub mod client;
mod context;
pub mod dead_letters;
#[cfg(feature = "generate")]
pub mod embedded;
mod errors;
#[cfg(feature = "generate")]
pub mod feeder;
mod offsets;
mod partition_ends;
mod reader;
pub mod topics;
mod transactional;

pub use broker::KafkaBroker;
#[cfg(feature = "generate")]
pub use feeder::Feeder;
pub use topics::{Probe, ProbeError, probe};
