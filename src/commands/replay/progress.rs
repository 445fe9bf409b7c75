//! How far a replay has come: a bar on standard error when that is a terminal, nothing otherwise.

use std::io::{self, IsTerminal, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::say;

/// Bytes between two looks at the record count.
const LOOK_BYTES: u64 = 1 << 20;

/// See the module.
pub(crate) struct Progress {
    bar: ProgressBar,
    records: Arc<AtomicU64>,
    begun: Instant,
}

impl Progress {
    /// A display for `bytes` (if known) of input; `records` is counted up by whoever takes them in.
    pub(crate) fn new(bytes: Option<u64>, records: Arc<AtomicU64>) -> Self {
        let bar = if io::stderr().is_terminal() {
            ProgressBar::with_draw_target(bytes, ProgressDrawTarget::stderr_with_hz(10))
        } else {
            ProgressBar::hidden()
        };
        let template = match bytes {
            Some(_) => "{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {msg}, {eta} left",
            None => "{spinner} {bytes} {bytes_per_sec}, {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, records, begun: Instant::now() }
    }

    /// Counts what is read.
    pub(crate) fn watch<R: Read>(&self, input: R) -> Watched<'_, R> {
        Watched { input, progress: self, since_look: 0 }
    }

    /// One line for people, above the bar.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| say(line));
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn look(&self) {
        let records = self.records.load(Ordering::Relaxed);
        let rate = records as f64 / self.begun.elapsed().as_secs_f64().max(0.001);
        self.bar.set_message(format!("{records} records, {rate:.0}/s"));
    }
}

/// Input that moves the bar.
pub(crate) struct Watched<'a, R> {
    input: R,
    progress: &'a Progress,
    since_look: u64,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.progress.bar.inc(read as u64);
        self.since_look += read as u64;
        if self.since_look >= LOOK_BYTES {
            self.since_look = 0;
            self.progress.look();
        }
        Ok(read)
    }
}
