//! `[kafka]`: brokers, group, transactions.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use insightd_core::invariants::timeouts_increase;

use super::errors::Origin;
use super::section_macro::{DAY_S, MINUTE_S, millis, seconds, section};
use super::walk::Walk;
use super::{client, mask, values};

section! {
    /// `[kafka]`: brokers, group, transactions.
    #[derive(Clone, PartialEq)]
    pub struct Kafka = "kafka" |walk| {
        bootstrap_servers: Vec<String> = list(server);
        group_id: String = text(group);
        /// The host name if the key is empty.
        instance_id: String = via(instance);
        create_topics: bool = flag();
        topic_replication: i32 = whole_if(
            |factor: &i64| matches!(factor, -1 | 1..=32_767),
            "-1 (the broker's default) or a whole number from 1 to 32767",
        );
        workers: usize = whole(1..=256);
        commit_interval: Duration = duration(millis(1, 60_000));
        transaction_records_max: usize = whole(1..=1_000_000);
        poll_records_max: usize = whole(1..=1_000_000);
        /// Ranges of the three timeouts of EO-4: the brokers' transaction.max.timeout.ms and
        /// group.max.session.timeout.ms by default, and librdkafka's own.
        transaction_timeout: Duration = duration(seconds(1, 15 * MINUTE_S));
        session_timeout: Duration = duration(seconds(1, 30 * MINUTE_S));
        max_poll_interval: Duration = duration(seconds(1, DAY_S));
        retry_backoff_max: Duration = duration(millis(100, 10 * MINUTE_S * 1000));
        leave_on_stop: bool = flag();
        /// librdkafka keys for every client, with dots as in librdkafka.
        client: BTreeMap<String, String> = via(|walk, section| Some(client::read(walk, section)));
    }
    then {
        timeouts_rise(walk, transaction_timeout, session_timeout, max_poll_interval);
        commits_in_time(walk, commit_interval, transaction_timeout);
    }
}

impl Kafka {
    /// `transactional.id` of a worker. Stable over restarts, so that a restarted worker ends at once the
    /// transaction that it left open.
    pub fn transactional_id(&self, worker: usize) -> String {
        format!("{}-{}-{worker}", self.group_id, self.instance_id)
    }

    /// `transactional.id` of `dlq replay`: one for all processes, so that of two replays only the later can
    /// commit.
    pub fn replay_transactional_id(&self) -> String {
        format!("{}-dlq-replay", self.group_id)
    }

    /// `transactional.id` of `state reset`.
    pub fn reset_transactional_id(&self) -> String {
        format!("{}-state-reset", self.group_id)
    }

    /// `transactional.id` of `load`.
    pub fn load_transactional_id(&self) -> String {
        format!("{}-load", self.group_id)
    }

    /// `group.instance.id` of a worker. Stable over restarts, so that a quick restart moves no partition.
    pub fn member_id(&self, worker: usize) -> String {
        format!("{}-{worker}", self.instance_id)
    }
}

/// By hand, because client keys contain passwords.
impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client: BTreeMap<_, _> = self.client.iter().map(|(key, value)| (key, mask::value(key, value))).collect();
        f.debug_struct("Kafka")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("group_id", &self.group_id)
            .field("instance_id", &self.instance_id)
            .field("workers", &self.workers)
            .field("client", &client)
            .finish_non_exhaustive()
    }
}

/// EO-4: a transaction must end before its owner can lose its partitions, and a session before the group
/// considers its owner stuck.
fn timeouts_rise(walk: &mut Walk, transaction: Option<Duration>, session: Option<Duration>, poll: Option<Duration>) {
    let (Some(transaction), Some(session), Some(poll)) = (transaction, session, poll) else { return };
    if timeouts_increase(transaction, session, poll) {
        return;
    }
    let wrong = if transaction >= session { "kafka.transaction_timeout" } else { "kafka.session_timeout" };
    let [transaction, session, poll] = [transaction, session, poll].map(values::show_duration);
    walk.conflict(
        wrong,
        format!(
            "must be transaction_timeout < session_timeout < max_poll_interval, but they are {transaction}, {session}, \
             {poll}; otherwise a worker that lost its partitions could still commit"
        ),
    );
}

fn commits_in_time(walk: &mut Walk, interval: Option<Duration>, timeout: Option<Duration>) {
    let (Some(interval), Some(timeout)) = (interval, timeout) else { return };
    if interval >= timeout {
        let timeout = values::show_duration(timeout);
        walk.conflict("kafka.commit_interval", format!("must be below kafka.transaction_timeout, which is {timeout}"));
    }
}

/// `host:port`, a port included; `[::1]:port`; with or without a protocol in front as librdkafka takes it.
fn server(item: &str) -> Result<(), String> {
    let address = item.split_once("://").map_or(item, |(_, address)| address);
    if address.contains('@') {
        return Err("must be host:port; user and password belong below [kafka.client]".to_owned());
    }
    let port = |(host, port): (&str, &str)| {
        let host_fits = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._[]:%".contains(c));
        host_fits && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    match address.rsplit_once(':').is_some_and(port) {
        true => Ok(()),
        false => Err("must be host:port, such as broker-1.example.org:9092".to_owned()),
    }
}

fn group(id: &str) -> Result<(), String> {
    if id.is_empty() || id.len() > 200 || id.chars().any(char::is_control) {
        return Err("must have 1 to 200 characters and no control characters".to_owned());
    }
    Ok(())
}

/// The text of a key, or the host name if it is empty.
fn instance(walk: &mut Walk, key: &'static str) -> Option<String> {
    let given = walk.text(key, |id| if id.is_empty() { Ok(()) } else { member(id) })?;
    if !given.is_empty() {
        return Some(given);
    }
    let Some(name) = walk.host.clone() else {
        walk.conflict(key, "is empty, and this host has no name to use instead; set it");
        return None;
    };
    if let Err(reason) = member(&name) {
        walk.conflict(key, format!("is empty, and the host name {name:?} cannot be used: it {reason}"));
        return None;
    }
    walk.resolved(key, &name, Origin::Host);
    Some(name)
}

/// The broker checks `group.instance.id` like the name of a topic; the worker's number is added.
fn member(id: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if id.is_empty() || id.len() > 200 || !id.chars().all(legal) {
        return Err("must have 1 to 200 of the characters a-z A-Z 0-9 . _ -".to_owned());
    }
    Ok(())
}
