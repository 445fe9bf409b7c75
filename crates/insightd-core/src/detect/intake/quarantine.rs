//! Records whose time awaits confirmation.
//!
//! A record dated far ahead of everything known waits until another one confirms its time, so that one wrong
//! date cannot make good records too late. An event-time clock quarantines whole records, an account what a
//! record shows of it.
//!
//! A full quarantine releases its earliest record, which then takes effect: of unconfirmed dates the earliest
//! is the most likely to be right.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Something with an event time.
pub(crate) trait Dated {
    /// Seconds since 1970.
    fn time(&self) -> i64;
}

/// Records that wait, in the order of their arrival. The copy that a transaction keeps for its undo shares
/// them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quarantine<T> {
    waiting: Vec<Arc<T>>,
}

impl<T> Default for Quarantine<T> {
    fn default() -> Self {
        Self { waiting: Vec::new() }
    }
}

impl<T: Clone + Dated> Quarantine<T> {
    /// Records that wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The records, in the order of their arrival.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter().map(Arc::as_ref)
    }

    /// The record that arrived last.
    pub(crate) fn newest(&self) -> Option<&T> {
        self.waiting.last().map(Arc::as_ref)
    }

    /// Adds a record. If that makes more than `records_max`, releases and returns the earliest.
    pub(crate) fn admit(&mut self, record: T, records_max: usize) -> Option<T> {
        self.waiting.push(Arc::new(record));
        if self.waiting.len() > records_max { self.take_earliest() } else { None }
    }

    /// Takes the records that one dated `time` (seconds) confirms, in the order of their arrival: those dated
    /// at most `jump_s` after it.
    pub(crate) fn confirmed_by(&mut self, time: i64, jump_s: i64) -> Vec<T> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let confirmed = self.waiting.extract_if(.., |record| time >= record.time() - jump_s);
        confirmed.map(Arc::unwrap_or_clone).collect()
    }

    /// Time of the earliest record, seconds.
    pub(crate) fn earliest(&self) -> Option<i64> {
        self.iter().map(Dated::time).min()
    }

    /// Takes the earliest record; of several with the same time, the one that arrived first.
    pub(crate) fn take_earliest(&mut self) -> Option<T> {
        let at = (0..self.waiting.len()).min_by_key(|&at| self.waiting[at].time())?;
        Some(Arc::unwrap_or_clone(self.waiting.remove(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Dated for i64 {
        fn time(&self) -> i64 {
            *self
        }
    }

    #[test]
    fn a_full_quarantine_releases_its_earliest_record() {
        let mut quarantine = Quarantine::default();
        assert_eq!((quarantine.admit(90_000, 2), quarantine.admit(50_000, 2)), (None, None));
        assert_eq!(quarantine.admit(70_000, 2), Some(50_000));
        assert_eq!(quarantine.admit(10_000, 2), Some(10_000), "also if it has just arrived");
        assert_eq!(quarantine.iter().copied().collect::<Vec<_>>(), [90_000, 70_000]);
        assert_eq!(quarantine.earliest(), Some(70_000));
    }

    #[test]
    fn a_record_confirms_those_dated_at_most_one_jump_after_it() {
        let mut quarantine = Quarantine::default();
        [9_000, 5_000, 7_000].into_iter().for_each(|time| assert_eq!(quarantine.admit(time, 16), None));
        assert_eq!(quarantine.confirmed_by(3_000, 3_600), [5_000]);
        assert_eq!(quarantine.confirmed_by(6_000, 3_600), [9_000, 7_000], "in the order of their arrival");
        assert!(quarantine.is_empty());
    }
}
