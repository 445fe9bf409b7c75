//! The worker loop: records in, tasks, one transaction for everything that goes out, rebalances.
//!
//! Written against the trait [`broker::Broker`] and the trait [`clock::Clock`]: no type of a Kafka client and no reading of
//! the time may occur here, so that a simulator can drive the very same code.

pub mod backfill;
pub mod broker;
pub mod clock;
pub mod dead_letter;
pub mod publish;
pub mod report;
#[cfg(test)]
mod scripted;
pub mod task;
pub mod tasks;
pub mod transaction;
pub mod watchdog;
pub mod worker;
