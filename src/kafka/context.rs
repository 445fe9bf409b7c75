//! Callbacks of librdkafka. They only record what happened; the worker's loop answers it.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::errors;
use super::partition_ends::Statistics;
use crate::stream::broker::TopicPartition;
use crate::stream::clock::{Clock, SystemClock};

/// Errors of one code are logged once within this time.
const LOG_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Kinds of log lines that appear at level debug only. The worker reports the loss of a broker and the end of
/// a transaction once; the library repeats them for each attempt and each client. And keys that only one of
/// the clients knows (CONFWARN) are no mistake: [kafka.client] applies to every client.
const REPORTED_ELSEWHERE: [&str; 10] =
    ["FAIL", "ERROR", "REQTMOUT", "MAXPOLL", "GETPID", "TERMINATE", "ADDPARTS", "TXNERR", "FATAL", "CONFWARN"];

/// An older error does not explain what happens now.
const RECENT: Duration = Duration::from_secs(10);

/// A rebalance that awaits its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rebalance {
    /// Partitions are assigned to this member.
    Assign(Vec<TopicPartition>),
    /// All partitions are revoked.
    Revoke {
        /// Other members may have them already.
        lost: bool,
    },
}

/// Called with the name of each error code that a client reports.
pub type OnClientError = Arc<dyn Fn(&str) + Send + Sync>;

/// The context of one client.
pub(super) struct Context {
    /// Receives errors; a command's client needs none.
    on_error: Option<OnClientError>,
    rebalances: Mutex<VecDeque<Rebalance>>,
    closing: AtomicBool,
    statistics: Mutex<Option<Statistics>>,
    error: Mutex<Option<(Code, String, Instant)>>,
    /// When an error of each code was last logged.
    logged: Mutex<HashMap<i32, Instant>>,
    undelivered: Mutex<Option<KafkaError>>,
    /// Why the open transaction failed. The library says so only in its log; the records themselves are
    /// merely "purged".
    transaction_error: Mutex<Option<String>>,
}

impl Context {
    /// A context without events.
    pub(super) fn new(on_error: Option<OnClientError>) -> Self {
        Self {
            on_error,
            rebalances: Mutex::default(),
            closing: AtomicBool::new(false),
            statistics: Mutex::default(),
            error: Mutex::default(),
            logged: Mutex::default(),
            undelivered: Mutex::default(),
            transaction_error: Mutex::default(),
        }
    }

    /// The oldest rebalance that is not answered yet.
    pub(super) fn take_rebalance(&self) -> Option<Rebalance> {
        lock(&self.rebalances).pop_front()
    }

    /// From now on the callback answers revocations itself: the consumer is being dropped and no longer
    /// polled. Without this its drop would wait for the answer forever.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    /// The newest statistics, once, if they are fresh.
    pub(super) fn take_statistics(&self) -> Option<Statistics> {
        let newest = lock(&self.statistics).take()?;
        newest.is_fresh(SystemClock::start().wall()).then_some(newest)
    }

    /// The newest error that says more than "all brokers are down", if it is recent.
    pub(super) fn error(&self) -> Option<(Code, String)> {
        let newest = lock(&self.error).clone();
        newest.filter(|(_, _, at)| at.elapsed() < RECENT).map(|(code, reason, _)| (code, reason))
    }

    /// The newest error and what to do about it, as one line.
    pub(super) fn reason(&self) -> Option<String> {
        let (code, reason) = self.error()?;
        // The broker closes the connection at the very first request: it expects another protocol.
        let misunderstood = reason
            .contains("APIVERSION_QUERY")
            .then_some("the port may use another protocol: check security.protocol under [kafka.client]");
        Some(match errors::advice(code).or(misunderstood.map(Cow::Borrowed)) {
            Some(advice) => format!("{reason}; {advice}"),
            None => reason,
        })
    }

    /// Whether to log an error: not the loss of a connection or of the group membership, which the worker
    /// reports, and not a repetition within a minute.
    fn is_news(&self, code: Code) -> bool {
        const REPORTED_CODES: [Code; 6] = [
            Code::Fenced,
            Code::BrokerTransportFailure,
            Code::AllBrokersDown,
            Code::Resolve,
            Code::OperationTimedOut,
            Code::AutoOffsetReset,
        ];
        if REPORTED_CODES.contains(&code) {
            return false;
        }
        let mut logged = lock(&self.logged);
        let now = Instant::now();
        let recently = logged.get(&(code as i32)).is_some_and(|at| now.duration_since(*at) < LOG_AGAIN_AFTER);
        if !recently {
            logged.insert(code as i32, now);
        }
        !recently
    }

    /// The first record of the open transaction that could not be delivered, once.
    pub(super) fn take_undelivered(&self) -> Option<KafkaError> {
        lock(&self.undelivered).take()
    }

    /// Why the open transaction failed, once.
    pub(super) fn take_transaction_error(&self) -> Option<String> {
        lock(&self.transaction_error).take()
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let reported = REPORTED_ELSEWHERE.contains(&facility);
        // It begins with the thread that wrote it.
        let text = message.split_once("]: ").map_or(message, |(_, text)| text);
        if facility == "TXNERR" && matches!(level, RDKafkaLogLevel::Error | RDKafkaLogLevel::Alert) {
            *lock(&self.transaction_error) = Some(text.to_owned());
        }
        if facility == "FAIL" && self.error().is_none() {
            // Some connection failures appear only as a log line.
            *lock(&self.error) = Some((Code::BrokerTransportFailure, text.to_owned(), Instant::now()));
        }
        match level {
            _ if reported => tracing::debug!(target: "librdkafka", facility, "{message}"),
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::error!(target: "librdkafka", facility, "{message}");
            }
            RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(target: "librdkafka", facility, "{message}");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
        }
    }

    fn stats_raw(&self, json: &[u8]) {
        match serde_json::from_slice(json) {
            Ok(statistics) => *lock(&self.statistics) = Some(statistics),
            Err(error) => tracing::debug!(target: "librdkafka", %error, "cannot read the statistics"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code().filter(|code| *code != Code::PartitionEOF) else { return };
        if let Some(on_error) = &self.on_error {
            on_error(&format!("{code:?}"));
        }
        if self.is_news(code) {
            tracing::warn!(target: "librdkafka", ?code, "{reason}");
        } else {
            tracing::debug!(target: "librdkafka", ?code, "{reason}");
        }
        if code != Code::AllBrokersDown {
            *lock(&self.error) = Some((code, reason.to_owned(), Instant::now()));
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        if self.closing.load(Ordering::SeqCst) {
            // Whatever is assigned or revoked now, the answer is to hold nothing.
            let _ = consumer.unassign();
            return;
        }
        let rebalance = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let named = partitions.elements();
            Rebalance::Assign(named.iter().map(|p| TopicPartition::new(p.topic(), p.partition())).collect())
        } else {
            Rebalance::Revoke { lost: consumer.assignment_lost() }
        };
        lock(&self.rebalances).push_back(rebalance);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {
        if let Err((error, _)) = result {
            lock(&self.undelivered).get_or_insert_with(|| error.clone());
        }
    }
}

/// The lock. A panic of another thread leaves the values usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
