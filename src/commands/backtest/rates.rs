//! Insights by account, API, series and budget, with their rates a week.

use std::collections::BTreeMap;

use insightd_core::cloudtrail::event::AccountId;

use super::cloudtrail::{AccountSpan, BacktestResult, FACTORS};
use super::collector::{BySeverity, Collector, FoundInsight};
use super::series_name::SeriesName;

/// The API of a series, with its error code if it counts errors.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Api {
    pub(crate) source: String,
    pub(crate) name: String,
    pub(crate) error: Option<String>,
}

/// One account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountRate {
    /// Its id.
    pub(crate) account: AccountId,
    /// Its insights.
    pub(crate) insights: BySeverity,
    /// Weeks in which it could raise insights: its history without the warm-up.
    pub(crate) weeks: f64,
}

/// One budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BudgetRate {
    /// False insights that an account may raise in a week.
    pub(crate) budget: f64,
    /// Insights found.
    pub(crate) insights: BySeverity,
    /// Insights that a rule suppresses.
    pub(crate) suppressed: u64,
}

impl BacktestResult {
    /// The run at the configured budget.
    pub(crate) fn main(&self) -> &Collector {
        &self.runs[0]
    }

    /// Minutes before an account may raise insights.
    pub(crate) fn warm_up_minutes(&self) -> i64 {
        i64::try_from(self.config.baseline.warm_up.as_secs() / 60).unwrap_or(i64::MAX / 2)
    }

    /// Weeks of all accounts together in which they could raise insights.
    pub(crate) fn account_weeks(&self) -> f64 {
        self.accounts.values().map(|span| span.weeks(self.warm_up_minutes())).sum()
    }

    /// Weeks in which an account could raise insights; 0 if all its series are forgotten by now.
    pub(crate) fn weeks_of(&self, account: AccountId) -> f64 {
        self.accounts.get(&account).map_or(0.0, |span| span.weeks(self.warm_up_minutes()))
    }

    /// Weeks from the first minute of any account to the last, without the warm-up.
    pub(crate) fn weeks(&self) -> f64 {
        let begin = self.accounts.values().map(|span| span.begin).min().unwrap_or(0);
        let end = self.accounts.values().map(|span| span.end).max().unwrap_or(0);
        AccountSpan { begin, end }.weeks(self.warm_up_minutes())
    }

    /// All accounts, those with most insights first.
    pub(crate) fn by_account(&self) -> Vec<AccountRate> {
        let found = sums(self.main(), |found| found.series.account);
        let rate = |(&account, span): (&AccountId, &AccountSpan)| AccountRate {
            account,
            insights: found.get(&account).copied().unwrap_or_default(),
            weeks: span.weeks(self.warm_up_minutes()),
        };
        let mut rates: Vec<AccountRate> = self.accounts.iter().map(rate).collect();
        rates.sort_by_key(|rate| std::cmp::Reverse(rate.insights.total()));
        rates
    }

    /// APIs with insights, those with most first.
    pub(crate) fn by_api(&self) -> Vec<(Api, BySeverity)> {
        let api = |found: &FoundInsight| {
            let SeriesName { source, name, error, .. } = &found.series;
            Api { source: source.clone(), name: name.clone(), error: error.clone() }
        };
        most_first(sums(self.main(), api))
    }

    /// Series with insights, those with most first.
    pub(crate) fn by_series(&self) -> Vec<(SeriesName, BySeverity)> {
        most_first(sums(self.main(), |found| found.series.clone()))
    }

    /// The insights at each budget, the lowest budget first.
    pub(crate) fn by_budget(&self) -> Vec<BudgetRate> {
        let budget = self.config.detect.false_insights_per_account_per_week;
        let rate = |(factor, run): (&f64, &Collector)| BudgetRate {
            budget: budget * factor,
            insights: run.by_severity,
            suppressed: run.suppressed,
        };
        let mut rates: Vec<BudgetRate> = FACTORS.iter().zip(&self.runs).map(rate).collect();
        rates.sort_by(|a, b| a.budget.total_cmp(&b.budget));
        rates
    }

    /// What limits the meaning of the numbers, one sentence each.
    pub(crate) fn cautions(&self) -> Vec<String> {
        let mut cautions = Vec::new();
        let all = self.accounts.len();
        let weeks = |span: &AccountSpan| span.weeks(0);
        let warm_up = humantime::format_duration(self.config.baseline.warm_up);
        let cold = self.accounts.values().filter(|w| w.weeks(self.warm_up_minutes()) <= 0.0).count();
        let young = self.accounts.values().filter(|w| weeks(w) < 1.0).count();
        if all == 0 {
            cautions.push("no record entered a series: nothing could be found".to_owned());
        }
        if cold > 0 {
            cautions.push(format!(
                "{cold} of {all} accounts have less history than baseline.warm_up ({warm_up}): nothing could be found in them"
            ));
        }
        if young > cold {
            cautions.push(format!(
                "{} of {all} accounts have less than a week of history, in which the detector needs stronger evidence: their numbers say \
                 little about a longer run",
                young - cold
            ));
        }
        if self.main().left_out() > 0 {
            cautions.push(format!("{} further insights are counted, but not in the lists", self.main().left_out()));
        }
        cautions
    }
}

fn sums<K: Ord>(run: &Collector, key: impl Fn(&FoundInsight) -> K) -> BTreeMap<K, BySeverity> {
    let mut sums: BTreeMap<K, BySeverity> = BTreeMap::new();
    for found in run.found.iter().filter(|found| found.suppressed_by.is_none()) {
        sums.entry(key(found)).or_default().add(found.severity);
    }
    sums
}

fn most_first<K>(sums: BTreeMap<K, BySeverity>) -> Vec<(K, BySeverity)> {
    let mut sums: Vec<(K, BySeverity)> = sums.into_iter().collect();
    sums.sort_by_key(|(_, insights)| std::cmp::Reverse(insights.total()));
    sums
}
