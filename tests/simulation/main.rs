//! The simulator: the real worker, task, state and detector over simulated brokers, with a seed, virtual time
//! and faults, checked against a plain fold.
//!
//! `cargo test --test simulation` runs a few hundred seeds. To run any number, with a table of the faults and
//! events that occurred:
//!
//! ```text
//! INSIGHTD_SIM_SEEDS=10000 cargo test --release --test simulation -- --nocapture
//! ```
//!
//! A run that breaks an invariant prints the one line that repeats it (`INSIGHTD_SIM_SEED`,
//! `INSIGHTD_SIM_PROFILE`).
//!
//! * [`world`]: processes and the order in which they continue. [`weather`]: time, and faults of the brokers.
//!   [`faults`]: their odds and counts.
//! * [`cluster`]: topics, transactions, offsets. [`log`]: a partition. [`group`]: members and generations.
//! * [`broker`], [`fetch`], [`client`]: the trait `Broker` of one process. [`task`]: its instrumented task.
//! * [`backfill`]: backfills of accounts, and the command that loads them.
//! * [`oracle`]: the fold, and the comparisons with it. [`traffic`]: the input. [`mutation`]: safeguards
//!   removed on purpose.

#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

mod backfill;
mod broker;
mod client;
mod cluster;
mod faults;
mod fetch;
mod group;
mod log;
mod mutation;
mod oracle;
mod random;
mod run;
mod task;
mod traffic;
mod weather;
mod world;
