//! Safeguards that can be undone one by one, to show that the oracle notices.

/// A safeguard that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// After an abort the committed offsets are told, but reading goes on where it was.
    NoRewind,
    /// Going back answers with the offsets that were read up to instead of the committed ones.
    RewindToWhatWasRead,
    /// The changelog is read with records of open and of aborted transactions.
    ReadUncommitted,
    /// The offset of the last record is committed instead of that of the next.
    OffsetOfTheLastRecord,
    /// Memory is not put back after an abort.
    KeepOverlay,
    /// The changelog is read to its last stable offset only: what a transaction that is being committed holds
    /// is missed.
    RestoreToStable,
    /// Offsets are answered while a transaction may still change them.
    UnstableOffsets,
    /// Offsets of another generation are taken.
    AnyGeneration,
    /// The history is read with messages of open and of aborted transactions.
    HistoryUncommitted,
    /// After an abort, reading the history goes on where it was.
    HistoryGoesOn,
    /// A state of a newer release is taken up as far as it is understood.
    TakeNewer,
}

impl Mutation {
    /// All that the seeded runs can find.
    pub const SEEDED: [Self; 10] = [
        Self::NoRewind,
        Self::RewindToWhatWasRead,
        Self::ReadUncommitted,
        Self::OffsetOfTheLastRecord,
        Self::KeepOverlay,
        Self::RestoreToStable,
        Self::UnstableOffsets,
        Self::AnyGeneration,
        Self::HistoryUncommitted,
        Self::HistoryGoesOn,
    ];
}
