//! `insightd replay`: the engine of `run` over CloudTrail files. Insights go to standard output and nothing else does.

pub(super) mod files;
pub(super) mod progress;
mod stats;

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::rc::Rc;

use insightd_core::cloudtrail::insight::{Format, Insight};
use insightd_core::pipeline::{DeadLetterRecord, Output, Pipeline};
use sysexits::ExitCode;

use self::files::{Found, Source};
use self::progress::Progress;
use super::{ExitError, ReplayArgs, say, wall_clock};
use crate::config::Config;

/// Runs the command.
///
/// # Errors
///
/// When the configuration, a path or the output cannot be used.
pub fn run(args: &ReplayArgs) -> Result<(), ExitError> {
    let config = Config::load(args.config.as_deref()).map_err(|f| ExitError::new(ExitCode::Config, f.to_string()))?;
    let found = files::find(&args.paths, args.stats.as_deref())?;
    let stats = args.stats.as_deref().map(create_stats).transpose()?;
    if found.others > 0 {
        say(&found.others_line());
    }
    let mut pipeline = Pipeline::new(&config);
    let format = args.format.unwrap_or(config.output.format);
    let mut out = Lines::new(format, args.explain);
    let unreadable = replay(&found, &mut pipeline, &mut out)?;
    if let Some((mut file, path)) = stats {
        let written = stats::write(&mut file, &pipeline.take_tally(), &pipeline.gauges(), &config.rules);
        written.map_err(|e| io_failure(path, &e))?;
    }
    match unreadable {
        0 => Ok(()),
        n => {
            Err(ExitError::new(ExitCode::IoErr, format!("{n} of the files could not be read to their end, see above")))
        }
    }
}

/// Replays all sources; returns how many could not be read.
fn replay(found: &Found, pipeline: &mut Pipeline, out: &mut Lines) -> Result<usize, ExitError> {
    let progress = Progress::new(found.bytes, pipeline.taken_in());
    let now = wall_clock();
    let mut unreadable = 0;
    for source in &found.sources {
        if let Err(error) = replay_one(source, now, pipeline, out, &progress) {
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

fn replay_one(
    source: &Source,
    now: i64,
    pipeline: &mut Pipeline,
    out: &mut Lines,
    progress: &Progress,
) -> io::Result<()> {
    let input: Box<dyn Read> = match source {
        Source::StandardInput => Box::new(io::stdin().lock()),
        Source::File(path) => Box::new(File::open(path)?),
    };
    let mut input = progress.watch(Stoppable { input, failed: Rc::clone(&out.failed) });
    pipeline.stream(&mut input, now, out)
}

fn create_stats(path: &Path) -> Result<(File, &Path), ExitError> {
    File::create(path).map(|file| (file, path)).map_err(|e| io_failure(path, &e))
}

fn io_failure(path: &Path, error: &io::Error) -> ExitError {
    ExitError::new(ExitCode::IoErr, format!("cannot write {}: {error}", path.display()))
}

/// Insights as lines on standard output, each written at once, so that a reader sees it when it happens.
struct Lines {
    format: Format,
    explain: bool,
    line: Vec<u8>,
    /// The first failed write; reading stops at it.
    failed: Rc<RefCell<Option<io::Error>>>,
}

impl Lines {
    fn new(format: Format, explain: bool) -> Self {
        Self { format, explain, line: Vec::new(), failed: Rc::default() }
    }

    /// Whether whoever read standard output has closed it: the end of the run, but no fault.
    fn reader_left(&self) -> bool {
        self.failed.borrow().as_ref().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    }

    fn check(&self) -> Result<(), ExitError> {
        match &*self.failed.borrow() {
            Some(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                Err(ExitError::new(ExitCode::IoErr, format!("cannot write to standard output: {e}")))
            }
            _ => Ok(()),
        }
    }
}

impl Output for Lines {
    fn insight(&mut self, insight: Insight) {
        if self.failed.borrow().is_some() {
            return;
        }
        self.line.clear();
        self.format.write(&insight, &mut self.line, self.explain);
        self.line.push(b'\n');
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(&self.line).and_then(|()| stdout.flush()) {
            *self.failed.borrow_mut() = Some(error);
        }
    }

    fn dead_letter(&mut self, _: DeadLetterRecord<'_>) {
        // Counted by the pipeline; files stay where they are, so nothing is lost.
    }
}

/// Input that ends with an error once standard output has failed.
struct Stoppable {
    input: Box<dyn Read>,
    failed: Rc<RefCell<Option<io::Error>>>,
}

impl Read for Stoppable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed.borrow().is_some() {
            return Err(io::Error::other("standard output failed"));
        }
        self.input.read(buffer)
    }
}
