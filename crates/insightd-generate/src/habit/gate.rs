//! How sessions of roles begin from outside of AWS: somebody whom a provider vouches for asks STS for them.

use super::{Sink, Who};
use crate::call::Api;
use crate::random::{Draw, mix};

/// Who asks for the sessions of a role, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    /// The identity that the provider vouches for: an actor for each session of the role, in their order.
    pub(crate) who: Who,
    /// Region of the STS endpoint.
    pub(crate) region: &'static str,
    /// `AssumeRoleWithSAML` or `AssumeRoleWithWebIdentity`.
    pub(crate) api: &'static Api,
    /// Share of the pieces of work that begin with a new session; others go on with one that lasts.
    pub(crate) share: f64,
}

impl Gate {
    /// Its own stream for a window of a habit, so that the habit's calls are the same with and without a
    /// gate.
    pub(super) fn stream(key: u64, hour: i64) -> Draw {
        Draw::new(mix(key, 2), hour as u64)
    }

    /// Now and then asks for session number `nth` of the role at the time at which work begins.
    pub(super) fn pass(self, nth: u32, time: i64, draw: &mut Draw, sink: &mut Sink<'_>) {
        if draw.chance(self.share) {
            sink.beside(time, self.who.nth(nth.into()), self.region, self.api);
        }
    }
}
