//! The tasks of one worker: those of its assigned partitions, and those that a rebalance has parked.
//!
//! An eager assignor takes every partition back at each rebalance and gives most of them to the same worker again a moment
//! later. A task holds the baselines of its accounts, so it is not thrown away then: it is parked, and taken up again
//! if the group's committed offset still is the task's own position, for then nobody else has moved the partition on.

use super::broker::{Assigned, TopicPartition};
use super::task::Task;

/// A task and where it stands in its partition.
pub struct Assignment<T> {
    /// The partition.
    pub partition: TopicPartition,
    /// Offset of the next record to apply.
    pub position: i64,
    /// The partition was read to its end, and nothing has come since.
    pub at_end: bool,
    /// The state machine.
    pub task: T,
}

/// What became of a partition's task when the partition was assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A task without history.
    New,
    /// The parked one goes on.
    Kept,
    /// There was a parked one, but the partition had been moved on by somebody else.
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

impl<T: Task> Tasks<T> {
    /// Takes up the assigned partitions. Returns what became of each; tasks whose partitions went elsewhere are
    /// handed out as well, so that their last traces can be removed.
    pub fn assign(&mut self, assigned: &[Assigned], make: &dyn Fn() -> T) -> (Vec<Origin>, Vec<TopicPartition>) {
        assert!(self.active.is_empty(), "OWN-1: assigned while {} tasks run", self.active.len());
        let mut origins = Vec::with_capacity(assigned.len());
        for Assigned { partition, position, .. } in assigned {
            let parked = self.parked.iter().position(|kept| kept.partition == *partition);
            let parked = parked.map(|index| self.parked.swap_remove(index));
            let (origin, task) = match parked {
                Some(kept) if kept.position == *position => (Origin::Kept, kept.task),
                Some(_) => (Origin::Outdated, make()),
                None => (Origin::New, make()),
            };
            origins.push(origin);
            self.active.push(Assignment { partition: partition.clone(), position: *position, at_end: false, task });
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

    /// The running task of a partition.
    pub fn find(&mut self, topic: &str, partition: i32) -> Option<&mut Assignment<T>> {
        let found = self.active.binary_search_by(|running| order(&running.partition).cmp(&(partition, topic)));
        found.ok().map(|index| &mut self.active[index])
    }

    /// All running tasks.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Assignment<T>> {
        self.active.iter_mut()
    }

    /// All running tasks.
    pub fn iter(&self) -> impl Iterator<Item = &Assignment<T>> {
        self.active.iter()
    }

    /// Whether no task runs.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }
}

fn order(partition: &TopicPartition) -> (i32, &str) {
    (partition.partition, &partition.topic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Levels, Output, Tally};
    use crate::stream::task::Record;

    struct Numbered(u32);

    impl Task for Numbered {
        fn apply(&mut self, _: Record<'_>, _: i64, _: &mut dyn Output) {}
        fn caught_up(&mut self, _: i64, _: &mut dyn Output) {}
        fn take_tally(&mut self) -> Tally {
            Tally::default()
        }
        fn levels(&self) -> Levels {
            Levels::default()
        }
    }

    fn assigned(partition: i32, position: i64) -> Assigned {
        Assigned { partition: TopicPartition::new("t", partition), position, committed: true }
    }

    #[test]
    fn a_rebalance_keeps_the_tasks_nobody_else_has_moved_on() {
        let mut tasks = Tasks::default();
        let (origins, gone) = tasks.assign(&[assigned(0, 10), assigned(1, 20), assigned(2, 30)], &|| Numbered(1));
        assert_eq!((origins, gone), (vec![Origin::New; 3], vec![]));
        tasks.find("t", 0).unwrap().position = 15;
        tasks.park();
        assert!(tasks.is_empty() && tasks.find("t", 0).is_none());

        let (origins, gone) = tasks.assign(&[assigned(0, 15), assigned(1, 21), assigned(3, 0)], &|| Numbered(2));
        assert_eq!(origins, [Origin::Kept, Origin::Outdated, Origin::New]);
        assert_eq!(gone, [TopicPartition::new("t", 2)]);
        let numbers: Vec<u32> = tasks.iter().map(|running| running.task.0).collect();
        assert_eq!(numbers, [1, 2, 2]);
    }

    #[test]
    fn a_task_parked_twice_without_coming_back_in_between_is_forgotten() {
        let mut tasks = Tasks::default();
        tasks.assign(&[assigned(0, 10)], &|| Numbered(1));
        tasks.park();
        tasks.assign(&[], &|| Numbered(2));
        tasks.park();
        let (origins, _) = tasks.assign(&[assigned(0, 10)], &|| Numbered(3));
        assert_eq!(origins, [Origin::New]);
    }
}
