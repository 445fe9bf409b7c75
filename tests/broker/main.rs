//! The daemon as a process against a real Apache Kafka. Nothing is simulated; a test that cannot reach a
//! broker fails.

#![allow(clippy::print_stdout, reason = "shown when a test fails")]
#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

mod backfill;
mod dead_letters;
mod exactly_once;
mod generated;
mod health;
mod real_logs;
mod replayed_dead_letters;
mod security;
mod setup;
mod state;
mod topics;
