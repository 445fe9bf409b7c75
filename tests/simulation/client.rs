//! The state of one process's client: membership, fetch positions, its producer, its readers.

use std::collections::BTreeMap;
use std::time::Duration;

use insightd::stream::broker::{Action, BrokerError, Cause};

use super::cluster::{Applied, Fenced, Written};
use super::faults::Mishap;
use super::oracle::Delta;

/// Fetch state of one partition.
#[derive(Clone, Debug)]
pub struct Fetch {
    pub position: i64,
    pub paused: bool,
    /// Messages fetched before the pause that will still be delivered.
    pub left: u32,
    /// The worker was notified of the end of the partition.
    pub at_end: bool,
}

/// A reader of a changelog, or of the backfill topic.
#[derive(Clone, Debug)]
pub struct Reader {
    pub partition: usize,
    pub end: i64,
    pub position: i64,
}

/// One client.
#[derive(Debug, Default)]
pub struct Client {
    /// Name of the process, stable over restarts: transactional id, static identity.
    pub name: String,
    pub is_static: bool,
    pub alive: bool,
    /// Its worker is inside an iteration.
    pub busy: bool,
    /// The process dies as soon as it continues.
    pub doomed: bool,
    /// Time until which the process is frozen, heartbeats included.
    pub frozen_until: Duration,
    /// Time until which the process reaches no broker.
    pub cut_until: Duration,
    pub reported_down: bool,
    /// When its worker iterates next.
    pub wake_at: Duration,
    pub member: Option<u64>,
    /// Another process took its static identity.
    pub member_fenced: bool,
    pub generation: i32,
    /// Partitions assigned to the worker and not yet revoked.
    pub given: Option<Vec<i32>>,
    /// The worker has received a revocation.
    pub revoking: bool,
    /// Partitions whose assignment the worker has confirmed.
    pub held: BTreeMap<i32, Fetch>,
    /// The state numbers that came with the committed offsets.
    pub assigned_states: BTreeMap<i32, u64>,
    pub epoch: u32,
    /// A transaction is open.
    pub begun: bool,
    /// The fault drawn for the transaction.
    pub mishap: Option<Mishap>,
    pub reader: Option<Reader>,
    pub restore_mishap: Option<Mishap>,
    /// The reader of the backfill topic.
    pub backfill_reader: Option<Reader>,
    pub backfill_read: BTreeMap<i32, i64>,
    pub backfill_mishap: Option<Mishap>,
    /// Input that the task applied since its last saved state.
    pub applied: Vec<Applied>,
    /// The last commit, until the worker reports it.
    pub unreported: Option<Delta>,
    /// Produced records that are not sent yet.
    pub unsent: Vec<Written>,
    /// The partition whose changelog was read last, and the state number that came with its offset.
    pub restored: usize,
    pub restored_state: Option<u64>,
}

impl Client {
    /// A process that has just started.
    pub fn new(name: &str, is_static: bool, epoch: u32, now: Duration) -> Self {
        let name = name.to_owned();
        Self { name, is_static, alive: true, epoch, generation: -1, wake_at: now, ..Self::default() }
    }

    /// Whether its heartbeats reach the brokers.
    pub fn is_well(&self, now: Duration) -> bool {
        self.alive && now >= self.frozen_until && now >= self.cut_until
    }
}

/// The error of a fenced producer.
pub fn fenced(_: Fenced) -> BrokerError {
    BrokerError { action: Action::Fatal, cause: Cause::ProducerFenced, message: "the producer is fenced".to_owned() }
}

/// A retriable error.
pub fn later(what: &str) -> BrokerError {
    BrokerError::new(Action::Retry, what)
}
