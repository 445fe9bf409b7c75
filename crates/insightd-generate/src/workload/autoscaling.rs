//! Autoscaling: instances come and go with the load, and their network and targets with them.

use super::behavior::{Sink, Window, Workload};
use crate::calendar::{HOUR, MINUTE, Rhythm};
use crate::call::Api;
use crate::catalog::{code, recipe};
use crate::principal::Principal;
use crate::random::{Draw, mix};

/// A group that follows its load.
#[derive(Clone, Debug)]
pub(crate) struct Autoscaling {
    pub(crate) principal: Principal,
    pub(crate) region: &'static str,
    /// Instances at the height of the day.
    pub(crate) instances: f64,
    pub(crate) rhythm: Rhythm,
    /// Sigma of the logarithm of an hour's load.
    pub(crate) noise: f64,
    /// Instances replaced in an hour at equal load, as a share: spot interruptions, health checks.
    pub(crate) replaced: f64,
}

impl Autoscaling {
    fn wanted(&self, key: u64, window: Window, hour: i64) -> f64 {
        let level = self.rhythm.level(window.start + (hour - window.hour) * HOUR);
        let noise = Draw::new(mix(key, 1), hour as u64).log_normal(1.0, self.noise);
        (self.instances * level * noise).round()
    }

    fn change(&self, out: bool, count: usize, window: Window, draw: &mut Draw, sink: &mut Sink<'_>) {
        let mut left = count;
        while left > 0 {
            let together = (draw.exponential(4.0) as usize + 1).min(left);
            left -= together;
            let time = window.start + draw.whole(0, window.seconds - 1);
            self.group(out, together, time, draw, sink);
        }
    }

    fn group(&self, out: bool, together: usize, start: i64, draw: &mut Draw, sink: &mut Sink<'_>) {
        let actor = self.principal.any(draw);
        let apis = if out { recipe::SCALE_OUT } else { recipe::SCALE_IN };
        for _ in 0..together {
            let mut time = start + draw.whole(0, 5);
            if out && draw.chance(0.02) {
                sink.call(time, actor, self.region, &apis[0], Some(code::invalid(&apis[0])));
                time += MINUTE;
            }
            for api in apis {
                sink.call(time, actor, self.region, api, None);
                time += draw.exponential(15.0).min(900.0) as i64;
            }
        }
    }
}

impl Workload for Autoscaling {
    fn generate(&self, key: u64, window: Window, draw: &mut Draw, sink: &mut Sink<'_>) {
        let before = self.wanted(key, window, window.hour - 1);
        let now = self.wanted(key, window, window.hour);
        let replaced = draw.poisson(now * self.replaced);
        let out = (now - before).max(0.0) as usize + replaced;
        let gone = (before - now).max(0.0) as usize + replaced;
        self.change(true, out, window, draw, sink);
        self.change(false, gone, window, draw, sink);
    }

    fn uses(&self, see: &mut dyn FnMut(Principal, &'static Api)) {
        recipe::SCALE_OUT.iter().chain(recipe::SCALE_IN).for_each(|api| see(self.principal, api));
    }
}
