//! What a worker tells the outside: log line and metrics of each event, together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use insightd_core::cloudtrail::insight::{State, rfc3339};
use insightd_core::detect::{BackfillResult, Backfilled};
use insightd_core::pipeline::{Gauges, Tally};

use super::Daemon;
use super::committed::Committed;
use super::reach::Reach;
use crate::http::{Health, WorkerState};
use crate::metrics::{Metrics, Rebalance, RestoreOutcome, Task, Transaction as Ended, Truncated};
use crate::stream::broker::{Assigned, TopicPartition};
use crate::stream::report::{Report, Restored};
use crate::stream::tasks::TaskOrigin;
use crate::stream::transaction::{Raised, Transaction};
use crate::stream::watchdog::{Calls, Phase};

/// Dead letters of one reason are logged once within this time; the metrics count them all.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The voice of one worker.
pub(super) struct WorkerReport {
    worker: usize,
    calls: Arc<Calls>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    reach: Arc<Reach>,
    positions: Arc<Committed>,
    /// How long the group keeps its partitions after a stop; none if it leaves.
    kept_for: Option<Duration>,
    /// Partitions held; none while it waits for its place in the group.
    partitions: Option<usize>,
    /// Partitions whose state is not in memory yet, each with what is left of its changelog.
    restoring: BTreeMap<TopicPartition, i64>,
    letters_said: HashMap<&'static str, Instant>,
    /// `output.max_age`, seconds.
    max_age_s: i64,
}

impl WorkerReport {
    /// A worker that has not begun.
    pub(super) fn new(daemon: &Daemon, worker: usize, calls: Arc<Calls>) -> Self {
        Self {
            worker,
            calls,
            metrics: daemon.metrics.clone(),
            health: daemon.health.clone(),
            reach: daemon.reach.clone(),
            positions: daemon.committed.clone(),
            kept_for: (!daemon.config.kafka.leave_on_stop).then_some(daemon.config.kafka.session_timeout),
            partitions: None,
            restoring: BTreeMap::new(),
            letters_said: HashMap::new(),
            max_age_s: i64::try_from(daemon.config.output.max_age.as_secs()).unwrap_or(i64::MAX),
        }
    }

    /// No broker lets it register yet.
    pub(super) fn waiting(&self, reason: &str) {
        self.reach.down(self.worker, reason);
        self.metrics.broker_up(self.worker, false);
        self.health.set(self.worker, WorkerState::BrokerAway { error: reason.to_owned() });
    }

    /// Registered; waits for its place in the group.
    pub(super) fn joining(&self) {
        self.reach.up(self.worker);
        self.metrics.broker_up(self.worker, true);
        self.health.set(self.worker, WorkerState::Connecting);
    }

    /// The loop has ended.
    pub(super) fn stopping(&self) {
        self.calls.ended();
        self.health.set(self.worker, WorkerState::Stopping);
        if let Some(partitions @ 1..) = self.partitions {
            match self.kept_for {
                Some(kept_for) => tracing::info!(
                    worker = self.worker,
                    partitions,
                    ?kept_for,
                    "stopped; the group keeps its partitions for a restart within kafka.session_timeout"
                ),
                None => tracing::info!(worker = self.worker, partitions, "stopped; leaving the group"),
            }
        }
    }

    fn task(&self, partition: &TopicPartition) -> Task {
        Task::new(self.worker, partition.topic.clone(), partition.partition)
    }

    fn rebalanced(&mut self, what: Rebalance, partitions: Option<usize>) {
        self.partitions = partitions;
        self.metrics.rebalance(self.worker, what, partitions.unwrap_or_default());
        self.health.set(self.worker, self.place());
    }

    fn place(&self) -> WorkerState {
        match self.partitions {
            None => WorkerState::Connecting,
            Some(partitions) if self.restoring.is_empty() => WorkerState::Assigned { partitions },
            Some(_) => WorkerState::Restoring { partitions: self.restoring.len(), left: self.restoring.values().sum() },
        }
    }

    fn raised(&self, raised: &Raised, wall: i64) {
        let Raised { source, insight, historic } = raised;
        self.metrics.insight(&self.task(source), insight, wall, *historic);
        let what = match insight.state {
            State::Start => "insight started",
            State::End => "insight ended",
        };
        tracing::info!(
            account = %insight.account,
            region = insight.region,
            event_source = insight.source,
            event_name = insight.name,
            error_code = insight.error.as_deref(),
            insight_type = insight.kind.label(),
            score = insight.finding.score,
            observed = insight.finding.observed,
            expected = insight.finding.expected,
            historic,
            suppressed_by = insight.finding.suppressed_by.as_deref(),
            partition = %source,
            "{what}"
        );
    }

    fn loaded(&self, loaded: &BackfillResult) {
        let (worker, account) = (self.worker, loaded.account.map(|account| account.to_string()));
        match loaded.outcome {
            Ok(Backfilled { begin, series, .. }) => {
                let begin = rfc3339(begin * 60);
                tracing::info!(worker, account, begin, series, "history of an account taken in");
            }
            Err(refusal) => tracing::warn!(
                worker,
                account,
                reason = refusal.label(),
                "history of an account not taken in: {}",
                refusal.remedy()
            ),
        }
    }

    fn letters(&mut self, reason: &'static str, count: u64) {
        for _ in 0..count {
            self.metrics.dead_letter(reason);
        }
        let now = Instant::now();
        if self.letters_said.get(reason).is_none_or(|at| now.duration_since(*at) >= SAY_AGAIN_AFTER) {
            self.letters_said.insert(reason, now);
            tracing::warn!(reason, count, "records went to the dead-letter topic");
        }
    }
}

impl Report for WorkerReport {
    fn iterated(&mut self, open: bool) {
        self.calls.iterated(open);
        self.health.polled(self.worker);
    }

    fn at(&mut self, phase: Phase) {
        self.calls.at(phase);
    }

    fn assigned(&mut self, assigned: &[Assigned], origins: &[TaskOrigin], gone: &[TopicPartition]) {
        for partition in gone {
            self.metrics.drop_task(&self.task(partition));
        }
        for (began, origin) in assigned.iter().zip(origins) {
            if *origin == TaskOrigin::Outdated {
                self.metrics.drop_task(&self.task(&began.partition));
            }
            if *origin != TaskOrigin::Kept {
                self.restoring.insert(began.partition.clone(), 0);
            }
            tracing::info!(
                worker = self.worker,
                partition = %began.partition,
                offset = began.position,
                begins = if began.committed { "at the committed offset" } else { "at input.start" },
                state = if *origin == TaskOrigin::Kept { "kept" } else { "to be restored" },
                "partition assigned"
            );
        }
        if assigned.is_empty() {
            tracing::info!(worker = self.worker, "no partition assigned: a spare");
        }
        self.rebalanced(Rebalance::Assigned, Some(assigned.len()));
    }

    fn revoked(&mut self, lost: bool) {
        let partitions = self.partitions.unwrap_or_default();
        if lost {
            tracing::warn!(worker = self.worker, partitions, "partitions lost: the group has moved on");
        } else {
            tracing::info!(worker = self.worker, partitions, "partitions revoked");
        }
        self.restoring.clear();
        self.rebalanced(if lost { Rebalance::Lost } else { Rebalance::Revoked }, None);
    }

    fn committed(&mut self, transaction: &Transaction, took: Duration, open: Duration, wall: i64) {
        self.calls.closed();
        self.metrics.transaction(Ended::Committed, open);
        self.health.committed(self.worker);
        self.metrics.state_saved(transaction.state_records, transaction.state_bytes);
        self.positions.note(transaction.positions());
        for raised in &transaction.insights {
            self.raised(raised, wall);
        }
        for (reason, count) in &transaction.dead_letters {
            self.letters(reason, *count);
        }
        for (cut, count) in [
            (Truncated::DeadLetterRecord, transaction.dead_letters_cut),
            (Truncated::Insight, transaction.insights_cut),
        ] {
            for _ in 0..count {
                self.metrics.truncated(cut);
            }
        }
        tracing::debug!(worker = self.worker, messages = transaction.messages, ?took, ?open, "committed");
    }

    fn aborted(&mut self, fenced: bool, open: Duration, reason: &str) {
        self.calls.closed();
        self.metrics.transaction(if fenced { Ended::Fenced } else { Ended::Aborted }, open);
        tracing::warn!(worker = self.worker, reason, ?open, "transaction aborted; going back to the committed offsets");
    }

    fn restoring(&mut self, partition: &TopicPartition, position: i64, end: i64) {
        let left = end.saturating_sub(position).max(0);
        self.metrics.state_left(&self.task(partition), left);
        self.restoring.insert(partition.clone(), left);
        self.health.set(self.worker, self.place());
    }

    fn restored(&mut self, partition: &TopicPartition, restored: &Restored<'_>) {
        let task = self.task(partition);
        let state = restored.head.map(|head| head.state);
        let found = match (state, restored.expected) {
            (None, None | Some(0)) => RestoreOutcome::Nothing,
            (None, Some(_)) => RestoreOutcome::StateLost,
            (Some(state), Some(expected)) if state == expected => RestoreOutcome::State,
            (Some(_), _) => RestoreOutcome::OtherState,
        };
        self.metrics.state_restored(&task, found, restored.took);
        let fresh = |clock: i64| restored.wall.saturating_sub(clock) <= self.max_age_s;
        for (insight, _) in restored.open.iter().filter(|(_, clock)| fresh(*clock)) {
            self.metrics.reopen(&task, insight);
        }
        let (worker, position, open, took) = (self.worker, restored.position, restored.open.len(), restored.took);
        match found {
            RestoreOutcome::State | RestoreOutcome::Nothing => {
                tracing::info!(worker, %partition, state, position, open, ?took, "state restored");
            }
            RestoreOutcome::OtherState => tracing::warn!(
                worker, %partition, state, expected = restored.expected, position, open, ?took,
                "state restored, but the group's offset was not committed with it: somebody has set the offset; records that the \
                 state knows already are recognised by their eventID within input.dedup_horizon"
            ),
            RestoreOutcome::StateLost => tracing::error!(
                worker, %partition, expected = restored.expected, position,
                "the group's offset belongs to a state that is not in the changelog: baselines begin anew"
            ),
        }
        self.restoring.remove(partition);
        self.health.set(self.worker, self.place());
    }

    fn counted(&mut self, tally: &Tally) {
        self.metrics.committed(tally);
        for loaded in &tally.loaded {
            self.loaded(loaded);
        }
        for account in &tally.misrouted_accounts {
            tracing::warn!(
                worker = self.worker,
                %account,
                "a record of this account does not have it as its message key: its records may lie in several partitions"
            );
        }
    }

    fn levels(&mut self, partition: &TopicPartition, levels: &Gauges) {
        self.metrics.gauges(&self.task(partition), levels);
    }

    fn lag(&mut self, partition: &TopicPartition, records: i64) {
        self.metrics.lag(&partition.topic, partition.partition, records);
    }

    fn skipped(&mut self, partition: &TopicPartition, from: i64, to: i64) {
        self.metrics.kafka_error("OffsetOutOfRange");
        let records = to - from;
        if records >= 0 {
            tracing::error!(%partition, from, to, records, "retention was faster: these records were never read");
        } else {
            tracing::error!(%partition, from, to, "the partition ends before the committed offset; reading goes on at its end");
        }
    }

    fn down(&mut self, reason: &str) {
        self.waiting(reason);
    }

    fn up(&mut self) {
        self.reach.up(self.worker);
        self.metrics.broker_up(self.worker, true);
        self.health.set(self.worker, self.place());
    }

    fn retrying(&mut self, what: &str, reason: &str) {
        tracing::warn!(worker = self.worker, reason, "cannot {what}; trying again");
    }
}
