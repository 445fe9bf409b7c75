//! What several tests share. Nothing here is a test, and nothing here takes a number from the code under test.
//!
//! * [`random`]: a small seeded generator, so that a run can be repeated from its seed.
//! * [`traffic`]: constructed CloudTrail traffic: which calls happen, habits and attacks.
//! * [`record`]: one call as CloudTrail writes it.
//! * [`delivery`]: in which order and how often the records arrive, which of them are broken; the ground truth.
//! * [`payload`]: arriving records in the envelopes in which they come on Kafka, and as files.
//! * [`load`]: traffic made ready to be sent: messages by partition, and the same as files.
//! * [`insightd`]: the binary under test, its output and its configuration.
//! * [`broker`]: a real Apache Kafka, started on first use.
//! * [`clock`]: calendar arithmetic without a library, to stay independent of the one under test.

// Every test binary compiles all of this and uses a part of it.
#![allow(dead_code, reason = "every test uses a part")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "shown when a test fails")]

pub mod broker;
pub mod clock;
pub mod delivery;
pub mod insightd;
pub mod load;
pub mod payload;
pub mod random;
pub mod record;
pub mod traffic;
