//! Minutes that are closed together, merged or searched: each shortcut against the long way.

use super::*;
use crate::detect::statistics::tail::Tail;

fn near(name: &str, got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance * expected.abs().max(1e-6), "{name}: {got}, not {expected}");
}

/// Fifty hours of a steady level of 4 to 6 calls a minute: nothing is clipped, nothing exceeds the threshold.
fn steady(horizons: &Horizons) -> Statistic {
    let mut statistic = Statistic::new(1, 0, ViewPriors::default(), horizons);
    for minute in 1..=3000 {
        statistic.close(minute, 4.0 + (minute % 3) as f64, false, horizons);
    }
    statistic
}

#[test]
fn a_new_series_has_been_silent_since_its_account_began() {
    let horizons = Horizons::per_minute(Direction::Up);
    let statistic = Statistic::new(101, 200, ViewPriors::default(), &horizons);
    let mut closed = Statistic::new(101, 100, ViewPriors::default(), &horizons);
    assert_eq!((closed.closed(), closed.minutes()), (100, 0.0), "no minute has passed yet");
    for minute in 101..=200 {
        closed.close(minute, 0.0, false, &horizons);
    }
    assert_eq!(statistic.closed(), 200);
    near("minutes", statistic.minutes(), closed.minutes(), 1e-9);
    near("weight", statistic.burst.weight, closed.burst.weight, 1e-9);
    near("level weight", statistic.level.weight, closed.level.weight, 1e-9);
    // A history that begins after the last closed minute has no minutes, rather than a negative number.
    let future = Statistic::new(500, 200, ViewPriors::default(), &horizons);
    assert_eq!((future.closed(), future.minutes()), (200, 0.0));
}

#[test]
fn priors_set_later_score_like_priors_set_at_once() {
    let horizons = Horizons::per_minute(Direction::Up);
    let prior = Prior { rate: 0.02, excess: 0.9 };
    let priors = ViewPriors { burst: prior, slow: prior };
    let at_once = Statistic::new(0, WEEK, priors, &horizons);
    let mut later = Statistic::new(0, WEEK, ViewPriors::default(), &horizons);
    later.set_priors(priors);
    assert_eq!(later, at_once);
}

#[test]
fn silence_closed_together_equals_silence_minute_by_minute() {
    let horizons = Horizons::per_minute(Direction::Up);
    for frozen in [false, true] {
        let mut together = steady(&horizons);
        // An incident, which ends on the way.
        together.close(3001, 30.0, false, &horizons);
        let before = together.burst;
        let mut singly = together;
        together.advance(3400, frozen, &horizons);
        for minute in 3002..=3400 {
            singly.advance(minute, frozen, &horizons);
        }
        assert_eq!((together.closed(), singly.closed()), (3400, 3400));
        near("sum", together.sum, singly.sum, 1e-9);
        near("minutes", together.minutes, singly.minutes, 1e-9);
        for (a, b) in [(&together.burst, &singly.burst), (&together.slow, &singly.slow)] {
            near("m1", a.m1, b.m1, 1e-9);
            near("m2", a.m2, b.m2, 1e-9);
            near("weight", a.weight, b.weight, 1e-9);
            near("incidents", a.tail.tail.count, b.tail.tail.count, 1e-9);
            near("summed excess", a.tail.tail.excess, b.tail.tail.excess, 1e-3);
        }
        near("level sum", together.level.sum, singly.level.sum, 1e-9);
        near("level tail", together.level.tail.count, singly.level.tail.count, 1e-9);
        assert_eq!(together.burst.weight > before.weight, !frozen, "silence is learned unless an insight is open");
        assert_eq!(before.tail.incidents + 1, together.burst.tail.incidents, "the incident is over");
    }
}

#[test]
fn advancing_to_the_past_changes_nothing() {
    let horizons = Horizons::per_minute(Direction::Up);
    let mut statistic = steady(&horizons);
    let before = statistic;
    statistic.advance(3000, false, &horizons);
    statistic.advance(10, false, &horizons);
    assert_eq!(statistic, before);
}

#[test]
#[should_panic(expected = "a minute is closed once")]
fn a_minute_that_is_closed_again_is_a_bug() {
    let horizons = Horizons::per_minute(Direction::Up);
    let mut statistic = steady(&horizons);
    statistic.close(3000, 1.0, false, &horizons);
}

#[test]
fn history_merged_from_a_backfill_equals_history_seen_live() {
    let horizons = Horizons::per_minute(Direction::Up);
    let earlier = steady(&horizons);
    let mut live = earlier;
    let mut later = Statistic::new(3001, 3000, ViewPriors::default(), &horizons);
    for minute in 3001..=3600 {
        live.close(minute, 5.0 + (minute % 2) as f64, false, &horizons);
        later.close(minute, 5.0 + (minute % 2) as f64, false, &horizons);
    }
    later.merge(&earlier, &horizons);
    near("minutes", later.minutes, live.minutes, 1e-9);
    near("sum", later.sum, live.sum, 1e-9);
    near("m1", later.burst.m1, live.burst.m1, 1e-9);
    near("m2", later.burst.m2, live.burst.m2, 1e-9);
    near("weight", later.burst.weight, live.burst.weight, 1e-9);
    near("slow weight", later.slow.weight, live.slow.weight, 1e-9);
    near("level sum", later.level.sum, live.level.sum, 1e-9);
    near("level weight", later.level.weight, live.level.weight, 1e-9);
    near("error weight", later.level.error_weight, live.level.error_weight, 1e-9);
}

#[test]
fn a_backfill_weighs_what_its_age_leaves_of_it() {
    let horizons = Horizons::per_minute(Direction::Up);
    let mut later = Statistic::new(3001, 3600, ViewPriors::default(), &horizons);
    let mut earlier = steady(&horizons);
    let tail = |count: f64| Tail { count, excess: count / 2.0 };
    (later.burst.tail.tail, later.slow.tail.tail, later.level.tail) = (tail(1.0), tail(2.0), tail(3.0));
    (earlier.burst.tail.tail, earlier.slow.tail.tail, earlier.level.tail) = (tail(10.0), tail(20.0), tail(30.0));
    later.level.error = 7.0;
    later.merge(&earlier, &horizons);
    // 600 minutes: half-lives of 28 days for the tails, of 80 minutes for the errors of the level.
    let kept = 0.5_f64.powf(600.0 / 40_320.0);
    near("level errors", later.level.error, 7.0 + earlier.level.error * 0.5_f64.powf(7.5), 1e-9);
    for (tail, own) in [(later.burst.tail.tail, 1.0), (later.slow.tail.tail, 2.0), (later.level.tail, 3.0)] {
        near("exceedances", tail.count, own + 10.0 * own * kept, 1e-9);
        near("summed excess", tail.excess, own / 2.0 + 5.0 * own * kept, 1e-9);
    }
    let kept = 0.5_f64.powf(600.0 / 10_080.0);
    near("slow m1", later.slow.m1, earlier.slow.m1 * kept, 1e-9);
    near("slow m2", later.slow.m2, earlier.slow.m2 * kept, 1e-9);
}

#[test]
fn a_backfill_that_reaches_into_the_present_is_not_amplified() {
    let horizons = Horizons::per_minute(Direction::Up);
    let earlier = steady(&horizons);
    let mut merged = Statistic::new(1001, 1000, ViewPriors::default(), &horizons);
    (merged.level.sum, merged.level.weight) = (8.0, 2.0);
    merged.merge(&earlier, &horizons);
    assert_eq!((merged.minutes, merged.sum), (earlier.minutes, earlier.sum));
    assert_eq!(merged.level.sum, 8.0 + earlier.level.sum);
    assert_eq!(merged.level.weight, 2.0 + earlier.level.weight);
}

#[test]
fn no_count_below_the_trigger_reaches_the_limit() {
    let horizons = Horizons::per_minute(Direction::Up);
    let mut statistic = Statistic::new(0, WEEK, ViewPriors::default(), &horizons);
    let mut high = 0;
    for minute in WEEK + 1..WEEK + 700 {
        let before = statistic.sum_at(minute, &horizons);
        for limit in [1.9, 2.5, 4.3, 6.0] {
            let trigger = statistic.trigger_count(minute, before, limit, &horizons);
            let reaches = |c: u32| {
                let c = f64::from(c);
                statistic.score(minute, c, before + c, Side::Rise, &horizons).value >= limit
            };
            assert!(!(trigger.saturating_sub(4)..trigger).any(reaches), "{limit} is reached before {trigger}");
            // A count whose score only equals the peak of the incident so far is one short.
            assert!(reaches(trigger) || reaches(trigger + 1) || trigger == 0, "{limit}: {trigger} is too low");
            high += u32::from(trigger > 4);
        }
        let quiet = [0.0, 1.0, 0.0, 2.0][(minute % 4) as usize];
        let burst = if minute % 190 < 20 { 3.0 * (minute / 190 % 9) as f64 } else { 0.0 };
        statistic.close(minute, quiet + burst, false, &horizons);
    }
    assert!(high > 1000, "only {high} triggers were high");
}

#[test]
fn any_count_may_reach_a_limit_below_the_threshold() {
    let horizons = Horizons::per_minute(Direction::Up);
    let statistic = steady(&horizons);
    let trigger = |limit: f64| statistic.trigger_count(3001, statistic.sum_at(3001, &horizons), limit, &horizons);
    // The highest of three scores loses .2, so that a score of 2 is 1.8.
    assert_eq!((trigger(0.0), trigger(1.8)), (0, 0));
    assert!(trigger(1.801) > 5, "three standard deviations are needed for more");
    assert_eq!(trigger(1e9), u32::MAX, "a limit that no count reaches");
}

/// A view whose mean is 0 and whose standard deviation is exactly 1, so that three calls are z = 3.
fn exact() -> Statistic {
    // The prior weighs three minutes: (m2 / 3) / 2 + .125 + .25 = 1, and (2.25 + .75) / 4 + .25 = 1.
    let view = MomentView { m2: 3.75, weight: 3.0, ..MomentView::default() };
    let level = LevelView { weight: 1.0, error: 2.25, error_weight: 1.0, ..LevelView::default() };
    Statistic { closed: 100, minutes: 1000.0, burst: view, slow: view, level, ..Statistic::default() }
}

#[test]
fn exactly_three_standard_deviations_are_usual_in_every_view() {
    let horizons = Horizons::per_minute(Direction::Up);
    assert_eq!((exact().burst.expectation().sd, exact().level.expectation().sd), (1.0, 1.0));
    // 2 below the threshold, less .2: an exceedance would score log10(1250 / .5) = 3.4.
    assert!((exact().score(101, 3.0, 3.0, Side::Rise, &horizons).value - 1.8).abs() < 1e-12);
    let (mut usual, mut beyond) = (exact(), exact());
    usual.close(101, 3.0, false, &horizons);
    assert_eq!((usual.level.run, usual.level.tail.count), (0, 0.0));
    assert_eq!((usual.burst.tail.running, usual.slow.tail.running), (None, None));
    beyond.close(101, 3.001, false, &horizons);
    assert_eq!((beyond.level.run, beyond.level.tail.count), (1, 1.0));
    assert!(beyond.burst.tail.running.is_some() && beyond.slow.tail.running.is_some());
}

#[test]
fn rounding_never_puts_the_trigger_above_the_count_that_scores() {
    let horizons = Horizons::per_minute(Direction::Up);
    for c in 4..300_u32 {
        let limit = exact().score(101, f64::from(c), f64::from(c), Side::Rise, &horizons).value;
        assert_eq!(exact().trigger_count(101, 0.0, limit, &horizons), c, "limit {limit}");
    }
}
