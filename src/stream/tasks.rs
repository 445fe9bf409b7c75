//! The tasks of one worker: those of its assigned partitions, and those that a rebalance has parked.
//!
//! An eager assignor revokes every partition at each rebalance and usually gives it back to the same worker
//! a moment later. To avoid a restore, the task is parked, and resumes if the group's committed offset
//! carries the number of the task's own state: then no other worker has committed for the partition
//! meanwhile.

use std::time::Duration;

use insightd_core::invariants::{Invariant, StateAt, Violations, memory_is_committed};

use super::broker::{Assigned, TopicPartition};
use super::task::Task;

/// The stage of a task's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It waits to be restored.
    Waiting,
    /// Its changelog is being read.
    Restoring(Restoring),
    /// It applies records.
    Running,
}

/// A changelog that is being read. Times are on the worker's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Restoring {
    /// Offset after the last record to read, captured at the start (RES-1).
    pub end: i64,
    /// Offset of the next record to read.
    pub position: i64,
    /// When the restore began.
    pub began: Duration,
    /// When the position last moved.
    pub moved: Duration,
}

/// How far a task has read its partition of the backfill topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backfill {
    /// To be probed for messages.
    Due {
        /// For the first time since the state was restored: the input waits for it.
        first: bool,
    },
    /// Messages are being read.
    Reading {
        /// As in [`Backfill::Due`].
        first: bool,
    },
    /// Nothing was left at the last probe.
    Read,
}

impl Backfill {
    /// Whether the input waits for it.
    pub(crate) fn is_first(self) -> bool {
        matches!(self, Self::Due { first: true } | Self::Reading { first: true })
    }

    /// Makes the next probe due, unless one is under way.
    pub(crate) fn probe_again(&mut self) {
        if *self == Self::Read {
            *self = Self::Due { first: false };
        }
    }

    /// Reads again from where the task stands. If a merged backfill was `lost` with its transaction, the
    /// input waits until it is merged again: records that were read after it must come after it again.
    pub(crate) fn begin_again(&mut self, lost: bool) {
        *self = Self::Due { first: lost || self.is_first() };
    }
}

/// A task and where it stands in its partition.
pub(crate) struct Assignment<T> {
    /// The partition.
    pub partition: TopicPartition,
    /// Offset of the next record to apply.
    pub position: i64,
    /// Offset of the last record applied since the last commit or skip.
    pub applied: Option<i64>,
    /// The lowest offset that the next commit may have (EO-2).
    pub floor: i64,
    /// Where the last commit left the partition.
    pub committed: StateAt,
    /// The partition is read to its end, and nothing has arrived since.
    pub at_end: bool,
    /// The stage of the task.
    pub stage: Stage,
    /// When the records of its changelog first did not fit together, on the worker's clock.
    pub misfit: Option<Duration>,
    /// Its share of the backfill topic.
    pub backfill: Backfill,
    /// How it was assigned.
    pub began: Assigned,
    /// The state machine.
    pub task: T,
}

/// How the task of an assigned partition came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskOrigin {
    /// There was none: a new task is to be restored.
    New,
    /// The parked task resumes.
    Kept,
    /// The parked task is stale, because another worker has committed for the partition: a new one is to be
    /// restored.
    Outdated,
}

/// What an assignment did to the tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Takeover {
    /// The origin of each assigned partition's task, in order.
    pub origins: Vec<TaskOrigin>,
    /// Partitions whose parked tasks were dropped, because another worker has them now.
    pub gone: Vec<TopicPartition>,
}

/// All tasks of a worker.
pub(crate) struct Tasks<T> {
    active: Vec<Assignment<T>>,
    parked: Vec<Assignment<T>>,
}

impl<T: Task> Default for Tasks<T> {
    fn default() -> Self {
        Self { active: Vec::new(), parked: Vec::new() }
    }
}

impl<T: Task> Assignment<T> {
    fn new(assigned: &Assigned, stage: Stage, task: T) -> Self {
        Self {
            partition: assigned.partition.clone(),
            position: assigned.position,
            applied: None,
            floor: assigned.position,
            committed: StateAt { next: assigned.position, state: task.state() },
            at_end: false,
            stage,
            misfit: None,
            backfill: Backfill::Due { first: stage != Stage::Running },
            began: assigned.clone(),
            task,
        }
    }

    /// Whether the group's committed offset is the one that the task's own state was committed with.
    pub(crate) fn fits(&self, assigned: &Assigned) -> bool {
        let group = StateAt { next: assigned.position, state: assigned.state.unwrap_or_default() };
        self.stage == Stage::Running && self.committed == group
    }

    /// The changelog is read to its end: the task runs.
    pub(crate) fn run(&mut self) {
        self.stage = Stage::Running;
        self.committed.state = self.task.state();
    }

    /// The open transaction, which holds what the task has saved, is committed.
    pub(crate) fn commit(&mut self) {
        self.task.commit();
        self.committed = StateAt { next: self.position, state: self.task.state() };
        (self.applied, self.floor) = (None, self.position);
    }

    /// Continues at an offset that was not reached by applying records.
    pub(crate) fn skip_to(&mut self, position: i64) {
        (self.position, self.applied, self.at_end) = (position, None, false);
        self.floor = self.floor.min(position);
    }

    /// Goes back to what was last committed, in memory, in counts and in what was read (EO-3).
    pub(crate) fn roll_back(&mut self, violations: &mut Violations) {
        let backfill_next = self.task.backfill_next();
        self.task.rollback();
        // These records are counted when they are applied again.
        drop(self.task.take_tally());
        self.backfill.begin_again(self.task.backfill_next() != backfill_next);
        (self.position, self.applied, self.floor) = (self.committed.next, None, self.committed.next);
        let memory = (self.task.state(), self.task.is_changed());
        violations.check(Invariant::Eo3, memory_is_committed(&memory, &(self.committed.state, false)), || {
            format!(
                "{}: after an abort memory has state {} (changed: {}), committed is state {}",
                self.partition, memory.0, memory.1, self.committed.state
            )
        });
    }

    /// Starts over with a restore.
    pub(crate) fn restart(&mut self, assigned: &Assigned, task: T) {
        *self = Self::new(assigned, Stage::Waiting, task);
    }
}

impl<T: Task> Tasks<T> {
    /// Takes over the assigned partitions: resumes the parked tasks that still fit and makes new ones for the
    /// others.
    pub(crate) fn assign(
        &mut self,
        assigned: &[Assigned],
        make: &dyn Fn() -> T,
        violations: &mut Violations,
    ) -> Takeover {
        let held = self.active.len();
        if !violations.check(Invariant::Own1, held == 0, || format!("partitions are assigned while {held} tasks run")) {
            self.park();
        }
        let mut origins = Vec::with_capacity(assigned.len());
        for assigned in assigned {
            let parked = self.parked.iter().position(|kept| kept.partition == assigned.partition);
            let parked = parked.map(|index| self.parked.swap_remove(index));
            let (origin, assignment) = match parked {
                Some(kept) if kept.fits(assigned) => {
                    let backfill = Backfill::Due { first: kept.backfill.is_first() };
                    let kept = Assignment::new(assigned, Stage::Running, kept.task);
                    (TaskOrigin::Kept, Assignment { backfill, ..kept })
                }
                Some(_) => (TaskOrigin::Outdated, Assignment::new(assigned, Stage::Waiting, make())),
                None => (TaskOrigin::New, Assignment::new(assigned, Stage::Waiting, make())),
            };
            origins.push(origin);
            self.active.push(assignment);
        }
        // Sorted by number, so that the time to find a task does not grow with the number of partitions.
        self.active.sort_by(|a, b| order(&a.partition).cmp(&order(&b.partition)));
        let gone = self.parked.drain(..).map(|kept| kept.partition).collect();
        Takeover { origins, gone }
    }

    /// Stops all tasks and keeps them, in case their partitions come back.
    pub(crate) fn park(&mut self) {
        self.parked.append(&mut self.active);
    }

    /// The task of an assigned partition.
    pub(crate) fn find(&mut self, topic: &str, partition: i32) -> Option<&mut Assignment<T>> {
        let found = self.active.binary_search_by(|running| order(&running.partition).cmp(&(partition, topic)));
        found.ok().map(|index| &mut self.active[index])
    }

    /// The task to restore: the one that is being restored, or else the first that waits.
    pub(crate) fn to_restore(&mut self) -> Option<&mut Assignment<T>> {
        let restoring = self.active.iter().position(|one| matches!(one.stage, Stage::Restoring(_)));
        let next = restoring.or_else(|| self.active.iter().position(|one| one.stage == Stage::Waiting));
        next.map(|at| &mut self.active[at])
    }

    /// All tasks that apply records.
    pub(crate) fn running_mut(&mut self) -> impl Iterator<Item = &mut Assignment<T>> {
        self.active.iter_mut().filter(|one| one.stage == Stage::Running)
    }

    /// All tasks whose state is not in memory yet.
    pub(crate) fn unready_mut(&mut self) -> impl Iterator<Item = &mut Assignment<T>> {
        self.active.iter_mut().filter(|one| one.stage != Stage::Running)
    }

    /// Partitions whose input may be fetched: their tasks run and do not wait for the backfill topic.
    pub(crate) fn fetched(&self) -> Vec<TopicPartition> {
        let is_fetched = |one: &&Assignment<T>| one.stage == Stage::Running && !one.backfill.is_first();
        self.active.iter().filter(is_fetched).map(|one| one.partition.clone()).collect()
    }

    /// The task whose backfill is being read, or else the first whose probe is due.
    pub(crate) fn next_backfill(&mut self) -> Option<&mut Assignment<T>> {
        let find = |reading: bool| {
            let is_wanted = |stage| matches!(stage, Backfill::Reading { .. }) == reading && stage != Backfill::Read;
            self.active.iter().position(|one| one.stage == Stage::Running && is_wanted(one.backfill))
        };
        let next = find(true).or_else(|| find(false));
        next.map(|at| &mut self.active[at])
    }

    /// All tasks.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Assignment<T>> {
        self.active.iter()
    }
}

fn order(partition: &TopicPartition) -> (i32, &str) {
    (partition.partition, &partition.topic)
}
