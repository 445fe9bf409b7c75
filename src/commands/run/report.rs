//! What a worker reports to the outside: the log line, the metrics and the health of each event, together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use insightd_core::cloudtrail::insight::{State, rfc3339};
use insightd_core::detect::{BackfillResult, Backfilled};
use insightd_core::invariants::{Invariant, Violation};
use insightd_core::pipeline::{Gauges, Tally};

use super::committed::CommittedOffsets;
use super::handles::Handles;
use super::reachability::BrokerReachability;
use crate::http::{Health, WorkerState};
use crate::metrics::{Metrics, Rebalance, RestoreOutcome, Task, Transaction as Ended, Truncated};
use crate::stream::broker::{Assigned, Skipped, TopicPartition};
use crate::stream::report::{Committed as Commit, Report, Restored};
use crate::stream::tasks::{Takeover, TaskOrigin};
use crate::stream::transaction::Raised;
use crate::stream::watchdog::{Calls, Phase};

/// Dead-letter records of one reason are logged once within this time; the metrics count them all.
const LOG_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The reports of one worker.
pub(crate) struct WorkerReport {
    /// Its number, from 0.
    worker: usize,
    calls: Arc<Calls>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    reachability: Arc<BrokerReachability>,
    committed: Arc<CommittedOffsets>,
    /// How long the group keeps the partitions after a stop; none if the worker leaves the group.
    kept_for: Option<Duration>,
    /// Number of assigned partitions; none before an assignment.
    partitions: Option<usize>,
    /// Partitions whose state is being restored, each with the records that remain of its changelog.
    restoring: BTreeMap<TopicPartition, i64>,
    /// When each reason for dead-letter records was last logged.
    dead_letters_logged: HashMap<&'static str, Instant>,
    /// When violations of each invariant were last logged.
    violations_logged: HashMap<Invariant, Instant>,
    /// `output.max_age`, seconds.
    max_age_s: i64,
}

impl WorkerReport {
    /// Reports for a worker that has not started.
    pub(crate) fn new(handles: &Handles, worker: usize, calls: Arc<Calls>) -> Self {
        Self {
            worker,
            calls,
            metrics: handles.metrics.clone(),
            health: handles.health.clone(),
            reachability: handles.reachability.clone(),
            committed: handles.committed.clone(),
            kept_for: (!handles.config.kafka.leave_on_stop).then_some(handles.config.kafka.session_timeout),
            partitions: None,
            restoring: BTreeMap::new(),
            dead_letters_logged: HashMap::new(),
            violations_logged: HashMap::new(),
            max_age_s: i64::try_from(handles.config.output.max_age.as_secs()).unwrap_or(i64::MAX),
        }
    }

    /// No broker is reachable, so the worker cannot register its producer.
    pub(crate) fn waiting(&self, reason: &str) {
        self.reachability.down(self.worker, reason);
        self.metrics.broker_up(self.worker, false);
        self.health.set(self.worker, WorkerState::BrokerAway { error: reason.to_owned() });
    }

    /// The worker has registered its producer and joins the group.
    pub(crate) fn joining(&self) {
        self.reachability.up(self.worker);
        self.metrics.broker_up(self.worker, true);
        self.health.set(self.worker, WorkerState::Connecting);
    }

    /// The worker loop has ended.
    pub(crate) fn stopping(&self) {
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

    fn rebalanced(&mut self, kind: Rebalance, partitions: Option<usize>) {
        self.partitions = partitions;
        self.metrics.rebalance(self.worker, kind, partitions.unwrap_or_default());
        self.health.set(self.worker, self.worker_state());
    }

    fn worker_state(&self) -> WorkerState {
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

    fn backfilled(&self, backfill: &BackfillResult) {
        let (worker, account) = (self.worker, backfill.account.map(|account| account.to_string()));
        match backfill.outcome {
            Ok(Backfilled { begin, series, .. }) => {
                let begin = rfc3339(begin * 60);
                tracing::info!(worker, account, begin, series, "backfill of an account merged");
            }
            Err(refusal) => tracing::warn!(
                worker,
                account,
                reason = refusal.label(),
                "backfill of an account refused: {}",
                refusal.remedy()
            ),
        }
    }

    fn dead_letters(&mut self, reason: &'static str, count: u64) {
        for _ in 0..count {
            self.metrics.dead_letter(reason);
        }
        let now = Instant::now();
        if self.dead_letters_logged.get(reason).is_none_or(|at| now.duration_since(*at) >= LOG_AGAIN_AFTER) {
            self.dead_letters_logged.insert(reason, now);
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

    fn assigned(&mut self, assigned: &[Assigned], takeover: &Takeover) {
        let Takeover { origins, gone } = takeover;
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

    fn committed(&mut self, committed: &Commit<'_>) {
        let Commit { transaction, took, open, wall } = *committed;
        self.calls.closed();
        self.metrics.transaction(Ended::Committed, open);
        self.health.committed(self.worker);
        self.metrics.state_saved(transaction.state_records, transaction.state_bytes);
        self.committed.commit(transaction.positions());
        for raised in &transaction.insights {
            self.raised(raised, wall);
        }
        for (reason, count) in &transaction.dead_letters {
            self.dead_letters(reason, *count);
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

    fn restoring(&mut self, partition: &TopicPartition, remaining: i64) {
        let left = remaining.max(0);
        self.metrics.state_left(&self.task(partition), left);
        self.restoring.insert(partition.clone(), left);
        self.health.set(self.worker, self.worker_state());
    }

    fn restored(&mut self, partition: &TopicPartition, restored: &Restored<'_>) {
        let task = self.task(partition);
        let state = restored.head.map(|head| head.state);
        let found = found(state, restored.expected);
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
                "state restored, but the group's offset was not committed with it, so the offset was set by hand; records that the \
                 state has counted already are recognized by their eventID within input.dedup_horizon"
            ),
            RestoreOutcome::StateLost => tracing::error!(
                worker, %partition, expected = restored.expected, position,
                "the group's offset belongs to a state that is not in the changelog: baselines start over"
            ),
        }
        self.restoring.remove(partition);
        self.health.set(self.worker, self.worker_state());
    }

    fn counted(&mut self, tally: &Tally) {
        self.metrics.committed(tally);
        for backfill in &tally.backfills {
            self.backfilled(backfill);
        }
        for account in &tally.misrouted_accounts {
            tracing::warn!(
                worker = self.worker,
                %account,
                "a record's message key is not its account: the account's records may lie in several partitions"
            );
        }
    }

    fn gauges(&mut self, partition: &TopicPartition, gauges: &Gauges) {
        self.metrics.gauges(&self.task(partition), gauges);
    }

    fn lag(&mut self, partition: &TopicPartition, records: i64) {
        self.metrics.lag(&partition.topic, partition.partition, records);
    }

    fn skipped(&mut self, skipped: &Skipped) {
        let Skipped { partition, from, to } = skipped;
        self.metrics.kafka_error("OffsetOutOfRange");
        let records = to - from;
        if records >= 0 {
            tracing::error!(%partition, from, to, records, "retention deleted these records before they were read");
        } else {
            tracing::error!(%partition, from, to, "the partition ends before the committed offset; reading continues at its end");
        }
    }

    fn down(&mut self, reason: &str) {
        self.waiting(reason);
    }

    fn up(&mut self) {
        self.reachability.up(self.worker);
        self.metrics.broker_up(self.worker, true);
        self.health.set(self.worker, self.worker_state());
    }

    fn retrying(&mut self, what: &str, reason: &str) {
        tracing::warn!(worker = self.worker, reason, "cannot {what}; retrying");
    }

    fn violated(&mut self, violation: &Violation, times: u64) {
        self.metrics.violated(violation.invariant, times);
        let now = Instant::now();
        if self.violations_logged.get(&violation.invariant).is_none_or(|at| now.duration_since(*at) >= LOG_AGAIN_AFTER)
        {
            self.violations_logged.insert(violation.invariant, now);
            tracing::error!(
                worker = self.worker,
                invariant = violation.invariant.label(),
                times,
                detail = violation.detail,
                "an invariant is violated; please report this"
            );
        }
    }
}

/// What a restore has found: the state in the changelog against the state that the group's offset was
/// committed with.
fn found(state: Option<u64>, expected: Option<u64>) -> RestoreOutcome {
    match (state, expected) {
        (None, None | Some(0)) => RestoreOutcome::Nothing,
        (None, Some(_)) => RestoreOutcome::StateLost,
        (Some(state), Some(expected)) if state == expected => RestoreOutcome::State,
        (Some(_), _) => RestoreOutcome::OtherState,
    }
}
