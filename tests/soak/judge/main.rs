//! The judge of the soak: reads the topics as any consumer could, and checks the committed output. It shares
//! no code with the worker, its state or its transactions; from the library it uses only decoding, detection
//! and the configuration.
//!
//! * `judge watch` follows the changelog while the daemons run and keeps every checkpoint (key `T`),
//!   committed or not.
//! * `judge fold` reads input, output and dead-letter records; folds each partition of the input on one
//!   thread, in order of offsets (EO-B); and gives the same payloads, in the same order, to `insightd replay`
//!   (EO-C).
//! * `judge compare` compares the two. With `--defect` it first damages the output, and must then detect it.
//!   Exit code 0: no difference; 1: differences.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its findings")]
#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use insightd::config::Config;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

mod checkpoints;
mod compare;
mod defect;
mod fold;
mod topics;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    step: Step,
}

#[derive(Subcommand)]
enum Step {
    /// Follows the changelog until standard input closes, and then to its end.
    Watch {
        #[arg(long)]
        config: PathBuf,
        #[arg(long)]
        into: PathBuf,
    },
    /// Reads the topics and folds the input.
    Fold {
        #[arg(long)]
        config: PathBuf,
        #[arg(long)]
        into: PathBuf,
        /// The binary whose `replay` gets the same payloads.
        #[arg(long)]
        insightd: PathBuf,
    },
    /// Compares the files that `watch` and `fold` wrote.
    Compare {
        #[arg(long)]
        from: PathBuf,
        #[arg(long)]
        defect: Option<defect::Defect>,
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

/// One insight or one dead-letter record, read or expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    /// The unit of order: the account, or the source partition of a dead-letter record.
    of: String,
    /// The identity: `eventID`, or the position of the unusable record.
    id: String,
    /// The content to compare, byte for byte.
    text: String,
    /// Where the line was read, or which record caused it.
    at: String,
}

/// Counts of `fold`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Facts {
    /// End of each partition of the input.
    ends: Vec<i64>,
    records: u64,
    bytes: u64,
}

fn main() -> ExitCode {
    let load = |path: &Path| Config::load(Some(path)).expect("a valid configuration");
    match Cli::parse().step {
        Step::Watch { config, into } => checkpoints::watch(&load(&config), &into),
        Step::Fold { config, into, insightd } => fold::run(&load(&config), &config, &into, &insightd),
        Step::Compare { from, defect, seed } => return compare::run(&from, defect, seed),
    }
    ExitCode::SUCCESS
}

fn save<T: Serialize>(folder: &Path, name: &str, all: &[T]) {
    let mut file = BufWriter::new(std::fs::File::create(folder.join(name)).expect("a file"));
    for one in all {
        serde_json::to_writer(&mut file, one).expect("written");
        file.write_all(b"\n").expect("written");
    }
    file.flush().expect("written");
}

fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> Vec<T> {
    let file = std::fs::File::open(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let lines = BufReader::new(file).lines().map(|line| line.expect("UTF-8"));
    lines.map(|line| serde_json::from_str(&line).unwrap_or_else(|e| panic!("{name}: {e}: {line}"))).collect()
}
