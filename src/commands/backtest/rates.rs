//! Insights put together by account, API and series, with what they come to in a week.

use std::collections::BTreeMap;

use insightd_core::cloudtrail::event::AccountId;

use super::cloudtrail::{FACTORS, Outcome, Watched};
use super::found::{BySeverity, Collector, Found, SeriesName};

/// API of a series: event source, event name and error code.
pub(super) type Api = (String, String, Option<String>);

/// One account.
#[derive(Clone, Copy, Debug)]
pub(super) struct AccountRate {
    /// Its id.
    pub account: AccountId,
    /// Its insights.
    pub insights: BySeverity,
    /// Weeks in which it could raise them: its history without the warm-up.
    pub weeks: f64,
}

/// One budget.
#[derive(Clone, Copy, Debug)]
pub(super) struct BudgetRate {
    /// Insights an account may raise in a week.
    pub budget: f64,
    /// Insights found.
    pub insights: BySeverity,
    /// Those a rule suppresses.
    pub suppressed: u64,
}

impl Outcome {
    /// The run at the configured budget.
    pub(super) fn main(&self) -> &Collector {
        &self.runs[0]
    }

    /// Minutes before an account may raise insights.
    pub(super) fn warm_up_minutes(&self) -> i64 {
        i64::try_from(self.config.baseline.warm_up.as_secs() / 60).unwrap_or(i64::MAX / 2)
    }

    /// Weeks of all accounts together in which they could raise insights.
    pub(super) fn account_weeks(&self) -> f64 {
        self.accounts.values().map(|watched| watched.weeks(self.warm_up_minutes())).sum()
    }

    /// Weeks in which an account could raise insights; 0 if all its series were forgotten meanwhile.
    pub(super) fn weeks_of(&self, account: AccountId) -> f64 {
        self.accounts.get(&account).map_or(0.0, |watched| watched.weeks(self.warm_up_minutes()))
    }

    /// Weeks from the first minute of any account to the last, without the warm-up.
    pub(super) fn weeks(&self) -> f64 {
        let begin = self.accounts.values().map(|watched| watched.begin).min().unwrap_or(0);
        let end = self.accounts.values().map(|watched| watched.end).max().unwrap_or(0);
        Watched { begin, end }.weeks(self.warm_up_minutes())
    }

    /// Accounts, those with most insights first.
    pub(super) fn by_account(&self) -> Vec<AccountRate> {
        let found = sums(self.main(), |found| found.series.account);
        let rate = |(&account, watched): (&AccountId, &Watched)| AccountRate {
            account,
            insights: found.get(&account).copied().unwrap_or_default(),
            weeks: watched.weeks(self.warm_up_minutes()),
        };
        let mut rates: Vec<AccountRate> = self.accounts.iter().map(rate).collect();
        rates.sort_by_key(|rate| std::cmp::Reverse(rate.insights.total()));
        rates
    }

    /// APIs with insights, those with most first.
    pub(super) fn by_api(&self) -> Vec<(Api, BySeverity)> {
        let api = |found: &Found| {
            let SeriesName { source, name, error, .. } = &found.series;
            (source.clone(), name.clone(), error.clone())
        };
        most_first(sums(self.main(), api))
    }

    /// Series with insights, those with most first.
    pub(super) fn by_series(&self) -> Vec<(SeriesName, BySeverity)> {
        most_first(sums(self.main(), |found| found.series.clone()))
    }

    /// What the numbers are at each budget, the lowest first.
    pub(super) fn by_budget(&self) -> Vec<BudgetRate> {
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

    /// What must be known to read the numbers rightly, one sentence each.
    pub(super) fn cautions(&self) -> Vec<String> {
        let mut said = Vec::new();
        let all = self.accounts.len();
        let weeks = |watched: &Watched| watched.weeks(0);
        let warm_up = humantime::format_duration(self.config.baseline.warm_up);
        let cold = self.accounts.values().filter(|w| w.weeks(self.warm_up_minutes()) <= 0.0).count();
        let young = self.accounts.values().filter(|w| weeks(w) < 1.0).count();
        if all == 0 {
            said.push("no record entered a series: nothing could be found".to_owned());
        }
        if cold > 0 {
            said.push(format!(
                "{cold} of {all} accounts have less history than baseline.warm_up ({warm_up}): nothing could be found in them"
            ));
        }
        if young > cold {
            said.push(format!(
                "{} of {all} accounts have less than a week of history, in which the detector asks more of an insight: their numbers say \
                 little about a longer run",
                young - cold
            ));
        }
        if self.main().left_out() > 0 {
            said.push(format!("{} further insights are counted, but not in the lists", self.main().left_out()));
        }
        said
    }
}

fn sums<K: Ord>(run: &Collector, key: impl Fn(&Found) -> K) -> BTreeMap<K, BySeverity> {
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
