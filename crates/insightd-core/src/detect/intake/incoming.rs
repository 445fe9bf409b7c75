//! An incoming record with its scope, rule and hashes, computed once and passed on.

use super::dedup;
use super::observations::Observation;
use super::scope::Scope;
use crate::cloudtrail::event::Event;
use crate::detect::ids::principal_hash;

/// A record with its scope, rule and hashes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IncomingRecord<'a> {
    /// The record.
    pub(crate) event: &'a Event<'a>,
    /// The series it enters.
    pub(crate) scope: Scope,
    /// Position of the rule that decides about it.
    pub(crate) rule: Option<u32>,
    /// Hash of its principal.
    pub(crate) principal: u64,
    /// Hash of its eventID. Version 1.00 has no eventID, so its repeats cannot be recognized and count.
    pub(crate) id: Option<u64>,
}

/// When a record arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Wall clock, seconds; 0 where files are read.
    pub(crate) wall: i64,
    /// Whether its eventTime is so close to the wall clock that it needs no confirmation.
    pub(crate) near_wall: bool,
}

impl Arrival {
    /// For a record released from quarantine when no other record arrives.
    pub(crate) const NONE: Self = Self { wall: 0, near_wall: false };

    /// A record dated `time` (seconds) at wall time `wall` (seconds); no wall time where files are read.
    pub(crate) fn new(time: i64, wall: Option<i64>, clock_jump_s: i64) -> Self {
        let near_wall = wall.is_some_and(|now| (time - now).abs() <= clock_jump_s);
        Self { wall: wall.unwrap_or(0), near_wall }
    }
}

impl<'a> IncomingRecord<'a> {
    /// A record that enters `scope`, decided by the rule at this position.
    pub(crate) fn new(event: &'a Event<'a>, scope: Scope, rule: Option<u32>) -> Self {
        // Most records are reads, which enter no series and need no hash of an eventID.
        let id = if scope.is_empty() { None } else { event.id.as_deref().map(dedup::hash) };
        Self { event, scope, rule, principal: principal_hash(&event.principal), id }
    }

    /// What it shows of its account; at `region_index`, if there was room for it.
    pub(crate) fn observation(&self, region_index: Option<usize>) -> Observation {
        let (time, principal) = (self.event.time, self.principal);
        Observation { time, region_index, principal, id: None, counts: !self.scope.is_empty() }
    }
}
