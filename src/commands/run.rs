//! `insightd run`: the daemon.
//!
//! The main thread looks at the cluster, starts the workers and waits for them. Signals and HTTP live on a small tokio runtime
//! that never touches Kafka: the calls of librdkafka block.

use std::sync::Arc;

use crate::config::Config;
use crate::http::{Health, WorkerState};
use crate::kafka::topics::Ready;
use crate::metrics::Metrics;

use super::{Failure, RunArgs, version};

mod logging;
mod reach;
mod report;
mod shell;
mod stop;
mod waiting;
mod workers;

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
    stop: Arc<Stop>,
}

/// Runs until a signal, or until Kafka ends it.
///
/// # Errors
/// 78 for a configuration that is wrong or does not fit the cluster, 74 where Kafka or HTTP ended it, 70 for a fault of ours.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let config = Config::load(Some(&args.config))
        .map_err(|faults| Failure::new(sysexits::ExitCode::Config, faults.to_string()))?;
    logging::start(&config.log)?;
    let daemon = Daemon::new(config)?;
    daemon.introduce();
    let shell = Shell::start(&daemon)?;
    let outcome = daemon.work();
    shell.end();
    outcome
}

impl Daemon {
    fn new(config: Config) -> Result<Self, Failure> {
        let metrics =
            Metrics::new(&config).map_err(|error| Failure::new(sysexits::ExitCode::Software, error.to_string()))?;
        let health = Health::new(config.kafka.workers, config.kafka.max_poll_interval);
        Ok(Self { config: Arc::new(config), metrics, health, reach: Arc::default(), stop: Arc::default() })
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

    fn work(&self) -> Result<(), Failure> {
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
