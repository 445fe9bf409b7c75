//! `insightd replay`: the engine of `run` over CloudTrail files. Only insights go to standard output.

mod args;
mod lines;
mod stats;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use insightd_core::pipeline::Pipeline;

pub(crate) use self::args::ReplayArgs;
use self::lines::{InsightLines, WriteFailure};
use super::console::progress::ReadProgress;
use super::console::say;
use super::exit_error::ExitError;
use super::sources::Sources;
use super::{violations, wall_clock};
use crate::config::Config;

/// Runs the command.
///
/// # Errors
/// 78 for a configuration that is wrong, 64 and 66 for the paths, 74 for files that cannot be read to their
/// end or output that cannot be written.
pub(crate) fn run(args: &ReplayArgs) -> Result<(), ExitError> {
    let config = Config::load(args.config.as_deref())?;
    let sources = Sources::find(&args.paths, args.stats.as_deref())?;
    let stats = args.stats.as_deref().map(create_stats).transpose()?;
    if let Some(line) = sources.others_line() {
        say(&line);
    }
    let mut pipeline = Pipeline::new(&config);
    let mut out = InsightLines::new(args.format.unwrap_or(config.output.format), args.explain);
    let unreadable = replay(&sources, &mut pipeline, &mut out)?;
    let tally = pipeline.take_tally();
    if let Some((mut file, path)) = stats {
        let written = stats::write(&mut file, &tally, &pipeline.gauges(), &config.rules);
        written.map_err(|error| unwritable(path, &error))?;
    }
    violations::fail_on_any(violations::of(&mut pipeline, &tally))?;
    match unreadable {
        0 => Ok(()),
        n => {
            let text = format!("{n} of the files could not be read to their end, see above");
            Err(ExitError::io(text))
        }
    }
}

/// Replays all sources; returns how many could not be read.
fn replay(sources: &Sources, pipeline: &mut Pipeline, out: &mut InsightLines) -> Result<usize, ExitError> {
    let progress = ReadProgress::new(sources.bytes, pipeline.processed());
    let now = wall_clock::seconds();
    let mut unreadable = 0;
    for source in &sources.list {
        let read = source.open().and_then(|input| {
            let input = StopOnFailure { input, failure: out.failure() };
            pipeline.stream(&mut progress.watch(input), now, out)
        });
        if let Err(error) = read {
            out.check()?;
            if out.reader_left() {
                break;
            }
            unreadable += 1;
            progress.say(&format!("{}: {error}", source.name()));
        }
    }
    if !out.reader_left() {
        pipeline.finish(out);
    }
    progress.finish();
    out.check()?;
    Ok(unreadable)
}

fn create_stats(path: &Path) -> Result<(File, &Path), ExitError> {
    File::create(path).map(|file| (file, path)).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> ExitError {
    ExitError::io(format!("cannot write {}: {error}", path.display()))
}

/// An input that fails as soon as standard output has failed.
struct StopOnFailure {
    input: Box<dyn Read>,
    failure: WriteFailure,
}

impl Read for StopOnFailure {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failure.is_set() {
            return Err(io::Error::other("standard output failed"));
        }
        self.input.read(buffer)
    }
}
