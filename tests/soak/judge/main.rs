//! The judge of the soak: a program that reads the topics as any consumer could, and says whether what is
//! committed is right. It shares no code with the worker, its state or its transactions; of the library it
//! takes decoding, detection and the configuration alone.
//!
//! * `judge watch` follows the changelog while the daemons run and keeps every head (key `T`) that it sees,
//!   committed or not.
//! * `judge fold` reads input, output and dead-letter records; folds each partition of the input on one
//!   thread, in
//!   order of offsets (EO-B); and gives the same payloads, in the same order, to `insightd replay` (EO-C).
//! * `judge compare` compares. With `--defect` it first damages what it read, and must then find it. Exit
//!   code 0: all is right; 1: it is not.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its findings")]
#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use insightd::config::Config;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

mod compare;
mod defect;
mod fold;
mod heads;
mod topics;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    step: Step,
}

#[derive(Subcommand)]
enum Step {
    /// Follows the changelog until standard input is closed, and then on to its end.
    Watch {
        #[arg(long)]
        config: PathBuf,
        #[arg(long)]
        into: PathBuf,
    },
    /// Reads and folds.
    Fold {
        #[arg(long)]
        config: PathBuf,
        #[arg(long)]
        into: PathBuf,
        /// The binary whose `replay` is asked.
        #[arg(long)]
        insightd: PathBuf,
    },
    /// Compares what the other two have left.
    Compare {
        #[arg(long)]
        from: PathBuf,
        #[arg(long)]
        defect: Option<defect::Defect>,
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

/// One insight or one dead-letter record, as it was read or as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    /// Whose order it stands in: the account, or the partition that a dead-letter record came from.
    of: String,
    /// What it is known by: `eventID`, or place of the broken record.
    id: String,
    /// Everything that must be equal, byte for byte.
    text: String,
    /// Where it was read, or which record brought it about.
    at: String,
}

/// What `fold` has counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Facts {
    /// End of each partition of the input.
    ends: Vec<i64>,
    records: u64,
    bytes: u64,
}

fn main() -> ExitCode {
    let load = |path: &Path| Config::load(Some(path)).expect("a configuration that holds");
    match Cli::parse().step {
        Step::Watch { config, into } => heads::watch(&load(&config), &into),
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
