//! Logins from outside AWS: an identity that a provider vouches for requests a role session from STS.

use super::behavior::Sink;
use crate::call::Api;
use crate::principal::Principal;
use crate::random::{Draw, mix};

/// The identity that requests the sessions of a role.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FederatedLogin {
    /// One actor for each session of the role, in the same order.
    pub(crate) principal: Principal,
    /// Region of the STS endpoint.
    pub(crate) region: &'static str,
    /// `AssumeRoleWithSAML` or `AssumeRoleWithWebIdentity`.
    pub(crate) api: &'static Api,
    /// Share of work that starts with a new session; the rest reuses an open one.
    pub(crate) share: f64,
}

impl FederatedLogin {
    /// The login's own stream for a window, so that the workload's calls are the same with and without
    /// logins.
    pub(crate) fn stream(key: u64, hour: i64) -> Draw {
        Draw::new(mix(key, 2), hour as u64)
    }

    /// Requests session number `nth` of the role at the start of work, by chance.
    pub(crate) fn maybe_request(self, nth: u32, time: i64, draw: &mut Draw, sink: &mut Sink<'_>) {
        if draw.chance(self.share) {
            sink.auxiliary(time, self.principal.nth(nth.into()), self.region, self.api);
        }
    }
}
