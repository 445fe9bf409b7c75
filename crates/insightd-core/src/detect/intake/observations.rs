//! What any record, counted or not, shows of its account: that the account and its region existed at that
//! time, and which principal called.
//!
//! As at a clock ([`super::clock`]), a time far ahead of everything known of the account is quarantined until
//! it is confirmed: by another record of the account, in any region, that is dated no earlier than one jump
//! before it, and that is itself confirmed or dated no more than one jump after it. Two wrong times, in two
//! regions, do not confirm each other.

use serde::{Deserialize, Serialize};

use super::dedup;
use super::quarantine::{Dated, Quarantine};
use crate::cloudtrail::event::Event;

/// What one record shows of its account.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Observation {
    /// Its eventTime, seconds.
    pub(crate) time: i64,
    /// Index of its region, if there was room for it.
    pub(crate) region_index: Option<usize>,
    /// Hash of the principal that called.
    pub(crate) principal: u64,
    /// Hash of its eventID, because a repeat confirms nothing. Set only while something is quarantined.
    pub(crate) id: Option<u64>,
    /// Whether the record can count. Then its clock quarantines it too, and applies this observation again on
    /// release.
    pub(crate) counts: bool,
}

impl Observation {
    /// Adds the eventID.
    pub(crate) fn identify(&mut self, event: &Event<'_>) {
        self.id = event.id.as_deref().map(dedup::hash);
    }
}

impl Dated for Observation {
    fn time(&self) -> i64 {
        self.time
    }
}

/// The newest confirmed time of an account, and the observations that await confirmation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Observations {
    newest: Option<i64>,
    quarantine: Quarantine<Observation>,
}

impl Observations {
    /// Whether `time` lies more than `jump_s` seconds ahead of everything confirmed.
    pub(crate) fn is_ahead(&self, time: i64, jump_s: i64) -> bool {
        self.newest.is_none_or(|newest| time > newest + jump_s)
    }

    /// Confirms `time`, seconds.
    pub(crate) fn confirm(&mut self, time: i64) {
        self.newest = self.newest.max(Some(time));
    }

    /// Newest confirmed time, seconds.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// Indexes of the regions of the quarantined observations.
    pub(crate) fn region_indexes(&self) -> impl Iterator<Item = usize> + '_ {
        self.quarantine.iter().filter_map(|observation| observation.region_index)
    }

    /// Whether nothing is quarantined.
    pub(crate) fn is_settled(&self) -> bool {
        self.quarantine.is_empty()
    }

    /// Whether the same record is quarantined already.
    pub(crate) fn is_quarantined(&self, observation: &Observation) -> bool {
        let same =
            |other: &Observation| other.id.is_some() && (other.id, other.time) == (observation.id, observation.time);
        self.quarantine.iter().any(same)
    }

    /// Quarantines an observation. If that makes more than `records_max`, releases and returns the earliest.
    pub(crate) fn quarantine(&mut self, observation: Observation, records_max: usize) -> Option<Observation> {
        self.quarantine.admit(observation, records_max)
    }

    /// Takes the observations that a record dated `time` confirms, in order of time: the arrival order of
    /// wrong times means nothing. `sure` if its own time needs no confirmation.
    pub(crate) fn confirmed_by(&mut self, time: i64, jump_s: i64, sure: bool) -> Vec<Observation> {
        if !sure && !self.quarantine.iter().any(|other| (other.time - time).abs() <= jump_s) {
            return Vec::new();
        }
        let mut confirmed = self.quarantine.confirmed_by(time, jump_s);
        confirmed.sort_by_key(|observation| observation.time);
        confirmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUMP_S: i64 = 3600;

    fn at(time: i64, id: Option<u64>) -> Observation {
        Observation { time, region_index: None, principal: 0, id, counts: false }
    }

    /// The time of the first observation that is confirmed.
    fn first(times: &[i64]) -> Option<i64> {
        let mut observations = Observations::default();
        for (&time, id) in times.iter().zip(0..) {
            if let Some(first) = observations.confirmed_by(time, JUMP_S, false).first() {
                return Some(first.time);
            }
            assert!(observations.quarantine(at(time, Some(id)), 16).is_none());
        }
        None
    }

    #[test]
    fn history_begins_with_the_first_record() {
        assert_eq!(first(&[10_000, 10_060, 9_000, 0]), Some(10_000));
        assert_eq!(first(&[10_000, 10_000 - JUMP_S, 0]), Some(10_000), "within the jump the second one confirms");
        assert_eq!(first(&[10_000]), None);
    }

    #[test]
    fn history_does_not_begin_with_a_record_dated_ahead() {
        assert_eq!(first(&[90_000_000, 10_000, 10_060, 90_000_000]), Some(10_000));
        assert_eq!(first(&[90_000_000, 80_000_000, 10_000, 10_060]), Some(10_000), "nor with two");
        assert_eq!(first(&[20_000, 10_000, 20_060]), Some(10_000), "confirmed together, the earlier one");
        assert_eq!(first(&[80_000_000, 90_000_000]), None, "two of them say nothing for each other");
    }
}
