//! Who, with what, with which result: calls per value of one attribute of one series.
//!
//! Exact while the attribute shows at most `values_max` distinct values in the window. Beyond that it is a
//! *space-saving* summary (Metwally, Agrawal, El Abbadi, "Efficient computation of frequent and top-k
//! elements in data streams", ICDT 2005): a new value takes the place, and the counts, of the smallest one.
//! Every value with more than 1/`values_max` of the calls is then there; a count may be too high by at most
//! calls / `values_max`, and is never too low for a value that stayed; the sum over all values remains the
//! exact number of calls.

mod remembered;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cloudtrail::event::cut;
use crate::detect::model::baseline::baseline_count;
use crate::detect::model::days::Days;
use crate::detect::model::dormant::Remembered;
use crate::detect::model::profile::PrincipalProfile;
use crate::detect::model::quota::{MemoryQuota, VALUE_OVERHEAD};
use crate::detect::model::recent::Recent;

/// Top values shown on each side of a record.
const TOP: usize = 5;

/// One value of an attribute, with its calls. A series is copied by each transaction that changes it: a copy
/// shares the text, and allocates nothing for a value that was not called lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Value {
    text: Arc<str>,
    days: Days,
    recent: Recent,
    profile: PrincipalProfile,
    /// Calls of the open insight up to its last unusual minute.
    episode: u64,
    /// Calls of the minutes since.
    pending: u64,
    #[serde(skip)]
    saved: SavedPosition,
}

impl Value {
    /// A value without a call.
    fn new(text: &str, profile: PrincipalProfile) -> Self {
        let (days, recent, saved) = (Days::default(), Recent::default(), SavedPosition::default());
        Self { text: text.into(), days, recent, profile, episode: 0, pending: 0, saved }
    }

    /// Calls that count when values are compared: those of the window that ends with the day of `minute`, and
    /// those of the open insight.
    fn weight(&self, minute: i64) -> u64 {
        self.days.window(minute) + self.episode + self.pending
    }
}

/// Position of a value when its series was last saved as a whole, and whether the value has changed since.
#[derive(Clone, Copy, Debug, Default)]
struct SavedPosition {
    at: u16,
    changed: bool,
}

// Where a value was saved is no part of what it is.
impl PartialEq for SavedPosition {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What calls change in one attribute while no minute is closed. Of each value that was called: its position
/// in the series as last saved, its calls of the newest day, its open minutes and its profile. And the order
/// of all values, if it has changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunningAttribute {
    order: Vec<u16>,
    called: Vec<(u16, u32, Recent, PrincipalProfile)>,
}

/// One call as an attribute counts it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttributedCall {
    /// Minute of the call.
    pub(crate) minute: i64,
    /// Whether its minute was closed already.
    pub(crate) late: bool,
    /// False for a call before the account's history, which no baseline counts.
    pub(crate) in_history: bool,
}

/// All values of one attribute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AttributeValues {
    values: Vec<Value>,
    /// Whether a value once took another's place. A value that is not there may then have been there.
    summarized: bool,
    /// Whether more has changed since the series was last saved as a whole than [`RunningAttribute`] holds.
    #[serde(skip)]
    needs_full_save: bool,
    /// Callers from before the series was dormant that have not called since. Saved apart, because not all
    /// versions have it.
    #[serde(skip)]
    remembered: Option<Arc<Remembered>>,
}

impl AttributeValues {
    /// Adds one call by the value `text`. Returns the position of the value, good until the next call.
    pub(crate) fn add(&mut self, text: &str, call: AttributedCall, quota: &mut MemoryQuota) -> usize {
        let AttributedCall { minute, late, in_history } = call;
        let text = cut(text, quota.value_bytes_max);
        let at = match self.values.iter().position(|v| &*v.text == text) {
            Some(at) => at,
            None => self.enter(text, minute, quota),
        };
        // The most frequent value moves to the front, where the next search finds it at once.
        let at = if at > 0 {
            self.values.swap(at, at - 1);
            at - 1
        } else {
            at
        };
        let value = &mut self.values[at];
        value.recent.add(minute, late);
        value.saved.changed = true;
        if in_history {
            self.needs_full_save |= !value.days.add(minute);
        }
        if !late {
            value.profile.add(minute);
        }
        at
    }

    /// Profile of the value at `at`; none where the attribute is summarized, because nothing certain is known
    /// of it then.
    pub(crate) fn profile(&self, at: usize) -> Option<&PrincipalProfile> {
        if self.summarized { None } else { self.values.get(at).map(|value| &value.profile) }
    }

    /// An insight named the value at `at` in minute `minute`.
    pub(crate) fn acknowledge(&mut self, at: usize, minute: i64) {
        if let Some(value) = self.values.get_mut(at) {
            value.profile.acknowledge(minute);
            value.saved.changed = true;
        }
    }

    /// Calls of the value at `at` in one minute.
    pub(crate) fn count_of(&self, at: usize, minute: i64) -> u32 {
        self.values.get(at).map_or(0, |value| value.recent.count(minute))
    }

    fn enter(&mut self, text: &str, minute: i64, quota: &mut MemoryQuota) -> usize {
        self.needs_full_save = true;
        let profile = self.profile_of(text, minute);
        let full = self.values.len() >= quota.values_max
            || (quota.bytes + text.len() + VALUE_OVERHEAD > quota.bytes_max && !self.values.is_empty());
        if full {
            self.drop_silent(minute, quota);
        }
        let has_room = self.values.len() < quota.values_max && quota.bytes + VALUE_OVERHEAD <= quota.bytes_max;
        // A series has at least one value of each attribute, whatever the quota: it may have dropped all of
        // them just now.
        if !full || has_room || self.values.is_empty() {
            quota.bytes += text.len() + VALUE_OVERHEAD;
            if self.values.len() < TOP {
                // Most series have one or two values; room for four each would double the memory of a series.
                self.values.reserve_exact(1);
            }
            self.values.push(Value::new(text, profile));
            return self.values.len() - 1;
        }
        quota.summarized += 1;
        self.summarized = true;
        let smallest = (0..self.values.len()).min_by_key(|&at| self.values[at].weight(minute)).unwrap_or(0);
        let value = &mut self.values[smallest];
        quota.bytes = quota.bytes + text.len() - value.text.len();
        value.text = text.into();
        value.profile = PrincipalProfile::new(minute);
        smallest
    }

    /// Merges the values of earlier records. `minute` is that of the newest call.
    pub(crate) fn merge(&mut self, past: Self, minute: i64, quota: &mut MemoryQuota) {
        self.summarized |= past.summarized;
        self.needs_full_save = true;
        self.remembered = self.remembered.take().or(past.remembered);
        for earlier in past.values {
            let known = self.values.iter().position(|value| value.text == earlier.text);
            let at = known.unwrap_or_else(|| self.enter(&earlier.text, minute, quota));
            let value = &mut self.values[at];
            value.days.merge(&earlier.days);
            let now = std::mem::replace(&mut value.profile, earlier.profile);
            match known {
                Some(_) => {
                    value.profile = now;
                    value.profile.merge(&earlier.profile);
                }
                // It may have been remembered while the series was dormant.
                None => value.profile.merge(&now),
            }
        }
    }

    /// Drops values without a call in the window that ends with the day of `minute`.
    pub(crate) fn drop_silent(&mut self, minute: i64, quota: &mut MemoryQuota) {
        self.values.retain(|v| {
            let keep = v.weight(minute) + v.recent.total(i64::MIN, i64::MAX) > 0;
            if !keep {
                quota.bytes -= v.text.len() + VALUE_OVERHEAD;
            }
            keep
        });
    }

    /// Returns its bytes to the quota when the series is forgotten.
    pub(crate) fn release(&self, quota: &mut MemoryQuota) {
        quota.bytes -= self.bytes();
    }

    /// Drops minutes before `minute`.
    pub(crate) fn forget_before(&mut self, minute: i64) {
        self.values.iter_mut().for_each(|v| v.recent.forget_before(minute));
    }

    /// Resets what is counted for an insight, because one begins or ends.
    pub(crate) fn begin_episode(&mut self) {
        self.values.iter_mut().for_each(|v| (v.episode, v.pending) = (0, 0));
    }

    /// Closes minute `minute` of the open insight. An `unusual` one takes the pending minutes before it
    /// along.
    pub(crate) fn close_episode_minute(&mut self, minute: i64, unusual: bool) {
        for value in &mut self.values {
            value.pending += u64::from(value.recent.count(minute));
            if unusual {
                value.episode += std::mem::take(&mut value.pending);
            }
        }
    }

    /// Whether [`AttributeValues::running`] holds all that has changed since [`AttributeValues::saved`].
    pub(crate) fn only_runs(&self) -> bool {
        !self.needs_full_save
    }

    /// Notes that the series is saved as a whole.
    pub(crate) fn saved(&mut self) {
        self.needs_full_save = false;
        for (at, value) in self.values.iter_mut().enumerate() {
            value.saved = SavedPosition { at: at as u16, changed: false };
        }
    }

    /// What has changed since.
    pub(crate) fn running(&self) -> RunningAttribute {
        let order: Vec<u16> = self.values.iter().map(|v| v.saved.at).collect();
        let moved = order.iter().enumerate().any(|(at, &was)| at != usize::from(was));
        let changed = self.values.iter().filter(|v| v.saved.changed);
        RunningAttribute {
            order: if moved { order } else { Vec::new() },
            called: changed.map(|v| (v.saved.at, v.days.newest(), v.recent.clone(), v.profile)).collect(),
        }
    }

    /// Applies a running part to values as they were saved. False if the two do not fit together.
    pub(crate) fn resume(&mut self, running: RunningAttribute) -> bool {
        // An earlier running part may have left another order.
        self.values.sort_by_key(|value| value.saved.at);
        for (at, newest, recent, profile) in running.called {
            let Some(value) = self.values.get_mut(usize::from(at)) else { return false };
            value.days.set_newest(newest);
            (value.recent, value.profile) = (recent, profile);
            value.saved.changed = true;
        }
        if running.order.is_empty() {
            return true;
        }
        let mut places = vec![None; self.values.len()];
        for (to, &from) in running.order.iter().enumerate() {
            match places.get_mut(usize::from(from)) {
                Some(place @ None) => *place = Some(to),
                _ => return false,
            }
        }
        self.values.sort_by_key(|value| places[usize::from(value.saved.at)]);
        running.order.len() == self.values.len()
    }

    /// Charges its bytes to the quota, after a restore.
    pub(crate) fn charge(&self, quota: &mut MemoryQuota) {
        quota.bytes += self.bytes();
    }

    /// Top values of the insight side of a Start: all calls from minute `from` to `to`.
    pub(crate) fn top_recent(&self, from: i64, to: i64) -> Vec<(String, u64)> {
        self.top(|v| v.recent.total(from, to))
    }

    /// Top values of the insight side of an End.
    pub(crate) fn top_episode(&self) -> Vec<(String, u64)> {
        self.top(|v| v.episode)
    }

    /// Top values of the baseline of an insight that starts at `start`.
    pub(crate) fn top_baseline(&self, start: i64) -> Vec<(String, u64)> {
        self.top(|v| baseline_count(&v.days, &v.recent, start))
    }

    fn top(&self, count: impl Fn(&Value) -> u64) -> Vec<(String, u64)> {
        let mut counted: Vec<_> = self.values.iter().map(|v| (&*v.text, count(v))).filter(|&(_, n)| n > 0).collect();
        counted.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        counted.truncate(TOP);
        counted.into_iter().map(|(text, n)| (text.to_owned(), n)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: AttributedCall = AttributedCall { minute: 1000, late: false, in_history: true };

    fn quota(values_max: usize) -> MemoryQuota {
        MemoryQuota { values_max, value_bytes_max: 64, bytes_max: 1 << 20, bytes: 0, summarized: 0 }
    }

    #[test]
    fn exact_up_to_the_limit_and_ordered_by_count_then_value() {
        let (mut values, mut quota) = (AttributeValues::default(), quota(8));
        for (text, n) in [("b", 3), ("a", 3), ("c", 9), ("d", 1), ("e", 2), ("f", 4)] {
            for _ in 0..n {
                values.add(text, CALL, &mut quota);
            }
        }
        let top = values.top_recent(1000, 1000);
        assert_eq!(top, [("c", 9), ("f", 4), ("a", 3), ("b", 3), ("e", 2)].map(|(t, n)| (t.to_owned(), n)));
        assert_eq!(values.top_baseline(1001)[0], ("c".to_owned(), 9));
        assert!(values.top_baseline(1000).is_empty());
        assert_eq!(quota.summarized, 0);
    }

    #[test]
    fn the_summary_keeps_heavy_values_and_the_exact_sum() {
        let (mut values, mut quota) = (AttributeValues::default(), quota(8));
        for i in 0..1000_u32 {
            values.add("heavy", CALL, &mut quota);
            values.add(&format!("once-{i}"), CALL, &mut quota);
        }
        let total: u64 = values.values.iter().map(|v| v.recent.total(1000, 1000)).sum();
        assert_eq!(total, 2000);
        let heavy = values.top_recent(1000, 1000).into_iter().find(|(t, _)| t == "heavy").map(|(_, n)| n);
        assert!((1000..=1250).contains(&heavy.unwrap_or(0)), "{heavy:?}");
        assert!(quota.summarized > 900);
        assert!(values.values.len() <= 8);
    }

    /// Over the quota, a series whose values had all been silent for longer than the window dropped them,
    /// found no room for the new one, and looked for one to replace.
    #[test]
    fn a_value_enters_over_quota_when_all_others_are_silent() {
        let (mut values, mut quota) = (AttributeValues::default(), quota(8));
        values.add("early", CALL, &mut quota);
        values.forget_before(i64::MAX);
        quota.bytes_max = quota.bytes;
        quota.bytes += 1000;
        let late = AttributedCall { minute: CALL.minute + 30 * crate::detect::DAY, ..CALL };
        assert_eq!(values.add("late", late, &mut quota), 0);
        assert_eq!(values.top_recent(late.minute, late.minute), [("late".to_owned(), 1)]);
    }

    #[test]
    fn all_bytes_are_given_back() {
        let (mut values, mut quota) = (AttributeValues::default(), quota(4));
        for i in 0..20 {
            values.add(&"x".repeat(i), CALL, &mut quota);
        }
        values.release(&mut quota);
        assert_eq!(quota.bytes, 0);
    }
}
