//! Which records of files belong to the backfill of their account: those before the minute in which the
//! account's own history begins (LOAD-2).

use hashbrown::HashMap;

use crate::cloudtrail::event::{AccountId, Event};

/// Where the backfill of each account ends. Minutes are minutes of event time since 1970.
#[derive(Clone, Debug)]
pub struct Cutoff {
    by_account: HashMap<AccountId, i64>,
    others: i64,
    /// Records skipped so far.
    pub(super) skipped: u64,
}

impl Cutoff {
    /// The first minute that does not belong to the backfill, by account; `others` holds for accounts that
    /// are not named.
    pub fn new(by_account: HashMap<AccountId, i64>, others: i64) -> Self {
        Self { by_account, others, skipped: 0 }
    }

    /// Whether a record belongs to the backfill. Counts those that do not.
    pub(super) fn admits(&mut self, event: &Event<'_>) -> bool {
        let cutoff = self.by_account.get(&event.account).copied().unwrap_or(self.others);
        let admitted = event.time.div_euclid(60) < cutoff;
        self.skipped += u64::from(!admitted);
        admitted
    }
}
