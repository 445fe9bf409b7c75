//! What the demo shows while it runs: insights on standard output, and how far it is below them where that is a terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anstyle::AnsiColor;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::super::insight_text::{InsightText, Remark};
use super::super::paint::{self, Paint, number};
use super::matching::{Ledger, Verdict};
use super::summary;

/// See the module.
pub(super) struct Screen {
    paint: Paint,
    /// Blocks for people who watch; else lines for whatever reads them.
    blocks: bool,
    bar: ProgressBar,
    /// The reader of standard output has left.
    closed: bool,
}

impl Screen {
    /// A screen for this process; `span_s` is the length of what is played.
    pub(super) fn new(span_s: u64) -> Self {
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

    /// Whoever read standard output has seen enough.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// How to paint on it.
    pub(super) fn paint(&self) -> Paint {
        self.paint
    }

    /// Text as it is.
    pub(super) fn say(&mut self, text: &str) {
        if self.closed {
            return;
        }
        let written = self.bar.suspend(|| {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        });
        self.closed = written.is_err();
    }

    /// A part of the demo begins.
    pub(super) fn heading(&mut self, title: &str, text: &str) {
        self.say(&format!("{} {text}\n\n", self.paint.bold(title)));
    }

    /// An insight of the history, where nothing was injected.
    pub(super) fn brief(&mut self, insight: &InsightText, verdict: Option<Verdict>, ledger: &Ledger) {
        if !self.blocks {
            self.insight(insight, verdict, ledger);
        } else if insight.is_start {
            self.say(&insight.brief(self.paint));
        }
    }

    /// An insight, with what it is.
    pub(super) fn insight(&mut self, insight: &InsightText, verdict: Option<Verdict>, ledger: &Ledger) {
        let remark = verdict.map(|verdict| remark(verdict, insight, ledger));
        let text = match (self.blocks, insight.is_start) {
            (true, true) => insight.block(remark.as_ref(), self.paint) + "\n",
            (true, false) => insight.block(None, self.paint) + "\n",
            (false, _) => insight.line(remark.as_ref()) + "\n",
        };
        self.say(&text);
    }

    /// How far it is: seconds played, the time of the newest record, records written, and for how long it has run.
    pub(super) fn progress(&self, played_s: u64, time: i64, part: &str, records: u64, elapsed: Duration) {
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
