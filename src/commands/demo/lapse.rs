//! The time lapse: when a record of a certain time may be written.
//!
//! History goes as fast as the daemon takes it. The live day is slowed down to a time in which people can follow it. What comes
//! after it (`--keep-running`) goes on at that speed until it has caught up with the wall clock, and then at the wall clock's.

use std::time::Duration;

/// See the module. Times are seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lapse {
    /// Where the live part begins.
    live_from: i64,
    /// Seconds of the records' time that pass in a second of ours.
    speed: f64,
    /// When the first record of the live part was asked for, since the start.
    begun: Option<Duration>,
    /// Nothing is written before its time has come.
    follows: bool,
}

impl Lapse {
    /// A time lapse that shows `live_s` seconds from `live_from` on within `shown_in`.
    pub(super) fn new(live_from: i64, live_s: i64, shown_in: Duration) -> Self {
        Self { live_from, speed: live_s as f64 / shown_in.as_secs_f64().max(0.001), begun: None, follows: false }
    }

    /// From now on nothing is written before the wall clock shows its time.
    pub(super) fn follow_the_wall_clock(&mut self) {
        self.follows = true;
    }

    /// How long a record of `time` has to wait; `elapsed` is the time since the start, `wall` the wall clock, in seconds since 1970.
    pub(super) fn wait(&mut self, time: i64, elapsed: Duration, wall: f64) -> Duration {
        if time < self.live_from {
            return Duration::ZERO;
        }
        let begun = *self.begun.get_or_insert(elapsed);
        let due = begun.as_secs_f64() + (time - self.live_from) as f64 / self.speed;
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
    fn history_does_not_wait_and_the_live_part_takes_the_stated_time() {
        let mut lapse = Lapse::new(1000, 100, 10 * SECOND);
        assert_eq!(lapse.wait(999, 7 * SECOND, 1e9), Duration::ZERO);
        assert_eq!(lapse.wait(1000, 7 * SECOND, 1e9), Duration::ZERO);
        assert_eq!(lapse.wait(1050, 8 * SECOND, 1e9), 4 * SECOND);
        assert_eq!(lapse.wait(1100, 17 * SECOND, 1e9), Duration::ZERO);
    }

    #[test]
    fn a_lapse_that_follows_the_wall_clock_writes_nothing_before_its_time() {
        let mut lapse = Lapse::new(1000, 1_000_000, SECOND);
        assert_eq!(lapse.wait(2000, SECOND, 1990.0), Duration::from_millis(1));
        lapse.follow_the_wall_clock();
        assert_eq!(lapse.wait(2000, SECOND, 1990.0), 10 * SECOND);
    }
}
