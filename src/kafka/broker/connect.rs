//! Registers the transactional id and joins the group.

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
use crate::kafka::context::{Context, OnClientError};
use crate::kafka::partition_reader::Pool;
use crate::kafka::transactional_producer::TransactionalProducer;
use crate::kafka::{client, errors};
use crate::stream::broker::BrokerError;
use crate::stream::publisher::RecordLimits;
use crate::stream::watchdog::Calls;

/// What a worker connects with.
pub struct Connection<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Number of the worker, from 0.
    pub worker: usize,
    /// The input topics.
    pub topics: &'a [String],
    /// Largest records that the output topic and the dead-letter topic accept.
    pub limits: RecordLimits,
    /// Receives the errors of the clients.
    pub on_error: OnClientError,
    /// Notes blocking calls for the watchdog.
    pub calls: Arc<Calls>,
}

/// What a producer is made from.
pub(super) struct ProducerParts {
    settings: ClientConfig,
    on_error: OnClientError,
    timeout: Duration,
    calls: Arc<Calls>,
}

impl ProducerParts {
    /// A producer that is not registered yet.
    pub(super) fn make(&self) -> Result<TransactionalProducer, BrokerError> {
        let context = Context::new(Some(Arc::clone(&self.on_error)));
        TransactionalProducer::new(&self.settings, context, self.timeout, self.calls.clone())
    }
}

impl KafkaBroker {
    /// Registers the transactional id, which aborts what a predecessor left open, and joins the group. Waits
    /// for a broker as long as it takes, and calls `waiting` with the reason; none once `stop` says so.
    ///
    /// # Errors
    /// If a broker refuses.
    pub fn connect(
        connection: &Connection<'_>,
        stop: &dyn Fn() -> bool,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<Option<Self>, BrokerError> {
        let Connection { config, worker, topics, limits, on_error, calls } = connection;
        let context = || Context::new(Some(Arc::clone(on_error)));
        let made = |error: KafkaError| errors::failure("make a Kafka client", &error);
        let producer = ProducerParts {
            settings: client::producer(config, *worker, *limits),
            on_error: Arc::clone(on_error),
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
            has_lost_offset: Cell::new(false),
            events: RefCell::default(),
        }))
    }
}
