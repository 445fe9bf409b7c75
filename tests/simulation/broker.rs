//! The trait `Broker` of one process over the simulated brokers. Each call may be the last one of its
//! process, may take long while the other processes continue, and may fail.

use std::any::Any;
use std::panic::resume_unwind;
use std::rc::{Rc, Weak};
use std::time::Duration;

use insightd::stream::broker::{
    Action, Assigned, Broker, BrokerError, Cause, Outgoing, Polled, Position, Reading, TopicPartition,
};
use insightd::stream::clock::Clock;
use insightd_core::state::CHECKPOINT_KEY;

use super::client::{Client, Reader, fenced, later};
use super::cluster::{Cluster, Place, SESSION_TIMEOUT, TRANSACTION_TIMEOUT, Written};
use super::faults::{Kind, Mishap, Step};
use super::fetch::SimMessage;
use super::log::What;
use super::mutation::Mutation;
use super::world::World;

/// Name of the changelog topic.
pub const CHANGELOG: &str = "state";
/// Name of the output topic.
pub const OUTPUT: &str = "insights";
/// Name of the dead-letter topic.
pub const DLQ: &str = "dlq";

/// Panic payload that ends a process.
struct Death;

/// Whether a panic is the death of a process.
pub fn is_death(thrown: &(dyn Any + Send)) -> bool {
    thrown.is::<Death>()
}

/// The broker of one process, and its clock.
pub struct SimBroker {
    pub id: usize,
    world: Weak<World>,
}

impl Clock for SimBroker {
    fn elapsed(&self) -> Duration {
        self.with(|cluster| cluster.now)
    }

    fn wall(&self) -> i64 {
        self.with(|cluster| cluster.wall())
    }
}

impl SimBroker {
    /// The broker of a process.
    pub fn new(id: usize, world: Weak<World>) -> Self {
        Self { id, world }
    }

    fn world(&self) -> Rc<World> {
        self.world.upgrade().expect("a run outlives its processes")
    }

    pub fn with<R>(&self, look: impl FnOnce(&mut Cluster) -> R) -> R {
        look(&mut self.world().cluster.borrow_mut())
    }

    fn client<R>(&self, look: impl FnOnce(&mut Client) -> R) -> R {
        self.with(|cluster| look(&mut cluster.clients[self.id]))
    }

    /// Begins a call: hashes it into the schedule, and dies if the process is doomed.
    pub fn enter(&self, call: &str) {
        self.with(|cluster| cluster.mix(call.as_bytes(), self.id as u64));
        self.live();
    }

    /// Dies if the process is doomed.
    fn live(&self) {
        if self.with(|cluster| cluster.violation.is_some() || cluster.clients[self.id].doomed) {
            resume_unwind(Box::new(Death));
        }
    }

    fn sleep(&self, time: Duration, frozen: bool) {
        self.world().sleep(self.id, time, frozen);
        self.live();
    }

    /// Passes a step at which a fault may strike. Returns whether the call fails.
    pub fn pass(&self, step: Step) -> bool {
        let struck = self.client(|client| {
            let mishap = match step {
                Step::OpenedChangelog | Step::ReadChangelog => &mut client.restore_mishap,
                Step::OpenedBackfill | Step::ReadBackfill => &mut client.backfill_mishap,
                _ => &mut client.mishap,
            };
            match mishap {
                Some(drawn) if drawn.at == step && drawn.after == 0 => mishap.take(),
                Some(drawn) if drawn.at == step => {
                    drawn.after -= 1;
                    None
                }
                _ => None,
            }
        });
        let Some(mishap) = struck.filter(|_| self.with(|cluster| !cluster.healed)) else { return false };
        self.with(|cluster| cluster.counts.note(mishap.name()));
        match mishap.kind {
            Kind::Crash => resume_unwind(Box::new(Death)),
            Kind::Freeze(time) => self.sleep(time, true),
            Kind::Delay(time) => self.sleep(time, false),
            Kind::Error => {}
        }
        mishap.kind == Kind::Error
    }

    /// Waits until the process reaches the coordinators, at most for the transaction timeout. Returns whether
    /// it does.
    fn reach(&self) -> bool {
        let until = self.with(|cluster| cluster.now + TRANSACTION_TIMEOUT);
        loop {
            let (reached, now, again) = self.with(|cluster| {
                let again = cluster.coordinator_gone_until.max(cluster.clients[self.id].cut_until);
                (cluster.has_coordinator(self.id), cluster.now, again.min(until))
            });
            if reached || now >= until {
                return reached;
            }
            self.with(|cluster| cluster.counts.note("a commit waits for its coordinator"));
            self.sleep(again.saturating_sub(now).max(Duration::from_millis(1)), false);
        }
    }

    /// Sends the queued records.
    fn send(&self) -> Result<(), BrokerError> {
        let (name, epoch, unsent) =
            self.client(|client| (client.name.clone(), client.epoch, std::mem::take(&mut client.unsent)));
        for record in unsent {
            self.with(|cluster| cluster.produce(&name, epoch, record)).map_err(fenced)?;
        }
        Ok(())
    }

    fn check_member(&self) -> Result<(), BrokerError> {
        self.with(|cluster| {
            let client = &cluster.clients[self.id];
            if client.member_fenced {
                let message = "another member has this identity".to_owned();
                return Err(BrokerError { action: Action::Fatal, cause: Cause::MemberFenced, message });
            }
            let known = client.member.is_some_and(|member| cluster.group.members.contains_key(&member));
            let refused = match known {
                _ if cluster.mutation == Some(Mutation::AnyGeneration) => return Ok(()),
                false => "offsets refused: unknown member",
                true if client.generation != cluster.group.generation => "offsets refused: illegal generation",
                true => return Ok(()),
            };
            cluster.counts.note(refused);
            Err(BrokerError::new(Action::AbortAndRewind, refused))
        })
    }

    fn number(partition: &TopicPartition) -> i32 {
        partition.partition
    }
}

impl Broker for SimBroker {
    type Message<'a> = SimMessage;

    fn poll(&self, wait: Duration) -> Result<Polled<SimMessage>, BrokerError> {
        self.enter("poll");
        let polled = self.with(|cluster| cluster.poll(self.id, wait));
        if let Ok(polled) = &polled
            && !matches!(polled, Polled::Nothing)
        {
            self.client(|client| client.wake_at = Duration::ZERO);
        }
        polled
    }

    fn assign(&self, partitions: &[TopicPartition]) -> Result<Vec<Assigned>, BrokerError> {
        self.enter("assign");
        let numbers: Vec<i32> = partitions.iter().map(Self::number).collect();
        self.with(|cluster| cluster.take_up(self.id, &numbers, false))
    }

    fn unassign(&self) -> Result<(), BrokerError> {
        self.enter("unassign");
        self.with(|cluster| {
            let client = &mut cluster.clients[self.id];
            client.given = None;
            client.revoking = false;
            client.held.clear();
            (client.reader, client.backfill_reader) = (None, None);
            let member = client.member.filter(|_| cluster.group.is_rebalancing());
            member.into_iter().for_each(|member| cluster.group.rejoin(member));
        });
        Ok(())
    }

    fn pause(&self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.enter("pause");
        self.with(|cluster| {
            for number in partitions.iter().map(Self::number) {
                let left = cluster.random.below(3) as u32;
                if let Some(fetch) = cluster.clients[self.id].held.get_mut(&number) {
                    (fetch.paused, fetch.left) = (true, left);
                }
            }
        });
        Ok(())
    }

    fn resume(&self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.enter("resume");
        self.client(|client| {
            for number in partitions.iter().map(Self::number) {
                if let Some(fetch) = client.held.get_mut(&number) {
                    (fetch.paused, fetch.left, fetch.at_end) = (false, 0, false);
                }
            }
        });
        Ok(())
    }

    fn rewind(&self) -> Result<Vec<Assigned>, BrokerError> {
        self.enter("rewind");
        self.with(|cluster| {
            let numbers: Vec<i32> = cluster.clients[self.id].held.keys().copied().collect();
            if numbers.is_empty() { Ok(Vec::new()) } else { cluster.take_up(self.id, &numbers, true) }
        })
    }

    fn renew(&self) -> Result<(), BrokerError> {
        self.enter("renew");
        self.with(|cluster| {
            if !cluster.has_coordinator(self.id) || cluster.random.chance(cluster.odds.retry) {
                return Err(later("no broker registers the transactional id"));
            }
            let name = cluster.clients[self.id].name.clone();
            let epoch = cluster.register(&name);
            let client = &mut cluster.clients[self.id];
            (client.epoch, client.begun) = (epoch, false);
            client.unsent.clear();
            cluster.counts.note("producer renewed");
            Ok(())
        })
    }

    fn open_changelog(&self, partition: i32) -> Result<i64, BrokerError> {
        self.enter("open");
        self.with(|cluster| {
            let mishap = Mishap::draw(&cluster.odds, SESSION_TIMEOUT, &Step::OF_A_RESTORE, &mut cluster.random);
            cluster.clients[self.id].restore_mishap = mishap;
        });
        if self.pass(Step::OpenedChangelog) {
            return Err(later("no broker returns the end offset"));
        }
        self.with(|cluster| {
            if cluster.now < cluster.clients[self.id].cut_until {
                return Err(later("no broker returns the end offset"));
            }
            let log = &cluster.changelogs[partition as usize];
            let to_stable = cluster.mutation == Some(Mutation::RestoreToStable);
            let (position, end) = (log.oldest(), if to_stable { log.stable() } else { log.high() });
            if log.stable() < log.high() {
                cluster.counts.note("restore: a transaction is open");
            }
            cluster.counts.note("restore");
            let client = &mut cluster.clients[self.id];
            client.restored = partition as usize;
            client.restored_state = client.assigned_states.get(&partition).copied();
            client.reader = Some(Reader { partition: partition as usize, end, position });
            Ok(end)
        })
    }

    fn open_backfill(&self, partition: i32, from: i64) -> Result<bool, BrokerError> {
        self.open_backfill_topic(partition, from)
    }

    fn read_backfill(
        &self,
        _: i32,
        messages_max: usize,
        _: Duration,
        show: &mut dyn FnMut(i64, &[u8]) -> i64,
    ) -> Result<bool, BrokerError> {
        self.read_backfill_topic(messages_max, show)
    }

    fn read_changelog(
        &self,
        records_max: usize,
        _: Duration,
        show: &mut insightd_core::state::WriteRecord<'_>,
    ) -> Result<Reading, BrokerError> {
        self.enter("read");
        if self.pass(Step::ReadChangelog) {
            return Err(later("the changelog cannot be read now"));
        }
        let (shown, reading) = self.with(|cluster| {
            let slow = cluster.random.chance(cluster.odds.slow_restore);
            let most = if slow { cluster.random.below(3) as usize } else { records_max };
            if slow {
                cluster.counts.note("restore: slow step");
            }
            let uncommitted = cluster.mutation == Some(Mutation::ReadUncommitted);
            let client = &mut cluster.clients[self.id];
            let reader = client.reader.as_mut().expect("the changelog was opened");
            let log = &cluster.changelogs[reader.partition];
            let stable = if uncommitted { log.high() } else { log.stable() };
            let bound = reader.end.min(stable);
            let (mut shown, mut exhausted) = (Vec::new(), false);
            while shown.len() < most && !exhausted {
                match log.at(reader.position).filter(|entry| entry.offset < bound) {
                    Some(entry) => {
                        if let What::Record { of, key, value } = &entry.what
                            && (uncommitted || log.is_committed(*of))
                        {
                            shown.push((key.clone(), value.clone()));
                        }
                        reader.position = entry.offset + 1;
                    }
                    None => exhausted = true,
                }
            }
            let complete = reader.position >= reader.end || (exhausted && stable >= reader.end);
            let reading = Reading { position: reader.position, complete };
            if complete {
                client.reader = None;
            }
            (shown, reading)
        });
        shown.iter().for_each(|(key, value)| show(key, value.as_deref()));
        Ok(reading)
    }

    fn begin(&self) -> Result<(), BrokerError> {
        self.enter("begin");
        self.with(|cluster| {
            cluster.clients[self.id].mishap =
                Mishap::draw(&cluster.odds, SESSION_TIMEOUT, &Step::OF_A_TRANSACTION, &mut cluster.random);
        });
        if self.pass(Step::BeforeBegin) {
            return Err(BrokerError::new(Action::AbortAndRewind, "cannot begin"));
        }
        if self.client(|client| std::mem::replace(&mut client.begun, true)) {
            self.with(|cluster| cluster.violate("a transaction begins while another is open"));
        }
        // A call that is local to the client cannot fail after it is done.
        self.pass(Step::AfterBegin);
        Ok(())
    }

    fn produce(&self, record: &Outgoing<'_>) -> Result<(), BrokerError> {
        let key: Rc<[u8]> = record.key.unwrap_or_default().into();
        self.enter("produce");
        let place = match record.topic {
            CHANGELOG => Place::Changelog(record.partition.expect("a partition of the changelog") as usize),
            OUTPUT => Place::Output,
            _ => Place::Dlq,
        };
        let text = |name: &str| record.headers.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
        let source = text("partition").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        self.with(|cluster| {
            cluster.mix(record.value.unwrap_or_default(), 2);
            let soon = cluster.now >= cluster.clients[self.id].cut_until && cluster.random.chance(0.8);
            if !cluster.clients[self.id].begun {
                cluster.violate("a record is written outside of a transaction");
            }
            let client = &mut cluster.clients[self.id];
            let is_checkpoint = *key == *CHECKPOINT_KEY && matches!(place, Place::Changelog(_));
            let applied = if is_checkpoint { client.applied.clone() } else { Vec::new() };
            client.unsent.push(Written { place, key, value: record.value.map(Rc::from), source, applied });
            soon
        })
        // A fenced producer notices at its commit at the earliest.
        .then(|| self.send().ok());
        if self.pass(Step::Produced) { Err(BrokerError::new(Action::AbortAndRewind, "not written")) } else { Ok(()) }
    }

    fn commit_with_offsets(&self, next: &[Position]) -> Result<(), BrokerError> {
        self.enter("commit");
        let lost = |text: &str| BrokerError::new(Action::AbortAndRewind, text);
        if self.pass(Step::BeforeOffsets) || !self.reach() {
            return Err(lost("the offsets were not accepted"));
        }
        self.send()?;
        self.with(|cluster| {
            if !cluster.clients[self.id].begun {
                cluster.violate("a commit without an open transaction");
            }
            for position in next {
                if !cluster.clients[self.id].held.contains_key(&position.partition.partition) {
                    cluster.violate(format!("OWN-1: {position:?} is committed but not owned"));
                }
            }
        });
        self.check_member()?;
        let (name, epoch) = self.client(|client| (client.name.clone(), client.epoch));
        self.with(|cluster| cluster.add_offsets(&name, epoch, next)).map_err(fenced)?;
        if self.pass(Step::AfterOffsets) {
            return Err(lost("outcome unknown: not committed"));
        }
        self.reach();
        self.with(|cluster| {
            cluster.end(&name, epoch, true).map_err(|text| {
                cluster.counts.note("commit: the producer is fenced");
                fenced(text)
            })?;
            let delta = cluster.oracle.last.take();
            let client = &mut cluster.clients[self.id];
            (client.unreported, client.begun) = (delta, false);
            Ok(())
        })?;
        if self.pass(Step::Committed) {
            self.client(|client| client.begun = true);
            return Err(lost("outcome unknown: committed"));
        }
        // The process may have frozen in the call; the response waits for it.
        Ok(())
    }

    fn abort(&self) -> Result<(), BrokerError> {
        self.enter("abort");
        self.with(|cluster| {
            if !cluster.has_coordinator(self.id) || cluster.random.chance(cluster.odds.error) {
                cluster.counts.note("abort not confirmed");
                return Err(later("the coordinator does not answer"));
            }
            let client = &mut cluster.clients[self.id];
            let (name, epoch) = (client.name.clone(), client.epoch);
            client.unsent.clear();
            client.begun = false;
            cluster.end(&name, epoch, false).map_err(fenced)
        })
    }

    fn end_offset(&self, partition: &TopicPartition) -> Option<i64> {
        self.with(|cluster| Some(cluster.readable(partition.partition as usize)))
    }
}
