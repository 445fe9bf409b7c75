//! Security tools that read every service in every region, and are sometimes denied.

use super::behavior::{Sink, Window, Workload};
use crate::calendar::HOUR;
use crate::call::Api;
use crate::catalog::code;
use crate::principal::Principal;
use crate::random::{Draw, digest, mix};

/// A scanner.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub(crate) principal: Principal,
    pub(crate) regions: Vec<&'static str>,
    pub(crate) apis: Vec<&'static Api>,
    /// Days from scan to scan, and seconds after midnight.
    pub(crate) days: i64,
    pub(crate) at: i64,
    /// Share of APIs that are denied, and that find nothing.
    pub(crate) denied: f64,
    pub(crate) missing: f64,
    /// Calls of each API and region, on average.
    pub(crate) depth: f64,
}

impl Workload for Scan {
    fn generate(&self, key: u64, window: Window, draw: &mut Draw, sink: &mut Sink<'_>) {
        if (window.hour / 24 + (mix(key, 1) % 31) as i64) % self.days != 0 {
            return;
        }
        let actor = self.principal.any(draw);
        let start = (window.start + self.at) as f64 + draw.exponential(300.0).min(HOUR as f64);
        let mut time = start;
        for region in &self.regions {
            for api in &self.apis {
                // Permissions and settings change rarely: every scan is denied, and finds nothing, at the
                // same APIs.
                let fixed = mix(key, digest(api.name));
                let (refused, unset) = ((fixed % 1000) as f64 / 1e3, (fixed / 1000 % 1000) as f64 / 1e3);
                for _ in 0..draw.poisson(self.depth).max(1) {
                    let error = match draw.unit() {
                        _ if refused < self.denied => Some(code::denied(api)),
                        u if unset < self.missing && u < 0.7 => Some(code::missing(api)),
                        u if u > 0.9995 => Some(code::throttled(api)),
                        _ => None,
                    };
                    sink.call(time as i64, actor, region, api, error);
                    time = (time + draw.exponential(0.12)).min(start + 6.0 * HOUR as f64);
                }
            }
        }
    }

    fn uses(&self, see: &mut dyn FnMut(Principal, &'static Api)) {
        self.apis.iter().for_each(|api| see(self.principal, api));
    }
}
