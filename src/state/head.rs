//! Where a task stands: written with every commit.

use serde::{Deserialize, Serialize};

use super::codec::{Fault, decode, encode};

/// Key of the head's record.
pub const KEY: &[u8] = b"T";
const VERSION: u8 = 1;
const WHAT: &str = "head";

/// Time that passed while a partition had nothing more to read (WM-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Offset of the next record: it took effect before that one.
    pub before: i64,
    /// Wall time, seconds since 1970.
    pub wall: i64,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Number of the state: it grows with each commit, and its low bits tell writers apart. The group's offset carries it too, so that the two can be compared.
    pub state: u64,
    /// Offset of the next record of the input.
    pub next: i64,
    /// Silences of this transaction that moved a clock, in order. With those of all heads, and the wall times at which records came
    /// (a silence is measured from there), the fold over the input can be repeated.
    pub silences: Vec<Silence>,
}

impl Head {
    /// Writes it.
    pub fn write(&self, into: &mut Vec<u8>) {
        encode(VERSION, self, into);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is newer, or damaged.
    pub fn read(bytes: &[u8]) -> Result<Self, Fault> {
        decode(WHAT, VERSION, bytes)
    }
}
