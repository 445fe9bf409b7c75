//! Where a task stands: written with every commit.

use serde::{Deserialize, Serialize};

use super::codec::{RestoreError, decode, encode};

/// Key of the head's record.
pub const KEY: &[u8] = b"T";
const VERSION: u8 = 2;
const WHAT: &str = "head";

/// Time that passed while a partition had nothing more to read (WM-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleAdvance {
    /// Offset of the next record: it took effect before that one.
    pub before: i64,
    /// Wall time, seconds since 1970.
    pub wall: i64,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Number of the state: it grows with each commit, and its low bits tell writers apart. The group's offset carries it too, so that the two can be compared.
    pub state: u64,
    /// Offset of the next record of the input.
    pub next: i64,
    /// Silences of this transaction that moved a clock, in order. With those of all heads, and the wall times at which records came
    /// (a silence is measured from there), the fold over the input can be repeated.
    pub idle_advances: Vec<IdleAdvance>,
    /// Offset of the next message of the history topic: what lies before it is part of the state.
    pub loaded: i64,
}

/// Version 1 knew no history topic.
#[derive(Deserialize)]
struct CheckpointV1 {
    state: u64,
    next: i64,
    idle_advances: Vec<IdleAdvance>,
}

impl Checkpoint {
    /// Writes it.
    pub fn write(&self, into: &mut Vec<u8>) {
        encode(VERSION, self, into);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is newer, or damaged.
    pub fn read(bytes: &[u8]) -> Result<Self, RestoreError> {
        if bytes.first() == Some(&1) {
            let CheckpointV1 { state, next, idle_advances } = decode(WHAT, VERSION, bytes)?;
            return Ok(Self { state, next, idle_advances, loaded: 0 });
        }
        decode(WHAT, VERSION, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_of_version_1_is_still_read() {
        // Version, state 300, next 7, one silence: before 6, wall 100.
        let bytes = [1, 0xAC, 0x02, 14, 1, 12, 0xC8, 0x01];
        let idle_advances = vec![IdleAdvance { before: 6, wall: 100 }];
        assert_eq!(Checkpoint::read(&bytes), Ok(Checkpoint { state: 300, next: 7, idle_advances, loaded: 0 }));
    }

    #[test]
    fn a_head_comes_back() {
        let head = Checkpoint { state: 5, next: 7, idle_advances: vec![IdleAdvance { before: 1, wall: 2 }], loaded: 9 };
        let mut bytes = Vec::new();
        head.write(&mut bytes);
        assert_eq!(Checkpoint::read(&bytes), Ok(head));
        bytes[0] = VERSION + 1;
        assert!(matches!(Checkpoint::read(&bytes), Err(RestoreError::Newer { .. })));
    }
}
