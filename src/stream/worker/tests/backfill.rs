//! Backfills that `insightd load` wrote to the backfill topic.

use super::*;
use crate::stream::tasks::Backfill;
use crate::stream::worker::RETRY_AFTER;

/// Runs a script against a worker that was assigned partition 0 and has not iterated since.
fn with_backfill(messages: &[&str], script: impl FnOnce(&mut Scripted<'_>, &ScriptedBroker)) {
    let broker = ScriptedBroker::default();
    broker.committed.borrow_mut().push(at(0, 10, 0));
    broker.backfill.borrow_mut().extend(messages.iter().map(|message| message.as_bytes().to_vec()));
    let (mut reported, make_task) = (Reported::default(), || ScriptedTask::default());
    let mut worker = Worker::new(&broker, &broker.clock, &make_task, &mut reported, publishing(), limits());
    broker.event(Polled::Assign(vec![partition(0)]));
    script(&mut worker, &broker);
}

fn loads(worker: &mut Scripted<'_>) -> usize {
    worker.tasks.find("in", 0).unwrap().task.loads.len()
}

#[test]
fn a_backfill_is_committed_before_the_first_record_is_fetched() {
    with_backfill(&["a", "b", "c"], |worker, broker| {
        for _ in 0..6 {
            worker.iterate().unwrap();
        }
        assert_eq!(loads(worker), 3);
        let calls = broker.take_calls();
        let first = |wanted: &str| calls.iter().position(|call| call == wanted);
        assert!(first("commit in[0]=10").is_some() && first("commit in[0]=10") < first("resume in[0]"), "{calls:?}");
        assert_eq!(calls.iter().filter(|call| *call == "commit in[0]=10").count(), 2, "soon, two at a time: {calls:?}");
    });
}

#[test]
fn a_running_task_finds_a_later_backfill() {
    with_worker(|worker, broker| {
        broker.backfill.borrow_mut().push(b"late".to_vec());
        worker.iterate().unwrap();
        assert_eq!(loads(worker), 0, "it probes from time to time");
        for _ in 0..4 {
            broker.clock.pass(Duration::from_secs(3));
            worker.iterate().unwrap();
        }
        assert_eq!(loads(worker), 1);
        broker.message(0, 10, "quiet");
        worker.iterate().unwrap();
    });
}

#[test]
fn a_backfill_of_a_failed_transaction_is_read_again() {
    with_backfill(&["a"], |worker, broker| {
        broker.fail_commit.replace(Some(BrokerError::new(Action::AbortAndRewind, "cannot commit: too slow")));
        for _ in 0..6 {
            worker.iterate().unwrap();
        }
        let calls = broker.take_calls();
        assert_eq!(calls.iter().filter(|call| *call == "abort").count(), 1, "{calls:?}");
        assert_eq!(loads(worker), 2, "once, forgotten, and once more");
        assert_eq!(worker.tasks.find("in", 0).unwrap().backfill, Backfill::Read);
    });
}

/// Regression: the account's own records came first then, and its history began with them.
#[test]
fn the_input_waits_again_for_a_backfill_that_was_lost() {
    with_backfill(&["a"], |worker, broker| {
        broker.fail_commit.replace(Some(BrokerError::new(Action::AbortAndRewind, "cannot commit: too slow")));
        let mut calls = Vec::new();
        while !calls.contains(&"rewind".to_owned()) {
            worker.iterate().unwrap();
            calls = broker.take_calls();
        }
        assert_eq!(calls.last().map(String::as_str), Some("rewind"), "nothing is fetched: {calls:?}");
        assert_eq!(loads(worker), 1);
        for _ in 0..3 {
            worker.iterate().unwrap();
        }
        assert_eq!(loads(worker), 2);
        assert!(broker.take_calls().contains(&"resume in[0]".to_owned()));
    });
}

#[test]
fn an_unreadable_backfill_topic_holds_up_nothing() {
    with_backfill(&["a"], |worker, broker| {
        broker.fail_backfill.replace(Some(BrokerError::new(Action::Fatal, "not allowed")));
        worker.iterate().unwrap();
        worker.iterate().unwrap();
        assert_eq!(broker.take_calls(), ["assign", "open 0", "resume in[0]"]);
    });
}

#[test]
fn without_an_answer_the_input_waits_for_the_backfill_topic() {
    with_backfill(&["a"], |worker, broker| {
        broker.fail_backfill.replace(Some(BrokerError::new(Action::Retry, "no broker answers")));
        for _ in 0..3 {
            worker.iterate().unwrap();
        }
        assert_eq!(broker.take_calls(), ["assign", "open 0"]);
        broker.clock.pass(RETRY_AFTER);
        for _ in 0..3 {
            worker.iterate().unwrap();
        }
        assert_eq!(loads(worker), 1);
        assert!(broker.take_calls().contains(&"resume in[0]".to_owned()));
    });
}

/// Regression: an unreachable leader was probed four times a second, each time for seconds, while other
/// partitions waited.
#[test]
fn a_running_task_without_an_answer_waits_for_its_next_probe() {
    with_worker(|worker, broker| {
        broker.backfill.borrow_mut().push(b"late".to_vec());
        broker.fail_backfill.replace(Some(BrokerError::new(Action::Retry, "no broker answers")));
        broker.clock.pass(Duration::from_secs(6));
        for _ in 0..4 {
            worker.iterate().unwrap();
            broker.clock.pass(RETRY_AFTER);
        }
        assert!(broker.fail_backfill.borrow().is_none(), "it has asked");
        assert_eq!(loads(worker), 0);
        for _ in 0..4 {
            broker.clock.pass(Duration::from_secs(3));
            worker.iterate().unwrap();
        }
        assert_eq!(loads(worker), 1);
    });
}

/// Regression: the probes started over with the first partition before the last ones had their turn, so their
/// backfills were never merged.
#[test]
fn every_partition_is_probed_however_long_a_probe_takes() {
    with_worker(|worker, broker| {
        broker.event(Polled::Revoke { lost: false });
        broker.event(Polled::Assign(vec![partition(0), partition(1), partition(2)]));
        for _ in 0..12 {
            worker.iterate().unwrap();
        }
        broker.backfill_probes.take();
        broker.probe_takes.set(Duration::from_secs(9));
        broker.clock.pass(Duration::from_secs(6));
        for _ in 0..7 {
            worker.iterate().unwrap();
        }
        assert_eq!(broker.backfill_probes.take(), [0, 1, 2, 0, 1, 2]);
    });
}
