//! What would have fired: the insights of one run, put together from their Starts and Ends.

use std::fmt;

use hashbrown::HashMap;
use insightd_core::cloudtrail::event::AccountId;
use insightd_core::cloudtrail::insight::{Insight, Reason, Severity, State};
use insightd_core::pipeline::{DeadLetterRecord, Output};

/// Insights kept with their details; further ones are only counted.
const KEPT_MAX: usize = 100_000;

/// The name of a series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SeriesName {
    /// Account.
    pub account: AccountId,
    /// Region.
    pub region: String,
    /// `eventSource`
    pub source: String,
    /// `eventName`
    pub name: String,
    /// Error code of an error-rate series.
    pub error: Option<String>,
}

impl SeriesName {
    /// Reads `account/region/source/name[/error]`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '/').map(|part| (!part.is_empty()).then(|| part.to_owned()));
        let account = AccountId::parse(&parts.next()??)?;
        let (region, source, name) = (parts.next()??, parts.next()??, parts.next()??);
        let error = match parts.next() {
            Some(error) => Some(error?),
            None => None,
        };
        Some(Self { account, region, source, name, error })
    }

    fn of(insight: &Insight) -> Self {
        Self {
            account: insight.account,
            region: insight.region.clone(),
            source: insight.source.clone(),
            name: insight.name.clone(),
            error: insight.error.clone(),
        }
    }
}

impl fmt::Display for SeriesName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, region, source, name, error } = self;
        write!(f, "{account}/{region}/{source}/{name}")?;
        error.as_ref().map_or(Ok(()), |error| write!(f, "/{error}"))
    }
}

/// One insight.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// Series.
    pub series: SeriesName,
    /// Start minute (minutes since 1970).
    pub start: i64,
    /// Minute after the last unusual one; none while it is open.
    pub end: Option<i64>,
    /// `eventTime` of the tipping event, seconds since 1970.
    pub detected_at: i64,
    /// Calls: of the whole insight, or of its Start's window while it is open.
    pub calls: u64,
    /// Minutes in which they came.
    pub minutes: u64,
    /// Calls that the baseline expects in as many minutes.
    pub expected: f64,
    /// Score at the Start.
    pub score: f64,
    /// Score from which it started.
    pub limit: f64,
    /// How much it deserves to be looked at.
    pub severity: Severity,
    /// What kind of evidence raised it.
    pub reason: Reason,
    /// Who called most.
    pub principal: Option<String>,
    /// The rule that marked it, so that nobody would be alarmed.
    pub suppressed_by: Option<String>,
}

/// Insights by severity, those left out that a rule suppresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BySeverity(pub [u64; Severity::ALL.len()]);

impl BySeverity {
    /// Counts one insight.
    pub(super) fn add(&mut self, severity: Severity) {
        self.0[severity as usize] += 1;
    }

    /// All of them.
    pub(super) fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// Collects the insights of one run.
#[derive(Debug, Default)]
pub(super) struct Collector {
    /// Insights in the order of their Starts, the first [`KEPT_MAX`].
    pub found: Vec<Found>,
    /// All insights.
    pub by_severity: BySeverity,
    /// Those that a rule suppresses.
    pub suppressed: u64,
    keep: bool,
    open: HashMap<(SeriesName, i64), usize>,
}

impl Collector {
    /// Keeps details.
    pub(super) fn with_details() -> Self {
        Self { keep: true, ..Self::default() }
    }

    /// Insights counted without their details.
    pub(super) fn left_out(&self) -> u64 {
        (self.by_severity.total() + self.suppressed).saturating_sub(self.found.len() as u64)
    }
}

impl Output for Collector {
    fn insight(&mut self, insight: Insight) {
        match insight.state {
            State::Start => {
                match insight.finding.suppressed_by {
                    Some(_) => self.suppressed += 1,
                    None => self.by_severity.add(insight.finding.severity),
                }
                if self.keep && self.found.len() < KEPT_MAX {
                    let found = Found::new(&insight);
                    self.open.insert((found.series.clone(), found.start), self.found.len());
                    self.found.push(found);
                }
            }
            State::End if self.keep => {
                if let Some(at) = self.open.remove(&(SeriesName::of(&insight), insight.start)) {
                    self.found[at].end(&insight);
                }
            }
            State::End => {}
        }
    }

    fn dead_letter(&mut self, _: DeadLetterRecord<'_>) {
        // Counted by the pipeline.
    }
}

impl Found {
    fn new(insight: &Insight) -> Self {
        let finding = &insight.finding;
        Self {
            series: SeriesName::of(insight),
            start: insight.start,
            end: None,
            detected_at: finding.detected_at,
            calls: insight.insight_count,
            minutes: insight.insight_minutes,
            expected: expected(insight),
            score: finding.score,
            limit: finding.limit,
            severity: finding.severity,
            reason: finding.reason,
            principal: insight.principals.insight.first().map(|(principal, _)| principal.clone()),
            suppressed_by: finding.suppressed_by.as_deref().map(str::to_owned),
        }
    }

    fn end(&mut self, insight: &Insight) {
        self.end = Some(insight.event_minute);
        (self.calls, self.minutes, self.expected) = (insight.insight_count, insight.insight_minutes, expected(insight));
        let principal = insight.principals.insight.first().map(|(principal, _)| principal.clone());
        self.principal = principal.or(self.principal.take());
    }
}

fn expected(insight: &Insight) -> f64 {
    let minutes = insight.baseline_minutes.max(1) as f64;
    insight.baseline_count as f64 / minutes * insight.insight_minutes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_series_are_read_as_they_are_written() {
        for text in [
            "111122223333/eu-west-1/ec2.amazonaws.com/RunInstances",
            "111122223333/eu-west-1/s3.amazonaws.com/GetBucketAcl/Some/Odd Error",
        ] {
            assert_eq!(SeriesName::parse(text).map(|name| name.to_string()).as_deref(), Some(text));
        }
        for text in
            ["", "111122223333/eu-west-1/ec2.amazonaws.com", "1/r/s/n", "111122223333//s/n", "111122223333/r/s/n/"]
        {
            assert_eq!(SeriesName::parse(text), None, "{text:?}");
        }
    }
}
