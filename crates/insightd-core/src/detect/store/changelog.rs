//! The detector's state as records of a changelog: what is written for each thing that a transaction has changed.
//!
//! | key | value |
//! |---|---|
//! | `a` account | history, live series, alarm budget |
//! | `w` account | newest time that was confirmed, and what waits to be |
//! | `r` account, region | name, clock with held records, sweeps, open insights |
//! | `d` account, region | series in which a drop is looked for |
//! | `p` account, principal | what is new about it |
//! | `s` series | the whole series, with its names; of one that was silent for long what is left of it |
//! | `c` series | its running part, of the whole record that was written last |
//! | `e` record | eventIDs that one transaction remembered |
//!
//! Accounts, regions, principals and series are numbers, big-endian, so that a key has at most 17 bytes. A tombstone takes away what was forgotten.

pub mod bounds;
mod key;

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

pub use self::key::Key;
use crate::cloudtrail::event::AccountId;
use crate::detect::detector::Detector;
use crate::detect::intake::clock::Clock;
use crate::detect::intake::dedup::hour_of;
use crate::detect::model::account::{Account, AccountImage};
use crate::detect::model::dormant::{Dormant, Kept, Remembered};
use crate::detect::model::principals::Principal;
use crate::detect::model::region::{Region, RegionImage};
use crate::detect::model::series::{Running, Series};
use crate::detect::model::slot::SeriesState;
use crate::detect::store::undo::RegionId;
use crate::state::{WriteRecord, decode, encode};

/// Version of each kind of record, by the first byte of its key, but for series.
pub(in crate::detect) const VERSION: u8 = 1;
/// Version of a series. 1: a [`SeriesRecord`]; 2: a [`SeriesValue`].
pub(in crate::detect) const SERIES_VERSION: u8 = 2;
/// Version of the statistic inside a series: another one begins it afresh, while counts, sums and open insights stay.
pub(in crate::detect) const STATISTIC_VERSION: u8 = 1;
/// eventIDs in one record at most, some 400 KB.
const EVENTS_MAX: usize = 50_000;

/// What a record of a changelog says of an account: its first minute, if its history has begun. None of another record, or one that cannot be read.
pub fn account_begin(key: &[u8], value: &[u8]) -> Option<(AccountId, Option<i64>)> {
    let Some(Key::Account(id)) = Key::read(key) else { return None };
    let record: AccountRecord = decode("account", VERSION, value).ok()?;
    Some((id, record.image.begin()))
}

/// Value of [`Key::Account`].
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::detect) struct AccountRecord {
    pub(in crate::detect) number: u32,
    pub(in crate::detect) image: AccountImage,
}

/// Value of [`Key::Region`].
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::detect) struct RegionRecord {
    pub(in crate::detect) name: Box<str>,
    pub(in crate::detect) begin: Option<i64>,
    pub(in crate::detect) clock: Clock,
    pub(in crate::detect) swept: i64,
    pub(in crate::detect) daily: i64,
    pub(in crate::detect) floor: i64,
    pub(in crate::detect) open: Vec<u64>,
}

/// Value of [`Key::Series`]. `S` is a series, owned or borrowed.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::detect) struct SeriesRecord<S> {
    pub(in crate::detect) account: AccountId,
    pub(in crate::detect) region: u32,
    pub(in crate::detect) series: S,
    pub(in crate::detect) statistic_version: u8,
    pub(in crate::detect) statistic: Vec<u8>,
}

/// Value of [`Key::Series`].
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::detect) enum SeriesValue<S, T> {
    /// A whole series, and who is remembered from before it slept.
    Active(SeriesRecord<S>, Option<Remembered>),
    /// A dormant one.
    Dormant(DormantRecord<T>),
}

/// A dormant series. Where it has no error code (which `kept` says), `error` is empty.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::detect) struct DormantRecord<T> {
    pub(in crate::detect) account: AccountId,
    pub(in crate::detect) region: u32,
    pub(in crate::detect) source: T,
    pub(in crate::detect) name: T,
    pub(in crate::detect) error: T,
    pub(in crate::detect) kept: Kept,
}

/// Value of [`Key::Events`]: account, region, hour of event time, hashes of eventIDs.
pub(in crate::detect) type EventsRecord = Vec<(AccountId, u32, i64, Vec<[u8; 8]>)>;

/// Which records of the changelog hold eventIDs, each with the number of hours and regions that it still holds some of.
#[derive(Debug, Default)]
pub struct SeenRecords {
    pub(in crate::detect) next: u64,
    pub(in crate::detect) held: HashMap<u64, u32>,
    /// Written by the open transaction.
    written: Vec<(u64, Vec<(RegionId, i64)>)>,
}

impl Detector {
    /// Whether anything has changed since the last commit.
    pub fn is_changed(&self) -> bool {
        !self.context().undo.is_empty()
    }

    /// Writes what has changed since the last commit.
    pub fn save(&mut self, write: &mut WriteRecord<'_>) {
        let mut bytes = Vec::new();
        self.save_accounts(&mut bytes, write);
        self.save_series(&mut bytes, write);
        self.save_principals(&mut bytes, write);
        self.save_events(&mut bytes, write);
    }

    /// What was saved is committed.
    pub fn commit(&mut self) {
        let mut seen = std::mem::take(&mut self.seen_records);
        for (record, hours) in seen.written.drain(..) {
            seen.next = seen.next.max(record + 1);
            let (accounts, _) = self.parts();
            let held = hours.into_iter().filter(|(place, hour)| {
                let region = &mut accounts[place.account as usize].regions[place.region as usize];
                region.seen.note_record(*hour, record)
            });
            let held = held.count() as u32;
            seen.held.insert(record, held);
        }
        for (_, bucket) in &self.context().undo.expired {
            for record in &bucket.records {
                if let Some(held) = seen.held.get_mut(record) {
                    *held -= 1;
                }
            }
        }
        seen.held.retain(|_, held| *held > 0);
        self.seen_records = seen;
        self.next_transaction();
    }

    fn save_accounts(&mut self, bytes: &mut Vec<u8>, write: &mut WriteRecord<'_>) {
        let undo = &self.context().undo;
        for (number, before) in &undo.accounts {
            let account = &self.accounts()[*number as usize];
            let image = account.image();
            let (known, sighted) = before.as_ref().map_or((false, false), |(before, observations)| {
                (*before == image, observations == account.observations())
            });
            if !known {
                put(Key::Account(account.id), &AccountRecord { number: *number, image }, bytes, write);
            }
            if !sighted {
                put(Key::Observations(account.id), account.observations(), bytes, write);
            }
        }
        for (place, before) in &undo.regions {
            let account = &self.accounts()[place.account as usize];
            let region = &account.regions[place.region as usize];
            let image = region.image();
            if before.as_deref() == Some(&image) {
                continue;
            }
            let steady = region.steady_ids();
            let steady_moved = before.as_ref().map_or(!steady.is_empty(), |before| !image.is_steady_as(before));
            put(Key::Region(account.id, place.region), &region_record(region, image), bytes, write);
            if steady_moved {
                put(Key::Steady(account.id, place.region), &steady, bytes, write);
            }
        }
    }

    fn save_series(&mut self, bytes: &mut Vec<u8>, write: &mut WriteRecord<'_>) {
        let undo = &self.context().undo;
        let touched: Vec<(RegionId, u64)> = undo.series.iter().map(|(place, id, _)| (*place, *id)).collect();
        let forgotten: Vec<u64> = undo.forgotten.iter().map(|(_, entry)| entry.id).collect();
        for (place, id) in touched {
            let account = &mut self.parts().0[place.account as usize];
            let of = account.id;
            let Some(entry) = account.regions[place.region as usize].entry_mut(id) else { continue };
            match &mut entry.form {
                SeriesState::Active(series) if series.only_runs() => {
                    put(Key::Running(id), &series.running(), bytes, write);
                }
                SeriesState::Active(series) => {
                    series.save();
                    put_series(id, &active(of, place.region, series), bytes, write);
                }
                SeriesState::Dormant(series) => {
                    put_series(id, &dormant(of, place.region, series), bytes, write);
                    write(&Key::Running(id).bytes(), None);
                }
            }
        }
        for id in forgotten {
            write(&Key::Series(id).bytes(), None);
            write(&Key::Running(id).bytes(), None);
        }
    }

    fn save_principals(&mut self, bytes: &mut Vec<u8>, write: &mut WriteRecord<'_>) {
        let (accounts, context) = self.parts();
        for (number, fingerprint, before) in &context.undo.principals {
            let account = &mut accounts[*number as usize];
            let key = Key::Principal(account.id, *fingerprint);
            match account.principals.get(*fingerprint) {
                Some(now) if before.as_ref() == Some(now) => {}
                Some(now) => put(key, now, bytes, write),
                None => write(&key.bytes(), None),
            }
        }
    }

    fn save_events(&mut self, bytes: &mut Vec<u8>, write: &mut WriteRecord<'_>) {
        let mut hours: BTreeMap<(RegionId, i64), Vec<[u8; 8]>> = BTreeMap::new();
        for (place, hash, time) in &self.context().undo.seen {
            hours.entry((*place, hour_of(*time))).or_default().push(hash.to_le_bytes());
        }
        let mut written = Vec::new();
        let (mut record, mut held, mut events) = (EventsRecord::new(), Vec::new(), 0);
        let mut id = self.seen_records.next;
        let mut flush = |record: &mut EventsRecord, held: &mut Vec<(RegionId, i64)>| {
            if !record.is_empty() {
                put(Key::Events(id), record, bytes, write);
                written.push((id, std::mem::take(held)));
                record.clear();
                id += 1;
            }
        };
        for ((place, hour), hashes) in hours {
            let account = &self.accounts()[place.account as usize];
            if !account.regions[place.region as usize].seen.knows_hour(hour) {
                continue;
            }
            for chunk in hashes.chunks(EVENTS_MAX) {
                if events + chunk.len() > EVENTS_MAX {
                    flush(&mut record, &mut held);
                    events = 0;
                }
                events += chunk.len();
                record.push((account.id, place.region, hour, chunk.to_vec()));
                held.push((place, hour));
            }
        }
        flush(&mut record, &mut held);
        self.forget_events(write);
        self.seen_records.written = written;
    }

    /// Tombstones for records whose last eventIDs have expired.
    fn forget_events(&self, write: &mut WriteRecord<'_>) {
        let mut gone: BTreeMap<u64, u32> = BTreeMap::new();
        for (_, bucket) in &self.context().undo.expired {
            bucket.records.iter().for_each(|record| *gone.entry(*record).or_default() += 1);
        }
        for (record, hours) in gone {
            if self.seen_records.held.get(&record) == Some(&hours) {
                write(&Key::Events(record).bytes(), None);
            }
        }
    }

    /// Writes all there is, each series whole: two detectors are alike if this is. Series are numbered by their place in the order of their numbers, because a restore goes on
    /// behind the highest that is left, which is not always the highest that was given.
    pub fn save_all(&self, write: &mut WriteRecord<'_>) {
        let (numbers, mut records) = (Numbers::new(self.accounts()), 0);
        for account in self.accounts() {
            save_whole(account, account.number, &numbers, &mut records, write);
        }
    }

    /// Writes one account as the only one of a detector: its past, for another detector.
    pub fn save_alone(&self, id: AccountId, write: &mut WriteRecord<'_>) {
        if let Some(account) = self.accounts().iter().find(|account| account.id == id) {
            save_whole(account, 0, &Numbers::new(std::slice::from_ref(account)), &mut 0, write);
        }
    }
}

/// Series numbered anew, in the same order.
struct Numbers(Vec<u64>);

impl Numbers {
    fn new(accounts: &[Account]) -> Self {
        let regions = accounts.iter().flat_map(|account| &account.regions);
        let mut all: Vec<u64> = regions.flat_map(|region| region.entries()).map(|entry| entry.id).collect();
        all.sort_unstable();
        Self(all)
    }

    fn of(&self, id: u64) -> u64 {
        self.0.partition_point(|other| *other < id) as u64
    }

    fn of_all(&self, mut ids: Vec<u64>) -> Vec<u64> {
        ids.iter_mut().for_each(|id| *id = self.of(*id));
        ids
    }
}

/// Writes an account as number `number`; `records` counts the records of eventIDs.
fn save_whole(account: &Account, number: u32, numbers: &Numbers, records: &mut u64, write: &mut WriteRecord<'_>) {
    let mut bytes = Vec::new();
    let record = AccountRecord { number, image: account.image() };
    put(Key::Account(account.id), &record, &mut bytes, write);
    put(Key::Observations(account.id), account.observations(), &mut bytes, write);
    for (number, region) in account.regions.iter().enumerate() {
        let number = number as u32;
        let mut record = region_record(region, region.image());
        record.open = numbers.of_all(record.open);
        put(Key::Region(account.id, number), &record, &mut bytes, write);
        put(Key::Steady(account.id, number), &numbers.of_all(region.steady_ids()), &mut bytes, write);
        for entry in region.entries() {
            let id = numbers.of(entry.id);
            match &entry.form {
                SeriesState::Active(series) => {
                    let mut series = series.clone();
                    series.generation_zero();
                    put_series(id, &active(account.id, number, &series), &mut bytes, write);
                }
                SeriesState::Dormant(series) => {
                    put_series(id, &dormant(account.id, number, series), &mut bytes, write);
                }
            }
        }
    }
    let mut principals: Vec<&Principal> = account.principals.iter().collect();
    principals.sort_unstable_by_key(|principal| principal.fingerprint());
    for principal in principals {
        put(Key::Principal(account.id, principal.fingerprint()), principal, &mut bytes, write);
    }
    for (number, region) in account.regions.iter().enumerate() {
        let mut hours: Vec<(i64, Vec<u64>)> = region.seen.hours().collect();
        hours.sort_unstable();
        for (hour, hashes) in hours {
            for hashes in hashes.chunks(EVENTS_MAX) {
                let hashes = hashes.iter().map(|hash| hash.to_le_bytes()).collect();
                let record: EventsRecord = vec![(account.id, number as u32, hour, hashes)];
                put(Key::Events(*records), &record, &mut bytes, write);
                *records += 1;
            }
        }
    }
}

fn put<T: Serialize>(key: Key, value: &T, bytes: &mut Vec<u8>, write: &mut WriteRecord<'_>) {
    put_version(VERSION, key, value, bytes, write);
}

fn put_series(id: u64, value: &SeriesValue<&Series, &str>, bytes: &mut Vec<u8>, write: &mut WriteRecord<'_>) {
    put_version(SERIES_VERSION, Key::Series(id), value, bytes, write);
}

fn put_version<T: Serialize>(version: u8, key: Key, value: &T, bytes: &mut Vec<u8>, write: &mut WriteRecord<'_>) {
    bytes.clear();
    encode(version, value, bytes);
    write(&key.bytes(), Some(bytes));
}

fn region_record(region: &Region, image: RegionImage) -> RegionRecord {
    RegionRecord {
        name: region.name.clone(),
        begin: image.begin,
        clock: image.clock,
        swept: image.swept,
        daily: image.daily,
        floor: image.floor,
        open: region.open_ids(),
    }
}

fn active(account: AccountId, region: u32, series: &Series) -> SeriesValue<&Series, &str> {
    let mut statistic = Vec::new();
    encode(STATISTIC_VERSION, series.statistic(), &mut statistic);
    let record = SeriesRecord { account, region, series, statistic_version: STATISTIC_VERSION, statistic };
    SeriesValue::Active(record, series.remembered())
}

fn dormant(account: AccountId, region: u32, series: &Dormant) -> SeriesValue<&Series, &str> {
    let (key, kept) = (series.key(), *series.kept());
    let (source, name, error) = (key.source, key.name, key.error.unwrap_or_default());
    SeriesValue::Dormant(DormantRecord { account, region, source, name, error, kept })
}

/// Reading a running part.
pub(in crate::detect) type RunningRecord = Running;
