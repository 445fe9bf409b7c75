//! When a record may be sent: limited by a rate, by its time, or not at all.

use std::time::{Duration, Instant};

/// The pace of one run.
#[derive(Debug)]
pub(super) struct Pace {
    /// Most records a second.
    rate: Option<f64>,
    /// Most seconds of event time in a second.
    lapse: Option<f64>,
    /// When the first record was sent.
    began: Instant,
    /// Delivery time of the first record, seconds since 1970.
    first: Option<i64>,
    /// Records sent.
    sent: u64,
}

impl Pace {
    /// A pace that keeps both limits.
    pub(super) fn new(rate: Option<f64>, lapse: Option<f64>) -> Self {
        Self { rate, lapse, began: Instant::now(), first: None, sent: 0 }
    }

    /// How long the next record waits; `delivered` is its delivery time in seconds since 1970.
    pub(super) fn wait(&mut self, delivered: i64) -> Duration {
        if self.rate.is_none() && self.lapse.is_none() {
            return Duration::ZERO;
        }
        let now = Instant::now();
        if self.first.is_none() {
            self.began = now;
        }
        let first = *self.first.get_or_insert(delivered);
        let by_number = self.rate.map_or(0.0, |rate| self.sent as f64 / rate);
        let by_time = self.lapse.map_or(0.0, |lapse| (delivered - first) as f64 / lapse);
        self.sent += 1;
        let due = Duration::try_from_secs_f64(by_number.max(by_time)).unwrap_or(Duration::MAX);
        due.saturating_sub(now.duration_since(self.began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_of_the_two_paces_holds() {
        let close = |wait: Duration, seconds: f64| (wait.as_secs_f64() - seconds).abs() < 0.1;
        let mut free = Pace::new(None, None);
        assert_eq!((free.wait(0), free.wait(1_000_000)), (Duration::ZERO, Duration::ZERO));
        let mut rate = Pace::new(Some(10.0), None);
        let waits: Vec<Duration> = (0..31).map(|_| rate.wait(0)).collect();
        assert!(waits[0] == Duration::ZERO && close(waits[30], 3.0), "{waits:?}");
        let mut lapse = Pace::new(Some(10.0), Some(60.0));
        assert_eq!(lapse.wait(1000), Duration::ZERO);
        assert!(close(lapse.wait(1000 + 600), 10.0));
    }
}
