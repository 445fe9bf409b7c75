//! The result as one JSON object. Times are RFC 3339. A rate is `null` if no insight could be raised.

use insightd_core::cloudtrail::insight::Severity;
use insightd_core::pipeline::Outcome;
use serde_json::{Map, Value, json};

use super::cloudtrail::BacktestResult;
use super::collector::{BySeverity, FoundInsight};
use super::rates::{AccountRate, Api, BudgetRate};

/// The object.
pub(crate) fn object(result: &BacktestResult) -> Value {
    let mut records: Map<String, Value> = Outcome::ALL
        .iter()
        .map(|&outcome| (outcome.label().to_owned(), result.tally.outcome(outcome).into()))
        .collect();
    records.insert("total".to_owned(), result.tally.total().into());
    let times = |minute: Option<i64>| minute.map(instant);
    json!({
        "files": result.files,
        "files_unreadable": result.unreadable,
        "records": records,
        "series": result.gauges.series,
        "begin": times(result.accounts.values().map(|watched| watched.begin).min()),
        "end": times(result.accounts.values().map(|watched| watched.end).max()),
        "weeks": result.weeks(),
        "account_weeks": result.account_weeks(),
        "cautions": result.cautions(),
        "insights": result.main().found.iter().map(insight).collect::<Vec<_>>(),
        "insights_left_out": result.main().left_out(),
        "accounts": accounts(result),
        "apis": apis(result),
        "noisiest_series": series(result),
        "budgets": budgets(result),
    })
}

fn insight(found: &FoundInsight) -> Value {
    json!({
        "account": found.series.account.to_string(),
        "region": found.series.region,
        "event_source": found.series.source,
        "event_name": found.series.name,
        "error_code": found.series.error,
        "start": instant(found.start),
        "end": found.end.map(instant),
        "duration_minutes": found.end.map(|end| end - found.start),
        "detected_at": second(found.detected_at),
        "score": found.score,
        "limit": found.limit,
        "severity": found.severity.label(),
        "reason": found.reason.label(),
        "calls": found.calls,
        "calls_minutes": found.minutes,
        "calls_expected": found.expected,
        "top_principal": found.principal,
        "suppressed_by": found.suppressed_by,
    })
}

fn accounts(result: &BacktestResult) -> Vec<Value> {
    let of = |rate: &AccountRate| {
        let mut value = rates(rate.insights, rate.weeks);
        value.insert("account".to_owned(), rate.account.to_string().into());
        value.insert("weeks".to_owned(), rate.weeks.into());
        Value::from(value)
    };
    result.by_account().iter().map(of).collect()
}

fn apis(result: &BacktestResult) -> Vec<Value> {
    let of = |(Api { source, name, error }, insights): (Api, BySeverity)| {
        let mut value = rates(insights, result.weeks());
        value.insert("event_source".to_owned(), source.into());
        value.insert("event_name".to_owned(), name.into());
        value.insert("error_code".to_owned(), error.into());
        Value::from(value)
    };
    result.by_api().into_iter().map(of).collect()
}

fn series(result: &BacktestResult) -> Vec<Value> {
    let mut all = Vec::new();
    for (series, insights) in result.by_series() {
        let mut value = rates(insights, result.weeks_of(series.account));
        value.insert("series".to_owned(), series.to_string().into());
        all.push(Value::from(value));
    }
    all
}

fn budgets(result: &BacktestResult) -> Vec<Value> {
    let of = |rate: &BudgetRate| {
        let mut value = rates(rate.insights, result.account_weeks());
        value.insert("budget".to_owned(), rate.budget.into());
        value.insert("suppressed".to_owned(), rate.suppressed.into());
        Value::from(value)
    };
    result.by_budget().iter().map(of).collect()
}

/// Number of insights, rate a week, and numbers by severity.
fn rates(insights: BySeverity, weeks: f64) -> Map<String, Value> {
    let total = insights.total();
    let mut value = Map::new();
    value.insert("insights".to_owned(), total.into());
    value.insert("per_week".to_owned(), (weeks > 0.0).then(|| total as f64 / weeks).into());
    for severity in Severity::ALL {
        value.insert(severity.label().to_owned(), insights.0[severity as usize].into());
    }
    value
}

fn instant(minute: i64) -> Value {
    second(minute.saturating_mul(60))
}

fn second(second: i64) -> Value {
    jiff::Timestamp::from_second(second).map(|time| time.to_string()).ok().into()
}
