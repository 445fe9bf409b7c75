//! The result as text for people.

use std::fmt::Write as _;

use insightd_core::cloudtrail::insight::Severity;
use insightd_core::pipeline::Outcome;
use jiff::Timestamp;

use super::cloudtrail::BacktestResult;
use super::collector::{BySeverity, FoundInsight};
use super::rates::Api;
use super::series_name::SeriesName;
use super::table::columns;
use crate::commands::console::number::number;
use crate::commands::console::printable::printable;

/// Most lines of a table.
const LINES_MAX: usize = 20;
/// Longest principal, error code or part of a name shown, characters.
const CHARS_MAX: usize = 80;

/// The report.
pub(crate) fn report(result: &BacktestResult) -> String {
    let mut text = String::new();
    text += &input(result);
    text += &fired(result);
    text += &accounts(result);
    text += &apis(result);
    text += &noisiest(result);
    text += &budgets(result);
    for caution in result.cautions() {
        let _ = writeln!(text, "\nNote: {caution}.");
    }
    text
}

fn input(result: &BacktestResult) -> String {
    let tally = &result.tally;
    let count = |outcome: Outcome| number(tally.outcome(outcome) as f64);
    let begin = result.accounts.values().map(|w| w.begin).min();
    let end = result.accounts.values().map(|w| w.end).max();
    let mut text = format!(
        "{} records of {} files: {} counted, {} repeats, {} in no series, {} too late, {} malformed, {} beyond a limit\n",
        number(tally.total() as f64),
        number(result.files as f64),
        count(Outcome::Counted),
        count(Outcome::Duplicate),
        count(Outcome::OutOfScope),
        count(Outcome::TooLate),
        count(Outcome::Malformed),
        count(Outcome::Shed),
    );
    if let (Some(begin), Some(end)) = (begin, end) {
        let _ = writeln!(
            text,
            "{} accounts, {} series, from {} to {}: {:.1} account-weeks beyond the warm-up",
            result.accounts.len(),
            number(result.gauges.series as f64),
            minute(begin),
            minute(end),
            result.account_weeks()
        );
    }
    text
}

fn fired(result: &BacktestResult) -> String {
    let run = result.main();
    let budget = result.config.detect.false_insights_per_account_per_week;
    let mut text = format!("\nWhat would have fired at a budget of {budget} per account and week\n");
    if run.found.is_empty() {
        return text + "  nothing\n";
    }
    let mut found: Vec<&FoundInsight> = run.found.iter().collect();
    found.sort_by(|a, b| (&a.series, a.start).cmp(&(&b.series, b.start)));
    for series in found.chunk_by(|a, b| a.series == b.series) {
        let _ = writeln!(text, "{}", name(&series[0].series));
        let rows: Vec<Vec<String>> = series.iter().map(|found| line(found)).collect();
        text += &columns(&rows, &[1, 5]);
    }
    text
}

fn line(found: &FoundInsight) -> Vec<String> {
    let duration = match found.end {
        Some(end) => format!("{} min", number((end - found.start) as f64)),
        None => "open".to_owned(),
    };
    let mut who = printable(found.principal.as_deref().unwrap_or("-"), CHARS_MAX);
    if let Some(rule) = &found.suppressed_by {
        let _ = write!(who, " (suppressed by {rule})");
    }
    vec![
        minute(found.start),
        duration,
        found.severity.label().to_owned(),
        found.reason.label().to_owned(),
        format!("score {:.1}, limit {:.1}", found.score, found.limit),
        format!("{} calls, {} expected", number(found.calls as f64), number(found.expected)),
        who,
    ]
}

fn accounts(result: &BacktestResult) -> String {
    let rates = result.by_account();
    let mut rows = vec![head("account", &["insights", "a week", "low", "medium", "high", "weeks"])];
    for rate in rates.iter().take(LINES_MAX) {
        let mut row = vec![rate.account.to_string()];
        row.extend(cells(rate.insights, rate.weeks));
        row.push(format!("{:.1}", rate.weeks));
        rows.push(row);
    }
    titled("Accounts", rows, rates.len())
}

fn apis(result: &BacktestResult) -> String {
    let rates = result.by_api();
    let mut rows = vec![head("API", &["insights", "a week", "low", "medium", "high"])];
    for (Api { source, name, error }, insights) in rates.iter().take(LINES_MAX) {
        let error = error.as_ref().map_or(String::new(), |error| format!(" {}", printable(error, CHARS_MAX)));
        let mut row = vec![format!("{} {}{error}", printable(source, CHARS_MAX), printable(name, CHARS_MAX))];
        row.extend(cells(*insights, result.weeks()));
        rows.push(row);
    }
    titled("APIs, over all accounts", rows, rates.len())
}

fn noisiest(result: &BacktestResult) -> String {
    let rates = result.by_series();
    let mut rows = vec![head("series", &["insights", "a week", "low", "medium", "high"])];
    for (series, insights) in rates.iter().take(LINES_MAX / 2) {
        let mut row = vec![name(series)];
        row.extend(cells(*insights, result.weeks_of(series.account)));
        rows.push(row);
    }
    titled("Noisiest series", rows, 0)
}

fn budgets(result: &BacktestResult) -> String {
    let weeks = result.account_weeks();
    let mut rows = vec![head("budget", &["insights", "a week and account", "low", "medium", "high"])];
    let mut suppressed = 0;
    for rate in result.by_budget() {
        let mut row = vec![number(rate.budget)];
        row.extend(cells(rate.insights, weeks));
        rows.push(row);
        suppressed = suppressed.max(rate.suppressed);
    }
    let mut text = titled("Budgets (detect.false_insights_per_account_per_week)", rows, 0);
    if suppressed > 0 {
        let _ = writeln!(text, "  Insights that a rule suppresses are left out of all tables.");
    }
    text
}

fn head(first: &str, others: &[&str]) -> Vec<String> {
    std::iter::once(&first).chain(others).map(|cell| (*cell).to_owned()).collect()
}

/// Number of insights, rate a week, and numbers by severity.
fn cells(insights: BySeverity, weeks: f64) -> Vec<String> {
    let total = insights.total();
    let rate = if weeks > 0.0 { format!("{:.2}", total as f64 / weeks) } else { "-".to_owned() };
    let mut cells = vec![number(total as f64), rate];
    cells.extend(Severity::ALL.map(|severity| number(insights.0[severity as usize] as f64)));
    cells
}

/// A table with its title. `all` is the number of lines without a limit; 0 if that is not shown.
fn titled(title: &str, rows: Vec<Vec<String>>, all: usize) -> String {
    let shown = rows.len() - 1;
    let mut text = format!("\n{title}\n");
    if shown == 0 {
        return text + "  none\n";
    }
    text += &columns(&rows, &[1, 2, 3, 4, 5, 6]);
    if all > shown {
        let _ = writeln!(text, "  and {} more (--json has all)", all - shown);
    }
    text
}

fn name(series: &SeriesName) -> String {
    printable(&series.to_string(), 4 * CHARS_MAX)
}

/// A minute, `2026-03-04T10:00Z`.
pub(crate) fn minute(minute: i64) -> String {
    let time = Timestamp::from_second(minute.saturating_mul(60)).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%MZ").to_string()
}
