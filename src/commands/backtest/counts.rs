//! A CSV file of counts: each row scored by the rows before it, with the statistic of live series.

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use insightd_core::detect::counts::Counts;
use insightd_core::detect::statistics::horizon::{Direction, Horizons};
use sysexits::ExitCode;

use super::super::ExitError;
use super::csv::{RowError, Rows};
use super::trace::{Band, Trace};

/// Narrowest and widest bucket, seconds.
const BUCKET_S: std::ops::RangeInclusive<u64> = 60..=604_800;
/// What is written first.
const HEADER: &str = "timestamp,value,baseline,score,insight";

/// The horizons for buckets of this width.
///
/// # Errors
/// A width that is no duration or out of range (64).
pub(super) fn horizons(bucket: Option<&str>, direction: Direction) -> Result<Horizons, ExitError> {
    let text = bucket.unwrap_or("60s");
    let wrong = |reason: &str| {
        ExitError::new(ExitCode::Usage, format!("--bucket {text}: {reason}, such as 60s, 5min or 1h, from 60s to 7d"))
    };
    let width = humantime::parse_duration(text).map_err(|_| wrong("must be a duration"))?;
    let seconds = width.as_secs();
    if width != Duration::from_secs(seconds) || !BUCKET_S.contains(&seconds) {
        return Err(wrong("must be whole seconds"));
    }
    // The range fits.
    Ok(Horizons::per_bucket(u32::try_from(seconds).unwrap_or(u32::MAX), direction))
}

/// Scores all rows of `input` and writes one line for each; gives back the trace if it is wanted.
///
/// # Errors
/// A line that is no row (65), input that cannot be read (66) or output that cannot be written (74).
pub(super) fn run(
    name: &str,
    input: Box<dyn io::Read>,
    (horizons, budget): (Horizons, f64),
    traced: bool,
) -> Result<Option<Trace>, ExitError> {
    let mut trace = traced.then(Trace::default);
    let mut out = BufWriter::new(io::stdout().lock());
    let outcome = score(name, BufReader::new(input), (horizons, budget), &mut out, trace.as_mut());
    let flushed = out.flush().map_err(|error| ExitError::new(ExitCode::IoErr, unwritable(&error)));
    match (outcome, flushed) {
        (Ok(()), Ok(())) => Ok(trace),
        (Err(Stop::ReaderLeft), _) => Ok(trace),
        (Err(Stop::Failed(failure)), _) | (_, Err(failure)) => Err(failure),
    }
}

/// Why it ended before its end.
enum Stop {
    /// Whoever read standard output has closed it, which is no fault.
    ReaderLeft,
    Failed(ExitError),
}

fn score(
    name: &str,
    input: impl BufRead,
    (horizons, budget): (Horizons, f64),
    out: &mut impl Write,
    mut trace: Option<&mut Trace>,
) -> Result<(), Stop> {
    let mut counts = Counts::new(horizons, budget);
    let mut band = Band::new(horizons);
    writeln!(out, "{HEADER}").map_err(stop)?;
    for row in Rows::new(input) {
        let row = row.map_err(|error| Stop::Failed(unreadable(name, &error)))?;
        let judged = counts.judge(row.value);
        debug_assert!(judged.score >= 0.0 && judged.baseline.is_finite(), "{judged:?}");
        let insight = u8::from(judged.insight);
        writeln!(out, "{},{},{:.4},{:.6},{insight}", row.timestamp, row.written, judged.baseline, judged.score)
            .map_err(stop)?;
        if let Some(trace) = &mut trace {
            trace.push(band.next(row.time, row.value, judged.insight));
        }
    }
    Ok(())
}

fn stop(error: io::Error) -> Stop {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Stop::ReaderLeft,
        _ => Stop::Failed(ExitError::new(ExitCode::IoErr, unwritable(&error))),
    }
}

fn unwritable(error: &io::Error) -> String {
    format!("cannot write to standard output: {error}")
}

fn unreadable(name: &str, error: &RowError) -> ExitError {
    match error {
        RowError::Io(error) => ExitError::new(ExitCode::NoInput, format!("cannot read {name}: {error}")),
        RowError::Line { line, reason } => ExitError::new(ExitCode::DataErr, format!("{name}, line {line}: {reason}")),
    }
}

/// The name of an input in messages.
pub(super) fn called(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}
