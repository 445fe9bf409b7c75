//! Insights as lines on standard output.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use insightd_core::cloudtrail::insight::{Format, Insight};
use insightd_core::pipeline::{DeadLetterRecord, Output};

use crate::commands::exit_error::ExitError;

/// Writes one line for each insight at once, so that a reader sees it when it happens.
pub(crate) struct InsightLines {
    format: Format,
    explain: bool,
    line: Vec<u8>,
    failure: WriteFailure,
}

/// The first failed write. Clones share it; reading stops at it.
#[derive(Clone, Default)]
pub(crate) struct WriteFailure(Rc<RefCell<Option<io::Error>>>);

impl WriteFailure {
    pub(crate) fn is_set(&self) -> bool {
        self.0.borrow().is_some()
    }
}

impl InsightLines {
    pub(crate) fn new(format: Format, explain: bool) -> Self {
        Self { format, explain, line: Vec::new(), failure: WriteFailure::default() }
    }

    pub(crate) fn failure(&self) -> WriteFailure {
        self.failure.clone()
    }

    /// Whether the reader of standard output has closed it: the end of the run, but not a failure.
    pub(crate) fn reader_left(&self) -> bool {
        self.failure.0.borrow().as_ref().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// # Errors
    /// 74 if standard output failed.
    pub(crate) fn check(&self) -> Result<(), ExitError> {
        match &*self.failure.0.borrow() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(ExitError::stdout(error)),
            _ => Ok(()),
        }
    }
}

impl Output for InsightLines {
    fn insight(&mut self, insight: Insight) {
        if self.failure.is_set() {
            return;
        }
        self.line.clear();
        self.format.write(&insight, &mut self.line, self.explain);
        self.line.push(b'\n');
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(&self.line).and_then(|()| stdout.flush()) {
            *self.failure.0.borrow_mut() = Some(error);
        }
    }

    fn dead_letter(&mut self, _: DeadLetterRecord<'_>) {
        // Counted by the pipeline. The files keep the record.
    }
}
