//! The worker threads: starting, watching, waiting for them, and how the process ends.

use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::Daemon;
use super::report::WorkerReport;
use crate::commands::ExitError;
use crate::kafka::KafkaBroker;
use crate::kafka::broker::Connection;
use crate::kafka::topics::Ready;
use crate::stream::broker::{self, Cause};
use crate::stream::clock::SystemClock;
use crate::stream::publish::Publishing;
use crate::stream::task::DetectorTask;
use crate::stream::watchdog::{self, Calls, Limits};
use crate::stream::worker::{Worker, WorkerLimits};

/// Being fenced this soon after the start means that two processes share an identity.
const FENCED_SOON: Duration = Duration::from_secs(60);
/// Longest wait for clients to close, once all transactions have ended.
const CLOSE_MAX: Duration = Duration::from_secs(5);

type Outcome = Result<(), ExitError>;

/// Runs all workers until they end. The first one that ends makes the others finish.
///
/// # Errors
/// The first failure.
pub(super) fn run(daemon: &Daemon, ready: &Ready) -> Result<(), ExitError> {
    let calls: Vec<Arc<Calls>> = (0..daemon.config.kafka.workers).map(|_| Arc::default()).collect();
    watch(daemon, &calls)?;
    let (tell, told) = mpsc::channel();
    let mut threads = Vec::new();
    for (number, calls) in calls.into_iter().enumerate() {
        let start = Start { daemon: daemon.clone(), ready: ready.clone(), number, calls };
        let tell = tell.clone();
        let thread = thread::Builder::new().name(format!("worker-{number}")).spawn(move || start.run(&tell));
        threads.push(thread.map_err(|error| ExitError::new(sysexits::ExitCode::OsErr, error.to_string()))?);
    }
    drop(tell);
    let outcome = wait_for_all(daemon, &told);
    // All transactions have ended. What remains is closing clients, which a broker that is away must not hold up.
    let until = Instant::now() + CLOSE_MAX;
    while !threads.iter().all(thread::JoinHandle::is_finished) && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    outcome
}

fn wait_for_all(daemon: &Daemon, told: &Receiver<Outcome>) -> Outcome {
    let mut first = Ok(());
    // Ends when the last worker has let go of its sender.
    while let Ok(outcome) = told.recv() {
        daemon.stop.set();
        first = first.and(outcome);
    }
    first
}

#[expect(clippy::print_stderr, clippy::exit, clippy::disallowed_methods, reason = "a hung worker never returns")]
fn watch(daemon: &Daemon, calls: &[Arc<Calls>]) -> Result<(), ExitError> {
    let limits = Limits::new(daemon.config.kafka.transaction_timeout, daemon.config.kafka.max_poll_interval);
    watchdog::watch(calls.to_vec(), limits, |worker, hung| {
        // The same line, on the same stream and with the same code as any other end by Kafka; nobody else can end it any more.
        eprintln!(
            "insightd: worker {worker}: {hung}, so the process ends; start it again, it takes up at the committed offsets"
        );
        std::process::exit(i32::from(u8::from(sysexits::ExitCode::IoErr)));
    })
    .map_err(|error| ExitError::new(sysexits::ExitCode::OsErr, format!("cannot start the watchdog: {error}")))
}

/// What one worker begins with.
struct Start {
    daemon: Daemon,
    ready: Ready,
    number: usize,
    calls: Arc<Calls>,
}

impl Start {
    fn run(&self, tell: &Sender<Outcome>) {
        let mut kafka = None;
        let outcome = catch_unwind(AssertUnwindSafe(|| self.work(&mut kafka))).unwrap_or_else(|panic| {
            let text = format!("worker {} has panicked: {}; please report this", self.number, said(&*panic));
            Err(ExitError::new(sysexits::ExitCode::Software, text))
        });
        // Told before the clients are closed, which can take its time. The receiver outlives all senders.
        let leaves = outcome.is_ok() && self.daemon.config.kafka.leave_on_stop;
        let _ = tell.send(outcome);
        if let Some(kafka) = kafka.as_ref().filter(|_| leaves) {
            kafka.leave();
        }
        drop(kafka);
    }

    fn work(&self, kafka: &mut Option<KafkaBroker>) -> Outcome {
        let began = Instant::now();
        let mut report = WorkerReport::new(&self.daemon, self.number, self.calls.clone());
        let outcome = self.connect(&mut report).and_then(|connected| {
            *kafka = connected;
            kafka.as_ref().map_or(Ok(()), |kafka| self.turn(kafka, &mut report))
        });
        report.stopping();
        outcome.map_err(|ended| self.explain(ended, began.elapsed()))
    }

    fn connect(&self, report: &mut WorkerReport) -> Result<Option<KafkaBroker>, broker::BrokerError> {
        let names: Vec<String> = self.ready.topics.iter().map(|topic| topic.name.clone()).collect();
        let connection = Connection {
            config: &self.daemon.config,
            worker: self.number,
            topics: &names,
            limits: self.ready.limits,
            metrics: self.daemon.metrics.clone(),
            calls: self.calls.clone(),
        };
        KafkaBroker::connect(&connection, &|| self.daemon.stop.is_set(), &mut |reason| report.waiting(reason))
    }

    fn turn(&self, kafka: &KafkaBroker, report: &mut WorkerReport) -> Result<(), broker::BrokerError> {
        let config = &self.daemon.config;
        let clock = SystemClock::start();
        // Another one after each start: a random hasher is the standard library's only source of random numbers.
        let writer = RandomState::new().hash_one(self.number);
        let make_task = || DetectorTask::new(config).written_by(writer);
        let publishing = Publishing::new(config, self.ready.limits);
        report.joining();
        Worker::new(kafka, &clock, &make_task, report, publishing, WorkerLimits::new(config))
            .run(self.daemon.stop.flag())
    }

    fn explain(&self, ended: broker::BrokerError, age: Duration) -> ExitError {
        let kafka = &self.daemon.config.kafka;
        let two_processes = match ended.cause {
            Cause::MemberFenced => true,
            Cause::ProducerFenced => age < FENCED_SOON,
            Cause::Configuration | Cause::Other => false,
        };
        let hint = if two_processes {
            format!(
                "; two processes run with kafka.instance_id = {:?}: give each one of its own (kafka.instance_id, or \
                 INSIGHTD__KAFKA__INSTANCE_ID)",
                kafka.instance_id
            )
        } else if ended.cause == Cause::ProducerFenced {
            format!(
                "; either another process runs with kafka.instance_id = {:?}, or a transaction was open for longer than \
                 kafka.transaction_timeout",
                kafka.instance_id
            )
        } else {
            String::new()
        };
        failure(broker::BrokerError { message: format!("worker {}: {}{hint}", self.number, ended.message), ..ended })
    }
}

/// How a failure of Kafka ends the process.
pub(super) fn failure(ended: broker::BrokerError) -> ExitError {
    let code = match ended.cause {
        Cause::Configuration => sysexits::ExitCode::Config,
        Cause::MemberFenced | Cause::ProducerFenced | Cause::Other => sysexits::ExitCode::IoErr,
    };
    ExitError::new(code, ended.message)
}

fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason was given")
}
