//! How regions, series and principals are named inside a detector: by small numbers, in the order in which
//! they were first seen, and by hashes.

/// A region of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RegionId {
    /// Number of the account in its partition.
    pub(crate) account: u32,
    /// Number of the region in its account.
    pub(crate) region: u32,
}

/// A series of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SeriesId {
    /// The region.
    pub(crate) region: RegionId,
    /// Number of the series in its partition.
    pub(crate) number: u64,
}

/// A principal of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PrincipalId {
    /// Number of the account in its partition.
    pub(crate) account: u32,
    /// Hash of the principal's text.
    pub(crate) hash: u64,
}

/// Hash of a principal's text. It is saved, so it must be the same in every release: XXH3, whose values are
/// specified.
pub(crate) fn principal_hash(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}
