//! The formats of the changelog: a task's state as records of a compacted topic. Below the detector, which
//! writes its own records with [`encode`].
//!
//! Each task (one partition of the input) has one partition of the changelog. A transaction adds the records
//! of what it changed; the newest record of each key is the state. The detector's records are opaque here,
//! except for the first byte of the key: its kind.
//!
//! * **EO-1** the changelog's records, the insights and the consumed offsets are one transaction.
//! * **EO-3** after an abort, memory equals the fold of the committed changelog.
//! * A record of a newer version stops the process before it writes anything.
//!
//! Pure: no IO, no clock, no Kafka, no logging.

mod backfill;
mod checkpoint;
mod codec;

pub use backfill::{BackfillPart, BackfillParts};
pub use checkpoint::{Checkpoint, IdleAdvance, KEY as CHECKPOINT_KEY};
pub use codec::{RestoreError, WriteRecord, decode, encode};
