//! An organization: builds every account of a plan and places the attacks among them.

use super::account::Account;
use super::account_builder::AccountBuilder;
use super::plan::Plan;
use super::{attack, automation, changes};

/// The accounts of a plan, each with its attacks.
#[derive(Clone, Debug)]
pub struct Organization {
    accounts: Vec<Account>,
}

impl Organization {
    /// Builds the accounts and places the attacks. [`Account::calls`] generates the calls.
    pub fn new(plan: Plan) -> Self {
        let mut builders: Vec<AccountBuilder> = (0..plan.accounts).map(|nth| build(&plan, nth)).collect();
        attack::place(&plan, &mut builders);
        let accounts = builders.into_iter().enumerate().map(|(nth, builder)| builder.build(&plan, nth)).collect();
        Self { accounts }
    }

    /// The accounts, in the order of their numbers.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }
}

/// Builds account number `nth`, without attacks.
fn build(plan: &Plan, nth: usize) -> AccountBuilder {
    let mut builder = AccountBuilder::new(plan, nth);
    builder.pollers();
    builder.loads();
    builder.people();
    automation::add(&mut builder);
    changes::add(&mut builder);
    builder.directory();
    builder
}
