//! Gauges of open insights: one label set each while it is open, up to `metrics.open_insights_max`.
//!
//! A gauge stays for `metrics.insight_hold` after the End, and after its partition has gone elsewhere: so it is seen however short the
//! insight was, and an alert neither resolves nor fires anew while another process takes over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use insightd_core::cloudtrail::insight::Insight;

use super::Task;
use super::families::{Families, INSIGHT_LABELS};

type Labels = [String; INSIGHT_LABELS.len()];

/// Which label sets are shown, and on whose behalf.
pub(super) struct OpenInsights {
    shown_max: usize,
    hold: Duration,
    /// One series can be open in two tasks when its records are not keyed by account; its gauge stays until both have ended. Each with the time
    /// at which it lets go, once it is over.
    holders: BTreeMap<Labels, Vec<(Task, Option<Instant>)>>,
}

impl OpenInsights {
    pub(super) fn new(shown_max: usize, hold: Duration) -> Self {
        Self { shown_max, hold, holders: BTreeMap::new() }
    }

    /// Shows an insight. Beyond the configured number it is counted and not shown, also not later.
    pub(super) fn start(&mut self, families: &Families, task: &Task, insight: &Insight) {
        let labels = labels(insight);
        if self.holders.len() >= self.shown_max && !self.holders.contains_key(&labels) {
            self.evict(families);
        }
        if self.holders.len() >= self.shown_max && !self.holders.contains_key(&labels) {
            families.open_insights_reached().inc();
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

    /// What is over gives way to what is open, the earliest first.
    fn evict(&mut self, families: &Families) {
        let over = |holders: &Vec<(Task, Option<Instant>)>| holders.iter().map(|(_, until)| *until).max().flatten();
        let ended = |(labels, holders): (&Labels, &Vec<_>)| {
            let all_over = holders.iter().all(|(_, until): &(Task, Option<Instant>)| until.is_some());
            over(holders).filter(|_| all_over).map(|until| (until, labels.clone()))
        };
        if let Some((_, labels)) = self.holders.iter().filter_map(ended).min() {
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

    /// A task has gone elsewhere.
    pub(super) fn drop_task(&mut self, task: &Task, now: Instant) {
        self.holders.values_mut().for_each(|holders| release(holders, task, now + self.hold));
    }

    /// Takes away what has been over for long enough.
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

fn release(holders: &mut [(Task, Option<Instant>)], task: &Task, at: Instant) {
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

fn rate(count: u64, minutes: u64) -> f64 {
    if minutes == 0 { 0.0 } else { count as f64 / minutes as f64 }
}

fn remove(families: &Families, labels: &Labels) {
    // All three are set together; one that is missing is as good as removed.
    let _ = families.insight_open.remove_label_values(labels);
    let _ = families.insight_rate.remove_label_values(labels);
    let _ = families.insight_baseline.remove_label_values(labels);
}
