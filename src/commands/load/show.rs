//! What people see of a load.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use insightd_core::cloudtrail::insight::rfc3339;
use insightd_core::detect::DAY;

use super::fold::Past;

/// A bar on standard error, when that is a terminal.
pub(super) fn bar(most: u64, what: &'static str) -> ProgressBar {
    let bar = if io::stderr().is_terminal() {
        ProgressBar::with_draw_target(Some(most), ProgressDrawTarget::stderr_with_hz(10))
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}, {eta} left") {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}

/// How far the daemon is.
pub(super) struct Waiting(ProgressBar);

impl Waiting {
    /// Of so many partitions.
    pub(super) fn new(partitions: i32) -> Self {
        Self(bar(u64::try_from(partitions).unwrap_or(0), "partitions taken in by the daemon"))
    }

    /// One partition is taken in.
    pub(super) fn done(&self) {
        self.0.inc(1);
    }

    /// Takes the bar away.
    pub(super) fn finish(&mut self) {
        self.0.finish_and_clear();
    }
}

/// One line, or several where something may surprise.
pub(super) fn handed_over(pasts: &[Past]) -> String {
    let series: usize = pasts.iter().map(|past| past.series).sum();
    let bytes: usize = pasts.iter().flat_map(|past| &past.parts).map(Vec::len).sum();
    let time = |minute: Option<i64>| minute.map_or_else(String::new, |minute| rfc3339(minute * 60));
    let mut text = format!(
        "handed over: {} accounts, {series} series, {} to {}, {:.1} MB",
        pasts.len(),
        time(pasts.iter().map(|past| past.begin).min()),
        time(pasts.iter().map(|past| past.end).max()),
        bytes as f64 / 1e6
    );
    for past in pasts {
        let gap = past.until.map_or(0, |until| until - past.end);
        if gap > DAY {
            text += &format!(
                "\ninsightd: the files of account {} end {:.1} days before its own history begins: that time counts as silence",
                past.account,
                gap as f64 / DAY as f64
            );
        }
    }
    text
}
