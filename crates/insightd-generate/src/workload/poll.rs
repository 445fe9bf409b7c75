//! Pollers: monitoring, controllers and inventories that read the same resources repeatedly.

use super::behavior::{Sink, Window, Workload};
use crate::call::Api;
use crate::catalog::{code, recipe::Apis};
use crate::principal::Principal;
use crate::random::{Draw, mix};

/// A sweep over some APIs in every period.
#[derive(Clone, Debug)]
pub(crate) struct Poll {
    pub(crate) principal: Principal,
    pub(crate) regions: Vec<&'static str>,
    pub(crate) apis: Apis,
    /// Seconds.
    pub(crate) period: f64,
    /// Pages of each list, on average.
    pub(crate) pages: f64,
    /// Share of calls throttled on a usual day; some hours have many more.
    pub(crate) throttled: f64,
    /// Share of calls for settings that are not set.
    pub(crate) missing: f64,
    /// Index of an API for which it lacks the permission, if any.
    pub(crate) forbidden: Option<usize>,
}

impl Poll {
    fn sweep(&self, tick: f64, throttled: f64, draw: &mut Draw, sink: &mut Sink<'_>) {
        let mut time = tick;
        let session = self.principal.any(draw);
        let calls = self.pages * (self.apis.len() * self.regions.len()) as f64;
        let pace = (self.period * 0.6 / calls).min(0.15);
        for region in &self.regions {
            for (nth, api) in self.apis.iter().enumerate() {
                let forbidden = self.forbidden == Some(nth);
                // Randomly rounded `pages`; a denied list has no second page.
                let pages = if forbidden { 1 } else { (self.pages + draw.unit()) as usize };
                for _ in 0..pages {
                    let error = match () {
                        () if forbidden => Some(code::denied(api)),
                        () => match draw.unit() {
                            u if u < throttled => Some(code::throttled(api)),
                            u if u < throttled + self.missing && asks_for_one(api) => Some(code::missing(api)),
                            _ => None,
                        },
                    };
                    sink.call(time as i64, session, region, api, error);
                    time += pace;
                }
            }
        }
    }
}

/// Whether an API reads a single resource, by its name: lists are never missing.
fn asks_for_one(api: &Api) -> bool {
    api.name.starts_with("Get") || (api.name.starts_with("Describe") && !api.name.ends_with('s'))
}

impl Workload for Poll {
    fn generate(&self, key: u64, window: Window, draw: &mut Draw, sink: &mut Sink<'_>) {
        let phase = (mix(key, 1) % 1_000_000) as f64 / 1e6 * self.period;
        let first = ((window.start as f64 - phase) / self.period).ceil();
        let throttled = if draw.chance(0.01) { (self.throttled * 50.0).min(0.3) } else { self.throttled };
        let mut tick = phase + first * self.period;
        while tick < window.end() as f64 {
            self.sweep(
                tick.max(window.start as f64) + draw.unit() * (self.period * 0.05).min(20.0),
                throttled,
                draw,
                sink,
            );
            tick += self.period;
        }
    }

    fn uses(&self, see: &mut dyn FnMut(Principal, &'static Api)) {
        self.apis.iter().for_each(|api| see(self.principal, api));
    }
}
