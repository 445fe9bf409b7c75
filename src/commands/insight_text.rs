//! An insight in a form made for people: who, what, where, how much above normal, since when, how serious.
//!
//! Read from the record and the headers of the output topic, so that whoever has the topic can have this. A block of lines with a
//! bar for terminals, one line for everything else. Only text is made here; nothing is written.

use anstyle::{AnsiColor, Style};
use insightd_core::cloudtrail::insight::Severity;
use jiff::Timestamp;
use serde::Deserialize;

use super::paint::{Paint, number};

/// Minutes of a day.
const DAY: f64 = 24.0 * 60.0;
/// Cells of the bar; each half of them is a factor of [`PER_HALF_CELL`].
const BAR_CELLS: usize = 10;
/// So the bar is full at 100,000 times the usual rate, and each two cells are a factor of ten.
const PER_HALF_CELL: f64 = 0.25;
/// Width of the first column of a block: the time.
const MARGIN: usize = 17;
/// Longer texts are cut.
const CHARS_MAX: usize = 100;
/// Of a user agent.
const TOOL_CHARS_MAX: usize = 40;
/// Principals named; the record has five at most.
const NAMED_MAX: usize = 2;
/// An attribute of a record lists this many values at most, so a longer list proves nothing about those that are not in it.
const LISTED_MAX: usize = 5;

/// What a record of the output topic says.
#[derive(Clone, Debug, PartialEq)]
pub struct InsightText {
    /// `eventTime` of the tipping event (Start), or the clock when the End was known; seconds since 1970.
    pub detected_at: i64,
    /// A Start; else an End.
    pub is_start: bool,
    /// How much it deserves to be looked at.
    pub severity: Severity,
    /// Twelve digits.
    pub account: String,
    /// Region.
    pub region: String,
    /// `eventSource`.
    pub source: String,
    /// `eventName`.
    pub name: String,
    /// The error code of an error-rate insight.
    pub error: Option<String>,
    /// `eventTime`: when it began (Start) or was over (End); seconds since 1970.
    pub event_time: i64,
    /// Calls (or errors) in its window.
    pub calls: u64,
    /// Length of that window, minutes.
    pub minutes: u64,
    /// Calls in the baseline's window.
    pub usual_calls: u64,
    /// Length of that window, minutes.
    pub usual_minutes: u64,
    /// Who, most active first.
    pub principals: Vec<Named>,
    /// With which tool, most active first.
    pub agents: Vec<Named>,
    /// The rule that marked it.
    pub suppressed_by: Option<String>,
}

/// One value of an attribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The value, as in the record.
    pub value: String,
    /// It does not occur in the baseline.
    pub is_new: bool,
}

/// What the viewer knows beyond the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The text.
    pub text: String,
    /// How it is shown in colour.
    pub style: Style,
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
    pub fn read(payload: &[u8], headers: &[(String, String)]) -> Result<Self, String> {
        let record: Record =
            serde_json::from_slice(payload).map_err(|error| format!("a record is no Insights event: {error}"))?;
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

/// The count behind an average a minute; the record rounds averages to ten decimal places.
fn count(average: &Average, minutes: u64) -> u64 {
    (average.average * minutes as f64).round() as u64
}

/// Whoever calls an API chooses parts of these texts: they shall neither steer a terminal nor fill it.
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
    /// One line without colour.
    pub fn line(&self, remark: Option<&Remark>) -> String {
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
    pub fn block(&self, remark: Option<&Remark>, paint: Paint) -> String {
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

    /// One short line that stands back behind others: without who and how many times.
    pub fn brief(&self, paint: Paint) -> String {
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

    /// What is usual, in the unit in which it is a number that one can think of.
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

    /// Times the usual rate; where there was no call at all, times the rate of a single one.
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
            who = "nobody who is named".to_owned();
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
    // Outside of the years that the calendar knows there is no better text than the number.
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.strftime(format).to_string())
}

/// `ec2` of `ec2.amazonaws.com`.
fn service(source: &str) -> &str {
    source.strip_suffix(".amazonaws.com").unwrap_or(source)
}

/// A principal as one says it: the account and the form of the ARN are known from elsewhere.
fn principal(value: &str) -> String {
    let resource = value.strip_prefix("arn:").and_then(|arn| arn.splitn(5, ':').nth(4));
    match resource.and_then(|resource| resource.split_once('/')) {
        Some(("assumed-role" | "role", name)) => format!("role {name}"),
        Some(("user", name)) => format!("user {name}"),
        Some(("federated-user", name)) => format!("federated user {name}"),
        _ => resource.unwrap_or(value).to_owned(),
    }
}

/// The beginning of a user agent: its first word is the tool, what follows are the tool's parts.
fn tool(agent: &str) -> String {
    let first = agent.split(' ').next().unwrap_or_default();
    let words = if first.contains('/') { first } else { agent };
    match words.char_indices().nth(TOOL_CHARS_MAX) {
        Some((at, _)) => format!("{}...", &words[..at]),
        None => words.to_owned(),
    }
}

/// `1 call`, `3,204 calls`.
fn counted(count: u64, unit: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {unit}{plural}", number(count as f64))
}

fn times(ratio: f64, at_least: bool) -> String {
    format!("{}{}x", if at_least { "over " } else { "" }, number(ratio))
}

/// The bar: its length is the logarithm of how many times the usual rate it is.
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
