//! For unit tests of the worker: a broker that plays a script and records the calls, and a clock that the
//! test sets. The tests in `tests/broker` cover real brokers.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use insightd_core::cloudtrail::event::AccountId;
use insightd_core::cloudtrail::insight::{Attribution, Finding, Insight, InsightType, SourceCategory, State};
use insightd_core::invariants::Violations;
use insightd_core::pipeline::{DeadLetterRecord, Gauges, Output, Tally};
use insightd_core::state::{CHECKPOINT_KEY, Checkpoint, RestoreError, WriteRecord};

use super::broker::{
    Action, Assigned, Broker, BrokerError, Message, Outgoing, Polled, Position, Reading, TopicPartition,
};
use super::clock::Clock;
use super::task::{Record, Task};

/// Wall clock at the beginning, seconds since 1970.
pub(super) const WALL: i64 = 1_700_000_000;

#[derive(Default)]
pub(super) struct ScriptedClock(Cell<Duration>);

impl ScriptedClock {
    pub(super) fn pass(&self, time: Duration) {
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
pub(super) struct ScriptedMessage {
    partition: i32,
    offset: i64,
    payload: Vec<u8>,
}

impl Message for ScriptedMessage {
    fn topic(&self) -> &'static str {
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
pub(super) type Produced = (String, Option<String>, Vec<u8>, Vec<(String, String)>);

/// A record of the changelog: key and value.
pub(super) type Changed = (Vec<u8>, Option<Vec<u8>>);

/// The broker. Its committed offsets answer assignments.
#[derive(Default)]
pub(super) struct ScriptedBroker {
    events: RefCell<VecDeque<Polled<ScriptedMessage>>>,
    pub calls: RefCell<Vec<String>>,
    pub produced: RefCell<Vec<Produced>>,
    pub committed: RefCell<Vec<Position>>,
    /// The changelog of every partition: keys and values, as they are read.
    pub changelog: RefCell<Vec<Changed>>,
    /// Records of the changelog that were produced.
    pub saved: RefCell<Vec<Changed>>,
    read: Cell<usize>,
    /// Offsets of the changelog that cannot be read yet.
    pub withheld: Cell<usize>,
    pub fail_assign: Cell<bool>,
    pub fail_commit: RefCell<Option<BrokerError>>,
    pub fail_renew: Cell<bool>,
    pub fail_rewind: RefCell<Option<BrokerError>>,
    /// The next commit succeeds, and its answer is lost.
    pub lose_answer: Cell<bool>,
    held: RefCell<Vec<TopicPartition>>,
    /// The backfill topic of every partition.
    pub backfill: RefCell<Vec<Vec<u8>>>,
    /// Read position of each partition of the backfill topic.
    backfill_position: RefCell<BTreeMap<i32, usize>>,
    pub fail_backfill: RefCell<Option<BrokerError>>,
    /// How long a probe of the backfill topic takes.
    pub probe_takes: Cell<Duration>,
    /// Partitions of the backfill topic that were probed.
    pub backfill_probes: RefCell<Vec<i32>>,
    pub commit_takes: Cell<Duration>,
    pub clock: ScriptedClock,
}

impl ScriptedBroker {
    pub(super) fn event(&self, event: Polled<ScriptedMessage>) {
        self.events.borrow_mut().push_back(event);
    }

    pub(super) fn message(&self, partition: i32, offset: i64, payload: &str) {
        self.event(Polled::Message(ScriptedMessage { partition, offset, payload: payload.into() }));
    }

    /// The calls since this was last asked.
    pub(super) fn take_calls(&self) -> Vec<String> {
        self.calls.take()
    }

    fn call(&self, call: impl Into<String>) {
        self.calls.borrow_mut().push(call.into());
    }

    fn call_of(&self, call: &str, partitions: &[TopicPartition]) {
        if !partitions.is_empty() {
            let named: Vec<String> = partitions.iter().map(ToString::to_string).collect();
            self.call(format!("{call} {}", named.join(" ")));
        }
    }
}

impl Broker for ScriptedBroker {
    type Message<'a> = ScriptedMessage;

    fn poll(&self, _: Duration) -> Result<Polled<ScriptedMessage>, BrokerError> {
        Ok(self.events.borrow_mut().pop_front().unwrap_or(Polled::Nothing))
    }

    fn assign(&self, partitions: &[TopicPartition]) -> Result<Vec<Assigned>, BrokerError> {
        if self.fail_assign.get() {
            return Err(BrokerError::new(Action::Retry, "busy"));
        }
        self.call("assign");
        self.held.replace(partitions.to_vec());
        let committed = self.committed.borrow();
        let begin = |partition: &TopicPartition| {
            let known = committed.iter().rev().find(|position| position.partition == *partition);
            Assigned {
                partition: partition.clone(),
                position: known.map_or(5, |position| position.next),
                committed: known.is_some(),
                state: known.map(|position| position.state).filter(|state| *state > 0),
            }
        };
        Ok(partitions.iter().map(begin).collect())
    }

    fn unassign(&self) -> Result<(), BrokerError> {
        self.call("unassign");
        Ok(())
    }

    fn pause(&self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.call_of("pause", partitions);
        Ok(())
    }

    fn resume(&self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.call_of("resume", partitions);
        Ok(())
    }

    fn rewind(&self) -> Result<Vec<Assigned>, BrokerError> {
        if let Some(failure) = self.fail_rewind.borrow_mut().take() {
            return Err(failure);
        }
        let held = self.held.borrow().clone();
        let assigned = self.assign(&held)?;
        self.calls.borrow_mut().pop();
        self.call("rewind");
        Ok(assigned)
    }

    fn renew(&self) -> Result<(), BrokerError> {
        if self.fail_renew.get() {
            return Err(BrokerError::new(Action::Retry, "busy"));
        }
        self.call("renew");
        Ok(())
    }

    fn open_changelog(&self, partition: i32) -> Result<i64, BrokerError> {
        self.call(format!("open {partition}"));
        self.read.set(0);
        Ok(self.changelog.borrow().len() as i64)
    }

    fn read_changelog(
        &self,
        records_max: usize,
        _: Duration,
        show: &mut WriteRecord<'_>,
    ) -> Result<Reading, BrokerError> {
        let changelog = self.changelog.borrow();
        let until = changelog.len().saturating_sub(self.withheld.get());
        for (key, value) in changelog.iter().take(until).skip(self.read.get()).take(records_max) {
            show(key, value.as_deref());
            self.read.set(self.read.get() + 1);
        }
        Ok(Reading { position: self.read.get() as i64, complete: self.read.get() == changelog.len() })
    }

    fn begin(&self) -> Result<(), BrokerError> {
        self.call("begin");
        Ok(())
    }

    fn open_backfill(&self, partition: i32, from: i64) -> Result<bool, BrokerError> {
        self.clock.pass(self.probe_takes.get());
        self.backfill_probes.borrow_mut().push(partition);
        if let Some(failure) = self.fail_backfill.borrow_mut().take() {
            return Err(failure);
        }
        self.backfill_position.borrow_mut().insert(partition, from as usize);
        Ok(self.backfill.borrow().len() as i64 > from)
    }

    fn read_backfill(
        &self,
        partition: i32,
        messages_max: usize,
        _: Duration,
        show: &mut dyn FnMut(i64, &[u8]) -> i64,
    ) -> Result<bool, BrokerError> {
        let mut read = self.backfill_position.borrow_mut();
        let position = read.entry(partition).or_default();
        for _ in 0..messages_max.min(2) {
            let Some(message) = self.backfill.borrow().get(*position).cloned() else { return Ok(true) };
            *position += 1;
            show(*position as i64, &message);
        }
        Ok(false)
    }

    fn produce(&self, record: &Outgoing<'_>) -> Result<(), BrokerError> {
        if record.topic == "state" {
            let key = record.key.unwrap_or_default().to_vec();
            self.saved.borrow_mut().push((key, record.value.map(<[u8]>::to_vec)));
            return Ok(());
        }
        self.call(format!("produce {}", record.topic));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = record.headers.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect();
        self.produced.borrow_mut().push((
            record.topic.to_owned(),
            record.key.map(text),
            record.value.unwrap_or_default().to_vec(),
            headers,
        ));
        Ok(())
    }

    fn commit_with_offsets(&self, next: &[Position]) -> Result<(), BrokerError> {
        let offset = |position: &Position| format!("{}={}", position.partition, position.next);
        let offsets: Vec<String> = next.iter().map(offset).collect();
        self.call(format!("commit {}", offsets.join(" ")));
        self.clock.pass(self.commit_takes.get());
        if self.lose_answer.take() {
            self.committed.borrow_mut().extend(next.iter().cloned());
            return Err(BrokerError::new(Action::AbortAndRewind, "unknown outcome"));
        }
        if let Some(failure) = self.fail_commit.borrow_mut().take() {
            return Err(failure);
        }
        self.committed.borrow_mut().extend(next.iter().cloned());
        Ok(())
    }

    fn abort(&self) -> Result<(), BrokerError> {
        self.call("abort");
        Ok(())
    }

    fn end_offset(&self, _: &TopicPartition) -> Option<i64> {
        Some(100)
    }
}

/// Raises an insight for a payload `now` or `old`, a dead-letter record for any other that is not `quiet`.
#[derive(Default)]
pub(super) struct ScriptedTask {
    records: u64,
    pub received_the_time: u64,
    changed: bool,
    state: u64,
    saved: Option<u64>,
    /// Records of the changelog that were restored.
    pub shown: usize,
    pub rollbacks: usize,
    /// Messages of the backfill topic that were read.
    pub loads: Vec<Vec<u8>>,
    backfill_next: i64,
    committed_backfill_next: i64,
    /// The changelog held a record that does not fit.
    misfit: bool,
}

impl Task for ScriptedTask {
    fn apply(&mut self, record: Record<'_>, now: i64, out: &mut dyn Output) {
        self.records += 1;
        self.changed = true;
        match record.payload.unwrap_or_default() {
            b"quiet" => {}
            b"now" => out.insight(insight(now)),
            b"old" => out.insight(insight(now - 7 * 3600)),
            raw => out.dead_letter(DeadLetterRecord { reason: "not_json", detail: "odd", record_index: 0, raw }),
        }
    }

    fn caught_up(&mut self, _: i64, now: i64, out: &mut dyn Output) {
        self.received_the_time += 1;
        if self.received_the_time == 3 {
            self.changed = true;
            out.insight(insight(now));
        }
    }

    fn is_changed(&mut self) -> bool {
        self.changed
    }

    fn save(&mut self, next: i64, write: &mut WriteRecord<'_>) -> u64 {
        let head =
            Checkpoint { state: self.state + 1, next, idle_advances: Vec::new(), backfill_next: self.backfill_next };
        let mut bytes = Vec::new();
        head.write(&mut bytes);
        write(CHECKPOINT_KEY, Some(&bytes));
        *self.saved.insert(self.state + 1)
    }

    fn commit(&mut self) {
        self.state = self.saved.take().unwrap_or(self.state);
        self.committed_backfill_next = self.backfill_next;
        self.changed = false;
    }

    fn rollback(&mut self) {
        self.rollbacks += 1;
        self.backfill_next = self.committed_backfill_next;
        self.saved = None;
        self.changed = false;
    }

    fn state(&self) -> u64 {
        self.state
    }

    fn restore(&mut self, _: &[u8], value: Option<&[u8]>) -> Result<(), RestoreError> {
        self.shown += 1;
        if value == Some(b"misfit") {
            self.misfit = true;
            return Ok(());
        }
        let head = Checkpoint::read(value.unwrap_or_default())?;
        self.state = head.state;
        Ok(())
    }

    fn restored(&mut self, open: &mut dyn FnMut(Insight, i64)) -> Result<Option<Checkpoint>, RestoreError> {
        if self.misfit {
            return Err(RestoreError::damaged("region", "it is missing"));
        }
        if self.shown > 0 {
            open(insight(WALL), WALL);
        }
        Ok((self.shown > 0).then_some(Checkpoint { state: self.state, ..Checkpoint::default() }))
    }

    fn backfill(&mut self, payload: &[u8], next: i64, _: i64) {
        self.loads.push(payload.to_vec());
        self.changed = true;
        self.backfill_next = next;
    }

    fn backfill_next(&self) -> i64 {
        self.backfill_next
    }

    fn take_tally(&mut self) -> Tally {
        Tally { payloads: std::mem::take(&mut self.records), ..Tally::default() }
    }

    fn gauges(&self) -> Gauges {
        Gauges::default()
    }

    fn check(&mut self, _: &mut Violations) {}
}

/// An insight that was found at this time.
pub(super) fn insight(detected_at: i64) -> Insight {
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
