//! What any record of an account tells, counted or not: that the account and its region exist since then, and who called.
//!
//! As at a clock ([`super::clock`]), a time far ahead of all that the account has shown waits until it is confirmed: by another record of the
//! account, of any region, that is dated no earlier than one jump before it, and that is confirmed itself or dated no more than one jump after it:
//! two wrong times, in two regions, say nothing for each other. What is never confirmed has told nothing.

use serde::{Deserialize, Serialize};

use crate::cloudtrail::event::Event;
use crate::detect::intake::dedup;
use crate::detect::model::principals::fingerprint;

/// What one record tells.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Its eventTime, seconds.
    pub time: i64,
    /// Position of its region, if there was room for it.
    pub region: Option<usize>,
    /// Who called.
    pub principal: u64,
    /// Hash of its eventID: a repeat confirms nothing.
    pub id: Option<u64>,
    /// Whether its record can count: then a clock holds it as well, and it tells the same again when it is applied.
    pub counts: bool,
}

impl Observation {
    /// What `event` tells. Its eventID is left out, which few need.
    pub fn of(event: &Event<'_>, region: Option<usize>, counts: bool) -> Self {
        Self { time: event.time, region, principal: fingerprint(&event.principal), id: None, counts }
    }

    /// Adds the eventID.
    pub fn identify(&mut self, event: &Event<'_>) {
        self.id = event.id.as_deref().map(dedup::hash);
    }
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observations {
    newest: Option<i64>,
    waiting: Vec<Observation>,
}

impl Observations {
    /// Whether `time` lies more than `jump_s` ahead of all that was confirmed.
    pub fn is_ahead(&self, time: i64, jump_s: i64) -> bool {
        self.newest.is_none_or(|newest| time > newest + jump_s)
    }

    /// `time` is confirmed.
    pub fn confirm(&mut self, time: i64) {
        self.newest = self.newest.max(Some(time));
    }

    /// Newest time that is confirmed, seconds.
    pub fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// Positions of the regions that what waits tells of.
    pub fn regions(&self) -> impl Iterator<Item = usize> + '_ {
        self.waiting.iter().filter_map(|observation| observation.region)
    }

    /// Whether nothing waits.
    pub fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether this record waits already.
    pub fn is_waiting(&self, observation: &Observation) -> bool {
        self.waiting.iter().any(|w| w.id.is_some() && (w.id, w.time) == (observation.id, observation.time))
    }

    /// Lets it wait, with others `most` at most; returns the one that has to give way for it, if any: the one farthest ahead, which is the
    /// likeliest to be wrong.
    pub fn wait(&mut self, observation: Observation, most: usize) -> Option<Observation> {
        self.waiting.push(observation);
        if self.waiting.len() <= most.max(1) {
            return None;
        }
        let farthest = (0..self.waiting.len()).max_by_key(|&i| self.waiting[i].time)?;
        Some(self.waiting.remove(farthest))
    }

    /// Takes what a record of `time` confirms, in order of time: the order of arrival of wrong times says nothing. `sure` if its own time needs no
    /// confirmation.
    pub fn confirmed(&mut self, time: i64, jump_s: i64, sure: bool) -> Vec<Observation> {
        if !sure && !self.waiting.iter().any(|w| (w.time - time).abs() <= jump_s) {
            return Vec::new();
        }
        let mut confirmed: Vec<_> = self.waiting.extract_if(.., |w| time >= w.time - jump_s).collect();
        confirmed.sort_by_key(|observation| observation.time);
        confirmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUMP_S: i64 = 3600;

    fn at(time: i64, id: Option<u64>) -> Observation {
        Observation { time, region: None, principal: 0, id, counts: false }
    }

    /// The time of the first observation that is confirmed.
    fn first(times: &[i64]) -> Option<i64> {
        let mut observations = Observations::default();
        for (&time, id) in times.iter().zip(0..) {
            if let Some(first) = observations.confirmed(time, JUMP_S, false).first() {
                return Some(first.time);
            }
            assert!(observations.wait(at(time, Some(id)), 16).is_none());
        }
        None
    }

    #[test]
    fn history_begins_with_the_first_record_and_no_older_one_moves_it() {
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

    #[test]
    fn the_one_farthest_ahead_gives_way() {
        let mut observations = Observations::default();
        assert!(observations.wait(at(90_000, None), 2).is_none() && observations.wait(at(50_000, None), 2).is_none());
        assert_eq!(observations.wait(at(70_000, None), 2).map(|s| s.time), Some(90_000));
        let times: Vec<_> = observations.confirmed(i64::MAX, JUMP_S, true).iter().map(|s| s.time).collect();
        assert_eq!(times, [50_000, 70_000]);
        assert!(observations.is_settled());
    }
}
