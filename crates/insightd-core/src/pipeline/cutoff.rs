//! Which records of files belong to the past of their account: those before the minute in which its own
//! history begins (LOAD-2).

use hashbrown::HashMap;

use crate::cloudtrail::event::{AccountId, Event};

/// See the module. Minutes are minutes of event time since 1970.
#[derive(Clone, Debug)]
pub struct Cutoff {
    of: HashMap<AccountId, i64>,
    others: i64,
    /// Records passed over.
    pub passed_over: u64,
}

impl Cutoff {
    /// The first minute that does not belong to the past, by account; `others` is that of accounts not named.
    pub fn new(of: HashMap<AccountId, i64>, others: i64) -> Self {
        Self { of, others, passed_over: 0 }
    }

    /// Whether a record belongs to the past. Counts those that do not.
    pub fn admits(&mut self, event: &Event<'_>) -> bool {
        let until = self.of.get(&event.account).copied().unwrap_or(self.others);
        let admitted = event.time.div_euclid(60) < until;
        self.passed_over += u64::from(!admitted);
        admitted
    }
}
