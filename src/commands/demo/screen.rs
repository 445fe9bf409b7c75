//! The display of the running demo: insights on standard output, and on a terminal a progress bar below them.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anstyle::AnsiColor;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::matching::{Ledger, Verdict};
use super::summary;
use crate::commands::console::insight_text::{InsightText, Remark};
use crate::commands::console::number::number;
use crate::commands::console::paint::{self, Paint};

/// Standard output and the bar.
pub(crate) struct Screen {
    paint: Paint,
    /// Blocks for a terminal; otherwise lines.
    blocks: bool,
    bar: ProgressBar,
    /// Whether the reader of standard output has closed it.
    closed: bool,
}

/// How far the demo is.
pub(crate) struct Progress {
    /// Seconds of traffic since the beginning.
    pub(crate) played_s: u64,
    /// Time of the newest record, seconds since 1970; 0 before the first one.
    pub(crate) time: i64,
    /// The part of the demo.
    pub(crate) part: &'static str,
    /// Records written.
    pub(crate) records: u64,
    /// Time since the start.
    pub(crate) elapsed: Duration,
}

impl Screen {
    /// The display of this process; the bar ends at `span_s` seconds of traffic.
    pub(crate) fn new(span_s: u64) -> Self {
        let blocks = paint::is_terminal();
        let bar = if blocks && std::io::stderr().is_terminal() {
            ProgressBar::with_draw_target(Some(span_s), ProgressDrawTarget::stderr_with_hz(10))
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:24.cyan/dim} {msg}") {
            bar.set_style(style.progress_chars("━━─"));
        }
        Self { paint: Paint::for_stdout(), blocks, bar, closed: false }
    }

    /// Whether the reader of standard output has closed it.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether it shows colors.
    pub(crate) fn paint(&self) -> Paint {
        self.paint
    }

    /// Shows the text as it is.
    pub(crate) fn say(&mut self, text: &str) {
        if self.closed {
            return;
        }
        let written = self.bar.suspend(|| {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        });
        self.closed = written.is_err();
    }

    /// Announces a part of the demo.
    pub(crate) fn heading(&mut self, title: &str, text: &str) {
        self.say(&format!("{} {text}\n\n", self.paint.bold(title)));
    }

    /// Shows an insight of the history, in which nothing was injected.
    pub(crate) fn brief(&mut self, insight: &InsightText, verdict: Option<Verdict>, ledger: &Ledger) {
        if !self.blocks {
            self.insight(insight, verdict, ledger);
        } else if insight.is_start {
            self.say(&insight.brief(self.paint));
        }
    }

    /// Shows an insight with its verdict.
    pub(crate) fn insight(&mut self, insight: &InsightText, verdict: Option<Verdict>, ledger: &Ledger) {
        let remark = verdict.map(|verdict| remark(verdict, insight, ledger));
        let text = match (self.blocks, insight.is_start) {
            (true, true) => insight.block(remark.as_ref(), self.paint) + "\n",
            (true, false) => insight.block(None, self.paint) + "\n",
            (false, _) => insight.line(remark.as_ref()) + "\n",
        };
        self.say(&text);
    }

    /// Updates the bar.
    pub(crate) fn progress(&self, progress: &Progress) {
        let Progress { played_s, time, part, records, elapsed } = *progress;
        let at =
            Timestamp::from_second(time).map_or_else(|_| String::new(), |at| at.strftime("%a %b %d %H:%M").to_string());
        let rate = number((records as f64 / elapsed.as_secs_f64().max(0.001)).round());
        if time == 0 {
            return;
        }
        self.bar.set_position(played_s);
        self.bar.set_message(format!("{at}  {part}  {} records, {rate}/s", number(records as f64)));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn remark(verdict: Verdict, insight: &InsightText, ledger: &Ledger) -> Remark {
    let after = |n: usize| summary::duration((insight.detected_at - ledger.attacks[n].label.start).max(0));
    let (text, color) = match verdict {
        Verdict::Finds(n) => (
            format!("attack: {}, found after {}", summary::describe(&ledger.attacks[n].label), after(n)),
            AnsiColor::Green,
        ),
        Verdict::Follows(n) => (
            format!("same attack: {}, after {}", summary::describe(&ledger.attacks[n].label), after(n)),
            AnsiColor::Green,
        ),
        Verdict::False => ("false: nothing was injected here".to_owned(), AnsiColor::Magenta),
    };
    Remark { text, style: color.on_default() }
}
