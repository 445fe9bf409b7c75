//! Faults, their odds, and how often they really struck.

use std::collections::BTreeMap;
use std::time::Duration;

use super::random::Random;

/// The kinds of faults that a run draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// No faults: processes start, work and stop.
    None,
    /// Processes die at any step.
    Crash,
    /// Responses are lost or late; coordinators and brokers disappear.
    Network,
    /// Members join, leave, and freeze beyond their session.
    Rebalance,
    /// All faults.
    Everything,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 5] = [Self::None, Self::Crash, Self::Network, Self::Rebalance, Self::Everything];

    /// The value of `INSIGHTD_SIM_PROFILE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Crash => "crash",
            Self::Network => "network",
            Self::Rebalance => "rebalance",
            Self::Everything => "everything",
        }
    }

    /// The profile with this name.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

/// Probabilities of the faults.
#[derive(Clone, Copy, Debug, Default)]
pub struct Odds {
    /// For each transaction and restore: the process dies at one of the steps.
    pub crash: f64,
    /// For each transaction and restore: the process freezes, heartbeats included.
    pub freeze: f64,
    /// For each transaction and restore: a call takes long.
    pub delay: f64,
    /// For each transaction and restore: a call fails, or its response is lost.
    pub error: f64,
    /// For each call to a coordinator: a retriable error.
    pub retry: f64,
    /// For each commit: the markers are written later.
    pub slow_markers: f64,
    /// For each read of the changelog: little or nothing arrives.
    pub slow_restore: f64,
    /// For each step of the world, as are all below: a process loses its brokers for a while.
    pub cut: f64,
    /// All brokers are unreachable for a while.
    pub outage: f64,
    /// The coordinators are unreachable for a while.
    pub coordinator: f64,
    /// One more process joins.
    pub join: f64,
    /// A process shuts down gracefully.
    pub leave: f64,
    /// A process dies between two iterations.
    pub kill: f64,
    /// A process freezes between two iterations.
    pub stop: f64,
    /// A second process takes a living one's identity.
    pub twin: f64,
    /// A changelog is compacted.
    pub compact: f64,
}

impl Odds {
    /// The odds of a profile.
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
    OpenedBackfill,
    ReadBackfill,
}

impl Step {
    pub const OF_A_TRANSACTION: [Self; 6] =
        [Self::BeforeBegin, Self::AfterBegin, Self::Produced, Self::BeforeOffsets, Self::AfterOffsets, Self::Committed];
    pub const OF_A_RESTORE: [Self; 2] = [Self::OpenedChangelog, Self::ReadChangelog];
    pub const OF_A_LOAD: [Self; 2] = [Self::OpenedBackfill, Self::ReadBackfill];

    fn name(self) -> &'static str {
        match self {
            Self::BeforeBegin => "before begin",
            Self::AfterBegin => "after begin",
            Self::Produced => "after a record was produced",
            Self::BeforeOffsets => "before the offsets",
            Self::AfterOffsets => "before the commit",
            Self::Committed => "committed, before the response",
            Self::OpenedChangelog => "before the restore",
            Self::ReadChangelog => "during the restore",
            Self::OpenedBackfill => "before the backfill topic",
            Self::ReadBackfill => "in the backfill topic",
        }
    }
}

/// The effect of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Crash,
    Freeze(Duration),
    Delay(Duration),
    Error,
}

/// A fault drawn for a transaction, a restore or a load.
#[derive(Clone, Copy, Debug)]
pub struct Mishap {
    pub at: Step,
    pub kind: Kind,
    /// How many times the step succeeds first.
    pub after: u32,
}

impl Mishap {
    /// Draws a fault for a transaction, a restore or a load, or none.
    pub fn draw(odds: &Odds, session: Duration, steps: &[Step], random: &mut Random) -> Option<Self> {
        let session = session.as_millis() as u64;
        let (freeze, delay) = (random.millis(session / 2, session * 3), random.millis(10, session));
        let at = *random.pick(steps);
        let after = if matches!(at, Step::Produced | Step::ReadChangelog | Step::ReadBackfill) {
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
        // Restores and loads are rarer than transactions.
        let factor = match at {
            Step::OpenedBackfill | Step::ReadBackfill => 3.0,
            Step::OpenedChangelog | Step::ReadChangelog => 1.5,
            _ => 1.0,
        };
        let drawn = kinds.into_iter().find(|(odds, _)| random.chance(odds * factor));
        let (_, kind) = drawn?;
        // A call that is local to the client cannot fail after it is done.
        let at = if (at, kind) == (Step::AfterBegin, Kind::Error) { Step::BeforeBegin } else { at };
        Some(Self { at, kind, after })
    }

    /// The name under which it is counted.
    pub fn name(&self) -> String {
        let what = match (self.kind, self.at) {
            (Kind::Crash, _) => "crash",
            (Kind::Freeze(_), _) => "freeze",
            (Kind::Delay(_), _) => "delay",
            (Kind::Error, Step::Committed) => "response lost",
            (Kind::Error, Step::AfterOffsets) => "commit lost",
            (Kind::Error, _) => "error",
        };
        format!("{what}: {}", self.at.name())
    }
}

/// How often each fault and each event of interest occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<String, u64>);

impl Counts {
    /// Counts one event.
    pub fn note(&mut self, what: impl Into<String>) {
        self.add(what, 1);
    }

    /// Counts an event `times` times.
    pub fn add(&mut self, what: impl Into<String>, times: u64) {
        if times > 0 {
            *self.0.entry(what.into()).or_default() += times;
        }
    }

    /// The count of an event.
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// Adds the counts of another run.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(what, times)| self.add(what, *times));
    }
}
