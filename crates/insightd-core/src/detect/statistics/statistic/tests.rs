//! The three views against what they should do, with and without the passing over of empty minutes.

use super::*;
use crate::detect::statistics::horizon::Direction;

mod by_definition;
mod joined;

const WEEK: i64 = 10_080;

fn limit() -> f64 {
    (10_080.0_f64 * 2.0).log10()
}

#[test]
fn two_calls_in_a_minute_are_significant_and_one_is_not() {
    let horizons = Horizons::per_minute(Direction::Up);
    let statistic = Statistic::new(0, WEEK, ViewPriors::default(), &horizons);
    let now = WEEK + 5;
    assert!(statistic.score(now, 2.0, 2.0, Side::Rise, &horizons).value > limit());
    assert!(statistic.score(now, 1.0, 1.0, Side::Rise, &horizons).value < 2.0);
    assert_eq!(statistic.trigger_count(now, 0.0, limit(), &horizons), 2);
}

#[test]
fn a_steady_count_is_learned_and_stays_usual() {
    let horizons = Horizons::per_minute(Direction::Up);
    let mut statistic = Statistic::new(0, 0, ViewPriors::default(), &horizons);
    for minute in 1..=WEEK {
        statistic.close(minute, 80.0 + (minute % 11) as f64, false, &horizons);
    }
    let expected = statistic.expectation();
    assert!((expected.mean - 85.0).abs() < 0.5, "{expected:?}");
    let s = statistic.sum_at(WEEK + 1, &horizons);
    assert!(statistic.score(WEEK + 1, 86.0, s + 86.0, Side::Rise, &horizons).value < 1.0);
    assert!(statistic.score(WEEK + 1, 664.0, s + 664.0, Side::Rise, &horizons).value > 6.0);
}

#[test]
fn a_quiet_steady_series_scores_as_often_as_calibrated() {
    // A call every eight minutes, Poisson: two in one minute lie just beyond the threshold, three are nothing
    // special.
    let horizons = Horizons::per_minute(Direction::Up);
    let mut random = rand_pcg::Pcg64Mcg::new(7);
    let calls = rand_distr::Poisson::new(0.13).expect("a mean");
    let mut statistic = Statistic::new(0, 0, ViewPriors::default(), &horizons);
    let mut highest = 0.0_f64;
    for minute in 1..=4 * WEEK {
        let c: f64 = rand_distr::Distribution::sample(&calls, &mut random);
        let s = statistic.sum_at(minute, &horizons) + c;
        if minute > WEEK {
            highest = highest.max(statistic.score(minute, c, s, Side::Rise, &horizons).value);
        }
        statistic.close(minute, c, false, &horizons);
    }
    // In three weeks a calibrated score reaches log10(30240) = 4.5.
    assert!((3.5..6.0).contains(&highest), "highest score {highest:.1}");
}

#[test]
fn trigger_count_is_the_first_count_that_scores() {
    let horizons = Horizons::per_minute(Direction::Up);
    let mut statistic = Statistic::new(0, 0, ViewPriors::default(), &horizons);
    for minute in (1..=WEEK).step_by(3) {
        statistic.close(minute, (minute % 7) as f64, false, &horizons);
    }
    for now in [WEEK + 1, WEEK + 9] {
        let before = statistic.sum_at(now, &horizons);
        let trigger = statistic.trigger_count(now, before, limit(), &horizons);
        let score = |c: u32| statistic.score(now, f64::from(c), before + f64::from(c), Side::Rise, &horizons).value;
        let first = (0..1000).find(|&c| score(c) >= limit());
        assert_eq!(first, Some(trigger), "at {now}");
    }
}

#[test]
fn advancing_equals_closing_minutes_with_zero() {
    let horizons = Horizons::per_minute(Direction::Up);
    let mut lazy = Statistic::new(0, 2000, ViewPriors::default(), &horizons);
    for minute in 2001..=2050 {
        lazy.close(minute, 1.0, false, &horizons);
    }
    let mut eager = lazy;
    lazy.advance(2350, false, &horizons);
    for minute in 2051..=2350 {
        eager.close(minute, 0.0, false, &horizons);
    }
    let close = |a: f64, b: f64, tolerance: f64| (a - b).abs() <= tolerance * b.abs().max(1e-3);
    assert!(close(lazy.burst.m1, eager.burst.m1, 1e-9), "{} {}", lazy.burst.m1, eager.burst.m1);
    assert!(close(lazy.burst.weight, eager.burst.weight, 1e-9));
    assert!(close(lazy.sum, eager.sum, 1e-9));
    assert!(close(lazy.minutes, eager.minutes, 1e-9));
    assert!(close(lazy.level.mean(), eager.level.mean(), 1e-6));
}

#[test]
fn advancing_twice_equals_advancing_once() {
    let horizons = Horizons::per_minute(Direction::Up);
    let mut once = Statistic::new(0, 500, ViewPriors::default(), &horizons);
    once.close(501, 40.0, false, &horizons);
    let mut twice = once;
    once.advance(900, false, &horizons);
    twice.advance(620, false, &horizons);
    twice.advance(900, false, &horizons);
    assert!((once.slow.m2 - twice.slow.m2).abs() < 1e-6 * once.slow.m2);
    assert!((once.level.error - twice.level.error).abs() < 0.2 * once.level.error.max(1e-6));
    let (a, b) = (
        once.score(901, 3.0, 3.0, Side::Rise, &horizons).value,
        twice.score(901, 3.0, 3.0, Side::Rise, &horizons).value,
    );
    assert!((a - b).abs() < 0.05, "{a} {b}");
}

#[test]
fn frozen_moments_do_not_learn_an_open_insight() {
    let horizons = Horizons::per_minute(Direction::Up);
    let mut statistic = Statistic::new(0, WEEK, ViewPriors::default(), &horizons);
    let before = statistic.expectation();
    for minute in WEEK + 1..WEEK + 200 {
        statistic.close(minute, 500.0, true, &horizons);
    }
    assert_eq!(statistic.expectation(), before);
}

#[test]
fn a_lasting_level_is_learned_after_a_day() {
    let horizons = Horizons::per_minute(Direction::Up);
    let mut statistic = Statistic::new(0, WEEK, ViewPriors::default(), &horizons);
    for minute in WEEK + 1..=WEEK + 4 * 1440 {
        statistic.close(minute, 50.0, false, &horizons);
    }
    assert!(statistic.expectation().mean > 40.0, "{:?}", statistic.expectation());
}
