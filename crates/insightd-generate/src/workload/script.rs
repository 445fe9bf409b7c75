//! Calls at fixed times: attacks, and the earlier calls that make an attacker a regular user of an API.

use super::behavior::{Sink, Window, Workload};
use crate::call::Api;
use crate::principal::Principal;
use crate::random::Draw;

/// One call of an attack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) time: i64,
    pub(crate) api: &'static Api,
    pub(crate) error: Option<&'static str>,
}

/// Calls at fixed times by one principal.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) principal: Principal,
    pub(crate) region: &'static str,
    pub(crate) steps: Vec<Step>,
}

impl Workload for Script {
    fn generate(&self, _key: u64, window: Window, draw: &mut Draw, sink: &mut Sink<'_>) {
        let first = self.steps.partition_point(|step| step.time < window.start);
        for step in self.steps[first..].iter().take_while(|step| step.time < window.end()) {
            sink.call(step.time, self.principal.any(draw), self.region, step.api, step.error);
        }
    }

    fn uses(&self, see: &mut dyn FnMut(Principal, &'static Api)) {
        self.steps.iter().for_each(|step| see(self.principal, step.api));
    }
}
