//! Which minutes a statistic does not learn: those of insights.

use crate::detect::statistics::horizon::Horizons;
use crate::detect::statistics::statistic::Statistic;

/// Minutes of insights, which the moments do not learn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frozen {
    /// The last insight, from Start (inclusive) to End (exclusive).
    pub(super) last: (i64, i64),
    /// Start of the open one.
    pub(super) open_since: i64,
}

impl Frozen {
    /// Whether the minute is one of them.
    pub(super) fn contains(&self, minute: i64) -> bool {
        minute >= self.open_since || (self.last.0..self.last.1).contains(&minute)
    }

    /// Passes over the empty minutes up to `to`, each by its own right: a silence may lead into an insight or out of one.
    pub(super) fn pass_over(&self, statistic: &mut Statistic, to: i64, horizons: &Horizons) {
        for (until, frozen) in [(self.last.0, false), (self.last.1, true), (self.open_since, false), (i64::MAX, true)] {
            statistic.advance(to.min(until - 1), frozen, horizons);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::NEVER;
    use super::*;
    use crate::detect::statistics::horizon::Direction;
    use crate::detect::statistics::prior::ViewPriors;

    /// Minutes of silence before an insight were not learnt when the insight was open by the time they were closed.
    #[test]
    fn a_silence_that_leads_into_an_insight_or_out_of_one_is_learnt_but_for_the_insight() {
        let horizons = Horizons::per_minute(Direction::Up);
        let mut busy = Statistic::new(0, 99, ViewPriors::default(), &horizons);
        (100..200).for_each(|minute| busy.close(minute, 10.0, false, &horizons));
        let (mut lazy, mut eager) = (busy, busy);
        let frozen = Frozen { last: (300, 400), open_since: 600 };
        frozen.pass_over(&mut lazy, 700, &horizons);
        for (to, skipped) in [(299, false), (399, true), (599, false), (700, true)] {
            eager.advance(to, skipped, &horizons);
        }
        assert_eq!(lazy.closed(), 700);
        assert_eq!(lazy.expectation(), eager.expectation());
        assert!(lazy.expectation().mean < busy.expectation().mean, "the silence before the insights is learnt");
        let never = Frozen { last: (NEVER, NEVER), open_since: i64::MAX };
        let (mut plain, mut all) = (busy, busy);
        never.pass_over(&mut plain, 700, &horizons);
        all.advance(700, false, &horizons);
        assert_eq!(plain.expectation(), all.expectation());
        assert!(plain.expectation().mean < lazy.expectation().mean);
    }
}
