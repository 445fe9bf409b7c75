//! How good the detector is: what it finds, how fast, and how many false insights that costs; beside simple
//! rivals on the same data.
//!
//! `cargo bench --bench quality -- --seeds 1,2,3`; README.md beside this file says what is measured and how
//! to read it. Not a benchmark of time: the same seeds give the same tables on every machine (memory apart).

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    clippy::disallowed_methods,
    reason = "a program that prints tables"
)]
#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

mod arguments;
mod counts;
mod memory;
mod organizations;
mod patient;
mod table;

use arguments::{Arguments, Part, command};
use clap::Parser;

fn main() {
    if let Err(message) = run(&Arguments::parse()) {
        eprintln!("quality: {message}");
        std::process::exit(1);
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    if let Some(kind) = arguments.memory_of {
        println!("{}", memory::measured(kind));
        return Ok(());
    }
    let wanted = |part| arguments.only.is_none_or(|only| only == part);
    if wanted(Part::Counts) {
        match arguments.counts.clone().or_else(counts::data) {
            Some(folder) => counts::run(&folder, &command())?,
            None => println!("## Count series\n\nNone are here: --counts FOLDER names a folder with labels.json."),
        }
    }
    if wanted(Part::Organizations) && arguments.same_streams {
        organizations::same_streams(arguments);
    } else if wanted(Part::Organizations) {
        organizations::run(arguments);
    }
    if wanted(Part::Patient) {
        patient::run(arguments);
    }
    if wanted(Part::Memory) {
        memory::run()?;
    }
    Ok(())
}
