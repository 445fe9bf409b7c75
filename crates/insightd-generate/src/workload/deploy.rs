//! Deployments: 5 to 200 calls to several APIs within minutes. Terraform first reads all resources.

use super::behavior::{Sink, Window, Workload};
use super::federated_login::FederatedLogin;
use crate::calendar::{DAY, MINUTE, Rhythm, weekday};
use crate::call::Api;
use crate::catalog::{code, recipe::Apis};
use crate::principal::Principal;
use crate::random::Draw;

/// A pipeline or a person that deploys.
#[derive(Clone, Debug)]
pub(crate) struct Deploy {
    pub(crate) principal: Principal,
    /// The login of its role, if it runs outside AWS.
    pub(crate) login: Option<FederatedLogin>,
    pub(crate) region: &'static str,
    /// The APIs of a deployment, roughly in this order.
    pub(crate) apis: Apis,
    /// The APIs of Terraform's refresh before it; empty for others.
    pub(crate) refresh: Vec<&'static Api>,
    /// Reads of a refresh in the median.
    pub(crate) refreshed: f64,
    /// Deployments on a working day.
    pub(crate) per_day: f64,
    pub(crate) rhythm: Rhythm,
    /// Calls of a deployment in the median.
    pub(crate) calls: f64,
    /// Share of deployments that fail, and are rolled back or tried again.
    pub(crate) failing: f64,
    /// Share of refreshes that change nothing: a plan only.
    pub(crate) plans: f64,
}

/// Fewest and most calls of a deployment.
const CALLS: (f64, f64) = (5.0, 200.0);

impl Deploy {
    fn deployments(&self, day: i64, draw: &mut Draw) -> usize {
        let week = if weekday(self.rhythm.local(day + DAY / 2)) >= 5 { self.rhythm.weekend } else { 1.0 };
        let mean = self.per_day * week * draw.log_normal(1.0, 0.6);
        draw.poisson(mean)
    }

    fn deployment(&self, start: i64, actor: u32, draw: &mut Draw, sink: &mut Sink<'_>) {
        let mut time = start as f64;
        if !self.refresh.is_empty() {
            let reads = draw.log_normal(self.refreshed, 0.6).min(3000.0) as usize;
            let slowed = draw.chance(0.1);
            for _ in 0..reads {
                let api = *draw.pick_skewed(&self.refresh);
                let error = match draw.unit() {
                    u if slowed && u < 0.15 => Some(code::throttled(api)),
                    u if u > 0.992 => Some(code::missing(api)),
                    _ => None,
                };
                sink.call(time as i64, actor, self.region, api, error);
                time += draw.exponential(0.08);
            }
            if draw.chance(self.plans) {
                return;
            }
        }
        let calls = draw.log_normal(self.calls, 0.7).clamp(CALLS.0, CALLS.1);
        let time = self.change(time, calls, actor, draw, sink);
        if draw.chance(self.failing) {
            self.fail(time, calls, actor, draw, sink);
        }
    }

    /// Walks through the list from start to end, with repetitions and pauses.
    fn change(&self, start: f64, calls: f64, actor: u32, draw: &mut Draw, sink: &mut Sink<'_>) -> f64 {
        let mut time = start;
        let pace = draw.log_normal(2.0, 0.8);
        for nth in 0..calls as usize {
            let place = nth as f64 / calls * self.apis.len() as f64 + draw.normal() * 0.8;
            let api = &self.apis[(place.max(0.0) as usize).min(self.apis.len() - 1)];
            sink.call(time as i64, actor, self.region, api, None);
            let wait = if draw.chance(0.05) { 30.0 } else { pace };
            time += draw.exponential(wait).min(600.0);
        }
        time
    }

    fn fail(&self, time: f64, calls: f64, actor: u32, draw: &mut Draw, sink: &mut Sink<'_>) {
        let api = draw.pick(self.apis);
        for nth in 0..draw.whole(1, 6) {
            let error = if draw.chance(0.4) { code::denied(api) } else { code::invalid(api) };
            sink.call(time as i64 + nth * draw.whole(1, 30), actor, self.region, api, Some(error));
        }
        let again = time + (draw.whole(1, 25) * MINUTE) as f64;
        self.change(again, calls * draw.between(0.3, 1.0), self.principal.any(draw), draw, sink);
    }
}

impl Workload for Deploy {
    fn generate(&self, key: u64, window: Window, draw: &mut Draw, sink: &mut Sink<'_>) {
        let mut logins = FederatedLogin::stream(key, window.hour);
        for _ in 0..self.deployments(window.start, draw) {
            let mut start = window.start + draw.whole(0, DAY - 1);
            for _ in 0..64 {
                if draw.unit() < self.rhythm.level(start) {
                    break;
                }
                start = window.start + draw.whole(0, DAY - 1);
            }
            let actor = self.principal.any(draw);
            if let Some(login) = self.login {
                login.maybe_request(actor - self.principal.first, start, &mut logins, sink);
            }
            self.deployment(start, actor, draw, sink);
        }
    }

    fn uses(&self, see: &mut dyn FnMut(Principal, &'static Api)) {
        self.apis.iter().chain(self.refresh.iter().copied()).for_each(|api| see(self.principal, api));
        self.login.into_iter().for_each(|login| see(login.principal, login.api));
    }
}
