//! The event-time clock of one (account, region), and the records quarantined until another one confirms
//! their time.
//!
//! * **WM-1** a clock never goes back.
//! * A record far ahead of its clock is quarantined until another record arrives that is dated no earlier
//!   than one jump (an hour) before it. So a sparse account lags by one record at most.
//! * **WM-2** an idle clock advances only when its partition was read to the end, and only by the wall time
//!   that has passed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::dedup;
use super::quarantine::{Dated, Quarantine};
use crate::cloudtrail::event::{Event, cut};
use crate::invariants::IdleClock;

/// An event-time clock; at minus infinity before the first applied record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Clock {
    time: i64,
    /// When a record was last applied: wall time, and the time of this clock then (seconds).
    touched: (i64, i64),
    quarantine: Quarantine<QuarantinedRecord>,
}

/// A record whose time awaits confirmation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct QuarantinedRecord {
    /// The record, owned.
    pub(crate) event: Box<Event<'static>>,
    /// Bytes of the attribution quota reserved for it, so that there is room when it is applied.
    pub(crate) reserved: usize,
    /// Order of arrival at the clock.
    arrival: u64,
}

impl Dated for QuarantinedRecord {
    fn time(&self) -> i64 {
        self.event.time
    }
}

/// Limit on a principal or user agent of a quarantined record, which is saved with its region. Real ones have
/// at most 2 and 1 KB.
const CALLER_BYTES_MAX: usize = 2048;
/// Limit on its other texts, bytes: the same as for eventIDs and the names of a series.
const TEXT_BYTES_MAX: usize = dedup::ID_BYTES_MAX;
/// Upper bound of a saved quarantined record, bytes: two long texts, six others, and some numbers.
pub(crate) const QUARANTINED_BYTES_MAX: usize = 2 * CALLER_BYTES_MAX + 6 * TEXT_BYTES_MAX + 128;

/// An owned copy of the record. Cuts texts that would make its region too large to save.
fn owned(event: &Event<'_>) -> Event<'static> {
    let text = |text: &str| Cow::Owned(cut(text, TEXT_BYTES_MAX).to_owned());
    let caller = |text: &str| Cow::Owned(cut(text, CALLER_BYTES_MAX).to_owned());
    Event {
        region: text(&event.region),
        source: text(&event.source),
        name: text(&event.name),
        error: event.error.as_deref().map(text),
        id: event.id.as_deref().map(text),
        principal: caller(&event.principal),
        invoked_by: text(&event.invoked_by),
        agent: caller(&event.agent),
        ..*event
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self { time: i64::MIN, touched: (0, i64::MIN), quarantine: Quarantine::default() }
    }
}

impl Clock {
    /// Seconds since 1970; none before the first applied record.
    pub(crate) fn time(&self) -> Option<i64> {
        (self.time != i64::MIN).then_some(self.time)
    }

    /// The last closed minute: the watermark, `lateness` minutes behind the clock.
    pub(crate) fn closed(&self, lateness: i64) -> i64 {
        match self.time() {
            Some(time) => time.div_euclid(60) - lateness - 1,
            None => i64::MIN / 4,
        }
    }

    /// Whether a record dated `time` lies more than `jump_s` seconds ahead.
    pub(crate) fn is_ahead(&self, time: i64, jump_s: i64) -> bool {
        self.time().is_none_or(|clock| time > clock + jump_s)
    }

    /// Moves to `time` if that is later (WM-1); `wall` is the wall clock, seconds. Returns whether the minute
    /// changed.
    pub(crate) fn advance(&mut self, time: i64, wall: i64) -> bool {
        let before = self.time;
        self.time = self.time.max(time);
        self.touched = (wall, self.time);
        before == i64::MIN || before.div_euclid(60) != self.time.div_euclid(60)
    }

    /// Where an idle clock advances to: by the wall time since it was touched, never beyond `now -
    /// lateness_s` (WM-2). None while that lies in the same minute.
    pub(crate) fn idle_advance(&self, now: i64, idle_after_s: i64, lateness_s: i64) -> Option<i64> {
        let (wall, at) = self.touched;
        if self.time().is_none() || now - wall < idle_after_s {
            return None;
        }
        let time = self.time.max((at + (now - wall)).min(now - lateness_s));
        (time.div_euclid(60) != self.time.div_euclid(60)).then_some(time)
    }

    /// The state of the clock for the check of WM-2.
    pub(crate) fn when_idle(&self) -> IdleClock {
        let (touched, touched_at) = self.touched;
        IdleClock { time: self.time, touched, touched_at }
    }

    /// Moves an idle clock to where [`Self::idle_advance`] says.
    pub(crate) fn advance_idle_to(&mut self, time: i64) {
        self.time = self.time.max(time);
    }

    /// Bytes reserved for the quarantined records, and how many there are.
    pub(crate) fn reserved(&self) -> (usize, usize) {
        (self.quarantine.iter().map(|record| record.reserved).sum(), self.quarantine.len())
    }

    /// Records quarantined.
    pub(crate) fn quarantined(&self) -> usize {
        self.quarantine.len()
    }

    /// Whether a copy of the record with this eventID and time is quarantined.
    pub(crate) fn is_quarantined(&self, id: &str, time: i64) -> bool {
        let same = |event: &Event<'_>| event.time == time && event.id.as_deref() == Some(dedup::cut(id));
        self.quarantine.iter().any(|record| same(&record.event))
    }

    /// Quarantines a record for which `reserved` bytes are reserved. If that makes more than `records_max`,
    /// releases and returns the earliest.
    pub(crate) fn quarantine(
        &mut self,
        event: &Event<'_>,
        reserved: usize,
        records_max: usize,
    ) -> Option<QuarantinedRecord> {
        let arrival = self.quarantine.newest().map_or(0, |record| record.arrival + 1);
        self.quarantine.admit(QuarantinedRecord { event: Box::new(owned(event)), reserved, arrival }, records_max)
    }

    /// Takes the records that one dated `time` confirms, in the order of their arrival.
    pub(crate) fn confirmed_by(&mut self, time: i64, jump_s: i64) -> Vec<QuarantinedRecord> {
        self.quarantine.confirmed_by(time, jump_s)
    }

    /// Time of the earliest quarantined record, seconds.
    pub(crate) fn earliest_quarantined(&self) -> Option<i64> {
        self.quarantine.earliest()
    }

    /// Takes the earliest quarantined record.
    pub(crate) fn take_earliest(&mut self) -> Option<QuarantinedRecord> {
        self.quarantine.take_earliest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_closed_when_the_clock_has_passed_it_by_lateness() {
        let mut clock = Clock::default();
        clock.advance(100 * 60 + 59, 0);
        // Minute 89 ended at 90:00, ten minutes before 100:00.
        assert_eq!(clock.closed(10), 89);
        clock.advance(101 * 60, 0);
        assert_eq!(clock.closed(10), 90);
    }

    #[test]
    fn wm1_a_clock_never_goes_back() {
        let mut clock = Clock::default();
        clock.advance(1000, 0);
        assert!(!clock.advance(10, 0));
        assert_eq!(clock.time(), Some(1000));
    }

    #[test]
    fn wm2_an_idle_clock_moves_by_elapsed_time() {
        let mut clock = Clock::default();
        clock.advance(1_000_000, 2_000_000);
        assert_eq!(clock.idle_advance(2_000_100, 120, 600), None, "not silent long enough");
        assert_eq!(clock.idle_advance(2_000_300, 120, 600), Some(1_000_300), "history is not skipped");
        clock.advance_idle_to(1_000_300);
        assert_eq!(clock.time(), Some(1_000_300));
        assert_eq!(clock.idle_advance(2_000_310, 120, 600), None, "the same minute");
        clock.advance(2_000_290, 2_000_300);
        assert_eq!(clock.idle_advance(2_000_500, 120, 600), None, "never beyond now - lateness, never back");
        assert_eq!(clock.idle_advance(2_001_000, 120, 600), Some(2_000_400));
    }
}
