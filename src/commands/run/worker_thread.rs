//! One worker thread: connects, processes records until the end, and explains the end.

use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::handles::Handles;
use super::report::WorkerReport;
use crate::commands::exit_error::ExitError;
use crate::kafka::KafkaBroker;
use crate::kafka::broker::Connection;
use crate::kafka::topics::Ready;
use crate::stream::broker::{BrokerError, Cause};
use crate::stream::clock::SystemClock;
use crate::stream::publisher::Publishing;
use crate::stream::task::DetectorTask;
use crate::stream::watchdog::Calls;
use crate::stream::worker::{Worker, WorkerLimits};

/// A producer fenced this soon after the start means that two processes share an identity.
const FENCED_SOON: Duration = Duration::from_secs(60);

/// How a worker ended.
pub(crate) type Outcome = Result<(), ExitError>;

/// What one worker begins with.
pub(crate) struct WorkerThread {
    pub(crate) handles: Handles,
    pub(crate) ready: Ready,
    /// From 0.
    pub(crate) number: usize,
    pub(crate) calls: Arc<Calls>,
}

impl WorkerThread {
    /// Runs to the end and reports the outcome.
    pub(crate) fn run(&self, outcome_sender: &Sender<Outcome>) {
        let mut kafka = None;
        let outcome = catch_unwind(AssertUnwindSafe(|| self.work(&mut kafka))).unwrap_or_else(|panic| {
            let text = format!("worker {} has panicked: {}; please report this", self.number, panic_text(&*panic));
            Err(ExitError::new(sysexits::ExitCode::Software, text))
        });
        // Reported before the clients close, which can take seconds. The receiver outlives all senders.
        let leaves = outcome.is_ok() && self.handles.config.kafka.leave_on_stop;
        let _ = outcome_sender.send(outcome);
        if let Some(kafka) = kafka.as_ref().filter(|_| leaves) {
            kafka.leave();
        }
        drop(kafka);
    }

    fn work(&self, kafka: &mut Option<KafkaBroker>) -> Outcome {
        let began = Instant::now();
        let mut report = WorkerReport::new(&self.handles, self.number, self.calls.clone());
        let outcome = self.connect(&mut report).and_then(|connected| {
            *kafka = connected;
            kafka.as_ref().map_or(Ok(()), |kafka| self.process(kafka, &mut report))
        });
        report.stopping();
        outcome.map_err(|error| self.explain(error, began.elapsed()))
    }

    fn connect(&self, report: &mut WorkerReport) -> Result<Option<KafkaBroker>, BrokerError> {
        let names: Vec<String> = self.ready.topics.iter().map(|topic| topic.name.clone()).collect();
        let metrics = Arc::clone(&self.handles.metrics);
        let connection = Connection {
            config: &self.handles.config,
            worker: self.number,
            topics: &names,
            limits: self.ready.limits,
            on_error: Arc::new(move |code: &str| metrics.kafka_error(code)),
            calls: self.calls.clone(),
        };
        KafkaBroker::connect(&connection, &|| self.handles.stop.is_set(), &mut |reason| report.waiting(reason))
    }

    fn process(&self, kafka: &KafkaBroker, report: &mut WorkerReport) -> Result<(), BrokerError> {
        let config = &self.handles.config;
        let clock = SystemClock::start();
        // A new writer id at each start. A random hasher is the standard library's only source of random
        // numbers.
        let writer = RandomState::new().hash_one(self.number);
        let make_task = || DetectorTask::new(config).written_by(writer);
        let publishing = Publishing::new(config, self.ready.limits);
        report.joining();
        Worker::new(kafka, &clock, &make_task, report, publishing, WorkerLimits::new(config))
            .run(self.handles.stop.flag())
    }

    fn explain(&self, error: BrokerError, age: Duration) -> ExitError {
        let hint = hint(error.cause, age, &self.handles.config.kafka.instance_id);
        BrokerError { message: format!("worker {}: {}{hint}", self.number, error.message), ..error }.into()
    }
}

/// What a fenced worker says beyond the broker's message; `age` is the time since it started.
fn hint(cause: Cause, age: Duration, instance_id: &str) -> String {
    let two_processes = match cause {
        Cause::MemberFenced => true,
        Cause::ProducerFenced => age < FENCED_SOON,
        Cause::Configuration | Cause::Other => false,
    };
    if two_processes {
        format!(
            "; two processes run with kafka.instance_id = {instance_id:?}: give each one of its own (kafka.instance_id, or \
             INSIGHTD__KAFKA__INSTANCE_ID)"
        )
    } else if cause == Cause::ProducerFenced {
        format!(
            "; either another process runs with kafka.instance_id = {instance_id:?}, or a transaction was open for longer \
             than kafka.transaction_timeout"
        )
    } else {
        String::new()
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason was given")
}
