//! `[state]`: the changelog and the backfill topic.

use std::time::Duration;

use super::errors::Origin;
use super::kafka::Kafka;
use super::section_macro::{DAY_S, seconds, section};
use super::topics;
use super::walk::Walk;

section! {
    /// `[state]`: the changelog and the backfill topic.
    #[derive(Clone, Debug, PartialEq)]
    pub struct State = "state" |walk, kafka: Option<&Kafka>| {
        /// `<kafka.group_id>-state` if the key is empty.
        topic: String = text(name_or_empty);
        /// The backfill topic; `<kafka.group_id>-history` if the key is empty.
        history_topic: String = text(name_or_empty);
        /// At least 28 days: the slowest memory of a series fades over as long.
        series_ttl: Duration = duration(seconds(28 * DAY_S, 400 * DAY_S));
        restore_records_max: usize = whole(1..=10_000_000);
        restore_stall_max: Duration = duration(seconds(5, DAY_S));
    }
    then {
        let kafka = kafka?;
        let (named, history_named) = (topic?, history_topic?);
        let topic = Some(or_after_group(walk, "state.topic", named, kafka, "state")?);
        let history_topic = Some(or_after_group(walk, "state.history_topic", history_named, kafka, "history")?);
        if restore_stall_max? <= kafka.transaction_timeout {
            walk.conflict(
                "state.restore_stall_max",
                "must be longer than kafka.transaction_timeout: a restore waits for the transaction of a dead process",
            );
        }
    }
}

fn name_or_empty(name: &str) -> Result<(), String> {
    if name.is_empty() { Ok(()) } else { topics::check_name(name) }
}

/// The topic that a key names, or one named after the consumer group if the key is empty.
fn or_after_group(walk: &mut Walk, key: &str, named: String, kafka: &Kafka, ending: &str) -> Option<String> {
    if !named.is_empty() {
        return Some(named);
    }
    let name = format!("{}-{ending}", kafka.group_id);
    if let Err(reason) = topics::check_name(&name) {
        walk.conflict(key, format!("is empty, and {name:?} cannot be used: {reason}"));
        return None;
    }
    walk.resolved(key, &name, Origin::Default);
    Some(name)
}
