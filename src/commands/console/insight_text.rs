//! An insight as text for people: principal, API, place, size, begin and severity.
//!
//! Made from a record of the output topic and its headers alone, so any consumer of the topic can show it. A
//! block of lines with a bar for terminals, one line for everything else. Writes nothing.

use anstyle::{AnsiColor, Style};
use insightd_core::cloudtrail::insight::Severity;
use jiff::Timestamp;
use serde::Deserialize;

use super::number::{counted, number};
use super::paint::Paint;

/// Minutes of a day.
const DAY: f64 = 24.0 * 60.0;
/// Cells of the bar.
const BAR_CELLS: usize = 10;
/// Decimal orders of magnitude in half a cell: two cells are a factor of ten, and the bar is full at 100,000
/// times the usual rate.
const PER_HALF_CELL: f64 = 0.25;
/// Width of the first column of a block, the time.
const MARGIN: usize = 17;
/// Longest text from a record, characters.
const CHARS_MAX: usize = 100;
/// Longest user agent, characters.
const TOOL_CHARS_MAX: usize = 40;
/// Most principals shown; the record has up to five.
const NAMED_MAX: usize = 2;
/// Most values that an attribution of a record lists. A list of this length may be cut, so a value that is
/// not in it may not be new.
const LISTED_MAX: usize = 5;

/// The contents of a record of the output topic.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InsightText {
    /// `eventTime` of the record that raised the Start, or the event-time clock when the End was certain;
    /// seconds since 1970.
    pub(crate) detected_at: i64,
    /// Whether it is a Start; otherwise an End.
    pub(crate) is_start: bool,
    /// Severity.
    pub(crate) severity: Severity,
    /// Account id, twelve digits.
    pub(crate) account: String,
    /// Region.
    pub(crate) region: String,
    /// `eventSource`.
    pub(crate) source: String,
    /// `eventName`.
    pub(crate) name: String,
    /// The error code of an error-rate insight.
    pub(crate) error: Option<String>,
    /// `eventTime`: when the deviation began (Start) or ended (End); seconds since 1970.
    pub(crate) event_time: i64,
    /// Calls (or errors) in the window of the insight.
    pub(crate) calls: u64,
    /// Length of that window, minutes.
    pub(crate) minutes: u64,
    /// Calls (or errors) in the window of the baseline.
    pub(crate) usual_calls: u64,
    /// Length of that window, minutes.
    pub(crate) usual_minutes: u64,
    /// Principals, the most active first.
    pub(crate) principals: Vec<Named>,
    /// User agents, the most active first.
    pub(crate) agents: Vec<Named>,
    /// The rule that suppresses it.
    pub(crate) suppressed_by: Option<String>,
}

/// One value of an attribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The value, as in the record.
    pub(crate) value: String,
    /// Whether it does not occur in the baseline.
    pub(crate) is_new: bool,
}

/// What the caller knows beyond the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    /// The text.
    pub(crate) text: String,
    /// Its style where colors are shown.
    pub(crate) style: Style,
}

// === reading ===

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_time: String,
    aws_region: String,
    recipient_account_id: String,
    insight_details: Details,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    state: String,
    event_source: String,
    event_name: String,
    error_code: Option<String>,
    insight_context: Context,
}

#[derive(Deserialize)]
struct Context {
    statistics: Statistics,
    #[serde(default)]
    attributions: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    baseline: Average,
    insight: Average,
    insight_duration: u64,
    baseline_duration: u64,
}

#[derive(Deserialize)]
struct Average {
    average: f64,
}

#[derive(Deserialize)]
struct Listed {
    attribute: String,
    insight: Vec<Value>,
    baseline: Vec<Value>,
}

#[derive(Deserialize)]
struct Value {
    value: String,
}

impl InsightText {
    /// Reads a record of the output topic (`output.format = "cloudtrail"`) and its headers.
    ///
    /// # Errors
    /// What is wrong with it, in one sentence.
    pub(crate) fn read(payload: &[u8], headers: &[(String, String)]) -> Result<Self, String> {
        let record: Record =
            serde_json::from_slice(payload).map_err(|error| format!("a record is not an Insights event: {error}"))?;
        let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let details = record.insight_details;
        let context = details.insight_context;
        let numbers = context.statistics;
        let event_time = seconds("eventTime", &record.event_time)?;
        let detected_at = header("detected-at").map_or(Ok(event_time), |text| seconds("header detected-at", text))?;
        let named = |attribute: &str| {
            context.attributions.iter().find(|a| a.attribute == attribute).map_or_else(Vec::new, names)
        };
        Ok(Self {
            detected_at,
            is_start: details.state == "Start",
            severity: header("insight-severity").and_then(severity).unwrap_or_default(),
            account: clean(&record.recipient_account_id),
            region: clean(&record.aws_region),
            source: clean(&details.event_source),
            name: clean(&details.event_name),
            error: details.error_code.as_deref().map(clean),
            event_time,
            calls: count(&numbers.insight, numbers.insight_duration),
            minutes: numbers.insight_duration,
            usual_calls: count(&numbers.baseline, numbers.baseline_duration),
            usual_minutes: numbers.baseline_duration,
            principals: named("userIdentityArn"),
            agents: named("userAgent"),
            suppressed_by: header("suppressed-by").map(clean),
        })
    }
}

fn seconds(what: &str, text: &str) -> Result<i64, String> {
    text.parse().map(Timestamp::as_second).map_err(|error: jiff::Error| format!("{what} is {text:?}: {error}"))
}

/// The count behind an average a minute. The record rounds averages to ten decimal places.
fn count(average: &Average, minutes: u64) -> u64 {
    (average.average * minutes as f64).round() as u64
}

/// The caller of an API chooses parts of these texts, so they must neither control a terminal nor fill it.
fn clean(text: &str) -> String {
    let mut shown: String = text.chars().take(CHARS_MAX).map(|c| if c.is_control() { '?' } else { c }).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        shown += "...";
    }
    shown
}

fn severity(label: &str) -> Option<Severity> {
    Severity::ALL.into_iter().find(|severity| severity.label() == label)
}

fn names(attribution: &Listed) -> Vec<Named> {
    let known = |value: &str| attribution.baseline.iter().any(|listed| listed.value == value);
    let complete = attribution.baseline.len() < LISTED_MAX;
    let named = |listed: &Value| Named { value: clean(&listed.value), is_new: complete && !known(&listed.value) };
    attribution.insight.iter().map(named).collect()
}

// === writing ===

impl InsightText {
    /// One line without color.
    pub(crate) fn line(&self, remark: Option<&Remark>) -> String {
        let time = moment(self.detected_at, "%Y-%m-%d %H:%M:%S");
        let state = if self.is_start { "start" } else { "end  " };
        let mut line = format!(
            "{time} {state} {:6} {} {} {} {}: {}",
            self.severity.label(),
            self.account,
            self.region,
            self.source,
            self.what(),
            self.how_much()
        );
        if self.is_start {
            line += &format!("; by {}", self.who(Paint::Plain));
        }
        if let Some(rule) = &self.suppressed_by {
            line += &format!("; marked by rule {rule}");
        }
        if let Some(remark) = remark {
            line += &format!(" [{}]", remark.text);
        }
        line
    }

    /// A block of lines with a bar; an End is one line.
    pub(crate) fn block(&self, remark: Option<&Remark>, paint: Paint) -> String {
        let time = paint.dim(&format!("{:MARGIN$}", moment(self.detected_at, "%b %d %H:%M:%S")));
        let place = paint.dim(&format!("account {}, {}", self.account, self.region));
        if !self.is_start {
            return format!(
                "{time}{} {}, {place}: {}\n",
                paint.dim("over  "),
                self.what(),
                paint.dim(&self.how_much())
            );
        }
        let indent = " ".repeat(MARGIN + 7);
        let mut block = format!(
            "{time}{} {} {}   {place}\n",
            self.badge(paint),
            paint.bold(&self.what()),
            paint.dim(&format!("({})", service(&self.source)))
        );
        block += &format!("{indent}{} {}\n", paint.paint(self.color(), &bar(self.ratio())), self.how_much());
        block += &format!("{indent}by {}\n", self.who(paint));
        if let Some(rule) = &self.suppressed_by {
            block += &format!("{indent}marked by rule {rule}\n");
        }
        if let Some(remark) = remark {
            block += &format!("{indent}{}\n", paint.paint(remark.style, &remark.text));
        }
        block
    }

    /// One short line for less important insights: without principal and ratio.
    pub(crate) fn brief(&self, paint: Paint) -> String {
        let time = paint.dim(&moment(self.detected_at, "%b %d %H:%M:%S"));
        let badge = paint.paint(self.color(), &format!("{:6}", self.severity.label()));
        let place = format!("account {}, {}", self.account, self.region);
        let text = format!("{} ({}), {place}: {}, {}", self.what(), service(&self.source), self.calls(), self.usual());
        format!("{time}  {badge} {}\n", paint.dim(&text))
    }

    fn what(&self) -> String {
        match &self.error {
            Some(error) => format!("{} failing with {error}", self.name),
            None => self.name.clone(),
        }
    }

    /// `41 calls in 5 min`.
    fn calls(&self) -> String {
        let calls = counted(self.calls, if self.error.is_some() { "error" } else { "call" });
        format!("{calls} in {} min", number(self.minutes as f64))
    }

    /// How much, compared with what is usual, and since when.
    fn how_much(&self) -> String {
        let (calls, time) = (self.calls(), moment(self.event_time, "%H:%M"));
        if self.is_start {
            format!("{calls}, {} ({}), since {time}", self.usual(), times(self.ratio(), self.usual_calls == 0))
        } else {
            format!("{calls} until {time}")
        }
    }

    /// The usual rate, in the smallest unit of time in which it is at least 1.
    fn usual(&self) -> String {
        let days = (self.usual_minutes as f64 / DAY) as u64;
        if self.usual_calls == 0 {
            return match days {
                0 => "none in the short time before".to_owned(),
                _ => format!("none in {} before", counted(days, "day")),
            };
        }
        let a_minute = self.usual_calls as f64 / self.usual_minutes.max(1) as f64;
        let units = [("a minute", 1.0), ("an hour", 60.0), ("a day", DAY)];
        match units.into_iter().find(|(_, minutes)| a_minute * minutes >= 1.0) {
            Some((unit, minutes)) => format!("usually {} {unit}", number(a_minute * minutes)),
            None => format!("usually {} in {}", self.usual_calls, counted(days.max(1), "day")),
        }
    }

    /// How many times the usual rate; without any usual call, how many times the rate of a single one.
    fn ratio(&self) -> f64 {
        let usual = self.usual_calls.max(1) as f64 / self.usual_minutes.max(1) as f64;
        self.calls as f64 / self.minutes.max(1) as f64 / usual
    }

    fn who(&self, paint: Paint) -> String {
        let name = |named: &Named| match named.is_new {
            true => format!("{} {}", principal(&named.value), paint.paint(self.color(), "(new here)")),
            false => principal(&named.value),
        };
        let mut who = self.principals.iter().take(NAMED_MAX).map(name).collect::<Vec<_>>().join(" and ");
        if who.is_empty() {
            who = "no named principal".to_owned();
        }
        if self.principals.len() > NAMED_MAX {
            who += &format!(" and {} more", self.principals.len() - NAMED_MAX);
        }
        if let Some(agent) = self.agents.first() {
            who += &format!(" with {}", tool(&agent.value));
        }
        who
    }

    fn badge(&self, paint: Paint) -> String {
        paint.paint(self.color().bold(), &format!("{:6}", self.severity.label().to_uppercase()))
    }

    fn color(&self) -> Style {
        let color = match self.severity {
            Severity::High => AnsiColor::Red,
            Severity::Medium => AnsiColor::Yellow,
            Severity::Low => AnsiColor::Cyan,
        };
        color.on_default()
    }
}

fn moment(seconds: i64, format: &str) -> String {
    // Outside the years of the calendar, the number is the best text there is.
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.strftime(format).to_string())
}

/// `ec2` of `ec2.amazonaws.com`.
fn service(source: &str) -> &str {
    source.strip_suffix(".amazonaws.com").unwrap_or(source)
}

/// The kind and name of a principal. The rest of its ARN is shown elsewhere or says nothing.
fn principal(value: &str) -> String {
    let resource = value.strip_prefix("arn:").and_then(|arn| arn.splitn(5, ':').nth(4));
    match resource.and_then(|resource| resource.split_once('/')) {
        Some(("assumed-role" | "role", name)) => format!("role {name}"),
        Some(("user", name)) => format!("user {name}"),
        Some(("federated-user", name)) => format!("federated user {name}"),
        _ => resource.unwrap_or(value).to_owned(),
    }
}

/// The tool in a user agent: its first word, if that names a version.
fn tool(agent: &str) -> String {
    let first = agent.split(' ').next().unwrap_or_default();
    let words = if first.contains('/') { first } else { agent };
    match words.char_indices().nth(TOOL_CHARS_MAX) {
        Some((at, _)) => format!("{}...", &words[..at]),
        None => words.to_owned(),
    }
}

fn times(ratio: f64, at_least: bool) -> String {
    format!("{}{}x", if at_least { "over " } else { "" }, number(ratio))
}

/// The bar. Its length is the logarithm of `ratio`.
fn bar(ratio: f64) -> String {
    let halves = (ratio.max(1.0).log10() / PER_HALF_CELL).round().clamp(1.0, 2.0 * BAR_CELLS as f64) as usize;
    let mut bar = "█".repeat(halves / 2);
    if halves % 2 == 1 {
        bar.push('▌');
    }
    let empty = BAR_CELLS - halves.div_ceil(2);
    bar + &"·".repeat(empty)
}

#[cfg(test)]
mod tests;
