//! What a detector holds, over all accounts.

/// What a detector holds, over all accounts. Copied at the beginning of a transaction, so that an abort puts
/// all of it back.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    /// Series.
    pub(crate) series: usize,
    /// Series that were ever begun: the number of the next one.
    pub(crate) series_begun: u64,
    /// Event-time clocks: regions of accounts.
    pub(crate) clocks: usize,
    /// Newest time of any clock, seconds since 1970.
    pub(crate) newest: i64,
    /// Quarantined records; room for the series of each one is reserved.
    pub(crate) quarantined: usize,
    /// Principals.
    pub(crate) principals: usize,
    /// Open insights, without those that a rule suppresses.
    pub(crate) open: usize,
    /// eventIDs.
    pub(crate) dedup_events: usize,
    /// Accounts whose history has begun and that are too young for an insight.
    pub(crate) accounts_learning: usize,
    /// Accounts old enough for an insight.
    pub(crate) accounts_live: usize,
    /// Bytes of the memory quota in use; as of the beginning of a transaction, the quota itself is
    /// newer.
    pub(crate) quota_bytes: usize,
}

impl Totals {
    /// Notes that an account, begun and mature as `was` says, is now as `is` says.
    pub(crate) fn account_matured(&mut self, was: (bool, bool), is: (bool, bool)) {
        let learning = |(begun, mature): (bool, bool)| usize::from(begun && !mature);
        self.accounts_learning = self.accounts_learning + learning(is) - learning(was);
        self.accounts_live = self.accounts_live + usize::from(is.1) - usize::from(was.1);
    }
}
