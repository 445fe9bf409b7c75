//! The worker's decisions, one test each.

mod backfill;
mod recovering;

use std::time::Duration;

use insightd_core::cloudtrail::insight::Format;
use insightd_core::invariants::{Invariant, OnViolation, Violation, Violations};
use insightd_core::pipeline::{Gauges, Tally};

use super::{TICK, Timeouts, Worker, WorkerLimits};
use crate::stream::broker::{Action, Assigned, BrokerError, Cause, Polled, Position, Skipped, TopicPartition};
use crate::stream::publisher::{Publishing, RecordLimits};
use crate::stream::report::{Committed, Report, Restored};
use crate::stream::scripted::{ScriptedBroker, ScriptedTask};
use crate::stream::tasks::{Takeover, TaskOrigin};
use crate::stream::watchdog::Phase;

const INTERVAL: Duration = Duration::from_millis(100);

/// What was reported.
#[derive(Default)]
struct Reported {
    insights: usize,
    dead_letters: u64,
    payloads: u64,
    commits: usize,
    aborts: usize,
    origins: Vec<TaskOrigin>,
    lag: Option<i64>,
    /// Whether a transaction was open when the last iteration began, and its phases.
    open: bool,
    phases: Vec<Phase>,
    remaining: Vec<i64>,
    violations: Vec<(Invariant, u64)>,
    /// State found, state expected, insights open.
    restored: Vec<(Option<u64>, Option<u64>, usize)>,
}

impl Report for Reported {
    fn iterated(&mut self, open: bool) {
        self.open = open;
        self.phases.clear();
    }
    fn at(&mut self, phase: Phase) {
        self.phases.push(phase);
    }
    fn assigned(&mut self, _: &[Assigned], takeover: &Takeover) {
        self.origins.clone_from(&takeover.origins);
    }
    fn revoked(&mut self, _: bool) {}
    fn committed(&mut self, committed: &Committed<'_>) {
        self.commits += 1;
        self.insights += committed.transaction.insights.len();
        self.dead_letters += committed.transaction.dead_letters.values().sum::<u64>();
    }
    fn aborted(&mut self, _: bool, _: Duration, _: &str) {
        self.aborts += 1;
    }
    fn restoring(&mut self, _: &TopicPartition, remaining: i64) {
        self.remaining.push(remaining);
    }
    fn restored(&mut self, _: &TopicPartition, restored: &Restored<'_>) {
        self.restored.push((restored.head.map(|head| head.state), restored.expected, restored.open.len()));
    }
    fn counted(&mut self, tally: &Tally) {
        self.payloads += tally.payloads;
    }
    fn gauges(&mut self, _: &TopicPartition, _: &Gauges) {}
    fn lag(&mut self, _: &TopicPartition, records: i64) {
        self.lag = Some(records);
    }
    fn skipped(&mut self, _: &Skipped) {}
    fn down(&mut self, _: &str) {}
    fn up(&mut self) {}
    fn retrying(&mut self, _: &str, _: &str) {}
    fn violated(&mut self, violation: &Violation, times: u64) {
        self.violations.push((violation.invariant, times));
    }
}

fn publishing() -> Publishing {
    Publishing {
        output_topic: "out".into(),
        format: Format::CLOUDTRAIL,
        max_age: Duration::from_secs(6 * 3600),
        dlq_topic: "dlq".into(),
        dead_letter_bytes_max: 1000,
        limits: RecordLimits { output: 100_000, dlq: 100_000 },
        state_topic: "state".into(),
    }
}

fn limits() -> WorkerLimits {
    WorkerLimits {
        commit_interval: INTERVAL,
        transaction_records_max: 4,
        poll_records_max: 100,
        restore_records_max: 2,
        restore_stall_max: Duration::from_secs(60),
        single_partition: false,
        timeouts: Timeouts {
            transaction: Duration::from_secs(10),
            session: Duration::from_secs(45),
            poll_interval: Duration::from_secs(300),
        },
    }
}

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("in", number)
}

fn at(number: i32, next: i64, state: u64) -> Position {
    Position { partition: partition(number), next, state }
}

type Scripted<'b> = Worker<'b, ScriptedBroker, ScriptedTask>;

/// Runs a script against a worker that holds partition 0, committed at offset 10.
fn with_worker(script: impl FnOnce(&mut Scripted<'_>, &ScriptedBroker)) -> Reported {
    let broker = ScriptedBroker::default();
    broker.committed.borrow_mut().push(at(0, 10, 0));
    let mut reported = Reported::default();
    let make_task = || ScriptedTask::default();
    {
        let mut worker = Worker::new(&broker, &broker.clock, &make_task, &mut reported, publishing(), limits());
        broker.event(Polled::Assign(vec![partition(0)]));
        worker.iterate().unwrap();
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["assign", "open 0", "resume in[0]"]);
        script(&mut worker, &broker);
    }
    reported
}

#[test]
fn the_watchdog_sees_the_phase_and_the_open_transaction() {
    use Phase::{Apply, Commit, Poll, Rebalance, Restore, Rewind, Tick};
    let iterated = |script: &dyn Fn(&mut Scripted<'_>, &ScriptedBroker)| {
        let reported = with_worker(|worker, broker| {
            script(worker, broker);
            worker.iterate().unwrap();
        });
        (reported.open, reported.phases)
    };
    let (open, phases) = iterated(&|_, broker| {
        broker.message(0, 10, "now");
    });
    assert_eq!(phases, [Poll, Apply, Rebalance, Rewind, Restore, Tick, Commit]);
    assert!(!open, "it is opened and committed in one iteration");
    // An old insight can wait: its transaction is begun and stays open until the interval is over.
    let (open, phases) = iterated(&|worker, broker| {
        broker.message(0, 10, "old");
        worker.iterate().unwrap();
        broker.event(Polled::Revoke { lost: false });
    });
    assert!(open);
    assert_eq!(phases, [Poll, Rebalance, Commit, Poll, Apply, Rebalance, Rewind, Restore, Tick]);
    let (open, _) = iterated(&|worker, broker| {
        broker.fail_commit.replace(Some(BrokerError::new(Action::AbortAndRewind, "too slow")));
        broker.fail_rewind.replace(Some(BrokerError::new(Action::Retry, "busy")));
        broker.message(0, 10, "now");
        worker.iterate().unwrap();
    });
    assert!(!open, "it is aborted, and only the rewind is missing");
}

#[test]
fn records_alone_are_committed_at_the_interval() {
    let reported = with_worker(|worker, broker| {
        broker.message(0, 10, "quiet");
        broker.message(0, 12, "quiet");
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), [""; 0]);
        broker.clock.pass(INTERVAL);
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["begin", "commit in[0]=13"]);
    });
    assert_eq!((reported.commits, reported.payloads), (1, 2));
}

#[test]
fn an_insight_is_committed_at_once_together_with_its_offsets() {
    let reported = with_worker(|worker, broker| {
        broker.message(0, 10, "quiet");
        broker.message(0, 11, "now");
        broker.message(0, 12, "quiet");
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["begin", "produce out", "commit in[0]=12"]);
    });
    assert_eq!((reported.insights, reported.payloads), (1, 2));
}

#[test]
fn insights_in_succession_leave_half_of_the_time_for_records() {
    with_worker(|worker, broker| {
        broker.commit_takes.set(Duration::from_millis(8));
        broker.message(0, 10, "now");
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["begin", "produce out", "commit in[0]=11"]);
        broker.message(0, 11, "now");
        broker.clock.pass(Duration::from_millis(7));
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["begin", "produce out"]);
        broker.clock.pass(Duration::from_millis(1));
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["commit in[0]=12"]);
    });
}

#[test]
fn a_historic_insight_and_a_dead_letter_wait_for_the_interval() {
    let reported = with_worker(|worker, broker| {
        broker.message(0, 10, "old");
        broker.message(0, 11, "odd");
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["begin", "produce out", "produce dlq"]);
    });
    // Not committed, so not reported.
    assert_eq!((reported.insights, reported.dead_letters, reported.payloads), (0, 0, 0));
}

#[test]
fn a_full_transaction_is_committed_before_the_interval() {
    with_worker(|worker, broker| {
        (10..16).for_each(|offset| broker.message(0, offset, "quiet"));
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["begin", "commit in[0]=14"]);
    });
}

#[test]
fn partitions_are_given_back_after_a_commit_and_resume() {
    let reported = with_worker(|worker, broker| {
        broker.message(0, 10, "quiet");
        broker.event(Polled::Revoke { lost: false });
        broker.event(Polled::Assign(vec![partition(0)]));
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["begin", "commit in[0]=11", "unassign", "assign", "resume in[0]"]);
    });
    assert_eq!(reported.origins, [TaskOrigin::Kept]);
}

#[test]
fn a_partition_committed_by_another_worker_is_restored() {
    let reported = with_worker(|worker, broker| {
        broker.event(Polled::Revoke { lost: false });
        worker.iterate().unwrap();
        broker.committed.borrow_mut().push(at(0, 17, 9));
        broker.event(Polled::Assign(vec![partition(0)]));
        worker.iterate().unwrap();
    });
    assert_eq!(reported.origins, [TaskOrigin::Outdated]);
}

#[test]
fn a_lost_assignment_commits_nothing() {
    let reported = with_worker(|worker, broker| {
        broker.message(0, 10, "quiet");
        broker.event(Polled::Revoke { lost: true });
        broker.event(Polled::Assign(vec![partition(0)]));
        worker.iterate().unwrap();
        broker.clock.pass(INTERVAL);
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["unassign", "assign", "resume in[0]"]);
    });
    // Memory returned to what is committed, and no other worker has committed for the partition.
    assert_eq!((reported.origins, reported.payloads), (vec![TaskOrigin::Kept], 0));
}

#[test]
fn a_lost_assignment_aborts_the_open_transaction() {
    let reported = with_worker(|worker, broker| {
        broker.message(0, 10, "odd");
        broker.event(Polled::Revoke { lost: true });
        broker.event(Polled::Assign(vec![partition(0)]));
        broker.message(0, 10, "odd");
        worker.iterate().unwrap();
        let calls = ["begin", "produce dlq", "abort", "unassign", "assign", "resume in[0]", "begin", "produce dlq"];
        assert_eq!(broker.take_calls(), calls);
    });
    assert_eq!((reported.aborts, reported.dead_letters, reported.payloads), (1, 0, 0));
}

#[test]
fn an_assignment_that_cannot_be_answered_is_retried() {
    with_worker(|worker, broker| {
        broker.event(Polled::Revoke { lost: false });
        broker.event(Polled::Assign(vec![partition(0)]));
        broker.fail_assign.set(true);
        worker.iterate().unwrap();
        broker.fail_assign.set(false);
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["unassign"]);
        broker.clock.pass(Duration::from_secs(1));
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["assign", "resume in[0]"]);
    });
}

/// Otherwise a restart before the first record would choose the beginning anew and skip what came in between.
#[test]
fn the_start_of_a_new_group_is_committed_without_a_record() {
    with_worker(|worker, broker| {
        broker.event(Polled::Revoke { lost: false });
        broker.event(Polled::Assign(vec![partition(0), partition(1)]));
        worker.iterate().unwrap();
        worker.iterate().unwrap();
        broker.clock.pass(INTERVAL);
        worker.iterate().unwrap();
        let calls = ["unassign", "assign", "resume in[0]", "open 1", "resume in[1]", "begin", "commit in[1]=5"];
        assert_eq!(broker.take_calls(), calls);
    });
}

#[test]
fn without_a_broker_no_transaction_begins() {
    with_worker(|worker, broker| {
        broker.message(0, 10, "quiet");
        broker.event(Polled::Down("gone".into()));
        worker.iterate().unwrap();
        broker.clock.pass(Duration::from_secs(3600));
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["pause in[0]"]);
        broker.event(Polled::Up);
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["resume in[0]", "begin", "commit in[0]=11"]);
    });
}

#[test]
fn stopping_without_a_broker_leaves_records_to_the_next_start() {
    with_worker(|worker, broker| {
        broker.message(0, 10, "quiet");
        broker.event(Polled::Down("gone".into()));
        worker.iterate().unwrap();
        worker.run(&true.into()).unwrap();
        assert_eq!(broker.take_calls(), ["pause in[0]"]);
    });
}

#[test]
fn stopping_finishes_the_open_transaction() {
    let reported = with_worker(|worker, broker| {
        broker.message(0, 10, "odd");
        worker.iterate().unwrap();
        worker.run(&true.into()).unwrap();
        assert_eq!(broker.take_calls(), ["begin", "produce dlq", "commit in[0]=11"]);
    });
    assert_eq!(reported.dead_letters, 1);
}

#[test]
fn only_a_task_at_the_end_of_its_partition_receives_the_time() {
    let received_the_time = |worker: &mut Scripted<'_>| worker.tasks.find("in", 0).unwrap().task.received_the_time;
    with_worker(|worker, broker| {
        broker.clock.pass(TICK);
        worker.iterate().unwrap();
        assert_eq!(received_the_time(worker), 0);
        broker.event(Polled::End(partition(0)));
        worker.iterate().unwrap();
        assert_eq!(received_the_time(worker), 1);
        broker.event(Polled::Away(partition(0)));
        broker.clock.pass(TICK);
        worker.iterate().unwrap();
        assert_eq!(received_the_time(worker), 1);
        broker.event(Polled::End(partition(0)));
        broker.message(0, 10, "quiet");
        broker.clock.pass(TICK);
        worker.iterate().unwrap();
        assert_eq!(received_the_time(worker), 2);
    });
}

/// So a worker that lost the partition without knowing it is fenced by its generation.
#[test]
fn an_insight_of_time_alone_is_committed_with_its_offset() {
    let reported = with_worker(|worker, broker| {
        broker.event(Polled::End(partition(0)));
        worker.iterate().unwrap();
        broker.clock.pass(TICK);
        worker.iterate().unwrap();
        broker.clock.pass(TICK);
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["begin", "produce out", "commit in[0]=10"]);
    });
    assert_eq!((reported.insights, reported.lag), (1, Some(90)));
}

#[test]
fn a_record_of_a_partition_that_is_not_held_is_refused() {
    let reported = with_worker(|worker, broker| {
        worker.violations = Violations::new(OnViolation::Record);
        broker.message(1, 10, "quiet");
        let failure = worker.iterate().unwrap_err();
        assert!(failure.message.starts_with("OWN-1"), "{failure}");
    });
    assert_eq!(reported.violations, [(Invariant::Own1, 1)]);
}

#[test]
fn an_offset_that_goes_back_is_refused() {
    let reported = with_worker(|worker, broker| {
        worker.violations = Violations::new(OnViolation::Record);
        broker.message(0, 9, "quiet");
        let failure = worker.iterate().unwrap_err();
        assert!(failure.message.starts_with("EO-2"), "{failure}");
    });
    assert_eq!(reported.violations, [(Invariant::Eo2, 1)]);
}

#[test]
fn a_record_before_the_restore_has_ended_is_refused() {
    let reported = with_worker(|worker, broker| {
        worker.violations = Violations::new(OnViolation::Record);
        broker.event(Polled::Revoke { lost: false });
        broker.event(Polled::Assign(vec![partition(0), partition(1)]));
        broker.message(1, 5, "quiet");
        let failure = worker.iterate().unwrap_err();
        assert!(failure.message.starts_with("RES-1"), "{failure}");
    });
    assert_eq!(reported.violations, [(Invariant::Res1, 1)]);
}

/// A release counts a violation of each kind once per commit and continues; a debug build panics.
#[test]
fn a_commit_that_breaks_an_invariant_is_counted_in_a_release() {
    let reported = with_worker(|worker, broker| {
        worker.violations = Violations::new(OnViolation::Record);
        broker.message(0, 10, "quiet");
        worker.iterate().unwrap();
        // The defect: the task claims another last record than the transaction commits.
        worker.tasks.find("in", 0).unwrap().applied = Some(12);
        broker.clock.pass(INTERVAL);
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["begin", "commit in[0]=11"]);
    });
    assert_eq!((reported.commits, reported.violations), (1, vec![(Invariant::Eo2, 1)]));
}

#[test]
#[should_panic(expected = "EO-2: in[0]")]
fn a_commit_that_breaks_an_invariant_panics_in_a_debug_build() {
    with_worker(|worker, broker| {
        worker.violations = Violations::new(OnViolation::Panic);
        broker.message(0, 10, "quiet");
        worker.iterate().unwrap();
        worker.tasks.find("in", 0).unwrap().applied = Some(12);
        broker.clock.pass(INTERVAL);
        let _ = worker.iterate();
    });
}

#[test]
fn timeouts_that_are_not_ordered_are_a_violation() {
    let (broker, make_task) = (ScriptedBroker::default(), || ScriptedTask::default());
    let mut reported = Reported::default();
    let timeouts = Timeouts { session: Duration::from_secs(10), ..limits().timeouts };
    let limits = WorkerLimits { timeouts, ..limits() };
    let worker = Worker::new(&broker, &broker.clock, &make_task, &mut reported, publishing(), limits);
    worker.on_violation(OnViolation::Record).run(&true.into()).unwrap();
    assert_eq!(reported.violations, [(Invariant::Eo4, 1)]);
}

#[test]
fn records_that_retention_deleted_are_skipped() {
    with_worker(|worker, broker| {
        broker.event(Polled::Skipped(Skipped { partition: partition(0), from: 10, to: 40 }));
        broker.message(0, 40, "quiet");
        worker.iterate().unwrap();
        broker.clock.pass(INTERVAL);
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["begin", "commit in[0]=41"]);
    });
}

#[test]
fn a_truncated_log_does_not_make_a_transaction_go_back() {
    with_worker(|worker, broker| {
        broker.message(0, 20, "quiet");
        broker.event(Polled::Skipped(Skipped { partition: partition(0), from: 21, to: 15 }));
        broker.message(0, 15, "quiet");
        worker.iterate().unwrap();
        broker.clock.pass(INTERVAL);
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["begin", "commit in[0]=21", "begin", "commit in[0]=16"]);
    });
}

#[test]
fn an_unkeyed_input_that_grows_a_partition_ends_the_worker() {
    let broker = ScriptedBroker::default();
    let mut reported = Reported::default();
    let make_task = || ScriptedTask::default();
    let limits = WorkerLimits { single_partition: true, ..limits() };
    let mut worker = Worker::new(&broker, &broker.clock, &make_task, &mut reported, publishing(), limits);
    broker.event(Polled::Assign(vec![partition(0), partition(1)]));
    let failure = worker.iterate().unwrap_err();
    assert_eq!(failure.cause, Cause::Configuration);
    assert!(failure.message.contains("input.keyed_by_account"), "{failure}");
}
