//! The brokers: topics, transactional producers with their epochs, the group's offsets. Time is virtual and
//! advances only when the simulator sets it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use insightd::stream::broker::{Cause, Position};
use insightd_core::detect::BackfillRefusal;
use insightd_core::invariants::offset_follows;
use insightd_core::pipeline::Outcome;

use super::backfill::Loader;
use super::client::Client;
use super::faults::{Counts, Odds};
use super::group::Group;
use super::log::{Bytes, Log, Number};
use super::mutation::Mutation;
use super::oracle::Oracle;
use super::random::Random;
use super::traffic::Traffic;

/// `kafka.transaction_timeout`
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(4);
/// `kafka.session_timeout`
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(9);
/// `kafka.max_poll_interval`: how long a rebalance waits for its members.
pub const POLL_INTERVAL: Duration = Duration::from_secs(30);

/// Where a transaction leaves a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Changelog(usize),
    Backfill(usize),
    Output,
    Dlq,
    /// The group's offsets.
    Offsets,
}

/// The coordinator's decision about a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Open,
    Commit,
    Abort,
}

/// What a task received, with the wall time in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The next record of its partition.
    Record(i64),
    /// The partition is read to its end.
    CaughtUp(i64),
    /// Messages of the backfill topic, which need not be read again below `next` afterwards.
    BackfillResult { next: i64, wall: i64 },
}

/// A record of a transaction, for the oracle.
#[derive(Clone, Debug)]
pub struct Written {
    pub place: Place,
    pub key: Bytes,
    pub value: Option<Bytes>,
    /// Source partition of a dead-letter record.
    pub source: Option<usize>,
    /// What a checkpoint covers.
    pub applied: Vec<Applied>,
}

/// A transaction.
#[derive(Debug)]
pub struct Transaction {
    pub begun: Duration,
    pub decision: Decision,
    /// Partitions in which its marker is not written yet.
    pub places: BTreeSet<Place>,
    pub offsets: Vec<Position>,
    pub written: Vec<Written>,
}

/// A transactional id.
#[derive(Debug, Default)]
pub struct Producer {
    pub epoch: u32,
    pub open: Option<Number>,
    pub last: Option<Number>,
}

/// A producer was fenced: another one registered its id, or its transaction timed out.
#[derive(Debug)]
pub struct Fenced;

/// Everything that the processes of a run share.
pub struct Cluster {
    pub now: Duration,
    /// Wall clock at the beginning, seconds since 1970.
    pub wall: i64,
    pub random: Random,
    pub odds: Odds,
    pub counts: Counts,
    pub mutation: Option<Mutation>,
    pub input: Traffic,
    pub changelogs: Vec<Log>,
    pub backfill_topic: Vec<Log>,
    pub loader: Loader,
    pub output: Log,
    pub dlq: Log,
    pub producers: BTreeMap<String, Producer>,
    pub transactions: Vec<Transaction>,
    /// Markers to be written.
    pub due: BTreeSet<(Duration, Number, Place)>,
    pub offsets: BTreeMap<usize, (i64, u64)>,
    pub group: Group,
    pub clients: Vec<Client>,
    pub coordinator_gone_until: Duration,
    pub oracle: Oracle,
    /// Hash of everything that has happened, in order.
    pub schedule: u64,
    /// The first invariant that was broken.
    pub violation: Option<String>,
    /// Faults are over: every record must now be committed.
    pub healed: bool,
    /// Processes to be started.
    pub starts: BTreeSet<(Duration, String)>,
    /// Why a worker stopped by itself.
    pub ended: Option<Cause>,
    /// Outcomes that workers reported, and the outcomes of the commits that they reported.
    pub reported: [u64; Outcome::ALL.len()],
    pub due_outcomes: [u64; Outcome::ALL.len()],
    /// The same for backfills.
    pub reported_backfills: usize,
    pub due_backfills: usize,
    /// Longest sleep of an idle worker, so that idle hours cost little.
    pub nap: Duration,
}

impl Cluster {
    /// Mixes an event into the schedule's hash.
    pub fn mix(&mut self, what: &[u8], number: u64) {
        let now = self.now.as_nanos() as u64;
        let mixed = xxhash_rust::xxh3::xxh3_64_with_seed(what, self.schedule ^ number);
        self.schedule = mixed.rotate_left(7) ^ now;
    }

    /// Notes a violation, if it is the first.
    pub fn violate(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.violation.get_or_insert(text);
    }

    /// Wall clock, seconds since 1970.
    pub fn wall(&self) -> i64 {
        self.wall + self.now.as_secs() as i64
    }

    /// The log behind a place.
    pub fn log(&mut self, place: Place) -> Option<&mut Log> {
        match place {
            Place::Changelog(number) => Some(&mut self.changelogs[number]),
            Place::Backfill(number) => Some(&mut self.backfill_topic[number]),
            Place::Output => Some(&mut self.output),
            Place::Dlq => Some(&mut self.dlq),
            Place::Offsets => None,
        }
    }

    /// Number of messages of a partition that can be read now.
    pub fn readable(&self, partition: usize) -> i64 {
        let messages = &self.input.partitions[partition];
        messages.partition_point(|message| message.at <= self.now) as i64
    }

    // === producers ===

    /// Registers a transactional id: fences its previous producer and aborts that producer's open
    /// transaction. Returns the epoch.
    pub fn register(&mut self, id: &str) -> u32 {
        let producer = self.producers.entry(id.to_owned()).or_default();
        producer.epoch += 1;
        let (epoch, open, last) = (producer.epoch, producer.open.take(), producer.last);
        if let Some(open) = open {
            self.counts.note("open transaction ended by a new registration");
            self.decide(open, false);
        }
        last.into_iter().for_each(|last| self.write_markers(last));
        epoch
    }

    fn transaction(&mut self, id: &str, epoch: u32) -> Result<Number, Fenced> {
        let now = self.now;
        let Some(producer) = self.producers.get_mut(id).filter(|producer| producer.epoch == epoch) else {
            return Err(Fenced);
        };
        if let Some(open) = producer.open {
            return Ok(open);
        }
        let number = self.transactions.len();
        let before = producer.last.replace(number);
        producer.open = Some(number);
        let (places, offsets, written) = (BTreeSet::new(), Vec::new(), Vec::new());
        self.transactions.push(Transaction { begun: now, decision: Decision::Open, places, offsets, written });
        // The coordinator accepts no new transaction before the markers of the last one are written.
        before.into_iter().for_each(|before| self.write_markers(before));
        Ok(number)
    }

    /// Adds a record to the producer's transaction.
    pub fn produce(&mut self, id: &str, epoch: u32, written: Written) -> Result<(), Fenced> {
        let number = self.transaction(id, epoch)?;
        if let Some(log) = self.log(written.place) {
            log.append(number, written.key.clone(), written.value.clone());
        }
        let transaction = &mut self.transactions[number];
        transaction.places.insert(written.place);
        transaction.written.push(written);
        Ok(())
    }

    /// Adds offsets to the producer's transaction.
    pub fn add_offsets(&mut self, id: &str, epoch: u32, offsets: &[Position]) -> Result<(), Fenced> {
        let number = self.transaction(id, epoch)?;
        let transaction = &mut self.transactions[number];
        transaction.places.insert(Place::Offsets);
        transaction.offsets = offsets.to_vec();
        Ok(())
    }

    /// Ends the producer's transaction.
    pub fn end(&mut self, id: &str, epoch: u32, commit: bool) -> Result<(), Fenced> {
        let Some(producer) = self.producers.get_mut(id).filter(|producer| producer.epoch == epoch) else {
            return Err(Fenced);
        };
        if let Some(open) = producer.open.take() {
            self.decide(open, commit);
        }
        Ok(())
    }

    fn decide(&mut self, number: Number, commit: bool) {
        let slow = self.random.chance(self.odds.slow_markers);
        let transaction = &mut self.transactions[number];
        assert_eq!(transaction.decision, Decision::Open, "a transaction ends once");
        transaction.decision = if commit { Decision::Commit } else { Decision::Abort };
        let places: Vec<Place> = transaction.places.iter().copied().collect();
        if commit {
            let (offsets, written) = (transaction.offsets.clone(), std::mem::take(&mut transaction.written));
            self.counts.note("transactions committed");
            self.judge(&offsets, &written);
        } else {
            self.counts.note("transactions aborted");
        }
        for place in places {
            let later = if slow { self.random.millis(0, 3000) } else { Duration::ZERO };
            self.due.insert((self.now + later, number, place));
        }
        if slow {
            self.counts.note("markers written late");
        }
        self.settle();
    }

    /// EO-1, EO-2 and EO-B, at the moment when a commit is decided.
    fn judge(&mut self, offsets: &[Position], written: &[Written]) {
        if written.iter().any(|record| matches!(record.place, Place::Backfill(_))) {
            return;
        }
        match self.oracle.commit(offsets, written, &self.input) {
            Ok(delta) => {
                for written in written {
                    self.mix(written.value.as_deref().unwrap_or_default(), 1);
                }
                self.counts.add("insights committed", delta.insights);
                self.counts.add("dead-letter records committed", delta.dead_letters);
                self.counts.add("idle advances committed", delta.idle_advances);
                for backfill in &delta.backfills {
                    let what = backfill.map_or_else(BackfillRefusal::label, |()| "merged");
                    self.counts.note(format!("backfill: {what}"));
                }
                self.oracle.last = Some(delta);
            }
            Err(text) => self.violate(text),
        }
    }

    /// Writes the markers that are due.
    pub fn settle(&mut self) {
        while let Some(&(at, number, place)) = self.due.first()
            && at <= self.now
        {
            self.due.pop_first();
            self.write_marker(number, place);
        }
    }

    fn write_markers(&mut self, number: Number) {
        let due: Vec<_> = self.due.iter().filter(|(_, of, _)| *of == number).copied().collect();
        for one in due {
            self.due.remove(&one);
            self.write_marker(one.1, one.2);
        }
    }

    fn write_marker(&mut self, number: Number, place: Place) {
        let commit = self.transactions[number].decision == Decision::Commit;
        self.transactions[number].places.remove(&place);
        if let Some(log) = self.log(place) {
            log.end(number, commit);
            return;
        }
        for Position { partition, next, state } in std::mem::take(&mut self.transactions[number].offsets) {
            if commit {
                let minus = i64::from(self.mutation == Some(Mutation::OffsetOfTheLastRecord));
                let before = self.offsets.insert(partition.partition as usize, (next - minus, state));
                if before.is_some_and(|(before, _)| !offset_follows(before, None, next)) {
                    self.violate(format!("EO-2: the offset of {partition} went back to {next}"));
                }
            }
        }
    }

    /// Aborts transactions that are open for too long, and fences their producers.
    pub fn expire_transactions(&mut self) {
        let old = |transaction: &Transaction| transaction.begun + TRANSACTION_TIMEOUT <= self.now;
        let open = self.producers.values().filter_map(|producer| producer.open);
        let expired: Vec<Number> = open.filter(|open| old(&self.transactions[*open])).collect();
        for number in expired {
            self.counts.note("transaction timed out");
            for producer in self.producers.values_mut().filter(|producer| producer.open == Some(number)) {
                producer.epoch += 1;
                producer.open = None;
            }
            self.decide(number, false);
        }
    }

    /// When the brokers next act by themselves.
    pub fn next_event(&self) -> Option<Duration> {
        let markers = self.due.first().map(|(at, _, _)| *at);
        let open = self.producers.values().filter_map(|producer| producer.open);
        let expiry = open.map(|open| self.transactions[open].begun + TRANSACTION_TIMEOUT).min();
        let group = self.group.deadline();
        [markers, expiry, group, self.loader.next_event()].into_iter().flatten().min()
    }

    /// Whether a transaction may still change the offset of a partition.
    pub fn is_pending(&self, partition: usize) -> bool {
        if self.mutation == Some(Mutation::UnstableOffsets) {
            return false;
        }
        self.transactions.iter().any(|transaction| {
            transaction.places.contains(&Place::Offsets)
                && transaction.offsets.iter().any(|position| position.partition.partition as usize == partition)
        })
    }

    /// Whether a process can reach the coordinators.
    pub fn has_coordinator(&self, client: usize) -> bool {
        self.now >= self.coordinator_gone_until && self.now >= self.clients[client].cut_until
    }
}
