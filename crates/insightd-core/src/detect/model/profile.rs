//! What one principal usually does on one series: since when, how much lately, and the most it ever did.

use serde::{Deserialize, Serialize};

use crate::detect::DAY;
use crate::detect::model::leaky::Leaky;

/// A pause of this many minutes ends a session.
const PAUSE: i64 = 60;

/// The profile of one principal on one series. Sums are leaky ones, calls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PrincipalProfile {
    first: i32,
    began: i32,
    last: i32,
    sum: Leaky,
    peak: f32,
    record: f32,
}

impl PrincipalProfile {
    /// A principal whose first call on the series lies in minute `minute`.
    pub(crate) fn new(minute: i64) -> Self {
        let minute = minute as i32;
        Self { first: minute, began: minute, last: minute, sum: Leaky::default(), peak: 0.0, record: 0.0 }
    }

    /// What is known of a principal when its series was dormant: since minute `since`, with this record
    /// (calls).
    pub(crate) fn remembered(since: i32, record: f32) -> Self {
        Self { first: since, began: since, last: since, sum: Leaky::default(), peak: 0.0, record }
    }

    /// The largest sum of all sessions.
    pub(crate) fn most(&self) -> f64 {
        f64::from(self.record.max(self.peak))
    }

    /// Minutes since its first call on the series.
    pub(crate) fn known_for(&self, now: i64) -> i64 {
        now - i64::from(self.first)
    }

    /// Calls of the last hour or so.
    pub(crate) fn sum(&self, now: i64) -> f64 {
        self.sum.at(now)
    }

    /// The largest sum of all sessions before the running one.
    pub(crate) fn record(&self) -> f64 {
        f64::from(self.record)
    }

    /// An insight named the principal: what it did so far is no longer new, and counts as usual.
    pub(crate) fn acknowledge(&mut self, now: i64) {
        self.first = self.first.min((now - DAY) as i32);
        self.record = self.record.max(self.peak);
    }

    /// Merges an earlier profile: known for longer, and the most it ever did.
    pub(crate) fn merge(&mut self, earlier: &Self) {
        self.first = self.first.min(earlier.first);
        self.record = self.record.max(earlier.record).max(earlier.peak);
    }

    /// Adds a call.
    pub(crate) fn add(&mut self, now: i64) {
        let minute = now as i32;
        self.first = self.first.min(minute);
        if now - i64::from(self.last) >= PAUSE || now - i64::from(self.began) >= DAY {
            self.record = self.record.max(self.peak);
            self.peak = 0.0;
            self.began = minute;
        }
        self.peak = self.peak.max(self.sum.add(now, 1.0) as f32);
        self.last = self.last.max(minute);
    }
}
