//! What one principal is used to do on one series: since when, how much lately, and the most it ever did.

use serde::{Deserialize, Serialize};

use crate::detect::DAY;
use crate::detect::model::leaky::Leaky;

/// A pause of this many minutes ends a session.
const PAUSE: i64 = 60;

/// See the module. Sums are leaky ones, calls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrincipalProfile {
    first: i32,
    began: i32,
    last: i32,
    sum: Leaky,
    peak: f32,
    record: f32,
}

impl PrincipalProfile {
    /// A principal whose first call on the series lies in minute `minute`.
    pub fn new(minute: i64) -> Self {
        let minute = minute as i32;
        Self { first: minute, began: minute, last: minute, sum: Leaky::default(), peak: 0.0, record: 0.0 }
    }

    /// What is known of a principal after a long silence: since minute `since`, with this record (calls).
    pub fn remembered(since: i32, record: f32) -> Self {
        Self { first: since, began: since, last: since, sum: Leaky::default(), peak: 0.0, record }
    }

    /// The largest sum of all sessions.
    pub fn most(&self) -> f64 {
        f64::from(self.record.max(self.peak))
    }

    /// Minutes since its first call on the series.
    pub fn known_for(&self, now: i64) -> i64 {
        now - i64::from(self.first)
    }

    /// Calls of the last hour or so.
    pub fn sum(&self, now: i64) -> f64 {
        self.sum.at(now)
    }

    /// The largest sum of all sessions before the running one.
    pub fn record(&self) -> f64 {
        f64::from(self.record)
    }

    /// An insight named the principal: what it did so far is no news any more, and counts as its profile.
    pub fn told(&mut self, now: i64) {
        self.first = self.first.min((now - DAY) as i32);
        self.record = self.record.max(self.peak);
    }

    /// Takes in what it was before: known for longer, and the most that it ever did.
    pub fn absorb(&mut self, past: &Self) {
        self.first = self.first.min(past.first);
        self.record = self.record.max(past.record).max(past.peak);
    }

    /// Adds a call.
    pub fn add(&mut self, now: i64) {
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
