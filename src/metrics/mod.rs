//! What the daemon tells Prometheus: one struct, fed from committed transactions.
//!
//! The only place where metric names are spelled ([`families`]). Nothing here decides anything: no clock, no Kafka, no logging.
//!
//! A scrape sees whole commits only. Adding a commit and gathering hold the same lock, so CNT-1 (and every other sum
//! over families) is true in the exposition at any moment, not just between two commits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use insightd_core::cloudtrail::insight::{Insight, State};
use insightd_core::pipeline::{Gauges, Tally};
use insightd_core::rules::Rules;
use prometheus::{Registry, TextEncoder};

use crate::config::Config;

mod families;
mod open;
mod rules;
mod state;
#[cfg(test)]
mod tests;

use families::Families;
use open::OpenInsights;
use state::StateFamilies;

/// Content type of [`Metrics::render`]: Prometheus text format 0.0.4.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One partition in the hands of one worker. Gauges are sums over tasks.
///
/// The worker belongs to it: when a partition moves between two workers of one process, the old owner's
/// `drop_task` may come after the new owner's first `levels`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Task {
    /// Number of the worker.
    pub worker: usize,
    /// Input topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
}

impl Task {
    /// A task.
    pub fn new(worker: usize, topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { worker, topic: topic.into(), partition }
    }
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// Committed.
    Committed,
    /// Aborted, by us or by the broker.
    Aborted,
    /// Another producer with the same transactional id took over, or the transaction expired.
    Fenced,
}

/// What a rebalance did to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebalance {
    /// Partitions were given to it.
    Assigned,
    /// Partitions were taken in good order.
    Revoked,
    /// Partitions were lost: the group had gone on without it.
    Lost,
}

/// What restoring a partition has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The state that belongs to the committed offset.
    State,
    /// No state, and there should be none.
    Nothing,
    /// Another state than the one that belongs to the committed offset: somebody has set the offset.
    OtherState,
    /// No state, though the committed offset belongs to one.
    StateLost,
}

impl Found {
    fn label(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Nothing => "nothing",
            Self::OtherState => "other_state",
            Self::StateLost => "state_lost",
        }
    }
}

/// A record of ours that the broker's size limit made us cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A dead letter longer than `dlq.record_bytes_max`, or than the broker takes.
    DeadLetterRecord,
    /// An insight that the broker refused for its size.
    Insight,
}

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    families: Families,
    state: StateFamilies,
    rules: Arc<Rules>,
    /// Held by every change that must be seen as a whole, and while gathering.
    live: Mutex<Live>,
}

/// What gauges are derived from.
struct Live {
    levels: BTreeMap<Task, Gauges>,
    open: OpenInsights,
}

impl Metrics {
    /// Metrics with all fixed label values at 0, so that rates are right from the first event on.
    ///
    /// # Errors
    /// Only if two metrics had one name, which a test excludes.
    pub fn new(config: &Config) -> prometheus::Result<Arc<Self>> {
        let registry = Registry::new();
        let families = Families::register(&registry)?;
        let rules = Arc::clone(&config.rules);
        families.show_rules(&rules);
        let open = OpenInsights::new(config.metrics.open_insights_max, config.metrics.insight_hold);
        let state = StateFamilies::register(&registry)?;
        Ok(Arc::new(Self {
            registry,
            families,
            state,
            rules,
            live: Mutex::new(Live { levels: BTreeMap::new(), open }),
        }))
    }

    /// Adds the counts behind one committed transaction.
    pub fn committed(&self, tally: &Tally) {
        let _whole = self.lock();
        self.families.add_tally(tally);
        self.families.add_rules(&self.rules, tally);
        self.state.loaded(&tally.loaded);
    }

    /// Takes note of one committed insight. `now` is the wall clock in seconds since 1970; `historic` is what the record's
    /// header `insight-historic` says (older than `output.max_age`). A live Start opens a gauge, unless a rule suppresses it; an End
    /// closes it.
    pub fn insight(&self, task: &Task, insight: &Insight, now: i64, historic: bool) {
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
            // A series has one open insight at a time, so a suppressed End cannot close another one's gauge.
            State::End => live.open.end(task, insight, Instant::now()),
        }
    }

    /// Counts one committed dead letter.
    pub fn dead_letter(&self, reason: &'static str) {
        let _whole = self.lock();
        self.families.dead_letters.with_label_values(&[reason]).inc();
    }

    /// Counts one committed record that had to be cut.
    pub fn cut(&self, what: Cut) {
        self.families.cut(what).inc();
    }

    /// Sets what is live in one task. Cheap enough for every commit.
    pub fn levels(&self, task: &Task, levels: &Gauges) {
        let mut live = self.lock();
        match live.levels.get_mut(task) {
            Some(known) => *known = *levels,
            None => drop(live.levels.insert(task.clone(), *levels)),
        }
        self.families.set_clock(task, levels.clock);
    }

    /// Sets how many messages lie between the committed offset of a partition and its end.
    pub fn lag(&self, topic: &str, partition: i32, records: i64) {
        self.families.lag.with_label_values(&[topic, &partition.to_string()]).set(records);
    }

    /// Forgets everything about a task that was given away: its share of the gauges, its lag, clock and open insights.
    pub fn drop_task(&self, task: &Task) {
        let mut live = self.lock();
        live.levels.remove(task);
        live.open.drop_task(task, Instant::now());
        self.families.forget_partition(task);
        self.state.forget(task);
    }

    /// An insight that is open in the restored state of a task, unless a rule suppresses it: its gauge is there again.
    pub fn reopen(&self, task: &Task, insight: &Insight) {
        if insight.finding.suppressed_by.is_none() {
            self.lock().open.start(&self.families, task, insight);
        }
    }

    /// Records of the changelog were committed; `bytes` of keys and values.
    pub fn state_saved(&self, records: u64, bytes: u64) {
        let _whole = self.lock();
        self.state.records.inc_by(records);
        self.state.bytes.inc_by(bytes);
    }

    /// So many offsets of the changelog are still to be read before a partition is processed.
    pub fn state_left(&self, task: &Task, records: i64) {
        self.state.left(task, records);
    }

    /// A partition was restored, which took so long.
    pub fn state_restored(&self, task: &Task, found: Found, took: Duration) {
        self.state.left(task, 0);
        self.state.restored(found.label(), took.as_secs_f64());
    }

    /// One transaction ended like this, `duration` after it was begun.
    pub fn transaction(&self, outcome: Transaction, duration: Duration) {
        self.families.transaction(outcome).inc();
        self.families.transaction_duration.observe(duration.as_secs_f64());
    }

    /// librdkafka reported an error. `kind` is the name of its code (a fixed set).
    pub fn kafka_error(&self, kind: &str) {
        self.families.kafka_errors.with_label_values(&[kind]).inc();
    }

    /// Whether a worker reaches a broker.
    pub fn broker_up(&self, worker: usize, up: bool) {
        self.families.broker_up.with_label_values(&[worker.to_string()]).set(up.into());
    }

    /// A rebalance reached a worker, which holds `partitions` afterwards.
    pub fn rebalance(&self, worker: usize, what: Rebalance, partitions: usize) {
        self.families.rebalance(what).inc();
        self.families.partitions_assigned.with_label_values(&[worker.to_string()]).set(partitions as i64);
    }

    /// The exposition in Prometheus text format 0.0.4.
    ///
    /// # Errors
    /// None that the encoder knows for metrics that have help texts and samples.
    pub fn render(&self) -> prometheus::Result<String> {
        let gathered = {
            let mut live = self.lock();
            live.open.sweep(&self.families, Instant::now());
            self.families.set_levels(live.levels.values());
            self.registry.gather()
        };
        TextEncoder::new().encode_to_string(&gathered)
    }

    /// The lock; a panic of another thread leaves numbers, which stay usable.
    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
