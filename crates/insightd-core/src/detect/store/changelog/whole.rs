//! A detector, or one of its accounts, written whole: what a comparison and a backfill need.

use super::{AccountRecord, EVENTS_MAX, EventsRecord, RecordKey, RecordWriter, RegionRecord, SeriesValue};
use crate::cloudtrail::event::AccountId;
use crate::detect::detector::Detector;
use crate::detect::model::account::{Account, AccountState};
use crate::detect::model::principals::Principal;
use crate::detect::model::slot::SeriesState;
use crate::state::WriteRecord;

impl Detector {
    /// Writes everything, each series whole: two detectors are alike if their records are. Series are
    /// numbered anew, in the same order, because a restore continues behind the highest number that is left,
    /// which is not always the highest that was given.
    pub fn save_all(&self, write: &mut WriteRecord<'_>) {
        let mut whole = WholeWriter::new(&self.accounts, write);
        for account in &self.accounts {
            whole.put_account(account, account.number);
        }
    }

    /// Writes one account as the only one of a detector: a backfill for another detector.
    pub fn save_alone(&self, id: AccountId, write: &mut WriteRecord<'_>) {
        if let Some(account) = self.accounts.iter().find(|account| account.id == id) {
            WholeWriter::new(std::slice::from_ref(account), write).put_account(account, 0);
        }
    }
}

struct WholeWriter<'a, 'b> {
    /// Numbers of all series, in order.
    numbers: Vec<u64>,
    /// Records of eventIDs so far.
    event_records: u64,
    writer: RecordWriter<'a, 'b>,
}

impl<'a, 'b> WholeWriter<'a, 'b> {
    fn new(accounts: &[Account], write: &'a mut WriteRecord<'b>) -> Self {
        let regions = accounts.iter().flat_map(|account| &account.regions);
        let mut numbers: Vec<u64> = regions.flat_map(|region| region.series.iter()).map(|slot| slot.number).collect();
        numbers.sort_unstable();
        Self { numbers, event_records: 0, writer: RecordWriter::new(write) }
    }

    fn renumber(&self, number: u64) -> u64 {
        self.numbers.partition_point(|other| *other < number) as u64
    }

    fn renumber_all(&self, mut numbers: Vec<u64>) -> Vec<u64> {
        numbers.iter_mut().for_each(|number| *number = self.renumber(*number));
        numbers
    }

    fn put_account(&mut self, account: &Account, number: u32) {
        let id = account.id;
        let record = AccountRecord { number, state: AccountState::clone(&account.state) };
        self.writer.put(RecordKey::Account(id), &record);
        self.writer.put(RecordKey::Observations(id), &account.state.observations);
        for (region, number) in account.regions.iter().zip(0..) {
            let mut record = RegionRecord::of(region);
            record.open = self.renumber_all(record.open);
            self.writer.put(RecordKey::Region(id, number), &record);
            let steady = self.renumber_all(region.steady_numbers());
            self.writer.put(RecordKey::Steady(id, number), &steady);
            for slot in region.series.iter() {
                let renumbered = self.renumber(slot.number);
                match slot.state() {
                    SeriesState::Active(series) => {
                        let mut series = series.clone();
                        series.reset_generation();
                        self.writer.put_series(renumbered, &SeriesValue::active(id, number, &series));
                    }
                    SeriesState::Dormant(series) => {
                        self.writer.put_series(renumbered, &SeriesValue::dormant(id, number, series));
                    }
                }
            }
        }
        let mut principals: Vec<&Principal> = account.principals.iter().collect();
        principals.sort_unstable_by_key(|principal| principal.hash());
        for principal in principals {
            self.writer.put(RecordKey::Principal(id, principal.hash()), principal);
        }
        self.put_events(account);
    }

    fn put_events(&mut self, account: &Account) {
        for (region, number) in account.regions.iter().zip(0..) {
            let mut hours: Vec<(i64, Vec<u64>)> = region.seen.hours().collect();
            hours.sort_unstable();
            for (hour, hashes) in hours {
                for hashes in hashes.chunks(EVENTS_MAX) {
                    let hashes = hashes.iter().map(|hash| hash.to_le_bytes()).collect();
                    let record: EventsRecord = vec![(account.id, number, hour, hashes)];
                    self.writer.put(RecordKey::Events(self.event_records), &record);
                    self.event_records += 1;
                }
            }
        }
    }
}
