//! Each section: its keys, kinds and ranges, and what must hold between keys. A section reads all its keys before it gives
//! up, so that every fault is found.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use insightd_core::cloudtrail::insight::Format;
use insightd_core::detect::statistics::horizon::Direction;
use insightd_core::detect::store::changelog::bounds;

use super::errors::{ConfigError, Origin};
use super::layers::Merged;
use super::walk::{Shown, Walk};
use super::{
    AttributionConfig, Baseline, Config, ConfigErrors, Detect, Dlq, Http, Input, Kafka, Log, LogFormat, Metrics,
    Output, StartAt, State, client, rules, tables, topics, values,
};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MINUTE_S: u64 = 60;
/// Largest message that librdkafka makes (and brokers take, by some bytes) unless it is told otherwise.
const MESSAGE_BYTES_MAX: u64 = 1_000_000;
/// What of a message is left to key, headers and the frames around them, bytes.
const RECORD_OVERHEAD: u64 = 4096;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;

/// The configuration, and all settings as they are printed.
pub(super) fn resolve(merged: Merged) -> (Vec<Shown>, Result<Config, ConfigErrors>) {
    let mut walk = Walk::new(merged);
    let config = sections(&mut walk);
    topics_differ(&mut walk);
    let (shown, sound) = walk.finish();
    // A section is missing only where a fault was noted.
    let missing = || ConfigErrors(vec![ConfigError::of_source("a section is missing", Origin::Default)]);
    let config = sound.and_then(|()| config.ok_or_else(missing));
    (shown, config)
}

fn sections(walk: &mut Walk) -> Option<Config> {
    let kafka = kafka(walk);
    let input = input(walk);
    let baseline = walk.duration("baseline.warm_up", seconds(0, 365 * DAY_S)).map(|warm_up| Baseline { warm_up });
    let detect = detect(walk);
    let attribution = attribution(walk);
    let state = state(walk, kafka.as_ref());
    let output = output(walk);
    let dlq = dlq(walk);
    let http = walk.parsed("http.listen", address).map(|listen| Http { listen });
    let open_insights_max = walk.whole("metrics.open_insights_max", 0..=100_000);
    let insight_hold = walk.duration("metrics.insight_hold", seconds(0, DAY_S));
    let log = log(walk);
    records_fit(walk, kafka.as_ref(), input.as_ref(), attribution.as_ref());
    let rules = rules::read(walk);
    Some(Config {
        kafka: kafka?,
        input: input?,
        baseline: baseline?,
        detect: detect?,
        attribution: attribution?,
        state: state?,
        output: output?,
        dlq: dlq?,
        http: http?,
        metrics: Metrics { open_insights_max: open_insights_max?, insight_hold: insight_hold? },
        log: log?,
        rules: Arc::new(rules),
    })
}

fn state(walk: &mut Walk, kafka: Option<&Kafka>) -> Option<State> {
    let named = walk.text("state.topic", |name| if name.is_empty() { Ok(()) } else { topics::check_name(name) });
    let history =
        walk.text("state.history_topic", |name| if name.is_empty() { Ok(()) } else { topics::check_name(name) });
    // The slowest memory of a series fades over 28 days.
    let series_ttl = walk.duration("state.series_ttl", seconds(28 * DAY_S, 400 * DAY_S));
    let restore_records_max = walk.whole("state.restore_records_max", 1..=10_000_000);
    let restore_stall_max = walk.duration("state.restore_stall_max", seconds(5, DAY_S));
    let (kafka, named, history) = (kafka?, named?, history?);
    let topic = if named.is_empty() { after_group(walk, "state.topic", &kafka.group_id, "state")? } else { named };
    let history_topic = match history.is_empty() {
        true => after_group(walk, "state.history_topic", &kafka.group_id, "history")?,
        false => history,
    };
    let restore_stall_max = restore_stall_max?;
    if restore_stall_max <= kafka.transaction_timeout {
        walk.conflict(
            "state.restore_stall_max",
            "must be longer than kafka.transaction_timeout: the transaction of a process that died is waited for",
        );
    }
    let (series_ttl, restore_records_max) = (series_ttl?, restore_records_max?);
    Some(State { topic, history_topic, series_ttl, restore_records_max, restore_stall_max })
}

/// A topic that is called after the group where its key is empty.
fn after_group(walk: &mut Walk, key: &str, group_id: &str, ending: &str) -> Option<String> {
    let name = format!("{group_id}-{ending}");
    if let Err(reason) = topics::check_name(&name) {
        walk.conflict(key, format!("is empty, and {name:?} cannot stand in: {reason}"));
        return None;
    }
    walk.resolved(key, &name, Origin::Default);
    Some(name)
}

fn kafka(walk: &mut Walk) -> Option<Kafka> {
    let bootstrap_servers = walk.list("kafka.bootstrap_servers", server);
    let group_id = walk.text("kafka.group_id", group);
    let instance_id = instance(walk);
    let create_topics = walk.flag("kafka.create_topics");
    let topic_replication = replication(walk);
    let workers = walk.whole("kafka.workers", 1..=256);
    let commit_interval = walk.duration("kafka.commit_interval", Duration::from_millis(1)..=Duration::from_secs(60));
    let transaction_records_max = walk.whole("kafka.transaction_records_max", 1..=1_000_000);
    let poll_records_max = walk.whole("kafka.poll_records_max", 1..=1_000_000);
    // Ranges of the brokers' defaults: transaction.max.timeout.ms, group.max.session.timeout.ms; and librdkafka's own.
    let transaction_timeout = walk.duration("kafka.transaction_timeout", seconds(1, 15 * MINUTE_S));
    let session_timeout = walk.duration("kafka.session_timeout", seconds(1, 30 * MINUTE_S));
    let max_poll_interval = walk.duration("kafka.max_poll_interval", seconds(1, DAY_S));
    let retry_backoff_max =
        walk.duration("kafka.retry_backoff_max", Duration::from_millis(100)..=Duration::from_secs(10 * MINUTE_S));
    let leave_on_stop = walk.flag("kafka.leave_on_stop");
    let client = client::read(walk);
    timeouts_rise(walk, transaction_timeout, session_timeout, max_poll_interval);
    commits_in_time(walk, commit_interval, transaction_timeout);
    Some(Kafka {
        bootstrap_servers: bootstrap_servers?,
        group_id: group_id?,
        instance_id: instance_id?,
        create_topics: create_topics?,
        topic_replication: topic_replication?,
        workers: workers?,
        commit_interval: commit_interval?,
        transaction_records_max: transaction_records_max?,
        poll_records_max: poll_records_max?,
        transaction_timeout: transaction_timeout?,
        session_timeout: session_timeout?,
        max_poll_interval: max_poll_interval?,
        retry_backoff_max: retry_backoff_max?,
        leave_on_stop: leave_on_stop?,
        client,
    })
}

fn input(walk: &mut Walk) -> Option<Input> {
    let topics = walk.list("input.topics", topics::check_name_or_pattern);
    let keyed_by_account = walk.flag("input.keyed_by_account");
    let start = walk.parsed("input.start", start);
    let payload_bytes_max = walk.size("input.payload_bytes_max", KIB..=2 * GIB);
    let decompressed_bytes_max = walk.size("input.decompressed_bytes_max", KIB..=64 * GIB);
    let nesting_depth_max = walk.whole("input.nesting_depth_max", 1..=32);
    let payload_records_max = walk.whole("input.payload_records_max", 1..=100_000_000);
    let accounts_max = walk.whole("input.accounts_max", 1..=10_000_000);
    let clocks_max = walk.whole("input.clocks_max", 1..=100_000_000);
    let lateness = walk.minutes("input.lateness", 1..=24 * 60, false).map(minutes);
    let clock_jump = walk.duration("input.clock_jump", seconds(MINUTE_S, 30 * DAY_S));
    let held_records_max = walk.whole("input.held_records_max", 1..=1024);
    let future_max = walk.duration("input.future_max", seconds(0, DAY_S));
    let dedup_horizon = walk.minutes("input.dedup_horizon", 1..=7 * 24 * 60, false).map(minutes);
    let dedup_events_max = walk.whole("input.dedup_events_max", 1..=1_000_000_000);
    let idle_after = walk.duration("input.idle_after", seconds(1, DAY_S));
    let data_events = walk.flag("input.data_events");
    horizon_holds_lateness(walk, dedup_horizon, lateness);
    Some(Input {
        topics: topics?,
        keyed_by_account: keyed_by_account?,
        start: start?,
        payload_bytes_max: payload_bytes_max?,
        decompressed_bytes_max: decompressed_bytes_max?,
        nesting_depth_max: nesting_depth_max?,
        payload_records_max: payload_records_max?,
        accounts_max: accounts_max?,
        clocks_max: clocks_max?,
        lateness: lateness?,
        clock_jump: clock_jump?,
        held_records_max: held_records_max?,
        future_max: future_max?,
        dedup_horizon: dedup_horizon?,
        dedup_events_max: dedup_events_max?,
        idle_after: idle_after?,
        data_events: data_events?,
    })
}

fn detect(walk: &mut Walk) -> Option<Detect> {
    // At most one insight a minute can be false.
    let budget = walk.positive("detect.false_insights_per_account_per_week", 10_080.0);
    let end_after = walk.minutes("detect.end_after", 1..=60, true);
    let series_max = walk.whole("detect.series_max", 1..=100_000_000);
    let direction = walk.choice("detect.direction", &[("up", Direction::Up), ("both", Direction::Both)]);
    let security = tables::read(walk, "detect.security", tables::security::BUILT_IN, tables::security::parse);
    let priors = tables::read(walk, "detect.priors", tables::priors::BUILT_IN, tables::priors::parse);
    let principals_max = walk.whole("detect.principals_max", 1..=100_000_000);
    Some(Detect {
        false_insights_per_account_per_week: budget?,
        end_after_minutes: end_after.and_then(|minutes| u32::try_from(minutes).ok())?,
        series_max: series_max?,
        direction: direction?,
        security: security?,
        priors: priors?,
        principals_max: principals_max?,
    })
}

fn attribution(walk: &mut Walk) -> Option<AttributionConfig> {
    // A record names the top five.
    let values_max = walk.whole("attribution.values_max", 5..=1024);
    let value_bytes_max = walk.size("attribution.value_bytes_max", 16..=64 * KIB);
    let bytes_max = walk.size("attribution.bytes_max", MIB..=64 * GIB);
    Some(AttributionConfig { values_max: values_max?, value_bytes_max: value_bytes_max?, bytes_max: bytes_max? })
}

fn output(walk: &mut Walk) -> Option<Output> {
    let topic = walk.text("output.topic", topics::check_name);
    let format = walk.choice("output.format", &Format::ALL.map(|format| (format.name(), format)));
    let max_age = walk.duration("output.max_age", seconds(MINUTE_S, 365 * DAY_S));
    Some(Output { topic: topic?, format: format?, max_age: max_age? })
}

fn dlq(walk: &mut Walk) -> Option<Dlq> {
    let topic = walk.text("dlq.topic", topics::check_name);
    let record_bytes_max = walk.size("dlq.record_bytes_max", KIB..=64 * MIB);
    Some(Dlq { topic: topic?, record_bytes_max: record_bytes_max? })
}

fn log(walk: &mut Walk) -> Option<Log> {
    let level = walk.text("log.level", filter);
    let format = walk.choice("log.format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    Some(Log { level: level?, format: format? })
}

// === between keys ===

/// EO-4: a transaction must have ended before its owner can lose its partitions, and a session before the owner is taken for stuck.
fn timeouts_rise(walk: &mut Walk, transaction: Option<Duration>, session: Option<Duration>, poll: Option<Duration>) {
    let (Some(transaction), Some(session), Some(poll)) = (transaction, session, poll) else { return };
    if transaction < session && session < poll {
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

/// A record that may still be counted must still be recognised when it comes again.
fn horizon_holds_lateness(walk: &mut Walk, horizon: Option<Duration>, lateness: Option<Duration>) {
    let (Some(horizon), Some(lateness)) = (horizon, lateness) else { return };
    if horizon < lateness {
        let lateness = values::show_duration(lateness);
        walk.conflict("input.dedup_horizon", format!("must not be below input.lateness, which is {lateness}"));
    }
}

/// A record of the changelog that no broker takes would be written again and again, and nothing would ever be committed.
fn records_fit(walk: &mut Walk, kafka: Option<&Kafka>, input: Option<&Input>, attribution: Option<&AttributionConfig>) {
    let (Some(kafka), Some(input), Some(attribution)) = (kafka, input, attribution) else { return };
    let asked = kafka.client.get("message.max.bytes").and_then(|value| value.parse().ok());
    let most = asked.unwrap_or(MESSAGE_BYTES_MAX).saturating_sub(RECORD_OVERHEAD);
    let (&AttributionConfig { values_max, value_bytes_max, .. }, lateness) = (attribution, input.lateness);
    let bytes = bounds::series_bytes_max(values_max, value_bytes_max, (lateness.as_secs() / MINUTE_S) as i64);
    if bytes > most {
        let (value_bytes_max, lateness) = (values::show_size(value_bytes_max as u64), values::show_duration(lateness));
        walk.conflict(
            "attribution.values_max",
            format!(
                "with attribution.value_bytes_max = {value_bytes_max} and input.lateness = {lateness} a series can take {bytes} bytes in one \
                 record of state.topic, more than the {most} that a Kafka record may have: lower one of the three"
            ),
        );
    }
    let bytes = bounds::region_bytes_max(input.held_records_max);
    if bytes > most {
        walk.conflict(
            "input.held_records_max",
            format!(
                "so many held records can take {bytes} bytes in one record of state.topic, more than the {most} that a Kafka record may have: \
                 lower it to {} or less",
                most / bounds::region_bytes_max(1)
            ),
        );
    }
}

/// The daemon must not read what it writes, nor mix insights with dead letters.
fn topics_differ(walk: &mut Walk) {
    let input = walk.value("input.topics").and_then(|topics| topics.as_array()).cloned().unwrap_or_default();
    const OWN: [&str; 4] = ["output.topic", "dlq.topic", "state.topic", "state.history_topic"];
    // One that is empty still stands for a name that could not be found.
    let own = OWN.map(|key| walk.value(key).filter(|topic| topic.as_str() != Some("")).cloned());
    for at in 1..OWN.len() {
        let same = (0..at).find(|&other| own[at].is_some() && own[at] == own[other]);
        if let Some(other) = same {
            walk.conflict(OWN[at], format!("must differ from {}", OWN[other]));
        }
    }
    for (key, topic) in OWN.into_iter().zip(own) {
        if let Some(topic) = topic.filter(|topic| input.contains(topic)) {
            walk.conflict("input.topics", format!("must not hold {topic}, which is {key}"));
        }
    }
}

// === kinds of one key ===

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
        return Err("must have 1 to 200 characters, none of them a control character".to_owned());
    }
    Ok(())
}

/// `kafka.instance_id`, the host name if it is empty.
fn instance(walk: &mut Walk) -> Option<String> {
    let given = walk.text("kafka.instance_id", |id| if id.is_empty() { Ok(()) } else { member(id) })?;
    if !given.is_empty() {
        return Some(given);
    }
    let Some(name) = walk.host.clone() else {
        walk.conflict("kafka.instance_id", "is empty, and this host has no name to take instead; set it");
        return None;
    };
    if let Err(reason) = member(&name) {
        walk.conflict(
            "kafka.instance_id",
            format!("is empty, and the host name {name:?} cannot stand in: it {reason}"),
        );
        return None;
    }
    walk.resolved("kafka.instance_id", &name, Origin::Host);
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

fn replication(walk: &mut Walk) -> Option<i32> {
    let fits = |factor: &i64| matches!(factor, -1 | 1..=32_767);
    walk.whole_if("kafka.topic_replication", fits, "-1 (the broker's default) or a whole number from 1 to 32767")
}

fn start(text: &str) -> Result<StartAt, String> {
    match text {
        "earliest" => Ok(StartAt::Earliest),
        "latest" => Ok(StartAt::Latest),
        age => match humantime::parse_duration(age) {
            Ok(age) if age <= Duration::from_secs(3650 * DAY_S) => Ok(StartAt::Ago(age)),
            _ => Err("must be earliest, latest or an age such as 7d, at most 3650d".to_owned()),
        },
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = "must be an IP address and a port, such as 127.0.0.1:9464 or [::]:9464";
    text.parse().map_err(|_| wrong.to_owned())
}

/// A tracing filter. A bare word that is no level would be taken for the name of a module, and show nothing.
fn filter(text: &str) -> Result<(), String> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let level = |word: &str| LEVELS.contains(&word.trim().to_ascii_lowercase().as_str());
    let directive = |part: &str| match part.split_once('=') {
        Some((target, wanted)) => !target.trim().is_empty() && level(wanted),
        None => level(part),
    };
    match text.split(',').all(directive) && tracing_subscriber::EnvFilter::try_new(text).is_ok() {
        true => Ok(()),
        false => Err(format!("must be {}, or a list such as info,insightd::kafka=debug", LEVELS.join(", "))),
    }
}

fn seconds(least: u64, most: u64) -> RangeInclusive<Duration> {
    Duration::from_secs(least)..=Duration::from_secs(most)
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * MINUTE_S)
}
