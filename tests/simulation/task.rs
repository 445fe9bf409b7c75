//! The real task with checks around it: the order of its calls, and its memory against the committed state.
//! Counts the worker's reports, too.

use std::rc::{Rc, Weak};
use std::time::Duration;

use insightd::stream::broker::{Assigned, Skipped, TopicPartition};
use insightd::stream::report::{Committed, Report, Restored};
use insightd::stream::task::{DetectorTask, Record, Task};
use insightd::stream::tasks::{Takeover, TaskOrigin};
use insightd::stream::watchdog::Phase;
use insightd_core::cloudtrail::insight::Insight;
use insightd_core::invariants::{Violation, Violations, is_owned};
use insightd_core::pipeline::{Gauges, Output, Tally};
use insightd_core::state::{Checkpoint, RestoreError, WriteRecord};

use super::cluster::Applied;
use super::mutation::Mutation;
use super::oracle::{add, difference, image, outcomes};
use super::world::World;

/// The real task, with a record of what it applies.
pub struct Watched {
    inner: DetectorTask,
    id: usize,
    world: Weak<World>,
    partition: Option<i32>,
    /// Input applied since the last commit.
    applied: Vec<Applied>,
    mutation: Option<Mutation>,
}

impl Watched {
    /// The task of process `id`.
    pub fn new(id: usize, world: &Weak<World>) -> Self {
        let lives = world.upgrade().expect("a run outlives its processes");
        let (inner, mutation) =
            (DetectorTask::new(&lives.config).written_by(id as u64), lives.cluster.borrow().mutation);
        Self { inner, id, world: Weak::clone(world), partition: None, applied: Vec::new(), mutation }
    }

    fn world(&self) -> Rc<World> {
        self.world.upgrade().expect("a run outlives its processes")
    }

    /// EO-3: memory equals the fold of the committed input, unless another worker has committed since.
    fn check_memory(&mut self, when: &str) {
        let Some(partition) = self.partition else { return };
        let world = self.world();
        let mut cluster = world.cluster.borrow_mut();
        if cluster.oracle.stands(partition as usize).1 != self.inner.state() || cluster.violation.is_some() {
            return;
        }
        cluster.counts.note(format!("memory compared {when}"));
        let found = image(self.inner.detector());
        if let Some(difference) = difference(&found, cluster.oracle.image(partition as usize)) {
            cluster.violate(format!("EO-3: memory of partition {partition} {when}: {difference}"));
        }
    }
}

impl Task for Watched {
    fn apply(&mut self, record: Record<'_>, now: i64, out: &mut dyn Output) {
        {
            let world = self.world();
            let mut cluster = world.cluster.borrow_mut();
            let held = |partition: &i32| is_owned(partition, cluster.clients[self.id].held.keys());
            match self.partition {
                None => cluster.violate("RES-1: a record is applied before the restore has ended"),
                Some(partition) if !held(&partition) => {
                    cluster.violate(format!("OWN-1: a record of partition {partition} is applied but not owned"));
                }
                Some(_) => {}
            }
        }
        self.applied.push(Applied::Record(now));
        self.inner.apply(record, now, out);
    }

    fn caught_up(&mut self, next: i64, now: i64, out: &mut dyn Output) {
        if self.applied.last() != Some(&Applied::CaughtUp(now)) {
            self.applied.push(Applied::CaughtUp(now));
        }
        self.inner.caught_up(next, now, out);
    }

    fn is_changed(&mut self) -> bool {
        self.inner.is_changed()
    }

    fn save(&mut self, next: i64, write: &mut WriteRecord<'_>) -> u64 {
        self.world().cluster.borrow_mut().clients[self.id].applied.clone_from(&self.applied);
        self.inner.save(next, write)
    }

    fn commit(&mut self) {
        self.inner.commit();
        self.applied.clear();
        let look = self.world().cluster.borrow_mut().random.chance(0.05);
        if look {
            self.check_memory("after a commit");
        }
    }

    fn rollback(&mut self) {
        self.applied.clear();
        if self.mutation != Some(Mutation::KeepOverlay) {
            self.inner.rollback();
        }
        self.check_memory("after an abort");
    }

    fn state(&self) -> u64 {
        self.inner.state()
    }

    fn backfill(&mut self, payload: &[u8], next: i64, now: i64) {
        let before = self.inner.backfill_next();
        self.inner.backfill(payload, next, now);
        let next = self.inner.backfill_next();
        if self.partition.is_none() {
            let world = self.world();
            world.cluster.borrow_mut().violate("RES-1: a backfill is merged before the restore has ended");
        }
        if next != before {
            self.applied.push(Applied::BackfillResult { next, wall: now });
        }
    }

    fn backfill_next(&self) -> i64 {
        self.inner.backfill_next()
    }

    fn restore(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), RestoreError> {
        match self.inner.restore(key, value) {
            Err(RestoreError::Newer { .. }) if self.mutation == Some(Mutation::TakeNewer) => Ok(()),
            restored => restored,
        }
    }

    fn restored(&mut self, open: &mut dyn FnMut(Insight, i64)) -> Result<Option<Checkpoint>, RestoreError> {
        let checkpoint = self.inner.restored(open)?;
        let world = self.world();
        let partition = {
            let cluster = world.cluster.borrow();
            cluster.clients[self.id].restored as i32
        };
        self.partition = Some(partition);
        {
            let mut cluster = world.cluster.borrow_mut();
            let (next, state) = cluster.oracle.stands(partition as usize);
            let reported = cluster.clients[self.id].restored_state;
            let found = checkpoint.clone().unwrap_or_default();
            // If another worker has committed since, this process is a zombie, and its work will not be
            // committed.
            let backfill_next = cluster.oracle.backfill_next(partition as usize);
            if reported == Some(state) && (found.state, found.next, found.backfill_next) != (state, next, backfill_next)
            {
                cluster
                    .violate(format!("RES-1: partition {partition}: restored {found:?}, committed {next} as {state}"));
            }
        }
        self.check_memory("after a restore");
        Ok(checkpoint)
    }

    fn take_tally(&mut self) -> Tally {
        self.inner.take_tally()
    }

    fn gauges(&self) -> Gauges {
        self.inner.gauges()
    }

    fn check(&mut self, violations: &mut Violations) {
        self.inner.check(violations);
    }
}

/// Compares a worker's reports with the committed transactions (CNT-1).
pub struct ReportCheck {
    id: usize,
    world: Weak<World>,
}

impl ReportCheck {
    /// The reports of process `id`.
    pub fn new(id: usize, world: Weak<World>) -> Self {
        Self { id, world }
    }

    fn note(&self, what: &str) {
        let world = self.world.upgrade().expect("a run outlives its processes");
        world.cluster.borrow_mut().counts.note(what);
    }
}

impl Report for ReportCheck {
    fn iterated(&mut self, _: bool) {}

    fn at(&mut self, _: Phase) {}

    fn assigned(&mut self, _: &[Assigned], takeover: &Takeover) {
        for origin in &takeover.origins {
            self.note(match origin {
                TaskOrigin::New => "task: new",
                TaskOrigin::Kept => "task: kept over a rebalance",
                TaskOrigin::Outdated => "task: outdated by a rebalance",
            });
        }
    }

    fn revoked(&mut self, _: bool) {}

    fn committed(&mut self, committed: &Committed<'_>) {
        let transaction = committed.transaction;
        let world = self.world.upgrade().expect("a run outlives its processes");
        let mut cluster = world.cluster.borrow_mut();
        let Some(delta) = cluster.clients[self.id].unreported.take() else {
            cluster.violate("CNT-1: a report without a commit, or a second report");
            return;
        };
        if transaction.insights.len() as u64 != delta.insights {
            cluster.violate(format!("CNT-1: {} insights are reported for {delta:?}", transaction.insights.len()));
        }
        add(&mut cluster.due_outcomes, &delta.outcomes);
        cluster.due_backfills += delta.backfills.len();
    }

    fn aborted(&mut self, fenced: bool, _: Duration, _: &str) {
        self.note(if fenced { "worker: aborted, fenced" } else { "worker: aborted" });
    }

    fn restoring(&mut self, _: &TopicPartition, _: i64) {}

    fn restored(&mut self, _: &TopicPartition, _: &Restored<'_>) {}

    fn counted(&mut self, tally: &Tally) {
        let world = self.world.upgrade().expect("a run outlives its processes");
        let mut cluster = world.cluster.borrow_mut();
        add(&mut cluster.reported, &outcomes(tally));
        cluster.reported_backfills += tally.backfills.len();
    }

    fn gauges(&mut self, _: &TopicPartition, _: &Gauges) {}
    fn lag(&mut self, _: &TopicPartition, _: i64) {}
    fn skipped(&mut self, _: &Skipped) {}
    fn down(&mut self, _: &str) {}
    fn up(&mut self) {}
    fn retrying(&mut self, _: &str, _: &str) {}

    fn violated(&mut self, violation: &Violation, _: u64) {
        let world = self.world.upgrade().expect("a run outlives its processes");
        world.cluster.borrow_mut().violate(format!("{violation} (seen by the worker)"));
    }
}
