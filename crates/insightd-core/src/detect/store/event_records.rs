//! Which changelog records hold eventIDs: a record gets its tombstone when the last of them expires.

use hashbrown::HashMap;

use crate::detect::ids::RegionId;

/// Which changelog records hold eventIDs, each with the number of hours and regions of which it still holds
/// some.
#[derive(Debug, Default)]
pub(crate) struct EventRecords {
    /// Number of the next record.
    pub(crate) next: u64,
    /// By the number of the record.
    pub(crate) held: HashMap<u64, u32>,
    /// Written by the open transaction.
    pub(crate) written: Vec<(u64, Vec<(RegionId, i64)>)>,
}
