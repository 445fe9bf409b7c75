//! insightd: an open, streaming CloudTrail Insights.
//!
//! CloudTrail records come in from Kafka (or from files), deviations of the call and error rate of each API are found
//! inside the running minute, and Insights events in AWS's own record shape go out, exactly once.
//!
//! # Code map
//!
//! Dependencies point only downwards in this list.
//!
//! * [`commands`]: one file for each command of the binary.
//! * [`http`]: `/metrics`, `/livez`, `/readyz`. Never touches Kafka.
//! * [`stream`]: the worker loop, transactions, rebalances, over the trait `Broker`.
//! * [`kafka`]: the only place that knows rdkafka.
//! * [`metrics`]: the only place where metric names are spelled.
//! * [`pipeline`]: one payload in, counted outcomes, insights and dead letters out. `run` and `replay` both drive it.
//! * [`generate`]: constructed traffic with labelled attacks. Pure; knows nothing of detection.
//! * [`config`]: settings as written, checked and resolved. Nothing else interprets a default.
//! * [`detect`]: series, baselines, scores, episodes. Pure: no IO, no clock, no threads, no logging.
//! * [`crash`]: where a test lets the process die; nothing in what ships.
//! * [`state`]: the form of the changelog's records. Pure.
//! * [`rules`]: the operator's ordered rules. Pure: one record and its time, nothing else.
//! * [`cloudtrail`]: envelopes and records in, Insights records out. Pure.
//!
//! # Invariants
//!
//! * **EO-1** an insight and the state behind it become visible exactly when the source offsets behind them are committed.
//! * **EO-2** a committed offset is the last applied one + 1, and never goes back within one chain of owners.
//! * **EO-3** after an abort, memory equals the fold of the committed changelog.
//! * **EO-4** transaction timeout < session timeout < poll interval, checked at start.
//! * **ISO-1** an account's insights depend on its own records and on the configuration alone.
//! * **OWN-1** a task applies records only between its assign and the answer to its revoke.
//! * **RES-1** a task runs only after its changelog was read to the end captured at assignment.
//! * **LOAD-1** an account's past, from `insightd load`, is taken in as a whole or not at all.
//! * **LOAD-2** no minute is counted twice: a past ends before the account's own history, and moves its beginning back.
//! * **WM-1** a clock never goes back. **WM-2** an idle advance happens only when caught up, and only by elapsed time.
//! * **DET-1** the same records in the same order give the same insights, whatever the transaction boundaries.
//! * **CNT-1** records = counted + duplicates + out of scope + too late + malformed + shed, at any time.
//! * **BND-1** no limit of the configuration is ever exceeded.

#![forbid(unsafe_code)]

pub mod commands;
pub mod config;
pub mod crash;

pub(crate) mod http;
pub mod kafka;
pub mod metrics;

pub mod stream;
