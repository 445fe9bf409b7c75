//! A CSV file of counts: scores each row by the rows before it, with the statistic of live series.

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::time::Duration;

use insightd_core::detect::counts::Counts;
use insightd_core::detect::statistics::horizon::{Direction, Horizons};
use sysexits::ExitCode;

use super::csv::{RowError, Rows};
use super::trace::{Band, Trace};
use crate::commands::exit_error::ExitError;

/// Narrowest and widest bucket, seconds.
const BUCKET_S: std::ops::RangeInclusive<u64> = 60..=604_800;
/// The header of the output.
const HEADER: &str = "timestamp,value,baseline,score,insight";

/// The horizons for buckets of this width.
///
/// # Errors
/// 64 for a width that is not a duration or is out of range.
pub(crate) fn horizons(bucket: Option<&str>, direction: Direction) -> Result<Horizons, ExitError> {
    let text = bucket.unwrap_or("60s");
    let wrong = |reason: &str| {
        ExitError::new(ExitCode::Usage, format!("--bucket {text}: {reason}, such as 60s, 5min or 1h, from 60s to 7d"))
    };
    let width = humantime::parse_duration(text).map_err(|_| wrong("must be a duration"))?;
    let seconds = width.as_secs();
    if width != Duration::from_secs(seconds) || !BUCKET_S.contains(&seconds) {
        return Err(wrong("must be whole seconds"));
    }
    // Cannot fail: the range fits.
    Ok(Horizons::per_bucket(u32::try_from(seconds).unwrap_or(u32::MAX), direction))
}

/// How counts are scored.
pub(crate) struct Scoring {
    /// Those of the width of a bucket.
    pub(crate) horizons: Horizons,
    /// `detect.false_insights_per_account_per_week`
    pub(crate) budget: f64,
    /// Whether to return the trace for a plot.
    pub(crate) traced: bool,
}

/// Scores all rows of the input called `name` and writes one line for each; returns the trace if asked for.
///
/// # Errors
/// 65 for a line that is not a row, 66 for input that cannot be read, 74 for output that cannot be written.
pub(crate) fn run(name: &str, input: Box<dyn io::Read>, scoring: &Scoring) -> Result<Option<Trace>, ExitError> {
    let mut trace = scoring.traced.then(Trace::default);
    let mut out = BufWriter::new(io::stdout().lock());
    let outcome = score(name, BufReader::new(input), scoring, &mut out, trace.as_mut());
    let flushed = out.flush().map_err(|error| ExitError::stdout(&error));
    match (outcome, flushed) {
        (Ok(()), Ok(())) => Ok(trace),
        (Err(Stop::ReaderLeft), _) => Ok(trace),
        (Err(Stop::Failed(error)), _) | (_, Err(error)) => Err(error),
    }
}

/// Why the scoring stopped early.
enum Stop {
    /// The reader of standard output has closed it, which is not a failure.
    ReaderLeft,
    Failed(ExitError),
}

fn score(
    name: &str,
    input: impl BufRead,
    scoring: &Scoring,
    out: &mut impl Write,
    mut trace: Option<&mut Trace>,
) -> Result<(), Stop> {
    let mut counts = Counts::new(scoring.horizons, scoring.budget);
    let mut band = Band::new(scoring.horizons);
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
        _ => Stop::Failed(ExitError::stdout(&error)),
    }
}

fn unreadable(name: &str, error: &RowError) -> ExitError {
    match error {
        RowError::Io(error) => ExitError::new(ExitCode::NoInput, format!("cannot read {name}: {error}")),
        RowError::Line { line, reason } => ExitError::new(ExitCode::DataErr, format!("{name}, line {line}: {reason}")),
    }
}
