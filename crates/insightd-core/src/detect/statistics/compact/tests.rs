//! A dormant series that wakes up must score as if it had never been stored, but for the rounding.

use super::*;
use crate::detect::statistics::expectation::Side;
use crate::detect::statistics::horizon::Direction;
use crate::detect::statistics::prior::Prior;

const WEEK: i64 = 10_080;
/// Half a unit of the ninth significant bit: the 0.2 % of [`CompactFloat`].
const ROUNDING: f64 = 1.0 / 512.0;

fn near(name: &str, got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance * expected.abs(), "{name}: {got}, not {expected}");
}

#[test]
fn a_number_of_two_bytes_is_exact_to_two_tenths_of_a_percent() {
    let mut value = 1e-30;
    while value < 1e37 {
        near("compact number", CompactFloat::new(value).get(), value, ROUNDING);
        value *= 1.000_37 * (1.0 + value.fract().min(0.5));
    }
    for exact in [0.0, 1.0, 1.5, 2.0, 255.0, 3.0 * 2.0_f64.powi(-20)] {
        assert_eq!(CompactFloat::new(exact).get(), exact);
    }
}

#[test]
fn a_number_out_of_range_becomes_the_nearest_that_fits() {
    assert_eq!(CompactFloat::new(-1.0).get(), 0.0);
    near("huge", CompactFloat::new(1e300).get(), 1e38, ROUNDING);
    near("infinite", CompactFloat::new(f64::INFINITY).get(), 1e38, ROUNDING);
}

#[test]
fn damaged_bytes_are_never_infinite_or_no_number() {
    for bits in 0..=u16::MAX {
        let value = CompactFloat(bits.to_le_bytes()).get();
        assert!(value.is_finite(), "{bits:#x} is {value}");
    }
    assert_eq!(CompactFloat(0xff00_u16.to_le_bytes()).get(), 0.0, "infinity");
    assert_eq!(CompactFloat(0xfff0_u16.to_le_bytes()).get(), 0.0, "not a number");
}

/// A series with a past: `weeks` of silence, incidents that rise, and days without a call.
fn dormant(begin: i64, weeks: i64) -> (Statistic, Horizons) {
    let horizons = Horizons::per_minute(Direction::Up);
    let start = begin + weeks * WEEK;
    let mut statistic = Statistic::new(begin, start - 1, priors(), &horizons);
    for (step, burst) in [6.0, 30.0, 200.0, 1500.0].into_iter().enumerate() {
        let minute = start + step as i64 * 1500;
        for offset in 0..4 {
            statistic.close(minute + offset, burst, false, &horizons);
        }
    }
    statistic.advance(start + 8 * 1440, false, &horizons);
    (statistic, horizons)
}

fn priors() -> ViewPriors {
    ViewPriors { burst: Prior { rate: 0.003, excess: 0.4 }, slow: Prior { rate: 0.001, excess: 0.3 } }
}

fn restored(statistic: &Statistic, begin: i64, horizons: &Horizons) -> Statistic {
    let covered = Covered { begin, closed: statistic.closed };
    Statistic::from_compact(&statistic.compact(begin, horizons), covered, priors(), horizons)
}

#[test]
fn a_dormant_series_scores_as_if_it_had_never_been_stored() {
    for (begin, weeks) in [(1, 1), (-5000, 3), (29_000_000, 2)] {
        let (before, horizons) = dormant(begin, weeks);
        let after = restored(&before, begin, &horizons);
        let now = before.closed + 1;
        for c in [1.0, 2.0, 5.0, 40.0, 1000.0] {
            let score = |s: &Statistic| s.score(now, c, s.sum_at(now, &horizons) + c, Side::Rise, &horizons);
            let (a, b) = (score(&before), score(&after));
            assert!((a.value - b.value).abs() < 0.03, "{c} calls score {} and {}", a.value, b.value);
            assert!((a.trend - b.trend).abs() < 0.03, "{c} calls: trend {} and {}", a.trend, b.trend);
        }
    }
}

#[test]
fn each_number_of_a_dormant_series_survives_its_rounding() {
    let begin = 7;
    let (before, horizons) = dormant(begin, 2);
    let after = restored(&before, begin, &horizons);
    assert_eq!((after.closed, after.sum, after.priors), (before.closed, 0.0, priors()));
    near("minutes", after.minutes, before.minutes, 1e-9);
    for (name, old, new) in [("burst", &before.burst, &after.burst), ("slow", &before.slow, &after.slow)] {
        // The weight of all minutes so far is kept in 255ths of itself.
        near(name, new.weight, before.burst.weight, 1.0 / 510.0);
        near(name, new.m1 / new.weight, old.m1 / old.weight, ROUNDING);
        near(name, new.m2 / new.weight, old.m2 / old.weight, ROUNDING);
        near(name, new.tail.tail.count, old.tail.tail.count, ROUNDING);
        near(name, new.tail.tail.excess, old.tail.tail.excess, ROUNDING);
        near(name, new.tail.top, old.tail.top, ROUNDING);
        assert!(old.tail.incidents >= 2 && old.tail.evidence > 0.3, "{name} must have a trend to keep: {:?}", old.tail);
        assert_eq!((new.tail.incidents, new.tail.running), (old.tail.incidents, None), "{name}");
        assert!((new.tail.evidence - old.tail.evidence).abs() <= EVIDENCE_MAX / 510.0, "{name}: evidence");
    }
    near("level tail", after.level.tail.count, before.level.tail.count, ROUNDING);
    near("level excess", after.level.tail.excess, before.level.tail.excess, ROUNDING);
    near("level weight", after.level.weight, before.level.weight, 1e-9);
    near("error weight", after.level.error_weight, before.level.error_weight, 1e-9);
    assert!(before.level.tail.count > 1.0, "the level view must have something to keep");
}

#[test]
fn a_series_that_was_frozen_for_a_week_keeps_its_weight() {
    let horizons = Horizons::per_minute(Direction::Up);
    let mut statistic = Statistic::new(0, WEEK - 1, ViewPriors::default(), &horizons);
    // While an insight is open, the burst and slow views do not learn.
    statistic.advance(2 * WEEK - 1, true, &horizons);
    // A week of ones weighs (1 - 1/2) / (1 - a), two weigh (1 - 1/4) / (1 - a): two thirds, 170 of 255.
    assert_eq!(statistic.compact(0, &horizons).burst.weight, 170);
    let after = restored(&statistic, 0, &horizons);
    near("weight", after.burst.weight, 0.5 / (1.0 - 0.5_f64.powf(1.0 / 10_080.0)), 1e-6);
}

#[test]
fn a_view_that_learned_nothing_is_stored_as_nothing() {
    let compact = MomentView::default().compact(100.0);
    assert_eq!(compact, CompactView::default());
    assert_eq!(MomentView::from_compact(compact, 100.0), MomentView::default());
}

#[test]
fn the_minutes_covered_are_both_ends_and_at_least_one() {
    assert_eq!(Covered { begin: 10, closed: 19 }.minutes(), 10.0);
    assert_eq!(Covered { begin: 10, closed: 10 }.minutes(), 1.0);
    assert_eq!(Covered { begin: 10, closed: 4 }.minutes(), 1.0);
}
