//! The time lapse: when a record of a certain time may be written.
//!
//! History passes as fast as the daemon processes it. The day with attacks is slowed down so that people can
//! follow it. The traffic after it (`--keep-running`) passes at the same speed until it reaches the wall
//! clock, and then follows it.

use std::time::Duration;

/// Maps the time of records, in seconds since 1970, to the time of the demo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLapse {
    /// Before this time, nothing waits.
    live_from: i64,
    /// Seconds of the records' time in a second of the demo.
    speed: f64,
    /// Time from the start to the first record of the slow part.
    began: Option<Duration>,
    /// Whether a record waits until the wall clock shows its time.
    follows: bool,
}

impl TimeLapse {
    /// Shows `live_s` seconds of traffic from `live_from` on within `shown_in`.
    pub(crate) fn new(live_from: i64, live_s: i64, shown_in: Duration) -> Self {
        Self { live_from, speed: live_s as f64 / shown_in.as_secs_f64().max(0.001), began: None, follows: false }
    }

    /// From now on, a record waits until the wall clock shows its time.
    pub(crate) fn follow_the_wall_clock(&mut self) {
        self.follows = true;
    }

    /// How long a record of `time` waits. `elapsed` is the time since the start, `wall` the wall clock in
    /// seconds since 1970.
    pub(crate) fn wait(&mut self, time: i64, elapsed: Duration, wall: f64) -> Duration {
        if time < self.live_from {
            return Duration::ZERO;
        }
        let began = *self.began.get_or_insert(elapsed);
        let due = began.as_secs_f64() + (time - self.live_from) as f64 / self.speed;
        let early = if self.follows { time as f64 - wall } else { 0.0 };
        let wait = (due - elapsed.as_secs_f64()).max(early);
        Duration::try_from_secs_f64(wait.max(0.0)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn history_does_not_wait_and_the_day_takes_the_stated_time() {
        let mut time_lapse = TimeLapse::new(1000, 100, 10 * SECOND);
        assert_eq!(time_lapse.wait(999, 7 * SECOND, 1e9), Duration::ZERO);
        assert_eq!(time_lapse.wait(1000, 7 * SECOND, 1e9), Duration::ZERO);
        assert_eq!(time_lapse.wait(1050, 8 * SECOND, 1e9), 4 * SECOND);
        assert_eq!(time_lapse.wait(1100, 17 * SECOND, 1e9), Duration::ZERO);
    }

    #[test]
    fn following_the_wall_clock_writes_nothing_before_its_time() {
        let mut time_lapse = TimeLapse::new(1000, 1_000_000, SECOND);
        assert_eq!(time_lapse.wait(2000, SECOND, 1990.0), Duration::from_millis(1));
        time_lapse.follow_the_wall_clock();
        assert_eq!(time_lapse.wait(2000, SECOND, 1990.0), 10 * SECOND);
    }
}
