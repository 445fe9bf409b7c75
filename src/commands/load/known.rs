//! The partition of each known account and where its history begins. Read from the changelog and from
//! backfills that the daemon has not merged yet.

use std::collections::{BTreeMap, HashMap};

use insightd_core::cloudtrail::event::AccountId;
use insightd_core::detect::store::changelog::account_begin;
use insightd_core::state::{BackfillPart, CHECKPOINT_KEY, Checkpoint};

use super::backfill::AccountBackfill;
use crate::config::Config;
use crate::kafka::{backfill_topic, changelog};
use crate::stream::broker::BrokerError;

/// One account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownAccount {
    /// Its partition of the input.
    pub(crate) partition: i32,
    /// First minute of its history, since 1970, if that has begun.
    pub(crate) begin: Option<i64>,
}

/// All accounts, and how far each partition is read.
#[derive(Debug, Default)]
pub(crate) struct KnownAccounts {
    accounts: HashMap<AccountId, KnownAccount>,
    /// By partition: next offset of the backfill topic, as the daemon's state says.
    merged: BTreeMap<i32, i64>,
    /// By partition: next offset of the changelog that was not read yet.
    read: BTreeMap<i32, i64>,
}

impl KnownAccounts {
    /// Reads all changelogs, and the backfills that wait.
    ///
    /// # Errors
    /// If a topic cannot be read to its end.
    pub(crate) fn read(config: &Config, partitions: i32) -> Result<Self, BrokerError> {
        let mut known = Self::default();
        for partition in 0..partitions {
            known.merged.insert(partition, 0);
            known.catch_up(config, partition)?;
        }
        for partition in 0..partitions {
            for (account, begin) in known.waiting(config, partition)? {
                let account = known.accounts.entry(account).or_insert(KnownAccount { partition, begin: None });
                account.begin = account.begin.into_iter().chain([begin]).min();
            }
        }
        Ok(known)
    }

    /// Reads what was added to a changelog since the last call.
    ///
    /// # Errors
    /// If it cannot be read to its end.
    pub(crate) fn catch_up(&mut self, config: &Config, partition: i32) -> Result<(), BrokerError> {
        let from = self.read.get(&partition).copied().unwrap_or(0);
        let (accounts, merged) = (&mut self.accounts, &mut self.merged);
        let mut fault = None;
        let end = changelog::read_on(config, partition, from, &mut |key, value| {
            let Some(value) = value else { return };
            if key == CHECKPOINT_KEY {
                match Checkpoint::read(value) {
                    Ok(checkpoint) => drop(merged.insert(partition, checkpoint.backfill_next)),
                    Err(newer) => fault = Some(newer),
                }
            } else if let Some((account, begin)) = account_begin(key, value) {
                accounts.insert(account, KnownAccount { partition, begin });
            }
        })?;
        self.read.insert(partition, end);
        match fault {
            Some(fault) => Err(BrokerError::configuration(format!("{}[{partition}]: {fault}", config.state.topic))),
            None => Ok(()),
        }
    }

    /// The accounts whose history has begun, with its first minute since 1970.
    pub(crate) fn begins(&self) -> impl Iterator<Item = (AccountId, i64)> + '_ {
        self.accounts.iter().filter_map(|(account, known)| Some((*account, known.begin?)))
    }

    /// The partition of an account, if it is known.
    pub(crate) fn partition(&self, account: AccountId) -> Option<i32> {
        self.accounts.get(&account).map(|known| known.partition)
    }

    /// Whether the daemon has this backfill: the account's history begins with it, or earlier.
    pub(crate) fn has(&self, backfill: &AccountBackfill) -> bool {
        let known = self.accounts.get(&backfill.account);
        known.is_some_and(|known| known.begin.is_some_and(|begin| begin <= backfill.begin))
    }

    /// Next offset of the backfill topic, as the state of a partition says.
    pub(crate) fn merged(&self, partition: i32) -> i64 {
        self.merged.get(&partition).copied().unwrap_or(0)
    }

    /// Backfills that wait in a partition: account and first minute.
    fn waiting(&self, config: &Config, partition: i32) -> Result<Vec<(AccountId, i64)>, BrokerError> {
        let mut waiting = Vec::new();
        backfill_topic::read_on(config, partition, self.merged(partition), &mut |_, payload| {
            if let Ok(BackfillPart { index: 0, account, begin, .. }) = BackfillPart::read(payload) {
                waiting.extend(AccountId::of_number(account).map(|account| (account, begin)));
            }
        })?;
        Ok(waiting)
    }

    /// The offset behind the last backfill that waits in a partition; none if none waits.
    ///
    /// # Errors
    /// If the backfill topic cannot be read to its end.
    pub(crate) fn end_of_waiting(&self, config: &Config, partition: i32) -> Result<Option<i64>, BrokerError> {
        let mut end = None;
        backfill_topic::read_on(config, partition, self.merged(partition), &mut |next, _| end = Some(next))?;
        Ok(end)
    }
}
