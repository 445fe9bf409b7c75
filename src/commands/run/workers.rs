//! The worker threads together: starting, watching and draining them.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::handles::Handles;
use super::worker_thread::{Outcome, WorkerThread};
use crate::commands::exit_error::ExitError;
use crate::kafka::topics::Ready;
use crate::stream::watchdog::{self, Calls, HangLimits};

/// Longest wait for clients to close, once all transactions have ended.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// Runs all workers until they end. The first one that ends makes the others finish.
///
/// # Errors
/// The first failure.
pub(crate) fn run(handles: &Handles, ready: &Ready) -> Outcome {
    let calls: Vec<Arc<Calls>> = (0..handles.config.kafka.workers).map(|_| Arc::default()).collect();
    watch(handles, &calls)?;
    let (outcome_sender, outcomes) = mpsc::channel();
    let mut threads = Vec::new();
    for (number, calls) in calls.into_iter().enumerate() {
        let worker = WorkerThread { handles: handles.clone(), ready: ready.clone(), number, calls };
        let outcome_sender = outcome_sender.clone();
        let thread = thread::Builder::new().name(format!("worker-{number}")).spawn(move || worker.run(&outcome_sender));
        threads.push(thread.map_err(|error| ExitError::system(&error))?);
    }
    drop(outcome_sender);
    let outcome = wait_for_outcomes(handles, &outcomes);
    // All transactions have ended. An unreachable broker must not hold up the closing of the clients.
    let until = Instant::now() + CLOSE_MAX;
    while !threads.iter().all(JoinHandle::is_finished) && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    outcome
}

fn wait_for_outcomes(handles: &Handles, outcomes: &Receiver<Outcome>) -> Outcome {
    let mut first = Ok(());
    // Ends when the last worker drops its sender.
    while let Ok(outcome) = outcomes.recv() {
        handles.stop.set();
        first = first.and(outcome);
    }
    first
}

#[expect(clippy::print_stderr, clippy::exit, clippy::disallowed_methods, reason = "a hung worker never returns")]
fn watch(handles: &Handles, calls: &[Arc<Calls>]) -> Result<(), ExitError> {
    let limits = HangLimits::new(handles.config.kafka.transaction_timeout, handles.config.kafka.max_poll_interval);
    watchdog::watch(calls.to_vec(), limits, |worker, hung| {
        // The form, stream and exit code of any other failure of Kafka. The hung thread cannot end the
        // process by itself.
        eprintln!(
            "insightd: worker {worker}: {hung}, so the process ends; restart it: it continues at the committed offsets"
        );
        std::process::exit(i32::from(u8::from(sysexits::ExitCode::IoErr)));
    })
    .map_err(|error| ExitError::new(sysexits::ExitCode::OsErr, format!("cannot start the watchdog: {error}")))
}
