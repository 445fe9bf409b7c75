//! Gauges of open insights: one label set for each, at most `metrics.open_insights_max`.
//!
//! A gauge stays for `metrics.insight_hold` after the End and after its partition moved to another process.
//! So a scrape sees even a short insight, and no alert resolves and fires again while another process takes
//! over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use insightd_core::cloudtrail::insight::Insight;

use super::Task;
use super::catalog::{Families, INSIGHT_LABELS};
use super::labels::OPEN_INSIGHTS;

type Labels = [String; INSIGHT_LABELS.len()];

/// A task in which the insight is or was open, and once it no longer is, the time at which the task releases
/// the gauge.
type Holder = (Task, Option<Instant>);

/// The label sets that are shown, and the tasks that hold them.
pub(super) struct OpenInsights {
    shown_max: usize,
    hold: Duration,
    /// A series can be open in two tasks if its records are not keyed by account; its gauge stays until both
    /// have ended.
    holders: BTreeMap<Labels, Vec<Holder>>,
}

impl OpenInsights {
    pub(super) fn new(shown_max: usize, hold: Duration) -> Self {
        Self { shown_max, hold, holders: BTreeMap::new() }
    }

    /// Shows an insight. One beyond the configured number is only counted, and is not shown later either.
    pub(super) fn start(&mut self, families: &Families, task: &Task, insight: &Insight) {
        let labels = labels(insight);
        if !self.has_room(&labels) {
            self.evict(families);
        }
        if !self.has_room(&labels) {
            families.limits_reached.with_label_values(&[OPEN_INSIGHTS]).inc();
            return;
        }
        families.insight_open.with_label_values(&labels).set(1);
        families.insight_rate.with_label_values(&labels).set(rate(insight.insight_count, insight.insight_minutes));
        families
            .insight_baseline
            .with_label_values(&labels)
            .set(rate(insight.baseline_count, insight.baseline_minutes));
        let holders = self.holders.entry(labels).or_default();
        holders.retain(|(holder, _)| holder != task);
        holders.push((task.clone(), None));
    }

    fn has_room(&self, labels: &Labels) -> bool {
        self.holders.len() < self.shown_max || self.holders.contains_key(labels)
    }

    /// Makes room for an open insight: removes the gauge that is released next, if any insight has ended.
    fn evict(&mut self, families: &Families) {
        let released_at =
            |holders: &[Holder]| holders.iter().map(|(_, until)| *until).collect::<Option<Vec<_>>>()?.into_iter().max();
        let ended = self.holders.iter().filter_map(|(labels, holders)| Some((released_at(holders)?, labels)));
        if let Some(labels) = ended.min().map(|(_, labels)| labels.clone()) {
            self.holders.remove(&labels);
            remove(families, &labels);
        }
    }

    /// An insight has ended.
    pub(super) fn end(&mut self, task: &Task, insight: &Insight, now: Instant) {
        if let Some(holders) = self.holders.get_mut(&labels(insight)) {
            release(holders, task, now + self.hold);
        }
    }

    /// The worker no longer owns a task.
    pub(super) fn drop_task(&mut self, task: &Task, now: Instant) {
        self.holders.values_mut().for_each(|holders| release(holders, task, now + self.hold));
    }

    /// Removes the gauges that all their tasks have released.
    pub(super) fn sweep(&mut self, families: &Families, now: Instant) {
        self.holders.retain(|labels, holders| {
            holders.retain(|(_, until)| until.is_none_or(|until| now < until));
            if holders.is_empty() {
                remove(families, labels);
            }
            !holders.is_empty()
        });
    }
}

fn release(holders: &mut [Holder], task: &Task, at: Instant) {
    for (_, until) in holders.iter_mut().filter(|(holder, until)| holder == task && until.is_none()) {
        *until = Some(at);
    }
}

fn labels(insight: &Insight) -> Labels {
    [
        insight.account.to_string(),
        insight.region.clone(),
        insight.source.clone(),
        insight.name.clone(),
        insight.kind.label().to_owned(),
        insight.error.clone().unwrap_or_default(),
    ]
}

/// Calls per minute.
fn rate(count: u64, minutes: u64) -> f64 {
    if minutes == 0 { 0.0 } else { count as f64 / minutes as f64 }
}

fn remove(families: &Families, labels: &Labels) {
    // All three are set together; an error only says that one is not there.
    let _ = families.insight_open.remove_label_values(labels);
    let _ = families.insight_rate.remove_label_values(labels);
    let _ = families.insight_baseline.remove_label_values(labels);
}
