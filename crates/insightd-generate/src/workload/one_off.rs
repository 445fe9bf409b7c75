//! One-off incidents: retry loops, a role without permissions, a migration, a night of incident response.

use super::behavior::{Sink, Window, Workload};
use crate::call::Api;
use crate::catalog::code;
use crate::principal::Principal;
use crate::random::Draw;

/// How its calls end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Well,
    Denied,
    Throttled,
    Missing,
    Invalid,
    /// A few of each, like people in a hurry.
    Mixed,
}

/// An incident that lasts for a while and does not repeat.
#[derive(Clone, Debug)]
pub(crate) struct OneOff {
    pub(crate) principal: Vec<Principal>,
    pub(crate) region: &'static str,
    /// The most frequent first.
    pub(crate) apis: Vec<&'static Api>,
    /// Seconds since 1970, end not included.
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// Calls over the whole.
    pub(crate) calls: f64,
    pub(crate) outcome: Outcome,
}

impl OneOff {
    fn error(&self, api: &Api, draw: &mut Draw) -> Option<&'static str> {
        match self.outcome {
            Outcome::Well => None,
            Outcome::Denied => Some(code::denied(api)),
            Outcome::Throttled => Some(code::throttled(api)),
            Outcome::Missing => Some(code::missing(api)),
            Outcome::Invalid => Some(code::invalid(api)),
            Outcome::Mixed => match draw.below(40) {
                0 => Some(code::denied(api)),
                1 => Some(code::missing(api)),
                2 => Some(code::invalid(api)),
                _ => None,
            },
        }
    }
}

impl Workload for OneOff {
    fn generate(&self, _key: u64, window: Window, draw: &mut Draw, sink: &mut Sink<'_>) {
        let (from, until) = (window.start.max(self.start), window.end().min(self.end));
        if from >= until || self.principal.is_empty() || self.apis.is_empty() {
            return;
        }
        let share = (until - from) as f64 / (self.end - self.start) as f64;
        for _ in 0..draw.poisson(self.calls * share) {
            let api = *draw.pick_skewed(&self.apis);
            let error = self.error(api, draw);
            let actor = draw.pick_skewed(&self.principal).any(draw);
            sink.call(draw.whole(from, until - 1), actor, self.region, api, error);
        }
    }

    fn uses(&self, see: &mut dyn FnMut(Principal, &'static Api)) {
        for principal in &self.principal {
            self.apis.iter().for_each(|api| see(*principal, api));
        }
    }
}
