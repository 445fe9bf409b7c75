//! State that survives: undo of an aborted transaction, the changelog's records, restore, backfill.
//!
//! * [`undo`]: what the open transaction has changed, as it was before.
//! * [`changelog`]: records of the changelog; [`restorer`]: a detector from them.
//! * [`backfill`]: history of an account from files.

pub mod backfill;
pub mod changelog;
pub mod restorer;
pub mod undo;
