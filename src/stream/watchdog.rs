//! Ends the process when a transactional call does not return.
//!
//! `send_offsets` of librdkafka can ignore its time limit when a group coordinator is lost (librdkafka #5456); nothing inside
//! the calling thread helps then, so another thread looks at how long the running call has taken.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often the watchdog looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Which call of one worker is running, shared between the worker and its watchdog.
#[derive(Debug, Default)]
pub struct Calls(Mutex<Option<(&'static str, Instant)>>);

impl Calls {
    /// Notes that a call begins; it ends when the guard is dropped.
    pub fn enter(&self, call: &'static str) -> Running<'_> {
        self.set(Some((call, Instant::now())));
        Running(self)
    }

    /// The running call and how long it has run.
    pub fn running(&self) -> Option<(&'static str, Duration)> {
        let running = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.map(|(call, since)| (call, since.elapsed()))
    }

    fn set(&self, running: Option<(&'static str, Instant)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = running;
    }
}

/// A call under way.
#[derive(Debug)]
pub struct Running<'a>(&'a Calls);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

/// Watches the workers from a thread of its own, for as long as the process lives. `hung` is told the worker, the call and how
/// long it has run; it is expected to end the process.
///
/// # Errors
/// When the system has no thread to give.
pub fn watch(
    workers: Vec<Arc<Calls>>,
    limit: Duration,
    hung: impl Fn(usize, &'static str, Duration) + Send + 'static,
) -> std::io::Result<()> {
    let look = move || {
        loop {
            for (number, calls) in workers.iter().enumerate() {
                if let Some((call, took)) = calls.running().filter(|(_, took)| *took > limit) {
                    hung(number, call, took);
                }
            }
            thread::sleep(LOOK_EVERY);
        }
    };
    thread::Builder::new().name("watchdog".to_owned()).spawn(look).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_call_beyond_the_limit_is_reported_by_name_and_a_finished_one_is_not() {
        let (finished, hanging) = (Arc::new(Calls::default()), Arc::new(Calls::default()));
        drop(finished.enter("commit_transaction"));
        assert_eq!(finished.running(), None);
        let _running = hanging.enter("send_offsets_to_transaction");
        let (tell, told) = mpsc::channel();
        watch(vec![finished, hanging.clone()], Duration::from_millis(20), move |worker, call, took| {
            // The receiver is gone once the test has seen enough.
            let _ = tell.send((worker, call, took));
        })
        .unwrap();
        let (worker, call, took) = told.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!((worker, call), (1, "send_offsets_to_transaction"));
        assert!(took > Duration::from_millis(20));
    }
}
