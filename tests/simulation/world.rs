//! One run: processes that join, work and leave, over one set of brokers, until every record is committed and
//! every insight has ended.
//!
//! Everything happens on one thread. While a process sleeps inside a broker call, the others continue, so
//! they can overtake a worker at any call. A run never frees a process: what a worker borrows (its broker and
//! its report, a few bytes that point to the world) leaks on purpose.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use insightd::config::Config;
use insightd::stream::broker::{BrokerError, Cause};
use insightd::stream::publisher::{Publishing, RecordLimits};
use insightd::stream::worker::{Worker, WorkerLimits};
use insightd_core::cloudtrail::insight::Format;
use insightd_core::invariants::OnViolation;
use insightd_core::state::CHECKPOINT_KEY;

use super::broker::{CHANGELOG, DLQ, OUTPUT, SimBroker, is_death};
use super::client::Client;
use super::cluster::{Cluster, SESSION_TIMEOUT};
use super::faults::Odds;
use super::log::Number;
use super::task::{ReportCheck, Watched};

type SimWorker = Worker<'static, SimBroker, Watched>;

/// Names of processes.
const NAMES: [&str; 3] = ["ada", "bob", "eve"];
/// Steps after which a run counts as stuck.
const STEPS_MAX: u32 = 60_000;
/// Idle time at the end of a run, in which open insights end by themselves.
const SILENCE: Duration = Duration::from_secs(15 * 60);

/// One run.
pub struct World {
    me: Weak<World>,
    pub cluster: RefCell<Cluster>,
    pub config: Config,
    workers: RefCell<Vec<Rc<RefCell<Option<SimWorker>>>>>,
    is_static: bool,
}

impl World {
    /// Brokers without processes.
    pub fn new(cluster: Cluster, config: Config, is_static: bool) -> Rc<Self> {
        let (cluster, workers) = (RefCell::new(cluster), RefCell::default());
        Rc::new_cyclic(|me| Self { me: Weak::clone(me), cluster, config, workers, is_static })
    }

    /// Runs to the end. The first violation is in the cluster.
    pub fn run(&self) {
        self.schedule_start(NAMES[0], Duration::ZERO);
        let until = self.cluster.borrow().input.until + Duration::from_secs(20);
        self.steps(|cluster| cluster.now >= until);
        self.heal();
        self.steps(|cluster| (0..cluster.changelogs.len()).all(|number| cluster.is_done(number)));
        let quiet = {
            let mut cluster = self.cluster.borrow_mut();
            cluster.nap = Duration::from_secs(10);
            cluster.now + SILENCE
        };
        self.steps(|cluster| cluster.now >= quiet);
        self.stop_all();
        self.steps(|cluster| (0..cluster.changelogs.len()).all(|number| cluster.is_done(number)));
    }

    /// After a run: writes a checkpoint of a newer release to every changelog, and continues with this
    /// release.
    pub fn downgrade(&self) {
        let quiet = {
            let mut cluster = self.cluster.borrow_mut();
            let (key, value): (Rc<[u8]>, Rc<[u8]>) = (CHECKPOINT_KEY.into(), [255, 1, 2, 3][..].into());
            for log in &mut cluster.changelogs {
                log.append(Number::MAX, Rc::clone(&key), Some(Rc::clone(&value)));
                log.end(Number::MAX, true);
            }
            cluster.now + SILENCE
        };
        self.steps(|cluster| cluster.now >= quiet);
    }

    fn steps(&self, done: impl Fn(&Cluster) -> bool) {
        for _ in 0..STEPS_MAX {
            {
                let cluster = self.cluster.borrow();
                if cluster.violation.is_some() || done(&cluster) {
                    return;
                }
            }
            self.step(None);
        }
        let mut cluster = self.cluster.borrow_mut();
        let stuck: Vec<String> = (0..cluster.changelogs.len())
            .map(|number| format!("{:?} of {}", cluster.offsets.get(&number), cluster.input.partitions[number].len()))
            .collect();
        let (now, living) = (cluster.now, cluster.clients.iter().filter(|client| client.alive));
        let living: Vec<String> = living.map(|client| format!("{} holds {:?}", client.name, client.held)).collect();
        let text = format!("the run does not finish: at {now:?} {}; {}", stuck.join(", "), living.join(", "));
        cluster.violate(text);
    }

    /// Lets the other processes continue while one sleeps inside a call.
    pub fn sleep(&self, id: usize, time: Duration, frozen: bool) {
        let until = {
            let mut cluster = self.cluster.borrow_mut();
            let until = cluster.now + time;
            if frozen {
                cluster.clients[id].frozen_until = until;
            }
            until
        };
        loop {
            {
                let cluster = self.cluster.borrow();
                let over = cluster.now >= until || cluster.healed;
                if over || cluster.clients[id].doomed || cluster.violation.is_some() {
                    break;
                }
            }
            self.step(Some(until));
        }
        self.cluster.borrow_mut().clients[id].frozen_until = Duration::ZERO;
    }

    /// Lets one process iterate once, or time pass.
    fn step(&self, limit: Option<Duration>) {
        self.happen();
        let next = {
            let mut cluster = self.cluster.borrow_mut();
            cluster.keep();
            if let Some((at, name)) = cluster.starts.first().cloned()
                && at <= cluster.now
            {
                cluster.starts.pop_first();
                drop(cluster);
                self.start(&name);
                return;
            }
            let ready = cluster.ready();
            if ready.is_empty() {
                cluster.pass(limit);
                return;
            }
            let next = *cluster.random.pick(&ready);
            cluster.clients[next].busy = true;
            next
        };
        let worker = Rc::clone(&self.workers.borrow()[next]);
        self.enter(next, &worker, SimWorker::iterate);
        let mut cluster = self.cluster.borrow_mut();
        let took = cluster.random.millis(0, 3);
        cluster.now += took;
        let soonest = cluster.now + Duration::from_millis(1);
        let client = &mut cluster.clients[next];
        client.busy = false;
        client.wake_at = client.wake_at.max(soonest);
    }

    /// Runs a worker, which may die in the call.
    fn enter(
        &self,
        id: usize,
        worker: &RefCell<Option<SimWorker>>,
        work: impl FnOnce(&mut SimWorker) -> Result<(), BrokerError>,
    ) {
        let mut taken = worker.borrow_mut();
        let Some(running) = taken.as_mut() else { return };
        let outcome = catch_unwind(AssertUnwindSafe(|| work(running)));
        let mut cluster = self.cluster.borrow_mut();
        let alive = matches!(outcome, Ok(Ok(())));
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(failure)) if failure.cause == Cause::MemberFenced && cluster.clients[id].member_fenced => {
                cluster.counts.note("worker: stopped, member fenced");
            }
            Ok(Err(failure)) => {
                cluster.ended = Some(failure.cause);
                cluster.violate(format!("a worker stopped: {failure}"));
            }
            Err(thrown) if is_death(&*thrown) => {}
            Err(thrown) => {
                let text = thrown.downcast_ref::<String>().cloned();
                let text = text.or_else(|| thrown.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                cluster.violate(format!("a worker panicked: {}", text.unwrap_or_default()));
            }
        }
        if !alive {
            drop(cluster);
            *taken = None;
            self.gone(id);
        }
    }

    /// A process has ended: schedules its restart.
    fn gone(&self, id: usize) {
        let (name, later) = {
            let mut cluster = self.cluster.borrow_mut();
            cluster.clients[id].alive = false;
            let long = cluster.random.chance(0.3);
            let session = SESSION_TIMEOUT.as_millis() as u64;
            let later = cluster.random.millis(10, if long { 3 * session } else { session / 3 });
            (cluster.clients[id].name.clone(), later)
        };
        self.schedule_start(&name, later);
    }

    fn schedule_start(&self, name: &str, later: Duration) {
        let mut cluster = self.cluster.borrow_mut();
        let at = cluster.now + later;
        let lives = cluster.clients.iter().any(|client| client.alive && client.name == name);
        if !lives && !cluster.starts.iter().any(|(_, waiting)| waiting == name) {
            cluster.starts.insert((at, name.to_owned()));
        }
    }

    fn start(&self, name: &str) {
        let id = {
            let mut cluster = self.cluster.borrow_mut();
            let (epoch, now) = (cluster.register(name), cluster.now);
            cluster.clients.push(Client::new(name, self.is_static, epoch, now));
            cluster.counts.note("processes started");
            cluster.clients.len() - 1
        };
        let me = &self.me;
        let broker: &'static SimBroker = Box::leak(Box::new(SimBroker::new(id, Weak::clone(me))));
        let report: &'static mut ReportCheck = Box::leak(Box::new(ReportCheck::new(id, Weak::clone(me))));
        let weak = Weak::clone(me);
        let make_task: &'static dyn Fn() -> Watched = Box::leak(Box::new(move || Watched::new(id, &weak)));
        let limits = WorkerLimits::new(&self.config);
        let worker = Worker::new(broker, broker, make_task, report, publishing(), limits);
        // The same checks as in production, in any build: a violation ends the run, not the process.
        let worker = worker.on_violation(OnViolation::Record);
        self.workers.borrow_mut().push(Rc::new(RefCell::new(Some(worker))));
    }

    // === faults of the world ===

    fn happen(&self) {
        let Odds { join, leave, kill, stop, twin, .. } = self.cluster.borrow().odds;
        let drawn = [join, leave, kill, stop, twin].map(|odds| self.cluster.borrow_mut().random.chance(odds));
        let others = |cluster: &Cluster| -> Vec<usize> {
            (0..cluster.clients.len()).filter(|id| cluster.clients[*id].alive && !cluster.clients[*id].busy).collect()
        };
        let one = |wanted: bool| {
            let mut cluster = self.cluster.borrow_mut();
            let idle = others(&cluster);
            if wanted && !idle.is_empty() { Some(*cluster.random.pick(&idle)) } else { None }
        };
        let [join, leave, kill, stop, twin] = drawn;
        if join {
            let name = *self.cluster.borrow_mut().random.pick(&NAMES);
            self.schedule_start(name, Duration::ZERO);
        }
        if let Some(id) = one(leave) {
            self.cluster.borrow_mut().counts.note("graceful shutdown");
            self.finish(id);
        }
        if let Some(id) = one(kill) {
            self.cluster.borrow_mut().counts.note("crash: between two iterations");
            *self.workers.borrow()[id].borrow_mut() = None;
            self.gone(id);
        }
        if let Some(id) = one(stop) {
            let mut cluster = self.cluster.borrow_mut();
            let session = SESSION_TIMEOUT.as_millis() as u64;
            let until = cluster.now + cluster.random.millis(session / 2, 3 * session);
            cluster.clients[id].frozen_until = until;
            cluster.counts.note("freeze: between two iterations");
        }
        if twin && self.is_static {
            let name = {
                let mut cluster = self.cluster.borrow_mut();
                let lives =
                    |name: &str| cluster.clients.iter().filter(|other| other.alive && other.name == name).count();
                let single: Vec<&str> = NAMES.into_iter().filter(|name| lives(name) == 1).collect();
                (!single.is_empty()).then(|| *cluster.random.pick(&single))
            };
            if let Some(name) = name {
                self.cluster.borrow_mut().counts.note("a second process with the same identity");
                self.start(name);
            }
        }
        self.cluster.borrow_mut().weather();
    }

    /// Shuts a process down gracefully: it finishes its transaction and leaves the group.
    fn finish(&self, id: usize) {
        let worker = Rc::clone(&self.workers.borrow()[id]);
        self.cluster.borrow_mut().clients[id].busy = true;
        self.enter(id, &worker, |worker| worker.run(&AtomicBool::new(true)));
        worker.borrow_mut().take();
        {
            let mut cluster = self.cluster.borrow_mut();
            let now = cluster.now;
            cluster.clients[id].busy = false;
            if let Some(member) = cluster.clients[id].member.take().filter(|_| cluster.has_coordinator(id)) {
                cluster.group.leave(member, now);
            }
        }
        self.gone(id);
    }

    fn stop_all(&self) {
        let count = self.cluster.borrow().clients.len();
        for id in 0..count {
            if self.cluster.borrow().clients[id].alive {
                self.finish(id);
            }
        }
        self.cluster.borrow_mut().starts.clear();
        self.schedule_start(NAMES[0], Duration::ZERO);
    }

    fn heal(&self) {
        let mut cluster = self.cluster.borrow_mut();
        cluster.healed = true;
        cluster.odds = Odds { compact: cluster.odds.compact, ..Odds::default() };
        cluster.coordinator_gone_until = Duration::ZERO;
        for client in &mut cluster.clients {
            (client.cut_until, client.frozen_until) = (Duration::ZERO, Duration::ZERO);
        }
        drop(cluster);
        self.schedule_start(NAMES[0], Duration::ZERO);
    }
}

fn publishing() -> Publishing {
    Publishing {
        output_topic: OUTPUT.into(),
        format: Format::CLOUDTRAIL,
        max_age: Duration::from_secs(6 * 3600),
        dlq_topic: DLQ.into(),
        dead_letter_bytes_max: 100_000,
        limits: RecordLimits { output: 1_000_000, dlq: 1_000_000 },
        state_topic: CHANGELOG.into(),
    }
}
