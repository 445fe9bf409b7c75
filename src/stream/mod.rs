//! The worker loop: records in, tasks, one transaction for everything that goes out, rebalances.
//!
//! Written against the traits [`broker::Broker`] and [`clock::Clock`], so that a simulator can drive the same
//! code: no type of a Kafka client may occur here, and nothing may read the time by itself.

pub(crate) mod backfill;
pub mod broker;
pub mod clock;
pub mod dead_letter;
pub mod publisher;
pub mod report;
#[cfg(test)]
mod scripted;
pub mod task;
pub mod tasks;
pub mod transaction;
pub mod watchdog;
pub mod worker;
