//! The constructed traffic as it arrives on the input topic: each record a message of its own, in order of delivery.

use std::sync::Arc;

use insightd_generate::account::Account;
use insightd_generate::call::Call;
use insightd_generate::delivery::{Delivery, File, Merged};
use insightd_generate::json::{Callers, Writer};

/// A record as it arrives.
#[derive(Clone, Debug)]
pub(super) struct Delivered {
    /// When it is delivered, seconds since 1970.
    pub time: i64,
    /// Index of its account.
    pub account: usize,
    /// Id of its account: the message key.
    pub key: Arc<str>,
    /// The record.
    pub payload: Vec<u8>,
}

/// Calls of one account.
type Calls<'a> = Box<dyn Iterator<Item = Call> + Send + 'a>;

/// See the module.
pub(super) struct Traffic<'a> {
    accounts: Vec<(Arc<str>, Callers)>,
    writer: Writer,
    files: Merged<Delivery<Calls<'a>>>,
    /// The file that is being delivered, with the index of its account and the number of its next record.
    file: Option<(usize, File, usize)>,
}

impl<'a> Traffic<'a> {
    /// All that the accounts do.
    pub(super) fn new(accounts: &'a [Account]) -> Self {
        let calls = |account: &'a Account| -> Calls<'a> { Box::new(account.calls()) };
        let files = Merged::new(accounts.iter().map(|account| Delivery::new(account.id(), calls(account))));
        let made = |account: &Account| (account.id().into(), Callers::new(account.id(), account.actors()));
        Self { accounts: accounts.iter().map(made).collect(), writer: Writer::default(), files, file: None }
    }

    /// What is delivered before `until`; without it, all that is left.
    pub(super) fn until(&mut self, until: Option<i64>) -> impl Iterator<Item = Delivered> {
        std::iter::from_fn(move || {
            let (account, file, next) = self.file.take().or_else(|| self.open())?;
            if until.is_some_and(|until| file.delivered >= until) {
                self.file = Some((account, file, next));
                return None;
            }
            let record = self.record(account, file.delivered, &file.calls[next]);
            if next + 1 < file.calls.len() {
                self.file = Some((account, file, next + 1));
            }
            Some(record)
        })
    }

    fn open(&mut self) -> Option<(usize, File, usize)> {
        let (account, file) = self.files.find(|(_, file)| !file.calls.is_empty())?;
        Some((account, file, 0))
    }

    fn record(&mut self, account: usize, time: i64, call: &Call) -> Delivered {
        let (key, callers) = &self.accounts[account];
        let mut payload = Vec::with_capacity(1536);
        self.writer.write(callers, call, &mut payload);
        Delivered { time, account, key: Arc::clone(key), payload }
    }
}

#[cfg(test)]
mod tests {
    use insightd_generate::{Organisation, Plan};

    use super::*;

    const START: i64 = 1_793_491_200;
    const NOON: i64 = START + 12 * 3600;

    #[test]
    fn records_come_in_order_of_delivery_and_a_pause_loses_none() {
        let plan = Plan { seed: 3, accounts: 3, start: START, days: 1, activity: 0.2, attacks: 0, quiet_days: 1 };
        let organisation = Organisation::new(plan);
        let all: Vec<Delivered> = Traffic::new(organisation.accounts()).until(None).collect();
        assert!(all.is_sorted_by_key(|record| record.time));
        let calls: usize = organisation.accounts().iter().map(|account| account.calls().count()).sum();
        assert!(calls > 1000 && all.len() >= calls, "{} records of {calls} calls", all.len());
        assert!(all.iter().all(|record| *organisation.accounts()[record.account].id() == *record.key));

        let mut paused = Traffic::new(organisation.accounts());
        let before: Vec<Delivered> = paused.until(Some(NOON)).collect();
        let after: Vec<Delivered> = paused.until(None).collect();
        assert!(before.iter().all(|record| record.time < NOON) && after.iter().all(|record| record.time >= NOON));
        let payloads = |records: &[Delivered]| records.iter().map(|record| record.payload.clone()).collect::<Vec<_>>();
        assert_eq!([payloads(&before), payloads(&after)].concat(), payloads(&all));
    }
}
