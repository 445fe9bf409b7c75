//! Constructed CloudTrail traffic of an organization, from a seed: who calls what when, the attacks among it,
//! and the records that this leaves.
//!
//! Pure: no IO, no clock, no threads. Each account draws from its own stream of random numbers, so that
//! accounts can be made on any number of threads and adding one changes no other. Times are seconds since
//! 1970, UTC.
//!
//! * [`account`]: one account of it, with its calls in order of time.
//! * [`call`]: one call, and who makes it.
//! * [`label`]: what was injected, for judging.
//! * [`json`]: the record of a call.
//! * [`delivery`]: in which log files and when the records arrive.
//! * [`layout`]: where a log file lies, and what it holds.

#![forbid(unsafe_code)]

pub mod account;
mod ahead;
mod attack;
mod calendar;
pub mod call;
mod catalogue;
pub mod delivery;
mod events;
mod habit;
pub mod json;
pub mod label;
pub mod layout;
mod population;
mod random;
mod settle;
mod style;
mod trust;
mod works;

use self::account::Account;
use self::settle::Settler;

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

/// The accounts of a plan, each with its attacks.
#[derive(Clone, Debug)]
pub struct Organization {
    accounts: Vec<Account>,
}

impl Organization {
    /// Settles the accounts and places the attacks. The calls themselves are made by [`Account::calls`].
    pub fn new(plan: Plan) -> Self {
        let mut settlers: Vec<Settler> = (0..plan.accounts).map(|nth| settle::settle(&plan, nth)).collect();
        attack::place(&plan, &mut settlers);
        let accounts = settlers.into_iter().enumerate().map(|(nth, settler)| settler.account(&plan, nth)).collect();
        Self { accounts }
    }

    /// Its accounts, in the order of their numbers.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }
}
