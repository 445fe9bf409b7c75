//! A detector from the records of its changelog.
//!
//! A [`Restorer`] takes the records in the order in which they were written, each key's older versions first
//! or not at all. Only when all of them are read does it become a [`Detector`]: nothing can run on a state
//! that is half restored (RES-1).

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::cloudtrail::event::AccountId;
use crate::cloudtrail::insight::Insight;
use crate::detect::Settings;
use crate::detect::detector::Detector;
use crate::detect::intake::observations::Observations;
use crate::detect::model::account::Account;
use crate::detect::model::dormant::Dormant;
use crate::detect::model::principals::{Principal, Principals};
use crate::detect::model::region::{Region, RegionState, is_live};
use crate::detect::model::series::{RunningSeries, Series};
use crate::detect::model::series_table::SeriesTable;
use crate::detect::model::slot::{SeriesSlot, SeriesState};
use crate::detect::statistics::statistic::Statistic;
use crate::detect::store::changelog::{
    AccountRecord, DormantRecord, EventsRecord, RecordKey, RegionRecord, SERIES_VERSION, STATISTIC_VERSION,
    SeriesValue, VERSION,
};
use crate::state::{RestoreError, decode};

/// Collects the records of a changelog that is being read.
#[derive(Debug)]
pub struct Restorer {
    /// Empty but for what the quota is charged with.
    detector: Detector,
    accounts: HashMap<AccountId, AccountRecord>,
    observations: HashMap<AccountId, Observations>,
    regions: BTreeMap<(AccountId, u32), RegionRecord>,
    steady: HashMap<(AccountId, u32), Vec<u64>>,
    principals: HashMap<AccountId, Principals>,
    series: HashMap<u64, (AccountId, u32, SeriesState)>,
    events: BTreeMap<u64, EventsRecord>,
}

impl Restorer {
    /// Nothing read yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            detector: Detector::new(settings),
            accounts: HashMap::new(),
            observations: HashMap::new(),
            regions: BTreeMap::new(),
            steady: HashMap::new(),
            principals: HashMap::new(),
            series: HashMap::new(),
            events: BTreeMap::new(),
        }
    }

    /// Bytes of names and attribution values read so far.
    pub fn attribution_bytes(&self) -> usize {
        self.detector.context.quota.bytes
    }

    /// Takes one record of the changelog; without a value it is a tombstone.
    ///
    /// # Errors
    /// When it is of a newer version, or damaged.
    pub fn take(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), RestoreError> {
        let Some(parsed) = RecordKey::read(key) else {
            return Err(RestoreError::damaged("key", format!("{key:02x?}")));
        };
        match value {
            Some(value) => self.insert(parsed, value),
            None => {
                self.remove(parsed);
                Ok(())
            }
        }
    }

    fn insert(&mut self, key: RecordKey, value: &[u8]) -> Result<(), RestoreError> {
        match key {
            RecordKey::Account(id) => drop(self.accounts.insert(id, decode("account", VERSION, value)?)),
            RecordKey::Observations(id) => {
                drop(self.observations.insert(id, decode("observations", VERSION, value)?));
            }
            RecordKey::Region(id, region_index) => {
                drop(self.regions.insert((id, region_index), decode("region", VERSION, value)?));
            }
            RecordKey::Steady(id, region_index) => {
                drop(self.steady.insert((id, region_index), decode("drops", VERSION, value)?));
            }
            RecordKey::Principal(id, hash) => {
                let principal: Principal = decode("principal", VERSION, value)?;
                if principal.hash() != hash {
                    return Err(RestoreError::damaged("principal", "it is another one than its key says"));
                }
                self.principals.entry(id).or_default().put(hash, Some(principal));
            }
            RecordKey::Series(number) => {
                let value = match value {
                    [0 | 1, ..] => SeriesValue::Active(decode("series", 1, value)?, None),
                    _ => decode("series", SERIES_VERSION, value)?,
                };
                self.forget_series(number);
                let series = self.series_of(value)?;
                self.series.insert(number, series);
            }
            RecordKey::Running(number) => {
                let running: RunningSeries = decode("running series", VERSION, value)?;
                if let Some((_, _, SeriesState::Active(series))) = self.series.get_mut(&number)
                    && !series.resume(running)
                {
                    return Err(RestoreError::damaged("running series", "it does not fit the series"));
                }
            }
            RecordKey::Events(id) => drop(self.events.insert(id, decode("events", VERSION, value)?)),
        }
        Ok(())
    }

    fn remove(&mut self, key: RecordKey) {
        match key {
            RecordKey::Account(id) => drop(self.accounts.remove(&id)),
            RecordKey::Observations(id) => drop(self.observations.remove(&id)),
            RecordKey::Region(id, region_index) => drop(self.regions.remove(&(id, region_index))),
            RecordKey::Steady(id, region_index) => drop(self.steady.remove(&(id, region_index))),
            RecordKey::Principal(id, hash) => {
                if let Some(principals) = self.principals.get_mut(&id) {
                    principals.put(hash, None);
                }
            }
            RecordKey::Series(number) => self.forget_series(number),
            RecordKey::Running(_) => {}
            RecordKey::Events(id) => drop(self.events.remove(&id)),
        }
    }

    fn forget_series(&mut self, number: u64) {
        if let Some((_, _, state)) = self.series.remove(&number) {
            state.release(&mut self.detector.context.quota);
        }
    }

    /// A series from its record, with what the configuration says of its API.
    fn series_of(
        &mut self,
        value: SeriesValue<Series, Box<str>>,
    ) -> Result<(AccountId, u32, SeriesState), RestoreError> {
        let context = &mut self.detector.context;
        let (record, remembered) = match value {
            SeriesValue::Active(record, remembered) => (record, remembered),
            SeriesValue::Dormant(record) => return self.dormant_of(&record),
        };
        let mut series = Box::new(record.series);
        series.set_remembered(remembered);
        let statistic = match record.statistic_version {
            STATISTIC_VERSION => decode("statistic", STATISTIC_VERSION, &record.statistic)?,
            newer if newer > STATISTIC_VERSION => {
                return Err(RestoreError::Newer { what: "statistic", found: newer, known: STATISTIC_VERSION });
            }
            // An older one means nothing to this release: it begins afresh with the series.
            _ => Statistic::new(series.first(), series.first() - 1, Default::default(), &context.horizons),
        };
        series.attach(&statistic, &context.settings, &mut context.quota);
        Ok((record.account, record.region, SeriesState::Active(series)))
    }

    fn dormant_of(&mut self, record: &DormantRecord<Box<str>>) -> Result<(AccountId, u32, SeriesState), RestoreError> {
        let key = record.fields.key(&record.source, &record.name, &record.error);
        let dormant = Dormant::named(key, record.fields)
            .ok_or_else(|| RestoreError::damaged("series", "its name is too long"))?;
        self.detector.context.quota.bytes += key.bytes();
        Ok((record.account, record.region, SeriesState::Dormant(Box::new(dormant))))
    }

    /// The detector, after the changelog was read to its end.
    ///
    /// # Errors
    /// When the records do not fit together.
    pub fn finish(mut self) -> Result<Detector, RestoreError> {
        let series_begun = self.series.keys().max().map_or(0, |number| number + 1);
        self.restore_accounts()?;
        self.restore_regions()?;
        if let Some(account) = self.detector.accounts.iter().find(|account| !account.has_its_regions()) {
            return Err(RestoreError::damaged("account", format!("a region of account {} is missing", account.id)));
        }
        self.detector.context.totals.series_begun = series_begun;
        self.restore_events()?;
        Ok(self.detector)
    }

    fn restore_accounts(&mut self) -> Result<(), RestoreError> {
        let warm_up = self.detector.context.settings.warm_up;
        let mut numbered: Vec<(AccountId, AccountRecord)> = self.accounts.drain().collect();
        numbered.sort_unstable_by_key(|(_, record)| record.number);
        for (account_index, (id, record)) in numbered.into_iter().enumerate() {
            if record.number as usize != account_index {
                return Err(RestoreError::damaged("account", format!("number {account_index} is missing")));
            }
            let mut state = record.state;
            state.observations = self.observations.remove(&id).unwrap_or_default();
            state.set_warm_up(warm_up);
            let totals = &mut self.detector.context.totals;
            totals.account_matured((false, false), state.maturity());
            let principals = self.principals.remove(&id).unwrap_or_default();
            totals.principals += principals.len();
            self.detector.by_id.insert(id, record.number);
            self.detector.accounts.push(Account::restored(id, record.number, state, principals));
        }
        Ok(())
    }

    fn restore_regions(&mut self) -> Result<(), RestoreError> {
        let mut by_region: HashMap<(AccountId, u32), Vec<(u64, SeriesState)>> = HashMap::new();
        for (number, (account, region, series)) in self.series.drain() {
            by_region.entry((account, region)).or_default().push((number, series));
        }
        for ((id, number), record) in std::mem::take(&mut self.regions) {
            let slot = |(number, state): (u64, SeriesState)| {
                let live = is_live(state.last(), record.daily);
                SeriesSlot::restored(number, state, live)
            };
            let series = by_region.remove(&(id, number)).unwrap_or_default().into_iter().map(slot).collect();
            let steady = self.steady.remove(&(id, number)).unwrap_or_default();
            self.restore_region(id, number, record, SeriesTable::restored(series), &steady)?;
        }
        match by_region.into_keys().next() {
            Some((account, region)) => {
                Err(RestoreError::damaged("series", format!("account {account} has no region number {region}")))
            }
            None => Ok(()),
        }
    }

    /// Adds a region as the next one of its account. `steady` are the numbers of the series in which drops
    /// are looked for.
    fn restore_region(
        &mut self,
        id: AccountId,
        number: u32,
        record: RegionRecord,
        series: SeriesTable,
        steady: &[u64],
    ) -> Result<(), RestoreError> {
        let missing = |why: String| RestoreError::damaged("region", why);
        let Some(&account_index) = self.detector.by_id.get(&id) else {
            return Err(missing(format!("there is no account {id}")));
        };
        let regions = &mut self.detector.accounts[account_index as usize].regions;
        if regions.len() != number as usize {
            return Err(missing(format!("account {id} has no region number {}", regions.len())));
        }
        let indexes = |numbers: &[u64]| numbers.iter().filter_map(|&number| series.index_of(number)).collect();
        let (open, steady) = (indexes(&record.open), indexes(steady));
        let RegionRecord { name, begin, clock, swept, daily, dedup_floor, .. } = record;
        let state = RegionState { begin, clock, swept, daily, dedup_floor, open, steady };
        let (reserved, quarantined) = state.clock.reserved();
        let context = &mut self.detector.context;
        context.quota.bytes += reserved;
        let totals = &mut context.totals;
        totals.clocks += 1;
        totals.newest = totals.newest.max(state.clock.time().unwrap_or_default());
        totals.quarantined += quarantined;
        totals.series += series.len();
        let is_shown = |slot: &&SeriesSlot| slot.state().active().is_some_and(Series::is_shown);
        totals.open += series.iter().filter(is_shown).count();
        regions.push(Region::restored(name, state, series));
        Ok(())
    }

    fn restore_events(&mut self) -> Result<(), RestoreError> {
        let Detector { accounts, by_id, context, event_records, .. } = &mut self.detector;
        let horizon_s = context.settings.dedup_horizon_s;
        for (record, regions) in std::mem::take(&mut self.events) {
            event_records.next = event_records.next.max(record + 1);
            let mut held = 0;
            for (account, number, hour, hashes) in regions {
                let account_index = by_id.get(&account).map(|&account_index| account_index as usize);
                let Some(region) =
                    account_index.and_then(|account_index| accounts[account_index].regions.get_mut(number as usize))
                else {
                    let why = format!("account {account} has no region number {number}");
                    return Err(RestoreError::damaged("events", why));
                };
                if !region.remembers_hour(hour, horizon_s) {
                    continue;
                }
                let hashes = hashes.into_iter().map(u64::from_le_bytes);
                context.totals.dedup_events += hashes.filter(|hash| region.seen.restore(*hash, hour)).count();
                region.seen.note_record(hour, record);
                held += 1;
            }
            if held > 0 {
                event_records.held.insert(record, held);
            }
        }
        Ok(())
    }
}

impl Detector {
    /// Shows each open insight as its Start was, with the clock of its region, seconds since 1970.
    pub fn each_open(&self, show: &mut dyn FnMut(Insight, i64)) {
        for account in &self.accounts {
            for region in &account.regions {
                let Some(clock) = region.state.clock.time() else { continue };
                for &series_index in &region.state.open {
                    let series = region.series[series_index].state().active();
                    if let Some(insight) = series.and_then(|series| series.opened(account.id, &region.name)) {
                        show(insight, clock);
                    }
                }
            }
        }
    }
}
