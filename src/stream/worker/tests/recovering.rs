//! Transactions that fail, producers that are fenced, and state that comes back.

use insightd_core::state::{CHECKPOINT_KEY, Checkpoint};

use super::*;
use crate::stream::tasks::Stage;

#[test]
fn a_commit_that_fails_is_aborted_and_everything_is_done_again_from_the_committed_offsets() {
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

/// The answer was lost, not the commit: what it held is not done again, and is reported once.
#[test]
fn a_commit_of_which_nobody_knows_is_found_committed_and_reported_once() {
    let reported = with_worker(|worker, broker| {
        broker.lose_answer.set(true);
        broker.message(0, 10, "now");
        worker.iterate().unwrap();
        let task = &worker.tasks.find("in", 0).unwrap();
        assert_eq!((task.committed.next, task.task.rollbacks), (11, 1), "what came after it is rolled back: nothing");
        broker.message(0, 11, "quiet");
        worker.iterate().unwrap();
        broker.clock.pass(INTERVAL);
        worker.iterate().unwrap();
    });
    assert_eq!((reported.commits, reported.insights, reported.payloads), (2, 1, 2));
}

#[test]
fn a_task_that_somebody_else_moved_on_meanwhile_is_restored_after_an_abort() {
    let reported = with_worker(|worker, broker| {
        broker.fail_commit.replace(Some(BrokerError::new(Action::AbortAndRewind, "another generation")));
        broker.committed.borrow_mut().push(at(0, 20, 7));
        let mut head = Vec::new();
        Checkpoint { state: 7, next: 20, idle_advances: vec![], loaded: 0 }.write(&mut head);
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
fn a_fenced_producer_is_not_asked_to_abort_and_gets_a_successor() {
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
fn nothing_is_taken_in_before_the_committed_offsets_are_known_again() {
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
fn a_partition_is_fetched_only_when_its_changelog_was_read_to_the_end() {
    let reported = with_worker(|worker, broker| {
        broker.event(Polled::Revoke { lost: false });
        worker.iterate().unwrap();
        broker.committed.borrow_mut().push(at(0, 30, 5));
        for state in 1..=5 {
            let mut head = Vec::new();
            Checkpoint { state, next: 30, idle_advances: vec![], loaded: 0 }.write(&mut head);
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

/// What the broker had aborted was committed once more on the way out, without a transaction (simulator, profile everything, seed 49).
#[test]
fn stopping_before_the_committed_offsets_are_known_again_commits_nothing() {
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

/// A second revoke forgot that the producer still waited for its successor (simulator, profile everything, seed 39).
#[test]
fn a_lost_producer_gets_its_successor_also_when_partitions_come_and_go_meanwhile() {
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

/// A task that was being restored kept the offset of its assignment when another partition's transaction failed, though the committed offsets
/// that were asked for then said that somebody else had moved its partition on.
#[test]
fn a_task_that_is_being_restored_takes_over_the_offsets_that_going_back_finds() {
    let restored_after = |moved_on: bool| {
        let mut calls = Vec::new();
        with_worker(|worker, broker| {
            let mut head = Vec::new();
            Checkpoint { state: 5, next: 30, idle_advances: vec![], loaded: 0 }.write(&mut head);
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
    assert_eq!((restored_after(false), restored_after(true)), (0, 1), "it begins anew only where that matters");
}

/// A zombie took the end of the changelog in the middle of its successor's transaction, and ended its process for a damaged state (simulator, profile rebalance,
/// seed 1098).
#[test]
fn a_changelog_that_does_not_fit_together_is_read_again_before_it_is_called_damaged() {
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
        Checkpoint { state: 7, next: 10, idle_advances: vec![], loaded: 0 }.write(&mut head);
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
        let failure = failed.expect("what stays so is damaged");
        assert_eq!(failure.cause, Cause::Configuration);
        assert!(failure.message.contains("it is missing"), "{failure}");
    });
}
