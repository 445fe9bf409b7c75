//! `insightd backtest`: what would have fired, on counts or on CloudTrail files.

pub mod args;
mod cloudtrail;
mod counts;
mod csv;
mod found;
mod json;
mod kind;
mod learn;
mod pixels;
mod plot;
mod rates;
mod recount;
mod report;
mod table;
mod trace;

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::Path;

use sysexits::ExitCode;

use self::args::BacktestArgs;
use self::cloudtrail::Outcome;
use self::found::SeriesName;
use self::kind::Kind;
use super::replay::files::{self, Source};
use super::{ExitError, say, version};
use crate::config::Config;

/// Runs the command.
///
/// # Errors
/// With the codes of sysexits.
pub fn run(args: &BacktestArgs) -> Result<(), ExitError> {
    let mut config =
        Config::load(args.config.as_deref()).map_err(|f| ExitError::new(ExitCode::Config, f.to_string()))?;
    config.detect.direction = args.direction.unwrap_or(config.detect.direction);
    if let [path] = &args.paths[..]
        && path.as_os_str() == "-"
    {
        return standard_input(args, config);
    }
    let mut kinds = Vec::new();
    for path in args.paths.iter().filter(|path| path.as_os_str() != "-") {
        kinds.push(kind::of_path(path).map_err(|error| unreadable(path, &error))?);
    }
    match (kinds.contains(&Kind::Counts), &args.paths[..]) {
        (false, _) => cloudtrail(args, config),
        (true, [path]) => {
            let (head, input) = kind::peek(open(path)?).map_err(|error| unreadable(path, &error))?;
            counts(args, &config, &counts::called(path), kind::unpacked(&head, input))
        }
        (true, _) => Err(usage("a CSV file of counts stands alone: it is one series, and not CloudTrail")),
    }
}

fn standard_input(args: &BacktestArgs, config: Config) -> Result<(), ExitError> {
    let (head, input) = kind::peek(Box::new(io::stdin().lock())).map_err(|error| unreadable(Path::new("-"), &error))?;
    match kind::of_head(&head) {
        Kind::Counts => counts(args, &config, "standard input", kind::unpacked(&head, input)),
        Kind::CloudTrail => judge(args, config, &files_of(args)?, Some(Box::new(input))),
    }
}

// === counts ===

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
    let mut plot = args.plot.as_deref().map(create).transpose()?;
    let trace = counts::run(name, input, (horizons, budget), plot.is_some())?;
    if let (Some((file, path)), Some(trace)) = (&mut plot, trace) {
        draw(file, path, name, &trace)?;
    }
    Ok(())
}

// === CloudTrail ===

fn cloudtrail(args: &BacktestArgs, config: Config) -> Result<(), ExitError> {
    judge(args, config, &files_of(args)?, None)
}

fn files_of(args: &BacktestArgs) -> Result<files::Found, ExitError> {
    // What this run writes is no input, even where an earlier run has left it in a folder.
    files::find(&args.paths, args.plot.as_deref().or(args.learn_priors.as_deref()))
}

/// `begun`: standard input, of which the first bytes were looked at.
fn judge(
    args: &BacktestArgs,
    config: Config,
    files: &files::Found,
    begun: Option<Box<dyn Read>>,
) -> Result<(), ExitError> {
    if args.bucket.is_some() {
        return Err(usage("--bucket is for counts; CloudTrail is counted by the minute"));
    }
    if args.plot.is_some() && files.sources.contains(&Source::StandardInput) {
        return Err(usage("--plot reads CloudTrail a second time, which standard input cannot be; give files"));
    }
    let series = match &args.series {
        Some(text) => Some(SeriesName::parse(text).ok_or_else(|| {
            usage(&format!("--series {text}: must be account/region/source/name, for errors with /error after it"))
        })?),
        None => None,
    };
    let mut plot = args.plot.as_deref().map(create).transpose()?;
    let mut priors = args.learn_priors.as_deref().map(create).transpose()?;
    if files.others > 0 {
        say(&files.others_line());
    }
    let outcome = cloudtrail::run(config, files, begun, priors.is_some());
    print(&if args.json { format!("{:#}\n", json::object(&outcome)) } else { report::report(&outcome) })?;
    if let Some((file, path)) = &mut priors {
        learn(&outcome, args, file, path)?;
    }
    if let Some((file, path)) = &mut plot {
        let series = series.or_else(|| outcome.by_series().into_iter().next().map(|(series, _)| series));
        let series = series.ok_or_else(|| {
            ExitError::new(ExitCode::DataErr, "there was no insight, so no series to draw; choose one by --series")
        })?;
        let trace = recount::trace(&outcome, &series, files).map_err(|e| ExitError::new(ExitCode::DataErr, e))?;
        draw(file, path, &series.to_string(), &trace)?;
    }
    cloudtrail::check_readable(outcome.unreadable)
}

fn learn(outcome: &Outcome, args: &BacktestArgs, file: &mut File, path: &Path) -> Result<(), ExitError> {
    let Some(learnt) = &outcome.learnt else { return Ok(()) };
    let span = |minute: Option<i64>| minute.map_or("-".to_owned(), report::minute);
    let paths: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
    let source = format!(
        "{} accounts, {} to {}: backtest --learn-priors {} {}",
        outcome.accounts.len(),
        span(outcome.accounts.values().map(|watched| watched.begin).min()),
        span(outcome.accounts.values().map(|watched| watched.end).max()),
        path.display(),
        paths.join(" "),
    );
    let text = learnt.file(version(), &source);
    file.write_all(text.as_bytes()).map_err(|error| unwritable(path, &error))?;
    say(&format!(
        "{}: {} entries learnt from {} accounts",
        path.display(),
        learnt.entries().len(),
        outcome.accounts.len()
    ));
    Ok(())
}

// === input and output ===

fn open(path: &Path) -> Result<Box<dyn Read>, ExitError> {
    File::open(path).map(|file| Box::new(file) as Box<dyn Read>).map_err(|error| unreadable(path, &error))
}

fn create(path: &Path) -> Result<(File, &Path), ExitError> {
    File::create(path).map(|file| (file, path)).map_err(|error| unwritable(path, &error))
}

fn draw(file: &mut File, path: &Path, title: &str, trace: &trace::Trace) -> Result<(), ExitError> {
    let svg = plot::svg(title, trace)
        .map_err(|reason| ExitError::new(ExitCode::DataErr, format!("cannot draw {}: {reason}", path.display())))?;
    file.write_all(svg.as_bytes()).map_err(|error| unwritable(path, &error))
}

fn print(text: &str) -> Result<(), ExitError> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // A reader that has seen enough is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(ExitError::new(ExitCode::IoErr, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

fn usage(message: &str) -> ExitError {
    ExitError::new(ExitCode::Usage, message)
}

fn unreadable(path: &Path, error: &io::Error) -> ExitError {
    ExitError::new(ExitCode::NoInput, format!("cannot read {}: {error}", counts::called(path)))
}

fn unwritable(path: &Path, error: &io::Error) -> ExitError {
    ExitError::new(ExitCode::IoErr, format!("cannot write {}: {error}", path.display()))
}
