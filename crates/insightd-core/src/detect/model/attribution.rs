//! Who, with what, with which result: calls per value of one attribute of one series.
//!
//! Exact while the attribute shows at most `values_max` distinct values in the window. Beyond that it is a *space-saving* summary
//! (Metwally, Agrawal, El Abbadi, "Efficient computation of frequent and top-k elements in data streams", ICDT 2005): a
//! new value takes the place, and the counts, of the smallest one. Then every value with more than 1/`values_max` of the calls
//! is there, a count may be too high by at most calls / `values_max`, never too low for a value that stayed, and the sum over
//! all values remains the exact number of calls.

mod kept;

use serde::{Deserialize, Serialize};

use crate::cloudtrail::event::cut;
use crate::detect::model::days::{Days, day_of};
use crate::detect::model::dormant::Remembered;
use crate::detect::model::profile::PrincipalProfile;
use crate::detect::model::recent::Recent;

/// Top values shown on each side of a record.
const TOP: usize = 5;
/// What a value costs beside its text, bytes (estimate for the bound).
const VALUE_OVERHEAD: usize = 160;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Value {
    text: Box<str>,
    days: Days,
    recent: Recent,
    profile: PrincipalProfile,
    /// Calls of the open insight up to its last unusual minute.
    episode: u64,
    /// Calls of the minutes since.
    pending: u64,
    /// Its place when the series was last saved as a whole, and whether it has changed since.
    #[serde(skip)]
    saved: Saved,
}

/// See [`Value::saved`].
#[derive(Clone, Copy, Debug, Default)]
struct Saved {
    at: u16,
    changed: bool,
}

// Where a value was saved is no part of what it is.
impl PartialEq for Saved {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What calls change in the values of one attribute while no minute is closed: for each value that was called its place in the series as last
/// saved, its calls of the newest day, its open minutes and its profile; and the order of all of them, if it is another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunningValues {
    order: Vec<u16>,
    called: Vec<(u16, u32, Recent, PrincipalProfile)>,
}

/// All values of one attribute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Values {
    values: Vec<Value>,
    /// Whether a value once took another's place: then a new value need not be new.
    summarised: bool,
    /// More has changed since the series was last saved as a whole than [`RunningValues`] can tell.
    #[serde(skip)]
    remade: bool,
    /// Who called before the series slept and has not called since. Saved apart, for not all versions have it.
    #[serde(skip)]
    remembered: Option<Box<Remembered>>,
}

/// Bounds of the summary and what it has used, over all series.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Distinct values counted exactly.
    pub values_max: usize,
    /// Bytes of one value.
    pub value_bytes_max: usize,
    /// Bytes of all values and of the names of series.
    pub bytes_max: usize,
    /// Bytes in use.
    pub bytes: usize,
    /// Values that took the place of another so far.
    pub summarised: u64,
}

impl Budget {
    /// Bytes that a new series takes at least: its name, and one value of each attribute.
    pub fn least(&self, name_bytes: usize, values: [&str; 3]) -> usize {
        name_bytes + values.map(|text| cut(text, self.value_bytes_max).len() + VALUE_OVERHEAD).iter().sum::<usize>()
    }

    /// Takes in the name of a new series. False when there is no room for it and one value of each attribute.
    pub fn admit(&mut self, name_bytes: usize, values: [&str; 3]) -> bool {
        let fits = self.bytes + self.least(name_bytes, values) <= self.bytes_max;
        if fits {
            self.bytes += name_bytes;
        }
        fits
    }
}

impl Values {
    /// Adds one call. `in_history` is false for a call before the account's history, which no baseline counts.
    pub fn add(&mut self, text: &str, minute: i64, late: bool, in_history: bool, budget: &mut Budget) -> usize {
        let text = cut(text, budget.value_bytes_max);
        let at = match self.values.iter().position(|v| &*v.text == text) {
            Some(at) => at,
            None => self.enter(text, minute, budget),
        };
        // The usual value moves to the front, where it is found at once.
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
            self.remade |= !value.days.add(minute);
        }
        if !late {
            value.profile.add(minute);
        }
        at
    }

    /// What the value at `at` is used to; none where values took one another's place, so that nothing is known of it.
    pub fn profile(&self, at: usize) -> Option<&PrincipalProfile> {
        if self.summarised { None } else { self.values.get(at).map(|value| &value.profile) }
    }

    /// An insight named the value at `at`.
    pub fn told(&mut self, at: usize, minute: i64) {
        if let Some(value) = self.values.get_mut(at) {
            value.profile.told(minute);
            value.saved.changed = true;
        }
    }

    /// Calls of the value at `at` in one minute.
    pub fn count_of(&self, at: usize, minute: i64) -> u32 {
        self.values.get(at).map_or(0, |value| value.recent.count(minute))
    }

    fn enter(&mut self, text: &str, minute: i64, budget: &mut Budget) -> usize {
        self.remade = true;
        let profile = self.profile_of(text, minute);
        let full = self.values.len() >= budget.values_max
            || (budget.bytes + text.len() + VALUE_OVERHEAD > budget.bytes_max && !self.values.is_empty());
        if full {
            self.drop_silent(minute, budget);
        }
        if !full || self.values.len() < budget.values_max && budget.bytes + VALUE_OVERHEAD <= budget.bytes_max {
            budget.bytes += text.len() + VALUE_OVERHEAD;
            if self.values.len() < TOP {
                // Most series have one or two values; room for four each would double the memory of a series.
                self.values.reserve_exact(1);
            }
            self.values.push(Value {
                text: text.into(),
                days: Days::default(),
                recent: Recent::default(),
                profile,
                episode: 0,
                pending: 0,
                saved: Saved::default(),
            });
            return self.values.len() - 1;
        }
        budget.summarised += 1;
        self.summarised = true;
        let weight = |v: &Value| v.days.window(minute) + v.episode + v.pending;
        let smallest = (0..self.values.len()).min_by_key(|&i| weight(&self.values[i])).unwrap_or(0);
        let value = &mut self.values[smallest];
        budget.bytes = budget.bytes + text.len() - value.text.len();
        value.text = text.into();
        value.profile = PrincipalProfile::new(minute);
        smallest
    }

    /// Takes in the calls of earlier records.
    pub fn absorb(&mut self, past: Self, minute: i64, budget: &mut Budget) {
        self.summarised |= past.summarised;
        self.remade = true;
        self.remembered = self.remembered.take().or(past.remembered);
        for earlier in past.values {
            let known = self.values.iter().position(|value| value.text == earlier.text);
            let at = known.unwrap_or_else(|| self.enter(&earlier.text, minute, budget));
            let value = &mut self.values[at];
            value.days.absorb(&earlier.days);
            let now = std::mem::replace(&mut value.profile, earlier.profile);
            match known {
                Some(_) => {
                    value.profile = now;
                    value.profile.absorb(&earlier.profile);
                }
                // It may have been remembered over a sleep.
                None => value.profile.absorb(&now),
            }
        }
    }

    /// Forgets values without a call in the window that ends with the day of `minute`.
    pub fn drop_silent(&mut self, minute: i64, budget: &mut Budget) {
        self.values.retain(|v| {
            let keep = v.days.window(minute) + v.recent.total(i64::MIN, i64::MAX) + v.episode + v.pending > 0;
            if !keep {
                budget.bytes -= v.text.len() + VALUE_OVERHEAD;
            }
            keep
        });
    }

    /// Gives its bytes back when the series is forgotten.
    pub fn release(&self, budget: &mut Budget) {
        budget.bytes -= self.bytes();
    }

    /// Forgets minutes before `minute`.
    pub fn forget_before(&mut self, minute: i64) {
        self.values.iter_mut().for_each(|v| v.recent.forget_before(minute));
    }

    /// An insight begins: nothing is counted for it yet.
    pub fn begin_episode(&mut self) {
        self.values.iter_mut().for_each(|v| (v.episode, v.pending) = (0, 0));
    }

    /// Minute `minute` of the open insight is closed; `unusual` minutes take the ones before along.
    pub fn close_episode_minute(&mut self, minute: i64, unusual: bool) {
        for value in &mut self.values {
            value.pending += u64::from(value.recent.count(minute));
            if unusual {
                value.episode += std::mem::take(&mut value.pending);
            }
        }
    }

    /// Whether only [`Values::running`] has changed since [`Values::saved`].
    pub fn only_runs(&self) -> bool {
        !self.remade
    }

    /// The series was saved as a whole.
    pub fn saved(&mut self) {
        self.remade = false;
        for (at, value) in self.values.iter_mut().enumerate() {
            value.saved = Saved { at: at as u16, changed: false };
        }
    }

    /// What has changed since.
    pub fn running(&self) -> RunningValues {
        let order: Vec<u16> = self.values.iter().map(|v| v.saved.at).collect();
        let moved = order.iter().enumerate().any(|(at, &was)| at != usize::from(was));
        let changed = self.values.iter().filter(|v| v.saved.changed);
        RunningValues {
            order: if moved { order } else { Vec::new() },
            called: changed.map(|v| (v.saved.at, v.days.newest(), v.recent.clone(), v.profile)).collect(),
        }
    }

    /// Brings values that were read as saved (and called [`Values::saved`]) to where they were running. False if the two do not fit together.
    pub fn resume(&mut self, running: RunningValues) -> bool {
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

    /// Takes its bytes from the budget, when it was read as saved.
    pub fn charge(&self, budget: &mut Budget) {
        budget.bytes += self.bytes();
    }

    /// Top values of the insight side of a Start: all calls from minute `from` to `to`.
    pub fn top_recent(&self, from: i64, to: i64) -> Vec<(String, u64)> {
        self.top(|v| v.recent.total(from, to))
    }

    /// Top values of the insight side of an End.
    pub fn top_episode(&self) -> Vec<(String, u64)> {
        self.top(|v| v.episode)
    }

    /// Top values of the baseline of an insight that starts at `start`.
    pub fn top_baseline(&self, start: i64) -> Vec<(String, u64)> {
        self.top(|v| baseline_count(&v.days, &v.recent, start))
    }

    fn top(&self, count: impl Fn(&Value) -> u64) -> Vec<(String, u64)> {
        let mut counted: Vec<_> = self.values.iter().map(|v| (&*v.text, count(v))).filter(|&(_, n)| n > 0).collect();
        counted.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        counted.truncate(TOP);
        counted.into_iter().map(|(text, n)| (text.to_owned(), n)).collect()
    }
}

/// Calls of the baseline window before minute `start`: whole days, less what lies at or after `start` on its own day.
pub fn baseline_count(days: &Days, recent: &Recent, start: i64) -> u64 {
    let end_of_day = (day_of(start) + 1) * crate::detect::DAY - 1;
    days.window(start).saturating_sub(recent.total(start, end_of_day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(values_max: usize) -> Budget {
        Budget { values_max, value_bytes_max: 64, bytes_max: 1 << 20, bytes: 0, summarised: 0 }
    }

    #[test]
    fn exact_up_to_the_limit_and_ordered_by_count_then_value() {
        let (mut values, mut budget) = (Values::default(), budget(8));
        for (text, n) in [("b", 3), ("a", 3), ("c", 9), ("d", 1), ("e", 2), ("f", 4)] {
            for _ in 0..n {
                values.add(text, 1000, false, true, &mut budget);
            }
        }
        let top = values.top_recent(1000, 1000);
        assert_eq!(top, [("c", 9), ("f", 4), ("a", 3), ("b", 3), ("e", 2)].map(|(t, n)| (t.to_owned(), n)));
        assert_eq!(values.top_baseline(1001)[0], ("c".to_owned(), 9));
        assert!(values.top_baseline(1000).is_empty());
        assert_eq!(budget.summarised, 0);
    }

    #[test]
    fn the_summary_keeps_heavy_values_and_the_exact_sum() {
        let (mut values, mut budget) = (Values::default(), budget(8));
        for i in 0..1000_u32 {
            values.add("heavy", 1000, false, true, &mut budget);
            values.add(&format!("once-{i}"), 1000, false, true, &mut budget);
        }
        let total: u64 = values.values.iter().map(|v| v.recent.total(1000, 1000)).sum();
        assert_eq!(total, 2000);
        let heavy = values.top_recent(1000, 1000).into_iter().find(|(t, _)| t == "heavy").map(|(_, n)| n);
        assert!((1000..=1250).contains(&heavy.unwrap_or(0)), "{heavy:?}");
        assert!(budget.summarised > 900);
        assert!(values.values.len() <= 8);
    }

    #[test]
    fn all_bytes_are_given_back() {
        let (mut values, mut budget) = (Values::default(), budget(4));
        for i in 0..20 {
            values.add(&"x".repeat(i), 1000, false, true, &mut budget);
        }
        values.release(&mut budget);
        assert_eq!(budget.bytes, 0);
    }
}
