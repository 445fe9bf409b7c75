//! What the daemon knows already: where each account lives, and since when. From the changelog, and from pasts that wait to be taken in.

use std::collections::{BTreeMap, HashMap};

use insightd_core::cloudtrail::event::AccountId;
use insightd_core::detect::store::changelog::account_begin;
use insightd_core::state::{BackfillPart, CHECKPOINT_KEY, Checkpoint};

use super::fold::Past;
use crate::config::Config;
use crate::kafka::{backfill_topic, changelog};
use crate::stream::broker::BrokerError;

/// Where an account lives, and first minute of its history, if that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home {
    /// Partition of the input.
    pub partition: i32,
    /// First minute, since 1970.
    pub begin: Option<i64>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Accounts by id.
    pub accounts: HashMap<AccountId, Home>,
    /// By partition: next offset of the history topic, as its state says.
    loaded: BTreeMap<i32, i64>,
    /// By partition: how far its changelog is read.
    read: BTreeMap<i32, i64>,
}

impl Known {
    /// Reads all changelogs and all that waits.
    ///
    /// # Errors
    /// When something cannot be read to its end.
    pub(super) fn read(config: &Config, partitions: i32) -> Result<Self, BrokerError> {
        let mut known = Self::default();
        for partition in 0..partitions {
            known.loaded.insert(partition, 0);
            known.catch_up(config, partition)?;
        }
        for partition in 0..partitions {
            for (account, begin) in known.waiting(config, partition)? {
                let home = known.accounts.entry(account).or_insert(Home { partition, begin: None });
                home.begin = home.begin.into_iter().chain([begin]).min();
            }
        }
        Ok(known)
    }

    /// Reads what has come to a changelog since.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    pub(super) fn catch_up(&mut self, config: &Config, partition: i32) -> Result<(), BrokerError> {
        let from = self.read.get(&partition).copied().unwrap_or(0);
        let (accounts, loaded) = (&mut self.accounts, &mut self.loaded);
        let mut fault = None;
        let end = changelog::read_on(config, partition, from, &mut |key, value| {
            let Some(value) = value else { return };
            if key == CHECKPOINT_KEY {
                match Checkpoint::read(value) {
                    Ok(head) => drop(loaded.insert(partition, head.loaded)),
                    Err(newer) => fault = Some(newer),
                }
            } else if let Some((account, begin)) = account_begin(key, value) {
                accounts.insert(account, Home { partition, begin });
            }
        })?;
        self.read.insert(partition, end);
        match fault {
            Some(fault) => Err(BrokerError::configuration(format!("{}[{partition}]: {fault}", config.state.topic))),
            None => Ok(()),
        }
    }

    /// Whether the daemon has this past: its account's history begins with it, or earlier.
    pub(super) fn has(&self, past: &Past) -> bool {
        self.accounts.get(&past.account).is_some_and(|home| home.begin.is_some_and(|begin| begin <= past.begin))
    }

    /// Next offset of the history topic, as the state of a partition says.
    pub(super) fn loaded(&self, partition: i32) -> i64 {
        self.loaded.get(&partition).copied().unwrap_or(0)
    }

    /// Pasts that wait in a partition: account and first minute.
    fn waiting(&self, config: &Config, partition: i32) -> Result<Vec<(AccountId, i64)>, BrokerError> {
        let mut waiting = Vec::new();
        backfill_topic::read_on(config, partition, self.loaded(partition), &mut |_, payload| {
            if let Ok(BackfillPart { index: 0, account, begin, .. }) = BackfillPart::read(payload) {
                waiting.extend(AccountId::of_number(account).map(|account| (account, begin)));
            }
        })?;
        Ok(waiting)
    }

    /// Next offset behind the last message of a partition of the history topic; none if none waits.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    pub(super) fn last(&self, config: &Config, partition: i32) -> Result<Option<i64>, BrokerError> {
        let mut last = None;
        backfill_topic::read_on(config, partition, self.loaded(partition), &mut |next, _| last = Some(next))?;
        Ok(last)
    }
}
