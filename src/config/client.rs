//! `[kafka.client]`: librdkafka keys passed to every client, except those that carry a guarantee or that
//! another key sets.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::values::Raw;
use super::walk::Walk;

/// The login key of Java clients, which librdkafka does not have.
const JAAS: &str = "sasl.jaas.config";

/// Keys that are refused, aliases included, with the reason.
const REFUSED: &[(&[&str], &str)] = &[
    (&["bootstrap.servers", "metadata.broker.list"], "is set by kafka.bootstrap_servers"),
    (&["group.id"], "is set by kafka.group_id"),
    (&["group.instance.id"], "is made of kafka.instance_id and the worker's number"),
    (
        &["transactional.id"],
        "is made of kafka.group_id, kafka.instance_id and the worker's number: a stable one fences zombies",
    ),
    (
        &["transaction.timeout.ms"],
        "is set by kafka.transaction_timeout, which is checked against the other two timeouts",
    ),
    (&["session.timeout.ms"], "is set by kafka.session_timeout, which is checked against the other two timeouts"),
    (&["max.poll.interval.ms"], "is set by kafka.max_poll_interval, which is checked against the other two timeouts"),
    (
        &["enable.auto.commit", "auto.commit.enable", "auto.commit.interval.ms"],
        "offsets are committed with the transaction that holds their insights, never by themselves",
    ),
    (
        &["enable.auto.offset.store", "offset.store.method", "offset.store.path", "offset.store.sync.interval.ms"],
        "offsets are committed with the transaction that holds their insights, never by themselves",
    ),
    (&["isolation.level"], "is always read_committed: records of aborted transactions must not be read"),
    (&["enable.idempotence"], "is always on: transactions need it"),
    (&["acks", "request.required.acks"], "is always all: transactions need it"),
    (
        &["max.in.flight", "max.in.flight.requests.per.connection", "queuing.strategy"],
        "is chosen by the idempotent producer, which keeps the order of records by it",
    ),
    (
        &["retries", "message.send.max.retries"],
        "is chosen by the idempotent producer: a record that is given up would be lost",
    ),
    (&["message.timeout.ms", "delivery.timeout.ms"], "follows from kafka.transaction_timeout"),
    (&["enable.gapless.guarantee"], "makes errors fatal that an abort and a retry can cure"),
    (
        &["delivery.report.only.error", "dr_cb", "dr_msg_cb"],
        "the worker awaits every record's delivery before it commits the transaction",
    ),
    (&["auto.offset.reset"], "is set by input.start"),
    (&["enable.partition.eof"], "is always on: an idle clock advances only after its partition was read to the end"),
    (
        &["partition.assignment.strategy", "group.protocol", "group.remote.assignor", "group.protocol.type"],
        "is chosen so that a worker that lost its partitions cannot commit for them",
    ),
    (&["rebalance_cb", "offset_commit_cb", "consume_cb"], "the worker itself answers rebalances"),
    (&["allow.auto.create.topics"], "is set by kafka.create_topics"),
    (&["topic.blacklist", "topic.denylist"], "the daemon already excludes its own topics; narrow input.topics instead"),
    (
        &["statistics.interval.ms"],
        "is set so that lag and reachable brokers are known in time; metrics are at http.listen",
    ),
    (
        &["connections.max.idle.ms", "reconnect.backoff.max.ms"],
        "is chosen so that a transaction survives the loss of a broker",
    ),
];

/// Reads all keys below `section`.
pub(super) fn read(walk: &mut Walk, section: &'static str) -> BTreeMap<String, String> {
    let prefix = format!("{section}.");
    let mut client = BTreeMap::new();
    let mut jaas = None;
    for (path, setting) in walk.below(&prefix) {
        // librdkafka takes its keys in lower case only; a refused key must not slip through in upper case.
        let key = path[prefix.len()..].to_ascii_lowercase();
        if let Some(reason) = refusal(&key) {
            walk.refuse(&path, setting, format!("cannot be passed through: {reason}"));
            continue;
        }
        let Some(value) = scalar(&setting.value) else {
            walk.refuse(&path, setting, "must be a text, a number, true or false");
            continue;
        };
        if key == JAAS {
            jaas = Some((path, setting, value));
        } else {
            walk.show(&format!("{prefix}{key}"), value.clone(), setting.origin);
            client.insert(key, value);
        }
    }
    let Some((path, setting, value)) = jaas else { return client };
    match login(&value) {
        Ok(login) => {
            for (key, value) in login {
                // librdkafka's own key, by either of its names, takes precedence over the JAAS string.
                if !client.contains_key(key) && !client.contains_key(key.trim_end_matches('s')) {
                    walk.show(&format!("{prefix}{key}"), value.clone(), setting.origin.clone());
                    client.insert(key.to_owned(), value);
                }
            }
        }
        Err(reason) => walk.refuse(&path, setting, reason),
    }
    client
}

/// The reason why a key is refused, if it is.
fn refusal(key: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(keys, _)| keys.contains(&key)).map(|(_, reason)| *reason)
}

fn scalar(raw: &Raw) -> Option<String> {
    match raw {
        Raw::Text(text) => Some(text.clone()),
        Raw::Bool(flag) => Some(flag.to_string()),
        Raw::Integer(number) => Some(number.to_string()),
        Raw::Float(number) => Some(number.to_string()),
        Raw::List(_) | Raw::Other(_) => None,
    }
}

/// Translates a Java client's login to librdkafka's keys: user and password of the PLAIN and SCRAM login
/// modules.
fn login(jaas: &str) -> Result<Vec<(&'static str, String)>, String> {
    // A constant pattern, compiled by a test.
    static OPTION: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"\b(username|password)\s*=\s*"((?:\\.|[^"\\])*)""#).expect("a constant pattern"));
    let wrong =
        "librdkafka has no JAAS; set sasl.mechanism, sasl.username and sasl.password (or sasl.oauthbearer.*) instead";
    let plain = jaas.contains("PlainLoginModule");
    if !plain && !jaas.contains("ScramLoginModule") {
        return Err(wrong.to_owned());
    }
    let option = |name: &str| {
        let found = OPTION.captures_iter(jaas).find(|found| &found[1] == name)?;
        Some(found[2].replace("\\\"", "\"").replace("\\\\", "\\"))
    };
    match (option("username"), option("password")) {
        (Some(user), Some(password)) => {
            let mut login = vec![("sasl.username", user), ("sasl.password", password)];
            if plain {
                login.push(("sasl.mechanisms", "PLAIN".to_owned()));
            }
            Ok(login)
        }
        _ => Err(wrong.to_owned()),
    }
}
