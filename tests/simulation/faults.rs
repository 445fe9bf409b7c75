//! Faults, their odds, and how often they really struck.

use std::collections::BTreeMap;
use std::time::Duration;

use super::random::Random;

/// Which kinds of faults a run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// None: processes start, work and stop.
    None,
    /// Processes die at any step.
    Crash,
    /// Answers are lost or late, coordinators and brokers disappear.
    Network,
    /// Members come, go, and freeze beyond their session.
    Rebalance,
    /// All of that.
    Everything,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::None, Self::Crash, Self::Network, Self::Rebalance, Self::Everything];

    /// The name, as in a reproduction.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Crash => "crash",
            Self::Network => "network",
            Self::Rebalance => "rebalance",
            Self::Everything => "everything",
        }
    }

    /// Reads a name.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

/// Probabilities.
#[derive(Clone, Copy, Debug, Default)]
pub struct Odds {
    /// Of each transaction and each restore: the process dies at one of its steps.
    pub crash: f64,
    /// The same: the process freezes, heartbeats included.
    pub freeze: f64,
    /// The same: a call takes long.
    pub delay: f64,
    /// The same: a call fails, or its answer is lost.
    pub error: f64,
    /// Of a call that asks a coordinator: it says "later".
    pub retry: f64,
    /// Of a commit: its markers are written later.
    pub slow_markers: f64,
    /// Of a step of reading the changelog: little or nothing arrives.
    pub slow_restore: f64,
    /// Of a step of the world: a process loses its brokers for a while.
    pub cut: f64,
    /// All brokers are unreachable for a while.
    pub outage: f64,
    /// The coordinators are unreachable for a while.
    pub coordinator: f64,
    /// One more process joins.
    pub join: f64,
    /// One leaves in good order.
    pub leave: f64,
    /// One dies between two iterations.
    pub kill: f64,
    /// One freezes between two iterations.
    pub stop: f64,
    /// A second process takes a living one's identity.
    pub twin: f64,
    /// A changelog is compacted.
    pub compact: f64,
}

impl Odds {
    /// Those of a profile.
    pub fn of(profile: Profile) -> Self {
        let calm = Self { compact: 0.01, join: 0.002, ..Self::default() };
        let crash = Self { crash: 0.12, kill: 0.001, ..calm };
        let network = Self {
            delay: 0.05,
            error: 0.12,
            retry: 0.1,
            slow_markers: 0.3,
            slow_restore: 0.4,
            cut: 0.002,
            outage: 0.0007,
            coordinator: 0.002,
            ..calm
        };
        let rebalance = Self { freeze: 0.05, join: 0.006, leave: 0.005, stop: 0.002, twin: 0.001, ..calm };
        match profile {
            Profile::None => calm,
            Profile::Crash => crash,
            Profile::Network => network,
            Profile::Rebalance => rebalance,
            Profile::Everything => Self {
                crash: 0.06,
                kill: 0.0006,
                freeze: 0.03,
                stop: 0.0006,
                delay: 0.03,
                error: 0.07,
                compact: 0.01,
                leave: 0.002,
                join: 0.004,
                twin: 0.0006,
                ..network
            },
        }
    }
}

/// A step of a transaction or of a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    BeforeBegin,
    AfterBegin,
    Produced,
    BeforeOffsets,
    AfterOffsets,
    Committed,
    OpenedChangelog,
    ReadChangelog,
    OpenedHistory,
    ReadHistory,
}

impl Step {
    pub const OF_A_TRANSACTION: [Self; 6] =
        [Self::BeforeBegin, Self::AfterBegin, Self::Produced, Self::BeforeOffsets, Self::AfterOffsets, Self::Committed];
    pub const OF_A_RESTORE: [Self; 2] = [Self::OpenedChangelog, Self::ReadChangelog];
    pub const OF_A_LOAD: [Self; 2] = [Self::OpenedHistory, Self::ReadHistory];

    fn name(self) -> &'static str {
        match self {
            Self::BeforeBegin => "before begin",
            Self::AfterBegin => "after begin",
            Self::Produced => "after a record was produced",
            Self::BeforeOffsets => "before the offsets",
            Self::AfterOffsets => "before the commit",
            Self::Committed => "committed, before the answer",
            Self::OpenedChangelog => "before the restore",
            Self::ReadChangelog => "during the restore",
            Self::OpenedHistory => "before the history",
            Self::ReadHistory => "in the history",
        }
    }
}

/// What happens at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Crash,
    Freeze(Duration),
    Delay(Duration),
    Error,
}

/// What will go wrong with a transaction or a restore.
#[derive(Clone, Copy, Debug)]
pub struct Mishap {
    pub at: Step,
    pub kind: Kind,
    /// How many times the step passes before.
    pub after: u32,
}

impl Mishap {
    /// Draws one for a transaction, a restore, or a load.
    pub fn draw(odds: &Odds, session: Duration, steps: &[Step], random: &mut Random) -> Option<Self> {
        let session = session.as_millis() as u64;
        let (freeze, delay) = (random.millis(session / 2, session * 3), random.millis(10, session));
        let at = *random.pick(steps);
        let after = if matches!(at, Step::Produced | Step::ReadChangelog | Step::ReadHistory) {
            random.below(6) as u32
        } else {
            0
        };
        let kinds = [
            (odds.crash, Kind::Crash),
            (odds.freeze, Kind::Freeze(freeze)),
            (odds.delay, Kind::Delay(delay)),
            (odds.error, Kind::Error),
        ];
        // The others are rarer than transactions.
        let factor = match at {
            Step::OpenedHistory | Step::ReadHistory => 3.0,
            Step::OpenedChangelog | Step::ReadChangelog => 1.5,
            _ => 1.0,
        };
        let drawn = kinds.into_iter().find(|(odds, _)| random.chance(odds * factor));
        let (_, kind) = drawn?;
        // What is local to a client cannot fail after it is done.
        let at = if (at, kind) == (Step::AfterBegin, Kind::Error) { Step::BeforeBegin } else { at };
        Some(Self { at, kind, after })
    }

    /// The name under which it is counted.
    pub fn name(&self) -> String {
        let what = match (self.kind, self.at) {
            (Kind::Crash, _) => "crash",
            (Kind::Freeze(_), _) => "freeze",
            (Kind::Delay(_), _) => "delay",
            (Kind::Error, Step::Committed) => "answer lost",
            (Kind::Error, Step::AfterOffsets) => "commit lost",
            (Kind::Error, _) => "error",
        };
        format!("{what}: {}", self.at.name())
    }
}

/// How often each fault and each noteworthy event has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<String, u64>);

impl Counts {
    /// One more.
    pub fn note(&mut self, what: impl Into<String>) {
        self.add(what, 1);
    }

    /// Some more.
    pub fn add(&mut self, what: impl Into<String>, times: u64) {
        if times > 0 {
            *self.0.entry(what.into()).or_default() += times;
        }
    }

    /// How often it has happened.
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// Adds those of another run.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(what, times)| self.add(what, *times));
    }
}
