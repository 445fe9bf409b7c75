//! Registering the transactional id and joining the group.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use super::KafkaBroker;
use crate::config::Config;
use crate::kafka::backfill_topic::BackfillTopic;
use crate::kafka::changelog::Changelog;
use crate::kafka::context::Context;
use crate::kafka::reader::Pool;
use crate::kafka::transactional::Transactional;
use crate::kafka::{client, errors};
use crate::metrics::Metrics;
use crate::stream::broker::BrokerError;
use crate::stream::publish::RecordLimits;
use crate::stream::watchdog::Calls;

/// What a worker connects with.
pub struct Connection<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Number of the worker.
    pub worker: usize,
    /// The input topics.
    pub topics: &'a [String],
    /// What output and dead-letter topic take.
    pub limits: RecordLimits,
    /// Counts errors.
    pub metrics: Arc<Metrics>,
    /// Watched from outside.
    pub calls: Arc<Calls>,
}

/// What a producer is made of.
pub(super) struct ProducerParts {
    settings: ClientConfig,
    metrics: Arc<Metrics>,
    timeout: Duration,
    calls: Arc<Calls>,
}

impl ProducerParts {
    /// A producer that is not registered yet.
    pub(super) fn make(&self) -> Result<Transactional, BrokerError> {
        let context = Context::new(Some(self.metrics.clone()));
        Transactional::new(&self.settings, context, self.timeout, self.calls.clone())
    }
}

impl KafkaBroker {
    /// Registers the transactional id, which ends what a predecessor left open, and joins the group. Waits for a broker as long
    /// as it takes, and tells `waiting` why; returns none once `stop` says so.
    ///
    /// # Errors
    /// When a broker refuses.
    pub fn connect(
        connection: &Connection<'_>,
        stop: &dyn Fn() -> bool,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<Option<Self>, BrokerError> {
        let Connection { config, worker, topics, limits, metrics, calls } = connection;
        let context = || Context::new(Some(metrics.clone()));
        let made = |error: KafkaError| errors::failure("make a Kafka client", &error);
        let producer = ProducerParts {
            settings: client::producer(config, *worker, *limits),
            metrics: metrics.clone(),
            timeout: config.kafka.transaction_timeout,
            calls: calls.clone(),
        };
        let transactions = producer.make()?;
        if !transactions.register(stop, waiting)? {
            return Ok(None);
        }
        let settings = client::consumer(config, *worker);
        let consumer: BaseConsumer<Context> = settings.create_with_context(context()).map_err(made)?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer
            .subscribe(&names)
            .map_err(|error| errors::failure(&format!("subscribe to {}", names.join(", ")), &error))?;
        let readers = Rc::new(Pool::new(client::reader(config, true)));
        Ok(Some(Self {
            consumer,
            transactions: RefCell::new(transactions),
            producer,
            changelog: Changelog::new(config, Rc::clone(&readers)),
            backfill: BackfillTopic::new(config, readers),
            start: config.input.start,
            assigned: RefCell::default(),
            ends: RefCell::default(),
            down: Cell::new(false),
            astray: Cell::new(false),
            events: RefCell::default(),
        }))
    }
}
