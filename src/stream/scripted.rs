//! For unit tests of the worker: a broker that plays a script and writes down what is asked of it, and a clock that is set.
//! What a real broker does is tested against a real broker.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use super::broker::{Action, Assigned, Broker, Failure, Message, Outgoing, Polled, TopicPartition};
use super::clock::Clock;
use super::task::{Record, Task};
use crate::cloudtrail::event::AccountId;
use crate::cloudtrail::insight::{Attribution, Finding, Insight, InsightType, SourceCategory, State};
use crate::pipeline::{DeadLetter, Levels, Output, Tally};

/// Wall clock at the beginning, seconds since 1970.
pub const WALL: i64 = 1_700_000_000;

#[derive(Default)]
pub struct ScriptedClock(Cell<Duration>);

impl ScriptedClock {
    pub fn pass(&self, time: Duration) {
        self.0.set(self.0.get() + time);
    }
}

impl Clock for ScriptedClock {
    fn elapsed(&self) -> Duration {
        self.0.get()
    }

    fn wall(&self) -> i64 {
        WALL + self.0.get().as_secs() as i64
    }
}

#[derive(Debug)]
pub struct ScriptedMessage {
    partition: i32,
    offset: i64,
    payload: Vec<u8>,
}

impl Message for ScriptedMessage {
    fn topic(&self) -> &str {
        "in"
    }
    fn partition(&self) -> i32 {
        self.partition
    }
    fn offset(&self) -> i64 {
        self.offset
    }
    fn key(&self) -> Option<&[u8]> {
        None
    }
    fn payload(&self) -> Option<&[u8]> {
        Some(&self.payload)
    }
}

/// What was produced: topic, key, value, headers.
pub type Produced = (String, Option<String>, Vec<u8>, Vec<(String, String)>);

/// The broker. Its committed offsets answer assignments.
#[derive(Default)]
pub struct ScriptedBroker {
    events: RefCell<VecDeque<Polled<ScriptedMessage>>>,
    pub calls: RefCell<Vec<String>>,
    pub produced: RefCell<Vec<Produced>>,
    pub committed: RefCell<Vec<(TopicPartition, i64)>>,
    pub fail_assign: Cell<bool>,
    pub fail_commit: RefCell<Option<Failure>>,
    pub commit_takes: Cell<Duration>,
    pub clock: ScriptedClock,
}

impl ScriptedBroker {
    pub fn event(&self, event: Polled<ScriptedMessage>) {
        self.events.borrow_mut().push_back(event);
    }

    pub fn message(&self, partition: i32, offset: i64, payload: &str) {
        self.event(Polled::Message(ScriptedMessage { partition, offset, payload: payload.into() }));
    }

    /// The calls since the last look.
    pub fn take_calls(&self) -> Vec<String> {
        self.calls.take()
    }

    fn call(&self, call: impl Into<String>) {
        self.calls.borrow_mut().push(call.into());
    }
}

impl Broker for ScriptedBroker {
    type Message<'a> = ScriptedMessage;

    fn poll(&self, _: Duration) -> Result<Polled<ScriptedMessage>, Failure> {
        Ok(self.events.borrow_mut().pop_front().unwrap_or(Polled::Nothing))
    }

    fn assign(&self, partitions: &[TopicPartition]) -> Result<Vec<Assigned>, Failure> {
        if self.fail_assign.get() {
            return Err(Failure::new(Action::Retry, "busy"));
        }
        self.call("assign");
        let committed = self.committed.borrow();
        let begin = |partition: &TopicPartition| {
            let known = committed.iter().rev().find(|(of, _)| of == partition).map(|(_, offset)| *offset);
            Assigned { partition: partition.clone(), position: known.unwrap_or(5), committed: known.is_some() }
        };
        Ok(partitions.iter().map(begin).collect())
    }

    fn unassign(&self) -> Result<(), Failure> {
        self.call("unassign");
        Ok(())
    }

    fn pause(&self) -> Result<(), Failure> {
        self.call("pause");
        Ok(())
    }

    fn resume(&self) -> Result<(), Failure> {
        self.call("resume");
        Ok(())
    }

    fn begin(&self) -> Result<(), Failure> {
        self.call("begin");
        Ok(())
    }

    fn produce(&self, record: &Outgoing<'_>) -> Result<(), Failure> {
        self.call(format!("produce {}", record.topic));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = record.headers.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect();
        self.produced.borrow_mut().push((
            record.topic.to_owned(),
            record.key.map(text),
            record.value.to_vec(),
            headers,
        ));
        Ok(())
    }

    fn commit_with_offsets(&self, next: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        let offsets: Vec<String> = next.iter().map(|(partition, offset)| format!("{partition}={offset}")).collect();
        self.call(format!("commit {}", offsets.join(" ")));
        self.clock.pass(self.commit_takes.get());
        if let Some(failure) = self.fail_commit.borrow().clone() {
            return Err(failure);
        }
        self.committed.borrow_mut().extend(next.iter().cloned());
        Ok(())
    }

    fn abort(&self) -> Result<(), Failure> {
        self.call("abort");
        Ok(())
    }

    fn end_offset(&self, _: &TopicPartition) -> Option<i64> {
        Some(100)
    }
}

/// Raises an insight for a payload `now` or `old`, a dead letter for any other that is not `quiet`.
#[derive(Default)]
pub struct ScriptedTask {
    records: u64,
    pub told_the_time: u64,
}

impl Task for ScriptedTask {
    fn apply(&mut self, record: Record<'_>, now: i64, out: &mut dyn Output) {
        self.records += 1;
        match record.payload.unwrap_or_default() {
            b"quiet" => {}
            b"now" => out.insight(insight(now)),
            b"old" => out.insight(insight(now - 7 * 3600)),
            raw => out.dead_letter(DeadLetter { reason: "not_json", detail: "odd", record_index: 0, raw }),
        }
    }

    fn caught_up(&mut self, now: i64, out: &mut dyn Output) {
        self.told_the_time += 1;
        if self.told_the_time == 3 {
            out.insight(insight(now));
        }
    }

    fn take_tally(&mut self) -> Tally {
        Tally { payloads: std::mem::take(&mut self.records), ..Tally::default() }
    }

    fn levels(&self) -> Levels {
        Levels::default()
    }
}

/// An insight that was found at this time.
pub fn insight(detected_at: i64) -> Insight {
    Insight {
        account: AccountId::parse("000000000042").unwrap(),
        region: "eu-west-1".into(),
        source: "ec2.amazonaws.com".into(),
        name: "RunInstances".into(),
        error: None,
        category: SourceCategory::Management,
        kind: InsightType::ApiCallRate,
        state: State::Start,
        start: detected_at / 60,
        event_minute: detected_at / 60,
        baseline_count: 10,
        baseline_minutes: 100,
        insight_count: 50,
        insight_minutes: 5,
        principals: Attribution { insight: vec![("p".into(), 50)], baseline: vec![] },
        agents: Attribution::default(),
        errors: Some(Attribution::default()),
        finding: Finding { detected_at, score: 12.345, expected: 0.1, ..Finding::default() },
    }
}
