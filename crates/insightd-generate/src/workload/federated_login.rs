//! How sessions of roles begin from outside of AWS: somebody whom a provider vouches for asks STS for them.

use super::behavior::Sink;
use crate::call::Api;
use crate::principal::Principal;
use crate::random::{Draw, mix};

/// Who asks for the sessions of a role, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FederatedLogin {
    /// The identity that the provider vouches for: an actor for each session of the role, in their order.
    pub(crate) principal: Principal,
    /// Region of the STS endpoint.
    pub(crate) region: &'static str,
    /// `AssumeRoleWithSAML` or `AssumeRoleWithWebIdentity`.
    pub(crate) api: &'static Api,
    /// Share of the pieces of work that begin with a new session; others go on with one that lasts.
    pub(crate) share: f64,
}

impl FederatedLogin {
    /// Its own stream for a window of a workload, so that the workload's calls are the same with and without
    /// a gate.
    pub(crate) fn stream(key: u64, hour: i64) -> Draw {
        Draw::new(mix(key, 2), hour as u64)
    }

    /// Now and then asks for session number `nth` of the role at the time at which work begins.
    pub(crate) fn maybe_request(self, nth: u32, time: i64, draw: &mut Draw, sink: &mut Sink<'_>) {
        if draw.chance(self.share) {
            sink.auxiliary(time, self.principal.nth(nth.into()), self.region, self.api);
        }
    }
}
