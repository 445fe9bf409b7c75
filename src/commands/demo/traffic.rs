//! The constructed traffic as messages of the input topic, one record each, in order of delivery.

use std::sync::Arc;

use insightd_generate::account::Account;
use insightd_generate::call::Call;
use insightd_generate::delivery::{Delivery, File, Merged};
use insightd_generate::json::{Callers, Writer};

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    /// Delivery time, seconds since 1970.
    pub(crate) time: i64,
    /// Index of the account.
    pub(crate) account: usize,
    /// The message key: the id of the account.
    pub(crate) key: Arc<str>,
    /// The record.
    pub(crate) payload: Vec<u8>,
}

/// A log file that is being delivered.
struct OpenFile {
    /// Index of its account.
    account: usize,
    file: File,
    /// Number of its next record.
    next: usize,
}

/// Calls of one account.
type Calls<'a> = Box<dyn Iterator<Item = Call> + Send + 'a>;

/// The traffic of all accounts that is not delivered yet.
pub(crate) struct Traffic<'a> {
    accounts: Vec<(Arc<str>, Callers)>,
    writer: Writer,
    files: Merged<Delivery<Calls<'a>>>,
    /// The file that is being delivered.
    file: Option<OpenFile>,
}

impl<'a> Traffic<'a> {
    /// The traffic of these accounts.
    pub(crate) fn new(accounts: &'a [Account]) -> Self {
        let calls = |account: &'a Account| -> Calls<'a> { Box::new(account.calls()) };
        let files = Merged::new(accounts.iter().map(|account| Delivery::new(account.id(), calls(account))));
        let made = |account: &Account| (account.id().into(), Callers::new(account.id(), account.actors()));
        Self { accounts: accounts.iter().map(made).collect(), writer: Writer::default(), files, file: None }
    }

    /// Delivers the records before `until` (seconds since 1970); without it, all that remain.
    pub(crate) fn until(&mut self, until: Option<i64>) -> impl Iterator<Item = Delivered> {
        std::iter::from_fn(move || {
            let mut open = self.file.take().or_else(|| self.open())?;
            if until.is_some_and(|until| open.file.delivered >= until) {
                self.file = Some(open);
                return None;
            }
            let record = self.record(open.account, open.file.delivered, &open.file.calls[open.next]);
            open.next += 1;
            if open.next < open.file.calls.len() {
                self.file = Some(open);
            }
            Some(record)
        })
    }

    fn open(&mut self) -> Option<OpenFile> {
        let (account, file) = self.files.find(|(_, file)| !file.calls.is_empty())?;
        Some(OpenFile { account, file, next: 0 })
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
    use insightd_generate::{Organization, Plan};

    use super::*;

    const START: i64 = 1_793_491_200;
    const NOON: i64 = START + 12 * 3600;

    #[test]
    fn records_come_in_order_and_a_pause_loses_none() {
        let plan = Plan { seed: 3, accounts: 3, start: START, days: 1, activity: 0.2, attacks: 0, quiet_days: 1 };
        let organization = Organization::new(plan);
        let all: Vec<Delivered> = Traffic::new(organization.accounts()).until(None).collect();
        assert!(all.is_sorted_by_key(|record| record.time));
        let calls: usize = organization.accounts().iter().map(|account| account.calls().count()).sum();
        assert!(calls > 1000 && all.len() >= calls, "{} records of {calls} calls", all.len());
        assert!(all.iter().all(|record| *organization.accounts()[record.account].id() == *record.key));

        let mut paused = Traffic::new(organization.accounts());
        let before: Vec<Delivered> = paused.until(Some(NOON)).collect();
        let after: Vec<Delivered> = paused.until(None).collect();
        assert!(before.iter().all(|record| record.time < NOON) && after.iter().all(|record| record.time >= NOON));
        let payloads = |records: &[Delivered]| records.iter().map(|record| record.payload.clone()).collect::<Vec<_>>();
        assert_eq!([payloads(&before), payloads(&after)].concat(), payloads(&all));
    }
}
