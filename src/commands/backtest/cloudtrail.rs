//! CloudTrail files through the pipeline of `replay`, at the configured budget and at half and twice that
//! budget.
//!
//! The files are decoded once. Detection runs three times, with three times the memory of `replay` (series,
//! principals, eventIDs), each run within the same limits.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use insightd_core::cloudtrail::event::AccountId;
use insightd_core::invariants::Violations;
use insightd_core::pipeline::{Gauges, Output, Pipeline, Tally};

use super::collector::Collector;
use super::learn::LearnedPriors;
use crate::commands::console::progress::ReadProgress;
use crate::commands::sources::{Source, Sources};
use crate::commands::{violations, wall_clock};
use crate::config::Config;

/// The budgets, as factors of the configured one.
pub(crate) const FACTORS: [f64; 3] = [1.0, 0.5, 2.0];

/// The result of a backtest.
#[derive(Debug)]
pub(crate) struct BacktestResult {
    /// The configuration of the run.
    pub(crate) config: Config,
    /// One run for each of [`FACTORS`]. Only the first keeps details.
    pub(crate) runs: Vec<Collector>,
    /// The outcomes of the records.
    pub(crate) tally: Tally,
    /// The gauges at the end.
    pub(crate) gauges: Gauges,
    /// Invariants that were found broken in any run.
    pub(crate) violations: Violations,
    /// Accounts with a series.
    pub(crate) accounts: BTreeMap<AccountId, AccountSpan>,
    /// Files read.
    pub(crate) files: usize,
    /// Files that could not be read to their end.
    pub(crate) unreadable: usize,
    /// The priors learned from the files, if asked for.
    pub(crate) learned: Option<LearnedPriors>,
}

/// The history of an account. Minutes are since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AccountSpan {
    /// Its first minute.
    pub(crate) begin: i64,
    /// Its newest minute.
    pub(crate) end: i64,
}

impl AccountSpan {
    /// Weeks in which the account could raise insights: all but the warm-up.
    pub(crate) fn weeks(&self, warm_up_minutes: i64) -> f64 {
        (self.end - self.begin - warm_up_minutes).max(0) as f64 / 10_080.0
    }
}

/// Runs the backtest. Files that cannot be read are reported, counted and skipped. `peeked` is standard
/// input, if its beginning was read already. With `learn`, another run has no priors: a table must not be
/// learned from another table.
pub(crate) fn run(config: Config, sources: &Sources, peeked: Option<Box<dyn Read>>, learn: bool) -> BacktestResult {
    let mut collectors: Vec<Collector> = FACTORS.iter().map(|_| Collector::default()).collect();
    collectors[0] = Collector::with_details();
    let mut without_priors = Collector::default();
    let mut runs: Vec<(Pipeline, &mut dyn Output)> = Vec::new();
    for (factor, collector) in FACTORS.iter().zip(&mut collectors) {
        let mut config = config.clone();
        config.detect.false_insights_per_account_per_week *= factor;
        runs.push((Pipeline::new(&config), collector));
    }
    if learn {
        let mut config = config.clone();
        config.detect.priors = Arc::default();
        runs.push((Pipeline::new(&config), &mut without_priors));
    }
    let unreadable = read_all(sources, peeked, &mut runs);
    runs.iter_mut().for_each(|(pipeline, out)| pipeline.finish(*out));

    let learned = runs.get(FACTORS.len()).map(|(pipeline, _)| LearnedPriors::of(pipeline));
    let (pipeline, _) = &mut runs[0];
    let (tally, gauges) = (pipeline.take_tally(), pipeline.gauges());
    let mut violations = violations::of(pipeline, &tally);
    let accounts = accounts(pipeline);
    for (pipeline, _) in &mut runs[1..] {
        let tally = pipeline.take_tally();
        violations.add(violations::of(pipeline, &tally));
    }
    drop(runs);
    let files = sources.list.len();
    BacktestResult { config, runs: collectors, tally, gauges, violations, accounts, files, unreadable, learned }
}

fn read_all(sources: &Sources, mut peeked: Option<Box<dyn Read>>, runs: &mut [(Pipeline, &mut dyn Output)]) -> usize {
    let progress = ReadProgress::new(sources.bytes, runs[0].0.processed());
    let now = wall_clock::seconds();
    let mut unreadable = 0;
    for source in &sources.list {
        let peeked = if *source == Source::StandardInput { peeked.take() } else { None };
        let input = peeked.map_or_else(|| source.open(), Ok);
        let read = input.and_then(|input| Pipeline::stream_to_all(runs, &mut progress.watch(input), now));
        if let Err(error) = read {
            unreadable += 1;
            progress.say(&format!("{}: {error}", source.name()));
        }
    }
    progress.finish();
    unreadable
}

fn accounts(pipeline: &Pipeline) -> BTreeMap<AccountId, AccountSpan> {
    let mut accounts = BTreeMap::new();
    pipeline.each_series(&mut |series| {
        let end = series.clock.div_euclid(60);
        let span = accounts.entry(series.account).or_insert(AccountSpan { begin: series.begin, end });
        span.end = span.end.max(end);
    });
    accounts
}
