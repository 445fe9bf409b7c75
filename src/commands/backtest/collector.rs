//! The insights of one run, put together from their Starts and Ends.

use hashbrown::HashMap;
use insightd_core::cloudtrail::insight::{Insight, Reason, Severity, State};
use insightd_core::pipeline::{DeadLetterRecord, Output};

use super::series_name::SeriesName;

/// Most insights kept with their details; further ones are only counted.
const KEPT_MAX: usize = 100_000;

/// One insight.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FoundInsight {
    /// Series.
    pub(crate) series: SeriesName,
    /// Start minute (minutes since 1970).
    pub(crate) start: i64,
    /// The minute after the last unusual one; none while it is open.
    pub(crate) end: Option<i64>,
    /// `eventTime` of the record that raised it, seconds since 1970.
    pub(crate) detected_at: i64,
    /// Calls of the whole insight; while it is open, those in the window of its Start.
    pub(crate) calls: u64,
    /// Length of that window, minutes.
    pub(crate) minutes: u64,
    /// Calls that the baseline expects in that window.
    pub(crate) expected: f64,
    /// Score at the Start.
    pub(crate) score: f64,
    /// The score that an insight needs to start.
    pub(crate) limit: f64,
    /// Severity.
    pub(crate) severity: Severity,
    /// The kind of evidence that raised it.
    pub(crate) reason: Reason,
    /// The most active principal.
    pub(crate) principal: Option<String>,
    /// The rule that suppresses it.
    pub(crate) suppressed_by: Option<String>,
}

/// Insights by severity, without those that a rule suppresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BySeverity(pub [u64; Severity::ALL.len()]);

impl BySeverity {
    /// Counts one insight.
    pub(crate) fn add(&mut self, severity: Severity) {
        self.0[severity as usize] += 1;
    }

    /// Their sum.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// Collects the insights of one run.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    /// The first [`KEPT_MAX`] insights, in the order of their Starts.
    pub(crate) found: Vec<FoundInsight>,
    /// All insights that no rule suppresses.
    pub(crate) by_severity: BySeverity,
    /// Number of insights that a rule suppresses.
    pub(crate) suppressed: u64,
    keep: bool,
    /// Position in `found` of each open insight, by series and start.
    open: HashMap<(SeriesName, i64), usize>,
}

impl Collector {
    /// A collector that keeps details.
    pub(crate) fn with_details() -> Self {
        Self { keep: true, ..Self::default() }
    }

    /// Insights counted without their details.
    pub(crate) fn left_out(&self) -> u64 {
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
                    let found = FoundInsight::new(&insight);
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

impl FoundInsight {
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
