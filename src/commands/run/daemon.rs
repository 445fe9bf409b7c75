//! The daemon in this process: built from a configuration, started, stopped, awaited.
//!
//! One thread prepares the cluster, starts the workers and waits for them. Signals and HTTP live on a small
//! tokio runtime that never touches Kafka, because the calls of librdkafka block.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use super::control_plane::ControlPlane;
use super::handles::Handles;
use super::{startup, workers};
use crate::commands::exit_error::ExitError;
use crate::commands::version::version;
use crate::config::Config;
use crate::http::WorkerState;
use crate::kafka::topics::Ready;
use crate::stream::publisher::RecordLimits;

/// A daemon that serves HTTP and obeys signals, but does not touch Kafka yet.
pub(crate) struct Daemon {
    handles: Handles,
    control_plane: ControlPlane,
}

/// A daemon that runs on a thread of this process.
pub(crate) struct RunningDaemon {
    handles: Handles,
    listen: SocketAddr,
    thread: JoinHandle<Result<(), ExitError>>,
}

impl Daemon {
    /// Opens HTTP and installs the signal handlers. With `limits`, the broker is not asked how large a record
    /// its topics take.
    ///
    /// # Errors
    /// 74 if the HTTP address is taken, 71 if the system refuses a thread or a signal handler.
    pub(crate) fn build(config: Config, limits: Option<RecordLimits>) -> Result<Self, ExitError> {
        let handles = Handles::new(config, limits)?;
        introduce(&handles.config);
        let control_plane = ControlPlane::start(&handles)?;
        Ok(Self { handles, control_plane })
    }

    /// Starts the work in the background. Kafka does not have to be reachable yet.
    ///
    /// # Errors
    /// 71 if the system refuses a thread.
    pub(crate) fn start(self) -> Result<RunningDaemon, ExitError> {
        let Self { handles, control_plane } = self;
        let listen = control_plane.listen();
        let work = {
            let handles = handles.clone();
            move || {
                let outcome = work(&handles);
                control_plane.close();
                outcome
            }
        };
        let thread =
            thread::Builder::new().name("daemon".to_owned()).spawn(work).map_err(|error| ExitError::system(&error))?;
        Ok(RunningDaemon { handles, listen, thread })
    }
}

#[cfg_attr(not(feature = "generate"), expect(dead_code, reason = "demo alone drives a daemon from outside"))]
impl RunningDaemon {
    /// The address that HTTP listens on. If `http.listen` has port 0, it has the port that the system chose.
    pub(crate) fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// The committed offset of a partition of the input; 0 before the first commit.
    pub(crate) fn committed(&self, topic: &str, partition: i32) -> i64 {
        self.handles.committed.next(topic, partition)
    }

    /// Asks the daemon to finish the open transactions and end, as a signal does.
    pub(crate) fn stop(&self) {
        self.handles.health.stop();
        self.handles.stop.set();
    }

    /// Whether it was asked to end, by [`Self::stop`] or by a signal, or has ended by itself.
    pub(crate) fn is_stopping(&self) -> bool {
        self.handles.stop.is_set() || self.thread.is_finished()
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Those of [`super::run`].
    pub(crate) fn wait(self) -> Result<(), ExitError> {
        let panicked = |_| ExitError::new(sysexits::ExitCode::Software, "the daemon has panicked; please report this");
        self.thread.join().map_err(panicked)?
    }
}

fn work(handles: &Handles) -> Result<(), ExitError> {
    handles.set_workers(&WorkerState::Connecting);
    let Some(ready) = startup::prepare(handles)? else { return Ok(()) };
    describe(&ready);
    let outcome = workers::run(handles, &ready);
    tracing::info!("insightd has stopped");
    outcome
}

fn introduce(config: &Config) {
    let kafka = &config.kafka;
    tracing::info!(
        version = version(),
        bootstrap_servers = kafka.bootstrap_servers.join(","),
        group_id = kafka.group_id,
        instance_id = kafka.instance_id,
        workers = kafka.workers,
        input = config.input.topics.join(","),
        output = config.output.topic,
        dlq = config.dlq.topic,
        "insightd starts"
    );
}

fn describe(ready: &Ready) {
    for topic in &ready.topics {
        tracing::info!(topic = topic.name, partitions = topic.partitions, "reading");
    }
    for topic in &ready.excluded {
        tracing::info!(topic, "input.topics matches this topic, but the daemon writes it and never reads it");
    }
    for topic in &ready.created {
        tracing::info!(topic, "topic created");
    }
    if let Some(reason) = &ready.limit_unknown {
        tracing::warn!(
            reason,
            assumed = ready.limits.output,
            "the record size limits of the output and dead-letter topics are unknown; grant DescribeConfigs on them"
        );
    }
}
