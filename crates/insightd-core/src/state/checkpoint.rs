//! A task's checkpoint: how far it has read, written with every commit.

use serde::{Deserialize, Serialize};

use super::codec::{RestoreError, decode, encode};

/// Key of the checkpoint's record.
pub const KEY: &[u8] = b"T";
const VERSION: u8 = 2;
const WHAT: &str = "head";

/// An advance of event time to the wall clock while a partition was idle: read to its end (WM-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleAdvance {
    /// Offset of the next record: the advance took effect before it.
    pub before: i64,
    /// Wall clock, seconds since 1970.
    pub wall: i64,
}

/// How far a task has read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Number of the state: it grows with each commit, and its low bits identify the writer. The group's
    /// committed offset carries it too, so that the two can be compared.
    pub state: u64,
    /// Offset of the next input record.
    pub next: i64,
    /// Idle advances of this transaction, in order. The idle advances of all checkpoints, together with the
    /// wall times of the records (idle time is measured from them), make the fold over the input repeatable.
    pub idle_advances: Vec<IdleAdvance>,
    /// Offset of the next message of the backfill topic: earlier ones are part of the state.
    pub backfill_next: i64,
}

/// Version 1, before the backfill topic.
#[derive(Deserialize)]
struct CheckpointV1 {
    state: u64,
    next: i64,
    idle_advances: Vec<IdleAdvance>,
}

impl Checkpoint {
    /// Appends the record's value.
    pub fn write(&self, into: &mut Vec<u8>) {
        encode(VERSION, self, into);
    }

    /// Reads the record's value.
    ///
    /// # Errors
    /// If the value is newer or damaged.
    pub fn read(bytes: &[u8]) -> Result<Self, RestoreError> {
        if bytes.first() == Some(&1) {
            let CheckpointV1 { state, next, idle_advances } = decode(WHAT, VERSION, bytes)?;
            return Ok(Self { state, next, idle_advances, backfill_next: 0 });
        }
        decode(WHAT, VERSION, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_still_read() {
        // Version, state 300, next 7, one silence: before 6, wall 100.
        let bytes = [1, 0xAC, 0x02, 14, 1, 12, 0xC8, 0x01];
        let idle_advances = vec![IdleAdvance { before: 6, wall: 100 }];
        assert_eq!(Checkpoint::read(&bytes), Ok(Checkpoint { state: 300, next: 7, idle_advances, backfill_next: 0 }));
    }

    #[test]
    fn a_checkpoint_round_trips() {
        let head =
            Checkpoint { state: 5, next: 7, idle_advances: vec![IdleAdvance { before: 1, wall: 2 }], backfill_next: 9 };
        let mut bytes = Vec::new();
        head.write(&mut bytes);
        assert_eq!(Checkpoint::read(&bytes), Ok(head));
        bytes[0] = VERSION + 1;
        assert!(matches!(Checkpoint::read(&bytes), Err(RestoreError::Newer { .. })));
    }
}
