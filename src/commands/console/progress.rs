//! Progress bars on standard error; nothing if that is not a terminal.

use std::io::{self, IsTerminal, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::say;

/// Bytes read between two updates of the record count.
const UPDATE_BYTES: u64 = 1 << 20;
/// Pause between two movements of a bar whose position does not change.
const TICK: Duration = Duration::from_millis(200);

/// A bar that ends at `length`, or a spinner without one, in indicatif's template language.
pub(crate) fn bar(length: Option<u64>, template: &str) -> ProgressBar {
    let bar = match io::stderr().is_terminal() {
        true => ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr_with_hz(10)),
        false => ProgressBar::hidden(),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// A bar that also moves while its position does not change.
pub(crate) fn ticking_bar(length: Option<u64>, template: &str) -> ProgressBar {
    let bar = bar(length, template);
    bar.enable_steady_tick(TICK);
    bar
}

/// The progress of reading CloudTrail files: bytes, records, records a second.
pub(crate) struct ReadProgress {
    bar: ProgressBar,
    records: Arc<AtomicU64>,
    began: Instant,
}

impl ReadProgress {
    /// Shows the reading of `bytes`, if that is known. The reader counts `records` up.
    pub(crate) fn new(bytes: Option<u64>, records: Arc<AtomicU64>) -> Self {
        Self { bar: ticking_bar(bytes, template(bytes)), records, began: Instant::now() }
    }

    /// Wraps an input so that reading it moves the bar.
    pub(crate) fn watch<R: Read>(&self, input: R) -> Watched<'_, R> {
        Watched { input, progress: self, since_update: 0 }
    }

    /// Writes one line to standard error, above the bar.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| say(line));
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn update(&self) {
        let records = self.records.load(Ordering::Relaxed);
        let seconds = self.began.elapsed().as_secs_f64();
        self.bar.set_message(message(records, seconds, self.bar.length().is_some()));
    }
}

fn template(bytes: Option<u64>) -> &'static str {
    match bytes {
        Some(_) => "{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {msg}{eta} left",
        None => "{spinner} {bytes} {bytes_per_sec}{msg}",
    }
}

/// The message of the bar. Until the first update there is none, so the commas around it belong to it.
fn message(records: u64, seconds: f64, has_length: bool) -> String {
    let rate = records as f64 / seconds.max(0.001);
    match has_length {
        true => format!("{records} records, {rate:.0}/s, "),
        false => format!(", {records} records, {rate:.0}/s"),
    }
}

/// An input that moves the bar.
pub(crate) struct Watched<'a, R> {
    input: R,
    progress: &'a ReadProgress,
    since_update: u64,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.progress.bar.inc(read as u64);
        self.since_update += read as u64;
        if self.since_update >= UPDATE_BYTES {
            self.since_update = 0;
            self.progress.update();
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_of_the_bar_is_empty() {
        for bytes in [Some(1), None] {
            for message in [String::new(), message(7, 1.0, bytes.is_some())] {
                let line = template(bytes).replace("{msg}", &message);
                assert!(!line.contains(", ,") && !line.ends_with(", "), "{line}");
            }
        }
        assert_eq!(message(700, 2.0, true), "700 records, 350/s, ");
    }
}
