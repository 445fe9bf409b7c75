//! Shared by several tests. Contains no test, and takes no number from the code under test.
//!
//! * [`random`]: a small seeded generator, so that a run can be repeated from its seed.
//! * [`traffic`]: constructed CloudTrail traffic: ordinary workloads and attacks.
//! * [`record`]: one call as CloudTrail writes it.
//! * [`delivery`]: in which order and how often the records arrive, which are broken; the ground truth.
//! * [`event`]: one decoded record, built in a line.
//! * [`payload`]: arriving records in the envelopes that occur on Kafka, and as files.
//! * [`load`]: traffic as messages by partition, and as files.
//! * [`insightd`]: the binary under test, its output and its configuration.
//! * [`broker`]: a real Apache Kafka, started on first use.
//! * [`clock`]: calendar arithmetic without a library, to stay independent of the one under test.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(
    missing_docs,
    clippy::missing_errors_doc,
    clippy::new_without_default,
    reason = "helpers with telling names, read where they are used"
)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "shown when a test fails")]

pub mod broker;
pub mod clock;
pub mod decoding;
pub mod delivery;
pub mod event;
pub mod insightd;
pub mod load;
pub mod payload;
pub mod quality;
pub mod random;
pub mod record;
pub mod replaying;
pub mod traffic;

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> &'static Path {
    let support = Path::new(env!("CARGO_MANIFEST_DIR"));
    support.ancestors().nth(2).expect("tests/support lies two folders below it")
}

/// The program under test, as cargo built it beside the test.
pub fn binary() -> PathBuf {
    assert_cmd::cargo::cargo_bin("insightd")
}

/// Where cargo lets tests leave files: `target/tmp`.
pub fn scratch() -> PathBuf {
    let test = std::env::current_exe().expect("a test is a file");
    let scratch = test.ancestors().nth(3).expect("target/PROFILE/deps/TEST").join("tmp");
    std::fs::create_dir_all(&scratch).expect("a folder of cargo's");
    scratch
}
