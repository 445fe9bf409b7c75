//! CloudTrail files through the pipeline of `replay`, at the configured budget, at half and at twice of it: decoded once, judged by each.
//!
//! The cost is one decoding and three detections, and three times the memory of `replay` (series, principals, eventIDs), within the same limits.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use insightd_core::cloudtrail::event::AccountId;
use insightd_core::pipeline::{Gauges, Output, Pipeline, Tally};
use sysexits::ExitCode;

use super::super::ExitError;
use super::super::replay::files::{Found as Files, Source};
use super::super::replay::progress::Progress;
use super::found::Collector;
use super::learn::Learnt;
use crate::config::Config;

/// The budgets, as factors of the configured one.
pub(super) const FACTORS: [f64; 3] = [1.0, 0.5, 2.0];

/// All that a backtest knows in the end.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The configuration of the run.
    pub config: Config,
    /// One run for each of [`FACTORS`]; the first has details.
    pub runs: Vec<Collector>,
    /// What became of the records.
    pub tally: Tally,
    /// What was live in the end.
    pub levels: Gauges,
    /// Accounts with a series.
    pub accounts: BTreeMap<AccountId, Watched>,
    /// Files read.
    pub files: usize,
    /// Files that could not be read to their end.
    pub unreadable: usize,
    /// What can go into a table of priors, if that was asked for.
    pub learnt: Option<Learnt>,
}

/// How long an account was watched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Watched {
    /// Its first minute (minutes since 1970).
    pub begin: i64,
    /// Its newest minute.
    pub end: i64,
}

impl Watched {
    /// Weeks in which it could raise insights.
    pub(super) fn weeks(&self, warm_up_minutes: i64) -> f64 {
        (self.end - self.begin - warm_up_minutes).max(0) as f64 / 10_080.0
    }
}

/// Reads all files; those that cannot be read are told, counted and passed over. `begun` is standard input, if some of it was looked at
/// already. With `learn` a further run is made without priors, as a table is to be learnt without the help of another one.
pub(super) fn run(config: Config, files: &Files, begun: Option<Box<dyn Read>>, learn: bool) -> Outcome {
    let mut collectors: Vec<Collector> = FACTORS.iter().map(|_| Collector::default()).collect();
    collectors[0] = Collector::with_details();
    let mut unlearnt = Collector::default();
    let mut runs: Vec<(Pipeline, &mut dyn Output)> = Vec::new();
    for (factor, collector) in FACTORS.iter().zip(&mut collectors) {
        let mut config = config.clone();
        config.detect.false_insights_per_account_per_week *= factor;
        runs.push((Pipeline::new(&config), collector));
    }
    if learn {
        let mut config = config.clone();
        config.detect.priors = Arc::default();
        runs.push((Pipeline::new(&config), &mut unlearnt));
    }
    let unreadable = read_all(files, begun, &mut runs);
    runs.iter_mut().for_each(|(pipeline, out)| pipeline.finish(*out));

    let learnt = runs.get(FACTORS.len()).map(|(pipeline, _)| Learnt::of(pipeline));
    let (pipeline, _) = &mut runs[0];
    let (tally, levels) = (pipeline.take_tally(), pipeline.gauges());
    let accounts = accounts(pipeline);
    drop(runs);
    Outcome { config, runs: collectors, tally, levels, accounts, files: files.sources.len(), unreadable, learnt }
}

fn read_all(files: &Files, mut begun: Option<Box<dyn Read>>, runs: &mut [(Pipeline, &mut dyn Output)]) -> usize {
    let progress = Progress::new(files.bytes, runs[0].0.taken_in());
    let now = wall_clock();
    let mut unreadable = 0;
    for source in &files.sources {
        let begun = if *source == Source::StandardInput { begun.take() } else { None };
        let input = begun.map_or_else(|| open(source), Ok);
        let read = input.and_then(|input| Pipeline::stream_to_all(runs, &mut progress.watch(input), now));
        if let Err(error) = read {
            unreadable += 1;
            progress.say(&format!("{}: {error}", source.name()));
        }
    }
    progress.finish();
    unreadable
}

fn accounts(pipeline: &Pipeline) -> BTreeMap<AccountId, Watched> {
    let mut accounts = BTreeMap::new();
    pipeline.each_series(&mut |series| {
        let end = series.clock.div_euclid(60);
        let watched = accounts.entry(series.account).or_insert(Watched { begin: series.begin, end });
        watched.end = watched.end.max(end);
    });
    accounts
}

/// Opens one input.
pub(super) fn open(source: &Source) -> io::Result<Box<dyn Read>> {
    match source {
        Source::StandardInput => Ok(Box::new(io::stdin().lock())),
        Source::File(path) => Ok(Box::new(File::open(path)?)),
    }
}

/// Seconds since 1970.
pub(super) fn wall_clock() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// How it ended, where files could not be read.
///
/// # Errors
/// 74 if there is any.
pub(super) fn check_readable(unreadable: usize) -> Result<(), ExitError> {
    match unreadable {
        0 => Ok(()),
        n => {
            Err(ExitError::new(ExitCode::IoErr, format!("{n} of the files could not be read to their end, see above")))
        }
    }
}
