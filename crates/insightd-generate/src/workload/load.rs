//! Load that runs all day: log streams, tokens, keys, queries; and fleets that report every few minutes.

use super::behavior::{Sink, Window, Workload};
use crate::calendar::{HOUR, MINUTE, Rhythm};
use crate::call::{Api, Kind};
use crate::catalog::{code, recipe::Apis, region_of};
use crate::principal::Principal;
use crate::random::{Draw, mix};

/// Calls at a rate that follows the day, drifts from hour to hour and sometimes bursts.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) principal: Principal,
    pub(crate) region: &'static str,
    pub(crate) apis: Apis,
    /// Whether each call of the first API is followed, minutes later, by one call of each other API.
    /// Otherwise each call picks one API.
    pub(crate) chain: bool,
    /// Calls a minute at the height of the day.
    pub(crate) per_minute: f64,
    pub(crate) rhythm: Rhythm,
    /// Sigma of the logarithm of the level of an hour.
    pub(crate) noise: f64,
    /// Mean number of calls that arrive together, at least 1: a fan-out, a cold start.
    pub(crate) clump: f64,
    /// Bursts an hour, each of minutes at several times the rate.
    pub(crate) bursts: f64,
    /// Share of calls that are throttled, and that ask for what is not there.
    pub(crate) throttled: f64,
    pub(crate) missing: f64,
    /// Times (seconds since 1970) from which the rate is multiplied by a factor: releases, customers won and
    /// lost.
    pub(crate) shifts: Vec<(i64, f64)>,
    pub(crate) kind: Kind,
}

impl Load {
    fn hour_level(&self, key: u64, hour: i64) -> f64 {
        Draw::new(mix(key, 1), hour as u64).log_normal(1.0, self.noise)
    }

    fn shift(&self, time: i64) -> f64 {
        self.shifts.iter().filter(|(from, _)| *from <= time).map(|(_, factor)| factor).product()
    }

    /// Calls a minute expected at a time, without noise and bursts.
    fn expected(&self, time: i64) -> f64 {
        self.per_minute * self.rhythm.level(time) * self.shift(time)
    }

    /// A clump of calls within seconds.
    fn clump(&self, time: i64, draw: &mut Draw, sink: &mut Sink<'_>) {
        let further = if self.clump > 1.05 { draw.exponential(self.clump - 1.0).min(500.0) + draw.unit() } else { 0.0 };
        for nth in 0..=further as i64 {
            self.make(time + nth / 4, draw, sink);
        }
    }

    fn make(&self, time: i64, draw: &mut Draw, sink: &mut Sink<'_>) {
        let actor = self.principal.any(draw);
        if self.chain {
            let Some((first, rest)) = self.apis.split_first() else { return };
            sink.call(time, actor, self.region, first, self.error(first, draw));
            let mut later = time;
            for api in rest {
                later += draw.exponential(120.0).min(7200.0) as i64 + 1;
                if draw.chance(0.8) {
                    sink.call(later, actor, self.region, api, None);
                }
            }
        } else {
            let api = draw.pick_skewed(self.apis);
            sink.call(time, actor, self.region, api, self.error(api, draw));
        }
    }

    fn error(&self, api: &Api, draw: &mut Draw) -> Option<&'static str> {
        let at = draw.unit();
        if at < self.throttled {
            Some(code::throttled(api))
        } else if at < self.throttled + self.missing {
            Some(if api.read { code::missing(api) } else { code::invalid(api) })
        } else {
            None
        }
    }
}

impl Workload for Load {
    fn generate(&self, key: u64, window: Window, draw: &mut Draw, sink: &mut Sink<'_>) {
        sink.kind(self.kind);
        let (from, to) = (self.hour_level(key, window.hour), self.hour_level(key, window.hour + 1));
        let middle = self.expected(window.start + window.seconds / 2);
        let burst = draw.chance(self.bursts).then(|| {
            let start = draw.whole(0, 59);
            (start, start + draw.log_normal(5.0, 0.8) as i64, draw.log_normal(3.0, 0.5))
        });
        if middle * 60.0 < 3.0 && burst.is_none() {
            for _ in 0..draw.poisson(middle * 60.0 * from / self.clump) {
                let time = window.start + draw.whole(0, window.seconds - 1);
                self.clump(time, draw, sink);
            }
            return;
        }
        for minute in 0..window.seconds / MINUTE {
            let time = window.start + minute * MINUTE;
            let mut mean = self.expected(time) * (from + (to - from) * minute as f64 / 60.0);
            if let Some((start, end, factor)) = burst
                && (start..=end).contains(&minute)
            {
                mean *= factor;
            }
            for _ in 0..draw.poisson(mean / self.clump) {
                let time = time + draw.whole(0, MINUTE - 1);
                self.clump(time, draw, sink);
            }
        }
    }

    fn uses(&self, see: &mut dyn FnMut(Principal, &'static Api)) {
        self.apis.iter().for_each(|api| see(self.principal, api));
    }

    fn rate(&self, api: &Api, region: &str, time: i64) -> f64 {
        let Some(nth) = self.apis.iter().position(|own| own == api) else { return 0.0 };
        if region_of(api, self.region) != region || self.kind != Kind::Call {
            return 0.0;
        }
        let share = match (self.chain, nth) {
            (true, 0) => 1.0,
            (true, _) => 0.8,
            (false, _) => share_skewed(nth, self.apis.len()),
        };
        share * self.expected(time)
    }
}

/// How often [`Draw::pick_skewed`] takes the element `nth` of `count`.
fn share_skewed(nth: usize, count: usize) -> f64 {
    let below = |n: usize| (n as f64 / count as f64).cbrt();
    below(nth + 1) - below(nth)
}

/// Instances, each of which reports at its own second of every period.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    pub(crate) principal: Principal,
    pub(crate) region: &'static str,
    pub(crate) apis: Apis,
    /// Seconds.
    pub(crate) period: i64,
    pub(crate) instances: f64,
    /// How its size follows the day.
    pub(crate) rhythm: Rhythm,
}

impl Fleet {
    fn size(&self, time: i64) -> f64 {
        self.instances * self.rhythm.level(time)
    }
}

impl Workload for Fleet {
    fn generate(&self, key: u64, window: Window, draw: &mut Draw, sink: &mut Sink<'_>) {
        let day = Draw::new(mix(key, 1), (window.hour / 24) as u64).log_normal(1.0, 0.05);
        let instances = (self.size(window.start + HOUR / 2) * day).round() as u64;
        for instance in 0..instances {
            let phase = (mix(key, instance) % self.period as u64) as i64;
            let mut time = window.start + (phase - window.start).rem_euclid(self.period);
            while time < window.end() {
                for (nth, api) in self.apis.iter().enumerate() {
                    sink.call(
                        time + draw.whole(0, 2) + nth as i64,
                        self.principal.nth(instance),
                        self.region,
                        api,
                        None,
                    );
                }
                time += self.period;
            }
        }
    }

    fn uses(&self, see: &mut dyn FnMut(Principal, &'static Api)) {
        self.apis.iter().for_each(|api| see(self.principal, api));
    }

    fn rate(&self, api: &Api, region: &str, time: i64) -> f64 {
        let known = self.apis.contains(api) && region_of(api, self.region) == region;
        if known { self.size(time) * 60.0 / self.period as f64 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_skewed_pick_are_those_of_the_draws() {
        let (list, mut draw) = ([0, 1, 2, 3, 4], Draw::new(1, 1));
        let mut counts = [0; 5];
        for _ in 0..20_000 {
            counts[*draw.pick_skewed(&list)] += 1;
        }
        for (nth, count) in counts.into_iter().enumerate() {
            let share = f64::from(count) / 20_000.0;
            assert!((share - share_skewed(nth, 5)).abs() < 0.015, "{nth}: {share}");
        }
    }
}
