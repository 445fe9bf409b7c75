//! `insightd run`: the daemon.
//!
//! One thread looks at the cluster, starts the workers and waits for them. Signals and HTTP live on a small tokio runtime
//! that never touches Kafka: the calls of librdkafka block. [`start`] is the whole of it; `demo` drives the same.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::{ExitError, RunArgs, version};
use crate::config::Config;
use crate::http::{Health, WorkerState};
use crate::kafka::topics::Ready;
use crate::metrics::Metrics;
use crate::stream::publish::RecordLimits;

mod committed;
pub(super) mod logging;
mod reach;
mod report;
mod shell;
mod stop;
mod waiting;
mod workers;

use committed::Committed;
use reach::Reach;
use shell::Shell;
use stop::Stop;

/// What every part of the daemon shares.
#[derive(Clone)]
struct Daemon {
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    reach: Arc<Reach>,
    committed: Arc<Committed>,
    stop: Arc<Stop>,
    /// What the topics take, where that is known without asking the broker.
    limits: Option<RecordLimits>,
}

/// Runs until a signal, or until Kafka ends it.
///
/// # Errors
/// 78 for a configuration that is wrong or does not fit the cluster, 74 where Kafka or HTTP ended it, 70 for a fault of ours.
pub fn run(args: &RunArgs) -> Result<(), ExitError> {
    let config = Config::load(Some(&args.config))
        .map_err(|faults| ExitError::new(sysexits::ExitCode::Config, faults.to_string()))?;
    logging::start(&config.log)?;
    start(config, None)?.wait()
}

/// Starts the daemon in this process: HTTP is open and signals are obeyed when this returns; Kafka is waited for behind it. With
/// `limits` the broker is not asked what its topics take.
///
/// # Errors
/// When the address of HTTP is taken, or the system has no thread or no handler to give.
pub fn start(config: Config, limits: Option<RecordLimits>) -> Result<Running, ExitError> {
    let daemon = Daemon::new(config, limits)?;
    daemon.introduce();
    let shell = Shell::start(&daemon)?;
    let listen = shell.listen();
    let work = {
        let daemon = daemon.clone();
        move || {
            let outcome = daemon.work();
            shell.end();
            outcome
        }
    };
    let thread = thread::Builder::new()
        .name("daemon".to_owned())
        .spawn(work)
        .map_err(|error| ExitError::new(sysexits::ExitCode::OsErr, error.to_string()))?;
    Ok(Running { daemon, listen, thread })
}

/// A daemon under way in this process.
pub struct Running {
    daemon: Daemon,
    listen: SocketAddr,
    thread: JoinHandle<Result<(), ExitError>>,
}

impl Running {
    /// Where HTTP listens; the port is the one that the system gave where `http.listen` leaves it open (port 0).
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Offset of the next record of a partition after the last commit; 0 before the first one.
    pub fn committed(&self, topic: &str, partition: i32) -> i64 {
        self.daemon.committed.next(topic, partition)
    }

    /// Asks it to finish the open transaction and end, as a signal does.
    pub fn stop(&self) {
        self.daemon.health.stop();
        self.daemon.stop.set();
    }

    /// Whether it was asked to end (by [`Self::stop`] or a signal), or has ended for a reason of its own.
    pub fn is_stopping(&self) -> bool {
        self.daemon.stop.is_set() || self.thread.is_finished()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Those of [`run`].
    pub fn wait(self) -> Result<(), ExitError> {
        let panicked = |_| ExitError::new(sysexits::ExitCode::Software, "the daemon has panicked; please report this");
        self.thread.join().map_err(panicked)?
    }
}

impl Daemon {
    fn new(config: Config, limits: Option<RecordLimits>) -> Result<Self, ExitError> {
        let metrics =
            Metrics::new(&config).map_err(|error| ExitError::new(sysexits::ExitCode::Software, error.to_string()))?;
        let health = Health::new(config.kafka.workers, config.kafka.max_poll_interval);
        Ok(Self {
            config: Arc::new(config),
            metrics,
            health,
            reach: Arc::default(),
            committed: Arc::default(),
            stop: Arc::default(),
            limits,
        })
    }

    fn introduce(&self) {
        let kafka = &self.config.kafka;
        tracing::info!(
            version = version(),
            bootstrap_servers = kafka.bootstrap_servers.join(","),
            group_id = kafka.group_id,
            instance_id = kafka.instance_id,
            workers = kafka.workers,
            input = self.config.input.topics.join(","),
            output = self.config.output.topic,
            dlq = self.config.dlq.topic,
            "insightd starts"
        );
    }

    fn work(&self) -> Result<(), ExitError> {
        self.set_all(&WorkerState::Connecting);
        let Some(ready) = waiting::prepare(self)? else { return Ok(()) };
        self.describe(&ready);
        let outcome = workers::run(self, &ready);
        tracing::info!("insightd has stopped");
        outcome
    }

    fn describe(&self, ready: &Ready) {
        for topic in &ready.topics {
            tracing::info!(topic = topic.name, partitions = topic.partitions, "reading");
        }
        for topic in &ready.excluded {
            tracing::info!(topic, "not read, although input.topics matches it: the daemon writes it itself");
        }
        for topic in &ready.created {
            tracing::info!(topic, "topic created");
        }
        if let Some(reason) = &ready.limit_unknown {
            tracing::warn!(
                reason,
                assumed = ready.limits.output,
                "the largest record that output and dead-letter topic take is not known; grant DescribeConfigs on them"
            );
        }
    }

    fn set_all(&self, state: &WorkerState) {
        for worker in 0..self.config.kafka.workers {
            self.health.set(worker, state.clone());
        }
    }
}
