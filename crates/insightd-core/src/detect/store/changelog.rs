//! The detector's state as records of a changelog: what is written of each thing that a transaction has
//! changed.
//!
//! | key | value |
//! |---|---|
//! | `a` account | history, live series, alarm budget |
//! | `w` account | newest confirmed time, and quarantined observations |
//! | `r` account, region | name, clock with quarantined records, sweeps, open insights |
//! | `d` account, region | series in which drops are looked for |
//! | `p` account, principal | what is new about it |
//! | `s` series | the whole series, with its names; the compact form of a dormant one |
//! | `c` series | its running part, for the whole record that was written last |
//! | `e` record | eventIDs that one transaction remembered |
//!
//! Accounts, regions, principals and series are numbers, big-endian, so that a key has at most 17 bytes. A
//! tombstone removes what was forgotten.

pub mod bounds;
mod key;
mod records;
mod whole;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::key::RecordKey;
pub(crate) use self::records::{
    AccountRecord, DormantRecord, EventsRecord, RegionRecord, SERIES_VERSION, STATISTIC_VERSION, SeriesValue, VERSION,
};
use crate::cloudtrail::event::AccountId;
use crate::detect::detector::Detector;
use crate::detect::ids::{RegionId, SeriesId};
use crate::detect::intake::dedup::hour_of;
use crate::detect::model::series::Series;
use crate::detect::model::slot::SeriesState;
use crate::state::{WriteRecord, decode, encode};

/// eventIDs in one record at most, some 400 KB.
const EVENTS_MAX: usize = 50_000;

/// The account of a changelog record, and the first minute of its history, if that has begun. None for
/// another kind of record, or one that cannot be read.
pub fn account_begin(key: &[u8], value: &[u8]) -> Option<(AccountId, Option<i64>)> {
    let Some(RecordKey::Account(id)) = RecordKey::read(key) else { return None };
    let record: AccountRecord = decode("account", VERSION, value).ok()?;
    Some((id, record.state.begin))
}

/// Where records go, and the buffer in which they are encoded.
struct RecordWriter<'a, 'b> {
    bytes: Vec<u8>,
    write: &'a mut WriteRecord<'b>,
}

impl<'a, 'b> RecordWriter<'a, 'b> {
    fn new(write: &'a mut WriteRecord<'b>) -> Self {
        Self { bytes: Vec::new(), write }
    }

    fn put<T: Serialize>(&mut self, key: RecordKey, value: &T) {
        self.put_version(VERSION, key, value);
    }

    fn put_series(&mut self, number: u64, value: &SeriesValue<&Series, &str>) {
        self.put_version(SERIES_VERSION, RecordKey::Series(number), value);
    }

    fn put_version<T: Serialize>(&mut self, version: u8, key: RecordKey, value: &T) {
        self.bytes.clear();
        encode(version, value, &mut self.bytes);
        (self.write)(&key.bytes(), Some(&self.bytes));
    }

    fn tombstone(&mut self, key: RecordKey) {
        (self.write)(&key.bytes(), None);
    }
}

impl Detector {
    /// Whether anything has changed since the last commit.
    pub fn is_changed(&self) -> bool {
        !self.context.transaction.is_empty()
    }

    /// Writes what has changed since the last commit.
    pub fn save(&mut self, write: &mut WriteRecord<'_>) {
        let mut writer = RecordWriter::new(write);
        self.save_accounts(&mut writer);
        self.save_regions(&mut writer);
        self.save_series(&mut writer);
        self.save_principals(&mut writer);
        self.save_events(&mut writer);
    }

    /// Notes that what was saved is committed.
    pub fn commit(&mut self) {
        let mut records = std::mem::take(&mut self.event_records);
        for (record, hours) in records.written.drain(..) {
            records.next = records.next.max(record + 1);
            let held = hours.into_iter().filter(|(region, hour)| {
                let region = &mut self.accounts[region.account as usize].regions[region.region as usize];
                region.seen.note_record(*hour, record)
            });
            let held = held.count() as u32;
            records.held.insert(record, held);
        }
        for (_, bucket) in self.context.transaction.dedup.expired() {
            for record in &bucket.records {
                if let Some(held) = records.held.get_mut(record) {
                    *held -= 1;
                }
            }
        }
        records.held.retain(|_, held| *held > 0);
        self.event_records = records;
        self.context.next_transaction();
    }

    fn save_accounts(&self, writer: &mut RecordWriter<'_, '_>) {
        for (number, before) in self.context.transaction.accounts.iter() {
            let account = &self.accounts[*number as usize];
            let state = &*account.state;
            if !before.as_ref().is_some_and(|before| before.is_saved_as(state)) {
                let record = AccountRecord { number: *number, state: state.clone() };
                writer.put(RecordKey::Account(account.id), &record);
            }
            if !before.as_ref().is_some_and(|before| before.observations == state.observations) {
                writer.put(RecordKey::Observations(account.id), &state.observations);
            }
        }
    }

    fn save_regions(&self, writer: &mut RecordWriter<'_, '_>) {
        for (id, before) in self.context.transaction.regions.iter() {
            let account = &self.accounts[id.account as usize];
            let region = &account.regions[id.region as usize];
            if before.as_ref() == Some(&*region.state) {
                continue;
            }
            writer.put(RecordKey::Region(account.id, id.region), &RegionRecord::of(region));
            let steady = &region.state.steady;
            let steady_changed = before.as_ref().map_or(!steady.is_empty(), |before| before.steady != *steady);
            if steady_changed {
                writer.put(RecordKey::Steady(account.id, id.region), &region.steady_numbers());
            }
        }
    }

    fn save_series(&mut self, writer: &mut RecordWriter<'_, '_>) {
        for (SeriesId { region: id, number }, _) in self.context.transaction.series.iter() {
            let account = &mut self.accounts[id.account as usize];
            let Some(slot) = account.regions[id.region as usize].series.by_number(*number) else { continue };
            match slot.saving() {
                SeriesState::Active(series) if series.only_runs() => {
                    writer.put(RecordKey::Running(*number), &series.running());
                }
                SeriesState::Active(series) => {
                    series.begin_generation();
                    writer.put_series(*number, &SeriesValue::active(account.id, id.region, series));
                }
                SeriesState::Dormant(series) => {
                    writer.put_series(*number, &SeriesValue::dormant(account.id, id.region, series));
                    writer.tombstone(RecordKey::Running(*number));
                }
            }
        }
        for (_, slot) in &self.context.transaction.forgotten {
            writer.tombstone(RecordKey::Series(slot.number));
            writer.tombstone(RecordKey::Running(slot.number));
        }
    }

    fn save_principals(&self, writer: &mut RecordWriter<'_, '_>) {
        for (id, before) in self.context.transaction.principals.iter() {
            let account = &self.accounts[id.account as usize];
            let key = RecordKey::Principal(account.id, id.hash);
            match account.principals.get(id.hash) {
                Some(now) if before.as_ref() == Some(now) => {}
                Some(now) => writer.put(key, now),
                None => writer.tombstone(key),
            }
        }
    }

    fn save_events(&mut self, writer: &mut RecordWriter<'_, '_>) {
        let mut hours: BTreeMap<(RegionId, i64), Vec<[u8; 8]>> = BTreeMap::new();
        for (region, hash, time) in self.context.transaction.dedup.remembered() {
            hours.entry((*region, hour_of(*time))).or_default().push(hash.to_le_bytes());
        }
        let mut written = Vec::new();
        let (mut record, mut held, mut events) = (EventsRecord::new(), Vec::new(), 0);
        let mut id = self.event_records.next;
        let mut flush = |record: &mut EventsRecord, held: &mut Vec<(RegionId, i64)>| {
            if !record.is_empty() {
                writer.put(RecordKey::Events(id), record);
                written.push((id, std::mem::take(held)));
                record.clear();
                id += 1;
            }
        };
        for ((region, hour), hashes) in hours {
            let account = &self.accounts[region.account as usize];
            if !account.regions[region.region as usize].seen.knows_hour(hour) {
                continue;
            }
            for chunk in hashes.chunks(EVENTS_MAX) {
                if events + chunk.len() > EVENTS_MAX {
                    flush(&mut record, &mut held);
                    events = 0;
                }
                events += chunk.len();
                record.push((account.id, region.region, hour, chunk.to_vec()));
                held.push((region, hour));
            }
        }
        flush(&mut record, &mut held);
        self.forget_events(writer);
        self.event_records.written = written;
    }

    /// Tombstones for records whose last eventIDs have expired.
    fn forget_events(&self, writer: &mut RecordWriter<'_, '_>) {
        let mut gone: BTreeMap<u64, u32> = BTreeMap::new();
        for (_, bucket) in self.context.transaction.dedup.expired() {
            bucket.records.iter().for_each(|record| *gone.entry(*record).or_default() += 1);
        }
        for (record, hours) in gone {
            if self.event_records.held.get(&record) == Some(&hours) {
                writer.tombstone(RecordKey::Events(record));
            }
        }
    }
}
