//! What one process's client knows of itself: membership, fetch positions, its producer, its reader of the
//! changelog.

use std::collections::BTreeMap;
use std::time::Duration;

use insightd::stream::broker::{Action, BrokerError, Cause};

use super::cluster::{Applied, Fenced, Written};
use super::faults::Mishap;
use super::oracle::Delta;

/// A partition that is fetched.
#[derive(Clone, Debug)]
pub struct Fetch {
    pub position: i64,
    pub paused: bool,
    /// Messages that were fetched before the pause and are delivered still.
    pub left: u32,
    /// It was told that the end is reached.
    pub at_end: bool,
}

/// A reader of a changelog, or of a history.
#[derive(Clone, Debug)]
pub struct Reader {
    pub partition: usize,
    pub end: i64,
    pub position: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Client {
    /// Name of the process, stable over restarts: transactional id, static identity.
    pub name: String,
    pub is_static: bool,
    pub alive: bool,
    /// Its worker is somewhere inside a turn.
    pub busy: bool,
    /// It dies as soon as it goes on.
    pub doomed: bool,
    /// Frozen, heartbeats too.
    pub frozen_until: Duration,
    /// Without brokers.
    pub cut_until: Duration,
    pub told_down: bool,
    /// From when on its worker turns again.
    pub wake_at: Duration,
    pub member: Option<u64>,
    /// Another process took its static identity.
    pub member_fenced: bool,
    pub generation: i32,
    /// Partitions given to the worker and not given back.
    pub given: Option<Vec<i32>>,
    /// Its worker was told to give them back.
    pub revoking: bool,
    /// Partitions whose assignment the worker has answered.
    pub held: BTreeMap<i32, Fetch>,
    /// What it was told of the committed offsets: number of the state.
    pub told: BTreeMap<i32, u64>,
    pub epoch: u32,
    /// A transaction is begun.
    pub begun: bool,
    /// What will go wrong with it.
    pub mishap: Option<Mishap>,
    pub reader: Option<Reader>,
    pub restore_mishap: Option<Mishap>,
    /// The history topic, and how far it was read.
    pub history: Option<Reader>,
    pub history_read: BTreeMap<i32, i64>,
    pub history_mishap: Option<Mishap>,
    /// What lies behind the state that is being saved.
    pub applied: Vec<Applied>,
    /// The last commit, while the worker has not told of it.
    pub untold: Option<Delta>,
    /// Records that were handed over and not sent yet.
    pub unsent: Vec<Written>,
    /// The partition whose changelog was read last, and the number of the state that was told of it then.
    pub restored: usize,
    pub restored_told: Option<u64>,
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

/// What a producer hears that somebody else has fenced.
pub fn fenced(_: Fenced) -> BrokerError {
    BrokerError { action: Action::Fatal, cause: Cause::ProducerFenced, message: "the producer is fenced".to_owned() }
}

/// A failure after which the same can be asked again.
pub fn later(what: &str) -> BrokerError {
    BrokerError::new(Action::Retry, what)
}
