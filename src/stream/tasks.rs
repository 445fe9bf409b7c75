//! The tasks of one worker: those of its assigned partitions, and those that a rebalance has parked.
//!
//! An eager assignor takes every partition back at each rebalance and gives most of them to the same worker again a moment
//! later. A task whose state is in memory is not restored again then: it is parked, and taken up again if the group's committed offset
//! carries the number of the task's own state, for then nobody else has moved the partition on.

use std::time::Duration;

use super::broker::{Assigned, TopicPartition};
use super::task::Task;

/// What a task is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits for its turn to be restored.
    Waiting,
    /// Its changelog is being read.
    Restoring {
        /// Offset behind the last record that has to be read (RES-1).
        end: i64,
        /// How far it is.
        position: i64,
        /// When it began, on the worker's clock.
        began: Duration,
        /// When it last came further, on the worker's clock.
        moved: Duration,
    },
    /// It takes in records.
    Running,
}

/// Whether there is something for a task in the history topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backfill {
    /// To be looked at.
    Due {
        /// For the first time since the state is there: the input waits for it.
        first: bool,
    },
    /// Something is there, and being read.
    Reading {
        /// See [`Backfill::Due`].
        first: bool,
    },
    /// Nothing is left, as of the last look.
    Read,
}

impl Backfill {
    /// Whether the input waits for it.
    pub fn is_first(self) -> bool {
        matches!(self, Self::Due { first: true } | Self::Reading { first: true })
    }

    /// To be looked at again, if it was read.
    pub fn look_again(&mut self) {
        if *self == Self::Read {
            *self = Self::Due { first: false };
        }
    }

    /// What was read is forgotten: it is read again from where the task stands. The input waits for it if a past is gone that had been taken in: what was read
    /// behind it shall come behind it again.
    pub fn begin_again(&mut self, gone: bool) {
        *self = Self::Due { first: gone || self.is_first() };
    }
}

/// A task and where it stands in its partition.
pub struct Assignment<T> {
    /// The partition.
    pub partition: TopicPartition,
    /// Offset of the next record to apply.
    pub position: i64,
    /// The same as of the last commit.
    pub committed: i64,
    /// The partition was read to its end, and nothing has come since.
    pub at_end: bool,
    /// What it is at.
    pub stage: Stage,
    /// When its changelog was first found not to fit together, on the worker's clock.
    pub misfit: Option<Duration>,
    /// Its share of the history topic.
    pub backfill: Backfill,
    /// How it was assigned.
    pub began: Assigned,
    /// The state machine.
    pub task: T,
}

/// What became of a partition's task when the partition was assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskOrigin {
    /// A task that is to be restored.
    New,
    /// The parked one goes on.
    Kept,
    /// There was a parked one, but the partition had been moved on by somebody else: it is to be restored.
    Outdated,
}

/// All tasks of a worker.
pub struct Tasks<T> {
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
        let (partition, position) = (assigned.partition.clone(), assigned.position);
        let backfill = Backfill::Due { first: stage != Stage::Running };
        let began = assigned.clone();
        Self { partition, position, committed: position, at_end: false, stage, misfit: None, backfill, began, task }
    }

    /// Whether the group's committed offset is the one that the task's own state was committed with.
    pub fn fits(&self, assigned: &Assigned) -> bool {
        self.stage == Stage::Running
            && self.committed == assigned.position
            && assigned.state.unwrap_or_default() == self.task.state()
    }

    /// Back to what was committed last, also in what was counted and read.
    pub fn roll_back(&mut self) {
        let loaded = self.task.backfill_next();
        self.task.rollback();
        // What was counted is counted again.
        drop(self.task.take_tally());
        self.backfill.begin_again(self.task.backfill_next() != loaded);
        self.position = self.committed;
    }

    /// Begins anew, to be restored.
    pub fn restart(&mut self, assigned: &Assigned, task: T) {
        *self = Self::new(assigned, Stage::Waiting, task);
    }
}

impl<T: Task> Tasks<T> {
    /// Takes up the assigned partitions. Returns what became of each; tasks whose partitions went elsewhere are
    /// handed out as well, so that their last traces can be removed.
    pub fn assign(&mut self, assigned: &[Assigned], make: &dyn Fn() -> T) -> (Vec<TaskOrigin>, Vec<TopicPartition>) {
        assert!(self.active.is_empty(), "OWN-1: assigned while {} tasks run", self.active.len());
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
        // Sorted by number, so that finding one does not grow with the number of partitions.
        self.active.sort_by(|a, b| order(&a.partition).cmp(&order(&b.partition)));
        let gone = self.parked.drain(..).map(|kept| kept.partition).collect();
        (origins, gone)
    }

    /// Stops all tasks and keeps them, in case their partitions come back.
    pub fn park(&mut self) {
        self.parked.append(&mut self.active);
    }

    /// The task of an assigned partition.
    pub fn find(&mut self, topic: &str, partition: i32) -> Option<&mut Assignment<T>> {
        let found = self.active.binary_search_by(|running| order(&running.partition).cmp(&(partition, topic)));
        found.ok().map(|index| &mut self.active[index])
    }

    /// The task to restore: the one that is being restored, else the first that waits.
    pub fn to_restore(&mut self) -> Option<&mut Assignment<T>> {
        let restoring = self.active.iter().position(|one| matches!(one.stage, Stage::Restoring { .. }));
        let next = restoring.or_else(|| self.active.iter().position(|one| one.stage == Stage::Waiting));
        next.map(|at| &mut self.active[at])
    }

    /// All tasks that take in records.
    pub fn running_mut(&mut self) -> impl Iterator<Item = &mut Assignment<T>> {
        self.active.iter_mut().filter(|one| one.stage == Stage::Running)
    }

    /// All tasks whose state is not in memory yet.
    pub fn unready_mut(&mut self) -> impl Iterator<Item = &mut Assignment<T>> {
        self.active.iter_mut().filter(|one| one.stage != Stage::Running)
    }

    /// Partitions of all tasks that take in records, and do not wait for what the history topic holds.
    pub fn running(&self) -> Vec<TopicPartition> {
        let fetched = |one: &&Assignment<T>| one.stage == Stage::Running && !one.backfill.is_first();
        self.active.iter().filter(fetched).map(|one| one.partition.clone()).collect()
    }

    /// The task whose share of the history topic is read, else the first that has to look.
    pub fn next_backfill(&mut self) -> Option<&mut Assignment<T>> {
        let find = |reading: bool| {
            let is_wanted =
                |history| matches!(history, Backfill::Reading { .. }) == reading && history != Backfill::Read;
            self.active.iter().position(|one| one.stage == Stage::Running && is_wanted(one.backfill))
        };
        let next = find(true).or_else(|| find(false));
        next.map(|at| &mut self.active[at])
    }

    /// All tasks.
    pub fn iter(&self) -> impl Iterator<Item = &Assignment<T>> {
        self.active.iter()
    }

    /// Whether there is no task.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }
}

fn order(partition: &TopicPartition) -> (i32, &str) {
    (partition.partition, &partition.topic)
}
