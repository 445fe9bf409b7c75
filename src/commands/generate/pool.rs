//! Work spread over threads, with the results in the order of the items.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Items in progress for each thread, including results that wait for an earlier one.
const AHEAD: usize = 8;

/// One item and where its result goes.
type Job<T, R> = (T, SyncSender<R>);

/// Runs `threads` workers, each made by `worker`, on the items. Gives the results to `sink` in the order of
/// the items. Ends at the first error of `sink`.
pub(super) fn in_order<T, R, W, E>(
    items: impl Iterator<Item = T>,
    threads: usize,
    worker: impl Fn() -> W + Sync,
    mut sink: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E>
where
    T: Send,
    R: Send,
    W: FnMut(T) -> R,
{
    let worker = &worker;
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Job<T, R>>(threads * AHEAD);
        // Only the workers hold the receiver. If all of them panic, sending fails and the loop below ends.
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..threads {
            let receiver = Arc::clone(&receiver);
            scope.spawn(move || {
                let mut work = worker();
                while let Some((item, result)) = next(&receiver) {
                    // After an error of the sink, the receiver is gone.
                    let _ = result.send(work(item));
                }
            });
        }
        drop(receiver);
        let mut waiting: VecDeque<Receiver<R>> = VecDeque::new();
        for item in items {
            let (result, receive) = sync_channel(1);
            if sender.send((item, result)).is_err() {
                break;
            }
            waiting.push_back(receive);
            if waiting.len() >= threads * AHEAD {
                deliver(&mut waiting, &mut sink)?;
            }
        }
        while !waiting.is_empty() {
            deliver(&mut waiting, &mut sink)?;
        }
        Ok(())
    })
}

fn next<T, R>(receiver: &Mutex<Receiver<Job<T, R>>>) -> Option<Job<T, R>> {
    receiver.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn deliver<R, E>(waiting: &mut VecDeque<Receiver<R>>, sink: &mut impl FnMut(R) -> Result<(), E>) -> Result<(), E> {
    match waiting.pop_front().map(|receive| receive.recv()) {
        Some(Ok(result)) => sink(result),
        // The worker has panicked. The scope propagates the panic.
        Some(Err(_)) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_with_any_number_of_threads() {
        for threads in [1, 2, 7] {
            let mut seen = Vec::new();
            let square = || {
                |n: u64| {
                    // Later items are faster.
                    thread::sleep(std::time::Duration::from_micros(500 - n));
                    n * n
                }
            };
            let outcome = in_order(0..300, threads, square, |result| {
                seen.push(result);
                Ok::<(), ()>(())
            });
            assert_eq!(outcome, Ok(()));
            assert_eq!(seen, (0..300).map(|n| n * n).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_ends_the_work() {
        let _ = in_order(0.., 2, || |_: u64| -> u64 { panic!("of a worker") }, |_| Ok::<(), ()>(()));
    }

    #[test]
    fn an_error_ends_the_work() {
        let mut seen = 0;
        let outcome = in_order(
            0..,
            2,
            || |n: u64| n,
            |result| {
                seen += 1;
                if result == 100 { Err("enough") } else { Ok(()) }
            },
        );
        assert_eq!((outcome, seen), (Err("enough"), 101));
    }
}
