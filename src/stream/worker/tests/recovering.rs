//! Failed transactions, fenced producers, and restored state.

use insightd_core::state::{CHECKPOINT_KEY, Checkpoint};

use super::*;
use crate::stream::tasks::Stage;

#[test]
fn a_failed_commit_is_aborted_and_its_work_done_again() {
    let reported = with_worker(|worker, broker| {
        broker.fail_commit.replace(Some(BrokerError::new(Action::AbortAndRewind, "cannot commit: too slow")));
        broker.message(0, 10, "now");
        worker.iterate().unwrap();
        let calls = ["begin", "produce out", "commit in[0]=11", "abort", "rewind", "resume in[0]"];
        let without_pause: Vec<String> =
            broker.take_calls().into_iter().filter(|call| !call.starts_with("pause")).collect();
        assert_eq!(without_pause, calls);
        broker.message(0, 10, "now");
        broker.clock.pass(INTERVAL);
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["begin", "produce out", "commit in[0]=11"]);
    });
    assert_eq!((reported.commits, reported.aborts, reported.insights, reported.payloads), (1, 1, 1, 1));
}

/// The answer was lost, not the commit: its work is not done again, and is reported once.
#[test]
fn a_commit_of_unknown_outcome_is_reported_once() {
    let reported = with_worker(|worker, broker| {
        broker.lose_answer.set(true);
        broker.message(0, 10, "now");
        worker.iterate().unwrap();
        let task = &worker.tasks.find("in", 0).unwrap();
        assert_eq!((task.committed.next, task.task.rollbacks), (11, 1), "only what came after it is rolled back");
        broker.message(0, 11, "quiet");
        worker.iterate().unwrap();
        broker.clock.pass(INTERVAL);
        worker.iterate().unwrap();
    });
    assert_eq!((reported.commits, reported.insights, reported.payloads), (2, 1, 2));
}

#[test]
fn a_task_behind_another_worker_is_restored_after_an_abort() {
    let reported = with_worker(|worker, broker| {
        broker.fail_commit.replace(Some(BrokerError::new(Action::AbortAndRewind, "another generation")));
        broker.committed.borrow_mut().push(at(0, 20, 7));
        let mut head = Vec::new();
        Checkpoint { state: 7, next: 20, idle_advances: vec![], backfill_next: 0 }.write(&mut head);
        broker.changelog.borrow_mut().push((CHECKPOINT_KEY.to_vec(), Some(head)));
        broker.message(0, 10, "quiet");
        worker.iterate().unwrap();
        broker.clock.pass(INTERVAL);
        for _ in 0..3 {
            worker.iterate().unwrap();
        }
        assert_eq!(worker.tasks.find("in", 0).unwrap().position, 20);
    });
    assert_eq!(reported.restored, [(None, None, 0), (Some(7), Some(7), 1)]);
}

#[test]
fn a_fenced_producer_is_replaced_without_an_abort() {
    with_worker(|worker, broker| {
        let fenced = BrokerError { action: Action::Fatal, cause: Cause::ProducerFenced, message: "fenced".into() };
        broker.fail_commit.replace(Some(fenced));
        broker.message(0, 10, "now");
        worker.iterate().unwrap();
        let calls: Vec<String> = broker.take_calls().into_iter().filter(|call| !call.starts_with("pause")).collect();
        assert_eq!(calls, ["begin", "produce out", "commit in[0]=11", "renew", "rewind", "resume in[0]"]);
    });
}

#[test]
fn no_record_is_applied_before_the_rewind_has_ended() {
    with_worker(|worker, broker| {
        broker.fail_commit.replace(Some(BrokerError::new(Action::AbortAndRewind, "too slow")));
        broker.fail_rewind.replace(Some(BrokerError::new(Action::Retry, "busy")));
        broker.message(0, 10, "now");
        broker.message(0, 11, "now");
        worker.iterate().unwrap();
        broker.message(0, 12, "now");
        worker.iterate().unwrap();
        let calls = broker.take_calls();
        assert!(!calls.iter().any(|call| call == "rewind"), "{calls:?}");
        broker.clock.pass(Duration::from_secs(1));
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["rewind", "resume in[0]"]);
    });
}

#[test]
fn a_member_that_was_fenced_ends_the_worker() {
    with_worker(|worker, broker| {
        let fenced = BrokerError { action: Action::Fatal, cause: Cause::MemberFenced, message: "fenced".into() };
        broker.fail_commit.replace(Some(fenced));
        broker.message(0, 10, "now");
        let failure = worker.run(&false.into()).unwrap_err();
        assert_eq!(failure.cause, Cause::MemberFenced);
        assert!(!failure.message.contains('\n'));
    });
}

#[test]
fn a_partition_is_fetched_only_after_its_restore() {
    let reported = with_worker(|worker, broker| {
        broker.event(Polled::Revoke { lost: false });
        worker.iterate().unwrap();
        broker.committed.borrow_mut().push(at(0, 30, 5));
        for state in 1..=5 {
            let mut head = Vec::new();
            Checkpoint { state, next: 30, idle_advances: vec![], backfill_next: 0 }.write(&mut head);
            broker.changelog.borrow_mut().push((CHECKPOINT_KEY.to_vec(), Some(head)));
        }
        // A transaction is open before the end.
        broker.withheld.set(1);
        broker.event(Polled::Assign(vec![partition(0)]));
        broker.take_calls();
        for _ in 0..6 {
            worker.iterate().unwrap();
        }
        assert_eq!(broker.take_calls(), ["assign", "open 0"]);
        broker.withheld.set(0);
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["resume in[0]"]);
    });
    assert_eq!(reported.restored[1..], [(Some(5), Some(5), 1)]);
    assert_eq!(reported.remaining[1..], [5, 3, 1]);
}

#[test]
fn a_changelog_that_does_not_move_ends_the_worker() {
    with_worker(|worker, broker| {
        broker.event(Polled::Revoke { lost: false });
        worker.iterate().unwrap();
        broker.committed.borrow_mut().push(at(0, 30, 5));
        broker.changelog.borrow_mut().push((CHECKPOINT_KEY.to_vec(), None));
        broker.withheld.set(1);
        broker.event(Polled::Assign(vec![partition(0)]));
        worker.iterate().unwrap();
        broker.clock.pass(Duration::from_secs(61));
        let failure = worker.iterate().unwrap_err();
        assert!(failure.message.contains("nothing has come for 60 s"), "{failure}");
    });
}

/// Regression (simulator, profile everything, seed 49): what the broker had aborted was committed again at
/// the stop, without a transaction.
#[test]
fn stopping_during_a_rewind_commits_nothing() {
    with_worker(|worker, broker| {
        broker.fail_commit.replace(Some(BrokerError::new(Action::AbortAndRewind, "too slow")));
        broker.fail_rewind.replace(Some(BrokerError::new(Action::Retry, "busy")));
        broker.message(0, 10, "now");
        worker.iterate().unwrap();
        broker.take_calls();
        worker.run(&true.into()).unwrap();
        assert_eq!(broker.take_calls(), [""; 0]);
    });
}

/// Regression (simulator, profile everything, seed 39): a second revocation forgot that the producer still
/// had to be replaced.
#[test]
fn a_lost_producer_is_replaced_even_if_partitions_change() {
    with_worker(|worker, broker| {
        broker.fail_commit.replace(Some(BrokerError {
            action: Action::Fatal,
            cause: Cause::ProducerFenced,
            message: "fenced".into(),
        }));
        broker.fail_renew.set(true);
        broker.message(0, 10, "now");
        worker.iterate().unwrap();
        for _ in 0..2 {
            broker.event(Polled::Revoke { lost: false });
            broker.event(Polled::Assign(vec![partition(0)]));
            worker.iterate().unwrap();
        }
        broker.fail_renew.set(false);
        broker.message(0, 10, "now");
        broker.take_calls();
        broker.clock.pass(Duration::from_secs(1));
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["renew", "rewind", "resume in[0]"]);
    });
}

/// Regression: a task that was being restored kept the offset of its assignment when another partition's
/// transaction failed, though the committed offsets that the rewind read showed a commit of another worker.
#[test]
fn a_restoring_task_adopts_the_offsets_of_a_rewind() {
    let restored_after = |moved_on: bool| {
        let mut calls = Vec::new();
        with_worker(|worker, broker| {
            let mut head = Vec::new();
            Checkpoint { state: 5, next: 30, idle_advances: vec![], backfill_next: 0 }.write(&mut head);
            broker.changelog.borrow_mut().push((CHECKPOINT_KEY.to_vec(), Some(head)));
            // A transaction is open before the end of the changelog.
            broker.withheld.set(1);
            broker.committed.borrow_mut().push(at(1, 30, 5));
            broker.event(Polled::Revoke { lost: false });
            broker.event(Polled::Assign(vec![partition(0), partition(1)]));
            (0..3).for_each(|_| worker.iterate().unwrap());
            assert!(matches!(worker.tasks.find("in", 1).unwrap().stage, Stage::Restoring(_)));
            if moved_on {
                broker.committed.borrow_mut().push(at(1, 40, 6));
            }
            broker.take_calls();
            broker.fail_commit.replace(Some(BrokerError::new(Action::AbortAndRewind, "too slow")));
            broker.message(0, 10, "now");
            worker.iterate().unwrap();
            broker.withheld.set(0);
            (0..2).for_each(|_| worker.iterate().unwrap());
            let task = worker.tasks.find("in", 1).unwrap();
            assert_eq!((task.stage, task.position), (Stage::Running, if moved_on { 40 } else { 30 }));
            assert_eq!((task.committed.next, task.began.state), (task.position, Some(if moved_on { 6 } else { 5 })));
            calls = broker.take_calls();
        });
        calls.iter().filter(|call| *call == "open 1").count()
    };
    assert_eq!((restored_after(false), restored_after(true)), (0, 1), "it restarts only where that matters");
}

/// Regression (simulator, profile rebalance, seed 1098): a zombie captured the end of the changelog in the
/// middle of its successor's transaction, and ended its process for a damaged state.
#[test]
fn an_inconsistent_changelog_is_read_again_before_it_is_fatal() {
    let restore = |script: &dyn Fn(&mut Scripted<'_>, &ScriptedBroker)| {
        let broker = ScriptedBroker::default();
        broker.committed.borrow_mut().push(at(0, 10, 7));
        broker.changelog.borrow_mut().push((b"x".to_vec(), Some(b"misfit".to_vec())));
        let (mut reported, make_task) = (Reported::default(), || ScriptedTask::default());
        let mut worker = Worker::new(&broker, &broker.clock, &make_task, &mut reported, publishing(), limits());
        broker.event(Polled::Assign(vec![partition(0)]));
        for _ in 0..3 {
            worker.iterate().unwrap();
        }
        assert_eq!(broker.take_calls(), ["assign", "open 0"], "it is not resumed");
        script(&mut worker, &broker);
    };
    restore(&|worker, broker| {
        let mut head = Vec::new();
        Checkpoint { state: 7, next: 10, idle_advances: vec![], backfill_next: 0 }.write(&mut head);
        broker.changelog.replace(vec![(CHECKPOINT_KEY.to_vec(), Some(head))]);
        broker.clock.pass(Duration::from_secs(1));
        for _ in 0..3 {
            worker.iterate().unwrap();
        }
        assert_eq!(broker.take_calls(), ["open 0", "resume in[0]"]);
    });
    restore(&|worker, broker| {
        let failed = (0..200).find_map(|_| {
            broker.clock.pass(Duration::from_secs(1));
            worker.iterate().err()
        });
        let failure = failed.expect("what stays inconsistent is damaged");
        assert_eq!(failure.cause, Cause::Configuration);
        assert!(failure.message.contains("it is missing"), "{failure}");
    });
}
