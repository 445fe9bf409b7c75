//! How CloudTrail delivers an account's calls: in log files of about five minutes and one region, minutes
//! late, out of order within a file, and with occasional duplicates.
//!
//! AWS promises no order, and about five minutes on average. Measured in real logs: 2 to 10 minutes, and 22 %
//! of neighboring records out of order. A call reaches its region's collector within half a minute. The
//! collector closes a file every five minutes, or when it is full, and delivers it two to three minutes
//! later.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter::Fuse;

use super::call::Call;
use super::random::{digest, mix};

/// Seconds of calls in one file.
const FILE_SECONDS: i64 = 300;
/// Longest time from a call to its collector, seconds.
const COLLECTED_MAX: u64 = 30;
/// Delay from closing a file to its delivery, seconds.
const DELIVERED_MIN: u64 = 120;
const DELIVERED_MAX: u64 = 200;
/// A file with this many records is closed early.
const FILE_RECORDS_MAX: usize = 4000;
/// One record in this many is delivered again in a later file.
const REPEATED_ONE_IN: u64 = 100;
/// Of [`DISPLACED_OF`] records, this many lie up to [`DISPLACED_MAX`] places late. This makes 22 % of
/// neighboring records out of order.
const DISPLACED: u64 = 26;
const DISPLACED_OF: u64 = 100;
const DISPLACED_MAX: u64 = 12;

/// One log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// When it was delivered, seconds since 1970.
    pub delivered: i64,
    /// Region of its records.
    pub region: &'static str,
    /// Number of the file within the account, in closing order.
    pub number: u64,
    /// Its records, in their order.
    pub calls: Vec<Call>,
}

/// The files of one account in order of delivery, generated on demand. Holds the calls of the last ten
/// minutes.
#[derive(Debug)]
pub struct Delivery<I> {
    calls: Fuse<I>,
    /// Number of the account, on which delays depend.
    owner: u64,
    open: Vec<Window>,
    /// The earliest end among the open windows.
    next_close: i64,
    closed: BinaryHeap<Reverse<Closed>>,
    /// Every file delivered before this time is already closed.
    settled: i64,
    files: u64,
}

/// The records of one region that are being collected.
#[derive(Debug)]
struct Window {
    region: &'static str,
    /// Number of the window; consecutive within a region.
    number: i64,
    end: i64,
    /// Collection time, seconds since 1970; the call; whether an earlier file already has it.
    calls: Vec<(i64, Call, bool)>,
}

/// A closed file, ordered by its delivery.
#[derive(Debug, PartialEq, Eq)]
struct Closed(File);

impl Ord for Closed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0.delivered, self.0.number).cmp(&(other.0.delivered, other.0.number))
    }
}

impl PartialOrd for Closed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<I: Iterator<Item = Call>> Delivery<I> {
    /// Delivers the calls of an account (twelve digits). They must be in order of time.
    pub fn new(account: &str, calls: I) -> Self {
        Self {
            calls: calls.fuse(),
            owner: digest(account),
            open: Vec::new(),
            next_close: i64::MAX,
            closed: BinaryHeap::new(),
            settled: i64::MIN,
            files: 0,
        }
    }

    fn take(&mut self, call: Call) {
        self.close_until(call.time);
        let collected = call.time + (mix(self.owner ^ 1, call.serial) % (COLLECTED_MAX + 1)) as i64;
        self.put(collected, call, false);
        // No later call is delivered before this time.
        self.settled = call.time + DELIVERED_MIN as i64;
    }

    /// Puts a record into the window of its region and second.
    fn put(&mut self, collected: i64, call: Call, again: bool) {
        let shift = (mix(self.owner, digest(call.region)) % FILE_SECONDS as u64) as i64;
        let number = (collected + shift).div_euclid(FILE_SECONDS);
        let found = self.open.iter().position(|window| window.region == call.region && window.number == number);
        let at = found.unwrap_or_else(|| {
            let end = (number + 1) * FILE_SECONDS - shift;
            self.next_close = self.next_close.min(end);
            self.open.push(Window { region: call.region, number, end, calls: Vec::new() });
            self.open.len() - 1
        });
        self.open[at].calls.push((collected, call, again));
        if self.open[at].calls.len() >= FILE_RECORDS_MAX {
            let window = &mut self.open[at];
            let (region, calls) = (window.region, std::mem::take(&mut window.calls));
            self.close(region, collected.min(call.time), calls);
        }
    }

    /// Closes every window that ends by `time`.
    fn close_until(&mut self, time: i64) {
        while self.next_close <= time {
            let ended = self.next_close;
            // In a fixed order: two regions may close files in the same second.
            while let Some(at) = self.open.iter().position(|window| window.end == ended) {
                let window = self.open.remove(at);
                self.close(window.region, window.end, window.calls);
            }
            self.next_close = self.open.iter().map(|window| window.end).min().unwrap_or(i64::MAX);
        }
    }

    fn close(&mut self, region: &'static str, at: i64, mut calls: Vec<(i64, Call, bool)>) {
        if calls.is_empty() {
            return;
        }
        let number = self.files;
        self.files += 1;
        let draw = mix(self.owner ^ 2, number);
        let delivered = at + (DELIVERED_MIN + draw % (DELIVERED_MAX - DELIVERED_MIN + 1)) as i64;
        calls.sort_by_key(|(_, call, _)| (call.time, call.serial));
        let again: Vec<Call> = calls
            .iter()
            .filter(|(_, call, again)| !again && mix(self.owner ^ 3, call.serial).is_multiple_of(REPEATED_ONE_IN))
            .map(|(_, call, _)| *call)
            .collect();
        let calls = displaced(self.owner, calls.into_iter().map(|(_, call, _)| call).collect());
        self.closed.push(Reverse(Closed(File { delivered, region, number, calls })));
        for call in again {
            let later = 1 + (mix(self.owner ^ 4, call.serial) % FILE_SECONDS as u64) as i64;
            self.put(at + later, call, true);
        }
    }
}

/// Moves some records behind their place. The distance is counted in records, because busy regions have many
/// a second.
fn displaced(owner: u64, calls: Vec<Call>) -> Vec<Call> {
    let behind = |call: &Call| {
        let draw = mix(owner ^ 5, call.serial);
        if draw % DISPLACED_OF < DISPLACED { 1 + (draw >> 32) % DISPLACED_MAX } else { 0 }
    };
    let mut placed: Vec<(u64, Call)> =
        calls.into_iter().zip(0..).map(|(call, at)| (at + behind(&call), call)).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, call)| call).collect()
}

impl<I: Iterator<Item = Call>> Iterator for Delivery<I> {
    type Item = File;

    fn next(&mut self) -> Option<File> {
        loop {
            if self.closed.peek().is_some_and(|Reverse(Closed(file))| file.delivered < self.settled) {
                return self.closed.pop().map(|Reverse(Closed(file))| file);
            }
            match self.calls.next() {
                Some(call) => self.take(call),
                None if self.open.is_empty() => return self.closed.pop().map(|Reverse(Closed(file))| file),
                None => {
                    self.close_until(self.next_close);
                    self.settled = if self.open.is_empty() { i64::MAX } else { self.next_close + DELIVERED_MIN as i64 };
                }
            }
        }
    }
}

/// The files of several accounts in order of delivery, each with the index of its account.
#[derive(Debug)]
pub struct Merged<I> {
    deliveries: Vec<I>,
    next: BinaryHeap<Reverse<(i64, usize)>>,
    waiting: Vec<Option<File>>,
}

impl<I: Iterator<Item = File>> Merged<I> {
    /// Of deliveries that each come in order.
    pub fn new(deliveries: impl IntoIterator<Item = I>) -> Self {
        let mut merged =
            Self { deliveries: deliveries.into_iter().collect(), next: BinaryHeap::new(), waiting: Vec::new() };
        merged.waiting = vec![None; merged.deliveries.len()];
        (0..merged.deliveries.len()).for_each(|account| merged.advance(account));
        merged
    }

    fn advance(&mut self, account: usize) {
        self.waiting[account] = self.deliveries[account].next();
        if let Some(file) = &self.waiting[account] {
            self.next.push(Reverse((file.delivered, account)));
        }
    }
}

impl<I: Iterator<Item = File>> Iterator for Merged<I> {
    type Item = (usize, File);

    fn next(&mut self) -> Option<(usize, File)> {
        let Reverse((_, account)) = self.next.pop()?;
        let file = self.waiting[account].take()?;
        self.advance(account);
        Some((account, file))
    }
}

#[cfg(test)]
mod tests;
