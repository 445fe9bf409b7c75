//! `insightd backtest`: what would have fired, on counts or on CloudTrail files.

mod args;
mod cloudtrail;
mod collector;
mod counts;
mod csv;
mod input;
mod json;
mod learn;
mod pixels;
mod plot;
mod rates;
mod recount;
mod report;
mod series_name;
mod table;
mod trace;

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::Path;

use sysexits::ExitCode;

pub(crate) use self::args::BacktestArgs;
use self::cloudtrail::BacktestResult;
use self::counts::Scoring;
use self::input::{Kind, unreadable};
use self::series_name::SeriesName;
use self::trace::Trace;
use super::console::{print, say};
use super::exit_error::ExitError;
use super::sources::{Source, Sources};
use super::version::version;
use super::violations;
use crate::config::Config;

/// Runs the command.
///
/// # Errors
/// 64 for arguments that do not fit together, 65 for rows that are not counts or a series that cannot be
/// drawn, 66 for input that cannot be found, 74 for input that cannot be read to its end or output that
/// cannot be written, 78 for a configuration that is wrong.
pub(crate) fn run(args: &BacktestArgs) -> Result<(), ExitError> {
    let mut config = Config::load(args.config.as_deref())?;
    config.detect.direction = args.direction.unwrap_or(config.detect.direction);
    if let [path] = &args.paths[..]
        && path.as_os_str() == "-"
    {
        return standard_input(args, config);
    }
    let mut kinds = Vec::new();
    for path in args.paths.iter().filter(|path| path.as_os_str() != "-") {
        kinds.push(input::of_path(path).map_err(|error| unreadable(path, &error))?);
    }
    match (kinds.contains(&Kind::Counts), &args.paths[..]) {
        (false, _) => cloudtrail(args, config, None),
        (true, [path]) => {
            let file = File::open(path).and_then(|file| input::peek(Box::new(file)));
            let (head, input) = file.map_err(|error| unreadable(path, &error))?;
            counts(args, &config, &input::name(path), input::decompressed(&head, input))
        }
        (true, _) => Err(usage("give a CSV file of counts alone: it is one series, not CloudTrail")),
    }
}

fn standard_input(args: &BacktestArgs, config: Config) -> Result<(), ExitError> {
    let stdin = Path::new("-");
    let (head, input) = input::peek(Box::new(io::stdin().lock())).map_err(|error| unreadable(stdin, &error))?;
    match input::of_head(&head) {
        Kind::Counts => counts(args, &config, &input::name(stdin), input::decompressed(&head, input)),
        Kind::CloudTrail => cloudtrail(args, config, Some(Box::new(input))),
    }
}

fn counts(args: &BacktestArgs, config: &Config, name: &str, input: Box<dyn Read>) -> Result<(), ExitError> {
    for (given, flag) in
        [(args.json, "--json"), (args.series.is_some(), "--series"), (args.learn_priors.is_some(), "--learn-priors")]
    {
        if given {
            return Err(usage(&format!("{flag} is for CloudTrail files, and {name} holds counts")));
        }
    }
    let horizons = counts::horizons(args.bucket.as_deref(), config.detect.direction)?;
    let budget = config.detect.false_insights_per_account_per_week;
    let mut plot = args.plot.as_deref().map(OutputFile::create).transpose()?;
    let trace = counts::run(name, input, &Scoring { horizons, budget, traced: plot.is_some() })?;
    if let (Some(file), Some(trace)) = (&mut plot, trace) {
        draw(file, name, &trace)?;
    }
    Ok(())
}

/// `peeked` is standard input, if its first bytes were read already.
fn cloudtrail(args: &BacktestArgs, config: Config, peeked: Option<Box<dyn Read>>) -> Result<(), ExitError> {
    // The output of this run is not an input, even if an earlier run has left it in a folder.
    let sources = Sources::find(&args.paths, args.plot.as_deref().or(args.learn_priors.as_deref()))?;
    if args.bucket.is_some() {
        return Err(usage("--bucket is for counts; CloudTrail is counted by the minute"));
    }
    if args.plot.is_some() && sources.list.contains(&Source::StandardInput) {
        return Err(usage("--plot reads CloudTrail a second time, which standard input cannot be; give files"));
    }
    let series = args.series.as_deref().map(series_of).transpose()?;
    let plot = args.plot.as_deref().map(OutputFile::create).transpose()?;
    let priors = args.learn_priors.as_deref().map(OutputFile::create).transpose()?;
    if let Some(line) = sources.others_line() {
        say(&line);
    }
    let result = cloudtrail::run(config, &sources, peeked, priors.is_some());
    print(&match args.json {
        true => format!("{:#}\n", json::object(&result)),
        false => report::report(&result),
    })?;
    if let Some(mut file) = priors {
        write_priors(&result, args, &mut file)?;
    }
    if let Some(mut file) = plot {
        plot_series(&result, series, &sources, &mut file)?;
    }
    violations::fail_on_any(result.violations)?;
    match result.unreadable {
        0 => Ok(()),
        n => Err(ExitError::io(format!("{n} of the files could not be read to their end, see above"))),
    }
}

fn series_of(text: &str) -> Result<SeriesName, ExitError> {
    SeriesName::parse(text).ok_or_else(|| {
        usage(&format!("--series {text}: must be account/region/source/name, for errors with /error after it"))
    })
}

fn write_priors(result: &BacktestResult, args: &BacktestArgs, file: &mut OutputFile<'_>) -> Result<(), ExitError> {
    let Some(learned) = &result.learned else { return Ok(()) };
    let time = |minute: Option<i64>| minute.map_or("-".to_owned(), report::minute);
    let paths: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
    let source = format!(
        "{} accounts, {} to {}: backtest --learn-priors {} {}",
        result.accounts.len(),
        time(result.accounts.values().map(|span| span.begin).min()),
        time(result.accounts.values().map(|span| span.end).max()),
        file.path.display(),
        paths.join(" "),
    );
    file.write(&learned.file(version(), &source))?;
    let (entries, accounts) = (learned.entries().len(), result.accounts.len());
    say(&format!("{}: {entries} entries learned from {accounts} accounts", file.path.display()));
    Ok(())
}

/// Draws the given series, otherwise the one with most insights.
fn plot_series(
    result: &BacktestResult,
    series: Option<SeriesName>,
    sources: &Sources,
    file: &mut OutputFile<'_>,
) -> Result<(), ExitError> {
    let series = series.or_else(|| result.by_series().into_iter().next().map(|(series, _)| series));
    let series = series.ok_or_else(|| {
        ExitError::new(ExitCode::DataErr, "there was no insight, so no series to draw; choose one by --series")
    })?;
    let trace = recount::trace(result, &series, sources).map_err(|reason| ExitError::new(ExitCode::DataErr, reason))?;
    draw(file, &series.to_string(), &trace)
}

fn draw(file: &mut OutputFile<'_>, title: &str, trace: &Trace) -> Result<(), ExitError> {
    let undrawn = |reason| ExitError::new(ExitCode::DataErr, format!("cannot draw {}: {reason}", file.path.display()));
    let svg = plot::svg(title, trace).map_err(undrawn)?;
    file.write(&svg)
}

/// A file that the command writes. Created before the work begins, so that a wrong path fails at once.
struct OutputFile<'a> {
    file: File,
    path: &'a Path,
}

impl<'a> OutputFile<'a> {
    fn create(path: &'a Path) -> Result<Self, ExitError> {
        File::create(path).map(|file| Self { file, path }).map_err(|error| unwritable(path, &error))
    }

    fn write(&mut self, text: &str) -> Result<(), ExitError> {
        self.file.write_all(text.as_bytes()).map_err(|error| unwritable(self.path, &error))
    }
}

fn unwritable(path: &Path, error: &io::Error) -> ExitError {
    ExitError::io(format!("cannot write {}: {error}", path.display()))
}

fn usage(message: &str) -> ExitError {
    ExitError::new(ExitCode::Usage, message)
}
