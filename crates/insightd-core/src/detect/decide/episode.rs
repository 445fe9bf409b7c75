//! An open insight: from its Start until the usual rate has returned.

use serde::{Deserialize, Serialize};

use crate::cloudtrail::insight::Finding;
use crate::detect::statistics::expectation::Expectation;

/// Minutes after which a lasting new level is accepted, and the insight ends.
const ACCEPT_AFTER: i64 = 1440;
/// Standard deviations up to which a minute counts as usual.
const USUAL: f64 = 2.0;

/// An open insight. Times are minutes of event time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Start minute.
    pub start: i64,
    /// Usual rate as of the Start.
    usual: Expectation,
    /// Whether a minute far below the usual rate is unusual as well: set where drops count.
    pub two_sided: bool,
    /// Last minute known to be unusual; at first the detection minute.
    last_unusual: i64,
    /// Next minute to be closed.
    next: i64,
    /// Usual minutes in a row.
    quiet: u32,
    /// Calls up to the last unusual minute.
    count: u64,
    /// Calls of the minutes since.
    pending: u64,
    /// Calls in the baseline window, frozen at the Start.
    pub baseline_count: u64,
    /// Minutes of the baseline window.
    pub baseline_minutes: u64,
    /// Calls in the window of the Start.
    pub start_count: u64,
    /// How the Start was found.
    pub finding: Finding,
    /// Baseline sides of the attributions, frozen at the Start: principals, agents, errors.
    pub baselines: [Vec<(String, u64)>; 3],
}

/// What closing one minute shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The minute is unusual (or still part of what was detected).
    Unusual,
    /// The rate is usual again, but not long enough yet.
    Quiet,
    /// The insight is over.
    Over,
}

impl Episode {
    /// An insight from minute `start`, detected in minute `detection`.
    pub fn new(start: i64, detection: i64, usual: Expectation, finding: Finding) -> Self {
        assert!(start <= detection, "an insight starts before it is detected");
        Self {
            start,
            usual,
            two_sided: false,
            last_unusual: detection,
            next: start,
            quiet: 0,
            count: 0,
            pending: 0,
            baseline_count: 0,
            baseline_minutes: 1,
            start_count: 0,
            finding,
            baselines: Default::default(),
        }
    }

    /// Next minute to be closed.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// First minute after the last unusual one: `eventTime` of the End.
    pub fn end(&self) -> i64 {
        self.last_unusual + 1
    }

    /// Calls from the Start to [`Episode::end`].
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Closes the next minute, which had `count` calls. A minute is usual up to two standard deviations above
    /// the usual rate: an insight about a rise ends with the rise, even if the rate then falls below the
    /// usual one. `end_after` usual minutes in a row end it.
    pub fn close(&mut self, count: u32, end_after: u32) -> Step {
        let minute = self.next;
        self.next += 1;
        self.pending += u64::from(count);
        let above = f64::from(count) - self.usual.mean;
        let beyond = if self.two_sided { above.abs() } else { above };
        let usual = beyond <= USUAL * self.usual.sd;
        if minute <= self.last_unusual || !usual {
            self.last_unusual = self.last_unusual.max(minute);
            self.quiet = 0;
            self.count += std::mem::take(&mut self.pending);
            let accepted = minute >= self.last_unusual && minute - self.start >= ACCEPT_AFTER;
            return if accepted { Step::Over } else { Step::Unusual };
        }
        self.quiet += 1;
        if self.quiet >= end_after { Step::Over } else { Step::Quiet }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episode() -> Episode {
        Episode::new(100, 102, Expectation { mean: 1.0, sd: 1.0 }, Finding::default())
    }

    #[test]
    fn ends_with_the_minute_after_the_last_unusual_one() {
        let mut e = episode();
        let steps: Vec<Step> = [9, 0, 9, 3, 4, 1, 8, 1, 0, 2, 3, 0].iter().map(|&c| e.close(c, 5)).collect();
        use Step::{Over, Quiet, Unusual};
        let expected = [Unusual, Unusual, Unusual, Quiet, Unusual, Quiet, Unusual, Quiet, Quiet, Quiet, Quiet, Over];
        assert_eq!(steps, expected);
        assert_eq!((e.end(), e.count()), (107, 9 + 9 + 3 + 4 + 1 + 8));
    }

    #[test]
    fn a_minute_is_usual_up_to_two_standard_deviations() {
        let step = |count| {
            let mut e = Episode::new(100, 100, Expectation { mean: 1.0, sd: 3.0 }, Finding::default());
            e.close(50, 5);
            e.close(count, 5)
        };
        assert_eq!([7, 8].map(step), [Step::Quiet, Step::Unusual]);
    }

    #[test]
    fn a_level_that_lasts_a_day_is_accepted() {
        let mut e = episode();
        let over = (0..3000).position(|_| e.close(50, 5) == Step::Over);
        assert_eq!(over, Some(1440));
        assert_eq!(e.end(), 100 + 1441);
        assert_eq!(e.count(), 50 * 1441);
    }
}
