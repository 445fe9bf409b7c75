//! `[input]`: where records come from, and the limits of reading them.

use std::time::Duration;

use super::section_macro::{DAY_S, GIB, KIB, MINUTE_S, seconds, section};
use super::walk::Walk;
use super::{topics, values};

section! {
    /// `[input]`: where records come from, and the limits of reading them.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Input = "input" |walk| {
        topics: Vec<String> = list(topics::check_name_or_pattern);
        keyed_by_account: bool = flag();
        start: StartAt = parsed(start);
        payload_bytes_max: usize = size(KIB..=2 * GIB);
        decompressed_bytes_max: u64 = size(KIB..=64 * GIB);
        nesting_depth_max: usize = whole(1..=32);
        payload_records_max: u64 = whole(1..=100_000_000);
        accounts_max: usize = whole(1..=10_000_000);
        clocks_max: usize = whole(1..=100_000_000);
        lateness: Duration = minutes(1..=24 * 60);
        clock_jump: Duration = duration(seconds(MINUTE_S, 30 * DAY_S));
        held_records_max: usize = whole(1..=1024);
        future_max: Duration = duration(seconds(0, DAY_S));
        dedup_horizon: Duration = minutes(1..=7 * 24 * 60);
        dedup_events_max: usize = whole(1..=1_000_000_000);
        idle_after: Duration = duration(seconds(1, DAY_S));
        data_events: bool = flag();
    }
    then {
        horizon_covers_lateness(walk, dedup_horizon, lateness);
    }
}

/// Where a new consumer group begins to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// The oldest message.
    Earliest,
    /// Only new messages.
    Latest,
    /// Messages not older than this.
    Ago(Duration),
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

/// As long as a record can be counted, its repeat must be recognized.
fn horizon_covers_lateness(walk: &mut Walk, horizon: Option<Duration>, lateness: Option<Duration>) {
    let (Some(horizon), Some(lateness)) = (horizon, lateness) else { return };
    if horizon < lateness {
        let lateness = values::show_duration(lateness);
        walk.conflict("input.dedup_horizon", format!("must not be below input.lateness, which is {lateness}"));
    }
}
