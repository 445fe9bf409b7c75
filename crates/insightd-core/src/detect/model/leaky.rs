//! A leaky sum: adds up weights and decays by half in a fixed number of minutes.

use serde::{Deserialize, Serialize};

/// A leaky sum with a half-life in minutes. Starts at zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Leaky<const HALF_LIFE: u16 = 60> {
    sum: f32,
    at: i32,
}

impl<const HALF_LIFE: u16> Leaky<HALF_LIFE> {
    /// The sum as of minute `now`.
    pub(crate) fn at(self, now: i64) -> f64 {
        f64::from(self.decayed(now))
    }

    fn decayed(self, now: i64) -> f32 {
        let minutes = (now - i64::from(self.at)).max(0) as f32;
        if minutes == 0.0 { self.sum } else { self.sum * (-minutes / f32::from(HALF_LIFE)).exp2() }
    }

    /// Back to zero.
    pub(crate) fn clear(&mut self) {
        self.sum = 0.0;
    }

    /// Adds `weight` at minute `now`; an earlier minute than the last one counts in full.
    pub(crate) fn add(&mut self, now: i64, weight: f32) -> f64 {
        self.sum = self.decayed(now) + weight;
        self.at = self.at.max(now as i32);
        f64::from(self.sum)
    }
}
