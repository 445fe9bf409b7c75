//! State that survives: the changelog's records, restore, rollback, backfill.
//!
//! * [`changelog`]: what a commit writes. [`restorer`]: a detector from what was written. [`event_records`]:
//!   which records hold eventIDs.
//! * [`rollback`]: what an abort puts back. The undo itself lies in [`crate::detect::undo`].
//! * [`backfill`]: history of an account from files.

pub mod backfill;
pub mod changelog;
pub(crate) mod event_records;
pub mod restorer;
pub(crate) mod rollback;
