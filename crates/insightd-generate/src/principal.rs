//! A principal: the group of actors that Insights attributes to one identity.

use super::random::Draw;

/// A principal: consecutive actors in the account's list, one for each session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    pub(crate) first: u32,
    pub(crate) count: u32,
}

impl Principal {
    /// One of its sessions.
    pub(crate) fn any(self, draw: &mut Draw) -> u32 {
        self.first + draw.below(self.count as usize) as u32
    }

    /// Session number `nth`, modulo the number of sessions.
    pub(crate) fn nth(self, nth: u64) -> u32 {
        self.first + (nth % u64::from(self.count.max(1))) as u32
    }
}
