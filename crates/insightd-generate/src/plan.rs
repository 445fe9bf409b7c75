//! The size and the seed of the traffic to construct.

/// What to generate.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The same seed gives the same traffic.
    pub seed: u64,
    /// Number of accounts.
    pub accounts: usize,
    /// Beginning, seconds since 1970; a midnight UTC.
    pub start: i64,
    /// Length in days.
    pub days: u32,
    /// Factor on the activity of every account; 1 is about 20,000 calls a day in the median account.
    pub activity: f64,
    /// Attacks in the whole organization, spread over kinds, attackers and accounts.
    pub attacks: usize,
    /// Days without attacks at the beginning.
    pub quiet_days: u32,
}
