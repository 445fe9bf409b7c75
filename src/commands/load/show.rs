//! The messages of `load`.

use indicatif::ProgressBar;
use insightd_core::cloudtrail::insight::rfc3339;
use insightd_core::detect::DAY;

use super::backfill::AccountBackfill;
use crate::commands::console::progress;
use crate::config::Config;

/// A bar that counts up to `length`; `noun` names the unit.
pub(crate) fn bar(length: u64, noun: &'static str) -> ProgressBar {
    let bar = progress::bar(Some(length), "{bar:30} {pos}/{len} {msg}, {eta} left");
    bar.set_message(noun);
    bar
}

/// What was sent to the daemon: one line, and one more for each account with a surprising gap.
pub(crate) fn sent(backfills: &[AccountBackfill]) -> String {
    let series: usize = backfills.iter().map(|backfill| backfill.series).sum();
    let bytes: usize = backfills.iter().flat_map(|backfill| &backfill.parts).map(Vec::len).sum();
    let time = |minute: Option<i64>| minute.map_or_else(String::new, |minute| rfc3339(minute * 60));
    let mut text = format!(
        "sent: {} accounts, {series} series, {} to {}, {:.1} MB",
        backfills.len(),
        time(backfills.iter().map(|backfill| backfill.begin).min()),
        time(backfills.iter().map(|backfill| backfill.end).max()),
        bytes as f64 / 1e6
    );
    for backfill in backfills {
        let gap = backfill.live_from.map_or(0, |live_from| live_from - backfill.end);
        if gap > DAY {
            text += &format!(
                "\ninsightd: the files of account {} end {:.1} days before its own history begins: that time counts as silence",
                backfill.account,
                gap as f64 / DAY as f64
            );
        }
    }
    text
}

/// Why the command does not wait.
pub(crate) fn no_daemon(config: &Config) -> String {
    format!(
        "no process of the group {} runs: a process merges the backfills when it starts, within the retention of {}",
        config.kafka.group_id, config.state.history_topic
    )
}
