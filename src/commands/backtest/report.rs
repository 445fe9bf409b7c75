//! The outcome as text for people.

use std::fmt::Write as _;

use insightd_core::cloudtrail::insight::Severity;
use insightd_core::pipeline::Outcome as Ended;
use jiff::Timestamp;

use super::super::dlq::text::shown;
use super::super::paint::number;
use super::cloudtrail::Outcome;
use super::found::{BySeverity, Found, SeriesName};
use super::table::columns;

/// Lines of the tables of accounts, APIs and noisiest series.
const LINES_MAX: usize = 20;
/// Longest principal or error code shown.
const CHARS_MAX: usize = 80;

/// The whole report.
pub(super) fn report(outcome: &Outcome) -> String {
    let mut text = String::new();
    text += &input(outcome);
    text += &fired(outcome);
    text += &accounts(outcome);
    text += &apis(outcome);
    text += &noisiest(outcome);
    text += &budgets(outcome);
    for caution in outcome.cautions() {
        let _ = writeln!(text, "\nNote: {caution}.");
    }
    text
}

fn input(outcome: &Outcome) -> String {
    let tally = &outcome.tally;
    let count = |ended: Ended| number(tally.outcome(ended) as f64);
    let begin = outcome.accounts.values().map(|w| w.begin).min();
    let end = outcome.accounts.values().map(|w| w.end).max();
    let mut text = format!(
        "{} records of {} files: {} counted, {} repeats, {} in no series, {} too late, {} malformed, {} beyond a limit\n",
        number(tally.total() as f64),
        number(outcome.files as f64),
        count(Ended::Counted),
        count(Ended::Duplicate),
        count(Ended::OutOfScope),
        count(Ended::TooLate),
        count(Ended::Malformed),
        count(Ended::Shed),
    );
    if let (Some(begin), Some(end)) = (begin, end) {
        let _ = writeln!(
            text,
            "{} accounts, {} series, from {} to {}: {:.1} account-weeks beyond the warm-up",
            outcome.accounts.len(),
            number(outcome.levels.series as f64),
            minute(begin),
            minute(end),
            outcome.account_weeks()
        );
    }
    text
}

fn fired(outcome: &Outcome) -> String {
    let run = outcome.main();
    let budget = outcome.config.detect.false_insights_per_account_per_week;
    let mut text = format!("\nWhat would have fired at a budget of {budget} per account and week\n");
    if run.found.is_empty() {
        return text + "  nothing\n";
    }
    let mut found: Vec<&Found> = run.found.iter().collect();
    found.sort_by(|a, b| (&a.series, a.start).cmp(&(&b.series, b.start)));
    for series in found.chunk_by(|a, b| a.series == b.series) {
        let _ = writeln!(text, "{}", name(&series[0].series));
        let rows: Vec<Vec<String>> = series.iter().map(|found| line(found)).collect();
        text += &columns(&rows, &[1, 5]);
    }
    text
}

fn line(found: &Found) -> Vec<String> {
    let duration = match found.end {
        Some(end) => format!("{} min", number((end - found.start) as f64)),
        None => "open".to_owned(),
    };
    let mut who = shown(found.principal.as_deref().unwrap_or("-"), CHARS_MAX);
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

fn accounts(outcome: &Outcome) -> String {
    let rates = outcome.by_account();
    let mut rows = vec![head("account", &["insights", "a week", "low", "medium", "high", "weeks"])];
    for rate in rates.iter().take(LINES_MAX) {
        let mut row = vec![rate.account.to_string()];
        row.extend(cells(rate.insights, rate.weeks));
        row.push(format!("{:.1}", rate.weeks));
        rows.push(row);
    }
    titled("Accounts", rows, rates.len())
}

fn apis(outcome: &Outcome) -> String {
    let rates = outcome.by_api();
    let mut rows = vec![head("API", &["insights", "a week", "low", "medium", "high"])];
    for ((source, name, error), insights) in rates.iter().take(LINES_MAX) {
        let error = error.as_ref().map_or(String::new(), |error| format!(" {}", shown(error, CHARS_MAX)));
        let mut row = vec![format!("{} {}{error}", shown(source, CHARS_MAX), shown(name, CHARS_MAX))];
        row.extend(cells(*insights, outcome.weeks()));
        rows.push(row);
    }
    titled("APIs, over all accounts", rows, rates.len())
}

fn noisiest(outcome: &Outcome) -> String {
    let rates = outcome.by_series();
    let mut rows = vec![head("series", &["insights", "a week", "low", "medium", "high"])];
    for (series, insights) in rates.iter().take(LINES_MAX / 2) {
        let mut row = vec![name(series)];
        row.extend(cells(*insights, outcome.weeks_of(series.account)));
        rows.push(row);
    }
    titled("Noisiest series", rows, 0)
}

fn budgets(outcome: &Outcome) -> String {
    let weeks = outcome.account_weeks();
    let mut rows = vec![head("budget", &["insights", "a week and account", "low", "medium", "high"])];
    let mut suppressed = 0;
    for rate in outcome.by_budget() {
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

/// All, a week, and by severity.
fn cells(insights: BySeverity, weeks: f64) -> Vec<String> {
    let total = insights.total();
    let rate = if weeks > 0.0 { format!("{:.2}", total as f64 / weeks) } else { "-".to_owned() };
    let mut cells = vec![number(total as f64), rate];
    cells.extend(Severity::ALL.map(|severity| number(insights.0[severity as usize] as f64)));
    cells
}

/// A table below its title; `all` is how many lines it would have.
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
    shown(&series.to_string(), 4 * CHARS_MAX)
}

/// A minute, `2026-03-04T10:00Z`.
pub(super) fn minute(minute: i64) -> String {
    let time = Timestamp::from_second(minute.saturating_mul(60)).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%MZ").to_string()
}
