//! The event-time clock of one (account, region), and the records held back until another one confirms their time.
//!
//! * **WM-1** a clock never goes back.
//! * A record far ahead of its clock is held; it is applied when another record arrives that is dated no earlier than one
//!   jump (an hour) before it. So one record dated ahead blinds nobody, and a sparse account lags by one record at most.
//! * **WM-2** a silent clock moves on only when its partition was read to the end, and only by the wall time that has passed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::cloudtrail::event::{Event, cut};
use crate::detect::intake::dedup;

/// See the module. A clock that has applied nothing stands at minus infinity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    time: i64,
    /// Wall time (seconds) when a record last moved or touched it, and where it stood then.
    touched: (i64, i64),
    held: Vec<Held>,
}

/// A record whose time awaits confirmation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The record, owned.
    pub event: Box<Event<'static>>,
    /// Bytes of attribution set aside for it, so that there is room when it is applied.
    pub reserved: usize,
    /// Order of arrival within the clock.
    arrival: u64,
}

/// Bytes of a principal or user agent of a held record, which is saved with its region; real ones have at most 2 and 1 KB.
const CALLER_BYTES_MAX: usize = 2048;
/// Bytes of its other texts: what the names of a series may have, and eventIDs.
const TEXT_BYTES_MAX: usize = dedup::ID_BYTES_MAX;
/// Bytes of a held record at most, as it is saved: two long texts, six others, and some numbers.
pub const HELD_BYTES_MAX: usize = 2 * CALLER_BYTES_MAX + 6 * TEXT_BYTES_MAX + 128;

/// The record on its own, with texts cut that would make its region too large to be saved.
fn to_hold(event: &Event<'_>) -> Event<'static> {
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
        Self { time: i64::MIN, touched: (0, i64::MIN), held: Vec::new() }
    }
}

impl Clock {
    /// Seconds since 1970; none before the first applied record.
    pub fn time(&self) -> Option<i64> {
        (self.time != i64::MIN).then_some(self.time)
    }

    /// Last minute that is closed: its clock has passed it by `lateness` minutes.
    pub fn closed(&self, lateness: i64) -> i64 {
        match self.time() {
            Some(time) => time.div_euclid(60) - lateness - 1,
            None => i64::MIN / 4,
        }
    }

    /// Whether a record of `time` lies more than `jump_s` ahead.
    pub fn is_ahead(&self, time: i64, jump_s: i64) -> bool {
        self.time().is_none_or(|clock| time > clock + jump_s)
    }

    /// Moves to `time` if that is later (WM-1); `wall` is the wall clock, seconds. Returns whether the minute changed.
    pub fn advance(&mut self, time: i64, wall: i64) -> bool {
        let before = self.time;
        self.time = self.time.max(time);
        self.touched = (wall, self.time);
        before == i64::MIN || before.div_euclid(60) != self.time.div_euclid(60)
    }

    /// Where a silent clock moves to by the wall time since it was touched, never beyond `now - lateness_s` (WM-2); none if that is in
    /// the same minute still.
    pub fn idle(&self, now: i64, idle_after_s: i64, lateness_s: i64) -> Option<i64> {
        let (wall, at) = self.touched;
        if self.time().is_none() || now - wall < idle_after_s {
            return None;
        }
        let time = self.time.max((at + (now - wall)).min(now - lateness_s));
        (time.div_euclid(60) != self.time.div_euclid(60)).then_some(time)
    }

    /// Moves a silent clock to where [`Self::idle`] says.
    pub fn set(&mut self, time: i64) {
        self.time = self.time.max(time);
    }

    /// Bytes of attribution set aside for the held records, and how many there are.
    pub fn reserved(&self) -> (usize, usize) {
        (self.held.iter().map(|held| held.reserved).sum(), self.held.len())
    }

    /// Records held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Whether a copy of the record with this eventID and time is held.
    pub fn holds(&self, id: &str, time: i64) -> bool {
        self.held.iter().any(|h| h.event.time == time && h.event.id.as_deref() == Some(dedup::cut(id)))
    }

    /// Holds a record, for which `reserved` bytes were set aside.
    pub fn hold(&mut self, event: &Event<'_>, reserved: usize) {
        let arrival = self.held.last().map_or(0, |h| h.arrival + 1);
        self.held.push(Held { event: Box::new(to_hold(event)), reserved, arrival });
    }

    /// Takes the held records that one of `time` confirms, in the order in which they arrived.
    pub fn confirmed(&mut self, time: i64, jump_s: i64) -> Vec<Held> {
        if self.held.is_empty() {
            return Vec::new();
        }
        self.held.extract_if(.., |h| time >= h.event.time - jump_s).collect()
    }

    /// Time of the earliest held record.
    pub fn earliest(&self) -> Option<i64> {
        self.held.iter().map(|h| h.event.time).min()
    }

    /// Takes the earliest held record.
    pub fn take_earliest(&mut self) -> Option<Held> {
        let at = (0..self.held.len()).min_by_key(|&i| (self.held[i].event.time, self.held[i].arrival))?;
        Some(self.held.remove(at))
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
    fn wm2_an_idle_clock_moves_by_elapsed_time_and_never_beyond_now_less_lateness() {
        let mut clock = Clock::default();
        clock.advance(1_000_000, 2_000_000);
        assert_eq!(clock.idle(2_000_100, 120, 600), None, "not silent long enough");
        assert_eq!(clock.idle(2_000_300, 120, 600), Some(1_000_300), "history is not skipped");
        clock.set(1_000_300);
        assert_eq!(clock.time(), Some(1_000_300));
        assert_eq!(clock.idle(2_000_310, 120, 600), None, "the same minute");
        clock.advance(2_000_290, 2_000_300);
        assert_eq!(clock.idle(2_000_500, 120, 600), None, "never beyond now - lateness, never back");
        assert_eq!(clock.idle(2_001_000, 120, 600), Some(2_000_400));
    }
}
