//! Calls that are generated but not yet due: a ring of hours, and one hour in order of time.

use super::calendar::HOUR;
use super::call::Call;

/// The hours ahead, the current one first.
#[derive(Debug)]
pub(crate) struct PendingCalls {
    hours: Vec<Vec<Call>>,
    /// Beginning of the current hour, seconds since 1970.
    start: i64,
    /// Calls from here on are dropped, seconds since 1970.
    end: i64,
}

impl PendingCalls {
    /// How far ahead calls may lie, hours.
    pub(crate) const HOURS: usize = 56;

    /// An empty ring that begins at `start`; calls from `end` on are dropped.
    pub(crate) fn new(start: i64, end: i64) -> Self {
        Self { hours: vec![Vec::new(); Self::HOURS], start, end }
    }

    /// Keeps a call until it is due. One before the current hour or beyond the ring is dropped.
    pub(crate) fn push(&mut self, call: Call) {
        let seconds = call.time - self.start;
        debug_assert!(seconds >= 0 && seconds < Self::HOURS as i64 * HOUR, "a call out of reach: {call:?}");
        if seconds >= 0 && seconds < Self::HOURS as i64 * HOUR && call.time < self.end {
            let slot = (call.time / HOUR) as usize % Self::HOURS;
            self.hours[slot].push(call);
        }
    }

    /// Moves on by an hour. `due` receives the current hour's calls in order of time; its old content is
    /// lost.
    pub(crate) fn advance(&mut self, due: &mut DueCalls) {
        let slot = (self.start / HOUR) as usize % Self::HOURS;
        due.take(&mut self.hours[slot], self.start);
        self.start += HOUR;
        // Reuse the large buffer for the next hour: the later hours stay small.
        let mut buffer = std::mem::take(&mut self.hours[slot]);
        let next = &mut self.hours[(slot + 1) % Self::HOURS];
        buffer.append(next);
        *next = buffer;
    }
}

/// The calls of one hour in order of time; calls of the same second in the order of their generation.
#[derive(Debug, Default)]
pub(crate) struct DueCalls {
    calls: Vec<Call>,
    order: Vec<u32>,
    next: usize,
    /// For each second of the hour, where its calls start in `order`.
    seconds: Vec<u32>,
}

impl DueCalls {
    /// A counting sort by the second: calls come in hundreds of short runs, and there are only 3600 keys.
    fn take(&mut self, calls: &mut Vec<Call>, start: i64) {
        self.calls.clear();
        std::mem::swap(&mut self.calls, calls);
        self.next = 0;
        self.seconds.clear();
        self.seconds.resize(HOUR as usize + 1, 0);
        for call in &self.calls {
            self.seconds[(call.time - start) as usize + 1] += 1;
        }
        for second in 1..self.seconds.len() {
            self.seconds[second] += self.seconds[second - 1];
        }
        self.order.clear();
        self.order.resize(self.calls.len(), 0);
        for (nth, call) in self.calls.iter().enumerate() {
            let place = &mut self.seconds[(call.time - start) as usize];
            self.order[*place as usize] = nth as u32;
            *place += 1;
        }
    }

    /// The next call.
    pub(crate) fn next(&mut self) -> Option<Call> {
        let nth = *self.order.get(self.next)?;
        self.next += 1;
        Some(self.calls[nth as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Kind;
    use crate::catalog::service::EC2;

    fn call(time: i64, serial: u64) -> Call {
        Call { time, serial, actor: 0, region: "eu-west-1", api: &EC2.reads[0], error: None, kind: Kind::Call }
    }

    /// Calls wait for their hour, and come in order of time, then of making.
    #[test]
    fn calls_come_in_order_of_time_then_of_making() {
        let mut pending = PendingCalls::new(0, 3 * HOUR);
        for (serial, time) in [5, HOUR + 7, 3, 5, 2 * HOUR, 0, 3 * HOUR, HOUR - 1].into_iter().enumerate() {
            pending.push(call(time, serial as u64));
        }
        let mut due = DueCalls::default();
        let mut seen = Vec::new();
        for _ in 0..4 {
            pending.advance(&mut due);
            seen.push(std::iter::from_fn(|| due.next()).map(|call| call.serial).collect::<Vec<_>>());
        }
        // The call at the end of the plan (serial 6) is dropped.
        assert_eq!(seen, [vec![5, 2, 0, 3, 7], vec![1], vec![4], vec![]]);
    }
}
