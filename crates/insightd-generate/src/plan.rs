//! The size and the seed of the traffic to construct.

/// What to construct.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Same seed, same traffic.
    pub seed: u64,
    /// Number of accounts.
    pub accounts: usize,
    /// Beginning, seconds since 1970; a midnight UTC.
    pub start: i64,
    /// Length in days.
    pub days: u32,
    /// Multiplies how much every account does; 1 is some 20,000 calls a day and account in the median.
    pub activity: f64,
    /// Attacks over the whole organization; spread over kinds, attackers and accounts.
    pub attacks: usize,
    /// Days without attacks at the beginning.
    pub quiet_days: u32,
}
