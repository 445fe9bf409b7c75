//! Safeguards that can be removed one by one, to show that the oracle notices.

/// A safeguard that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// A rewind returns the committed offsets, but reading continues where it was.
    NoRewind,
    /// A rewind returns the offsets that were read up to instead of the committed ones.
    RewindToWhatWasRead,
    /// The changelog is read with records of open and of aborted transactions.
    ReadUncommitted,
    /// The offset of the last record is committed instead of that of the next.
    OffsetOfTheLastRecord,
    /// Memory is not rolled back after an abort.
    KeepOverlay,
    /// The changelog is read only to its last stable offset, which misses a transaction that is being
    /// committed.
    RestoreToStable,
    /// The coordinator returns offsets while a transaction may still change them.
    UnstableOffsets,
    /// Offsets of another generation are accepted.
    AnyGeneration,
    /// The backfill topic is read with messages of open and of aborted transactions.
    BackfillUncommitted,
    /// After an abort, reading the backfill topic continues where it was.
    BackfillContinues,
    /// A state of a newer release is restored as far as this release understands it.
    TakeNewer,
}

impl Mutation {
    /// Mutations that the seeded runs can find.
    pub const SEEDED: [Self; 10] = [
        Self::NoRewind,
        Self::RewindToWhatWasRead,
        Self::ReadUncommitted,
        Self::OffsetOfTheLastRecord,
        Self::KeepOverlay,
        Self::RestoreToStable,
        Self::UnstableOffsets,
        Self::AnyGeneration,
        Self::BackfillUncommitted,
        Self::BackfillContinues,
    ];
}
