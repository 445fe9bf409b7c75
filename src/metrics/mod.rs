//! The daemon's Prometheus metrics: declared in [`catalog`], fed from committed transactions, rendered as
//! text.
//!
//! The only place where metric names are spelled. Nothing here decides anything: no Kafka, no logging.
//!
//! A scrape sees whole commits only. Adding a commit and gathering hold the same lock, so CNT-1 and every
//! other sum over families hold in the exposition at any moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use insightd_core::cloudtrail::insight::{Insight, State};
use insightd_core::invariants::Invariant;
use insightd_core::pipeline::{Gauges, Tally};
use insightd_core::rules::Rules;
use prometheus::{IntGaugeVec, Registry, TextEncoder};

use crate::config::Config;

mod catalog;
mod family;
mod labels;
mod open;
mod process;
mod tally;
#[cfg(test)]
mod tests;

use catalog::Families;
pub use catalog::families;
pub use family::{Family, Kind};
pub(crate) use labels::{Rebalance, RestoreOutcome, Transaction, Truncated};
use open::OpenInsights;

/// Content type of [`Metrics::render`]: Prometheus text format 0.0.4.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One partition as processed by one worker. Gauges are sums over tasks.
///
/// The worker identifies it too: when a partition moves between two workers of one process, the old owner's
/// [`Metrics::drop_task`] may come after the new owner's first [`Metrics::gauges`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Task {
    /// Number of the worker.
    pub(crate) worker: usize,
    /// Input topic.
    pub(crate) topic: Arc<str>,
    /// Partition.
    pub(crate) partition: i32,
}

impl Task {
    /// The task of a worker's partition.
    pub(crate) fn new(worker: usize, topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { worker, topic: topic.into(), partition }
    }
}

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    families: Families,
    rules: Arc<Rules>,
    /// Locked by every change that a scrape must see as a whole, and while gathering.
    live: Mutex<Live>,
}

/// What gauges are derived from.
struct Live {
    gauges: BTreeMap<Task, Gauges>,
    open: OpenInsights,
}

impl Metrics {
    /// Metrics with all fixed label values at 0, so that rates are right from the first event on.
    ///
    /// # Errors
    /// Two families have one name, which a test excludes.
    pub fn new(config: &Config) -> prometheus::Result<Arc<Self>> {
        let registry = Registry::new();
        let families = Families::register(&registry)?;
        let rules = Arc::clone(&config.rules);
        families.start_at_zero(&rules);
        process::export(&families, &registry)?;
        let open = OpenInsights::new(config.metrics.open_insights_max, config.metrics.insight_hold);
        let live = Mutex::new(Live { gauges: BTreeMap::new(), open });
        Ok(Arc::new(Self { registry, families, rules, live }))
    }

    /// Adds the counts of one committed transaction.
    pub(crate) fn committed(&self, tally: &Tally) {
        let _whole = self.lock();
        self.families.add_tally(tally, &self.rules);
    }

    /// Counts one committed insight. `now` is the wall clock in seconds since 1970; `historic` is the
    /// record's header `insight-historic` (older than `output.max_age`). A Start opens a gauge unless it is
    /// historic or a rule suppresses it; an End closes the gauge.
    pub(crate) fn insight(&self, task: &Task, insight: &Insight, now: i64, historic: bool) {
        let mut live = self.lock();
        if historic {
            self.families.insights_historic.inc();
        } else if insight.state == State::Start {
            let latency = now.saturating_sub(insight.finding.detected_at).max(0);
            self.families.detection_latency.observe(latency as f64);
        }
        match insight.state {
            State::Start if !historic && insight.finding.suppressed_by.is_none() => {
                live.open.start(&self.families, task, insight);
            }
            State::Start => {}
            // A series has one open insight at a time, so a suppressed End cannot close another insight's
            // gauge.
            State::End => live.open.end(task, insight, Instant::now()),
        }
    }

    /// Counts one committed dead-letter record.
    pub(crate) fn dead_letter(&self, reason: &'static str) {
        let _whole = self.lock();
        self.families.dead_letters.with_label_values(&[reason]).inc();
    }

    /// Counts one committed record that was truncated.
    pub(crate) fn truncated(&self, kind: Truncated) {
        self.families.records_truncated.with_label_values(&[kind.label()]).inc();
    }

    /// Sets the gauges of one task. Cheap enough for every commit.
    pub(crate) fn gauges(&self, task: &Task, gauges: &Gauges) {
        let mut live = self.lock();
        match live.gauges.get_mut(task) {
            Some(known) => *known = *gauges,
            None => drop(live.gauges.insert(task.clone(), *gauges)),
        }
        // 0: no record has set the clock yet.
        if gauges.clock != 0 {
            set(&self.families.clock, &task.topic, task.partition, gauges.clock);
        }
    }

    /// Sets the number of messages between the committed offset of a partition and its end.
    pub(crate) fn lag(&self, topic: &str, partition: i32, records: i64) {
        set(&self.families.lag, topic, partition, records);
    }

    /// Removes a task that the worker no longer owns: its share of the gauges, its lag, clock and open
    /// insights.
    pub(crate) fn drop_task(&self, task: &Task) {
        let mut live = self.lock();
        live.gauges.remove(task);
        live.open.drop_task(task, Instant::now());
        for gauges in [&self.families.clock, &self.families.lag, &self.families.restore_left] {
            // An error only says that the partition has no such gauge.
            let _ = gauges.remove_label_values(&[&*task.topic, &task.partition.to_string()]);
        }
    }

    /// Shows the gauge of an insight that is open in a task's restored state, unless a rule suppresses it.
    pub(crate) fn reopen(&self, task: &Task, insight: &Insight) {
        if insight.finding.suppressed_by.is_none() {
            self.lock().open.start(&self.families, task, insight);
        }
    }

    /// Counts records committed to the changelog; `bytes` of keys and values.
    pub(crate) fn state_saved(&self, records: u64, bytes: u64) {
        let _whole = self.lock();
        self.families.state_records.inc_by(records);
        self.families.state_bytes.inc_by(bytes);
    }

    /// Sets the number of changelog offsets that remain to be read before the partition is processed.
    pub(crate) fn state_left(&self, task: &Task, offsets: i64) {
        set(&self.families.restore_left, &task.topic, task.partition, offsets.max(0));
    }

    /// Counts a restored partition and the time it took.
    pub(crate) fn state_restored(&self, task: &Task, outcome: RestoreOutcome, took: Duration) {
        self.state_left(task, 0);
        self.families.restores.with_label_values(&[outcome.label()]).inc();
        self.families.restore_duration.observe(took.as_secs_f64());
    }

    /// Counts one transaction that ended; `duration` since its begin.
    pub(crate) fn transaction(&self, outcome: Transaction, duration: Duration) {
        self.families.transactions.with_label_values(&[outcome.label()]).inc();
        self.families.transaction_duration.observe(duration.as_secs_f64());
    }

    /// Counts an error that librdkafka reported. `kind` is the name of its code (a fixed set).
    pub(crate) fn kafka_error(&self, kind: &str) {
        self.families.kafka_errors.with_label_values(&[kind]).inc();
    }

    /// Counts violations of an invariant.
    pub(crate) fn violated(&self, invariant: Invariant, times: u64) {
        self.families.invariant_violations.with_label_values(&[invariant.label()]).inc_by(times);
    }

    /// Sets whether a worker reaches a broker.
    pub(crate) fn broker_up(&self, worker: usize, up: bool) {
        self.families.broker_up.with_label_values(&[worker.to_string()]).set(up.into());
    }

    /// Counts a rebalance of a worker, which owns `partitions` afterwards.
    pub(crate) fn rebalance(&self, worker: usize, kind: Rebalance, partitions: usize) {
        self.families.rebalances.with_label_values(&[kind.label()]).inc();
        self.families.partitions_assigned.with_label_values(&[worker.to_string()]).set(partitions as i64);
    }

    /// The exposition in Prometheus text format 0.0.4.
    ///
    /// # Errors
    /// The encoder reports none for families with help texts and samples.
    pub fn render(&self) -> prometheus::Result<String> {
        let gathered = {
            let mut live = self.lock();
            live.open.sweep(&self.families, Instant::now());
            self.families.set_gauges(live.gauges.values());
            self.registry.gather()
        };
        TextEncoder::new().encode_to_string(&gathered)
    }

    /// The lock. A thread that panicked under it leaves numbers, which remain usable.
    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sets the gauge of one partition.
fn set(gauges: &IntGaugeVec, topic: &str, partition: i32, value: i64) {
    gauges.with_label_values(&[topic, &partition.to_string()]).set(value);
}
