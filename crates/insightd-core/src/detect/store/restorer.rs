//! A detector from the records of its changelog.
//!
//! Records come in the order in which they were written, each key's older versions first or not at all. Series go straight to where they
//! stay; what ties them together is known only at the end.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::cloudtrail::event::AccountId;
use crate::cloudtrail::insight::Insight;
use crate::detect::context::DetectorContext;
use crate::detect::detector::Detector;
use crate::detect::intake::observations::Observations;
use crate::detect::model::account::Account;
use crate::detect::model::dormant::Dormant;
use crate::detect::model::principals::{Principal, Principals};
use crate::detect::model::region::{Region, RegionIds, RegionImage};
use crate::detect::model::series::Series;
use crate::detect::model::slot::SeriesState;
use crate::detect::statistics::statistic::Statistic;
use crate::detect::store::changelog::{
    AccountRecord, DormantRecord, EventsRecord, Key, RegionRecord, RunningRecord, SERIES_VERSION, STATISTIC_VERSION,
    SeriesValue, VERSION,
};
use crate::state::{RestoreError, decode};

/// Series with their numbers.
type Numbered = Vec<(u64, SeriesState)>;

/// What was read so far.
#[derive(Debug, Default)]
pub struct Restoring {
    accounts: HashMap<AccountId, AccountRecord>,
    observations: HashMap<AccountId, Observations>,
    regions: BTreeMap<(AccountId, u32), RegionRecord>,
    steady: HashMap<(AccountId, u32), Vec<u64>>,
    principals: HashMap<AccountId, Principals>,
    series: HashMap<u64, (AccountId, u32, SeriesState)>,
    events: BTreeMap<u64, EventsRecord>,
}

impl Restoring {
    /// Takes in one record. `context` is charged for what series take.
    ///
    /// # Errors
    /// When it is of a newer version, or damaged.
    pub(in crate::detect) fn take(
        &mut self,
        context: &mut DetectorContext,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), RestoreError> {
        let Some(key) = Key::read(key) else { return Err(RestoreError::damaged("key", format!("{key:02x?}"))) };
        match (key, value) {
            (Key::Account(id), Some(value)) => drop(self.accounts.insert(id, decode("account", VERSION, value)?)),
            (Key::Observations(id), Some(value)) => {
                drop(self.observations.insert(id, decode("observations", VERSION, value)?));
            }
            (Key::Region(id, at), Some(value)) => {
                drop(self.regions.insert((id, at), decode("region", VERSION, value)?));
            }
            (Key::Steady(id, at), Some(value)) => drop(self.steady.insert((id, at), decode("drops", VERSION, value)?)),
            (Key::Principal(id, fingerprint), Some(value)) => {
                let principal: Principal = decode("principal", VERSION, value)?;
                if principal.fingerprint() != fingerprint {
                    return Err(RestoreError::damaged("principal", "it is another one than its key says"));
                }
                self.principals.entry(id).or_default().put(principal);
            }
            (Key::Series(id), Some(value)) => {
                let value = match value {
                    [0 | 1, ..] => SeriesValue::Active(decode("series", 1, value)?, None),
                    _ => decode("series", SERIES_VERSION, value)?,
                };
                self.forget_series(context, id);
                self.series.insert(id, series(context, value)?);
            }
            (Key::Running(id), Some(value)) => {
                let running: RunningRecord = decode("running series", VERSION, value)?;
                if let Some((_, _, SeriesState::Active(series))) = self.series.get_mut(&id)
                    && !series.resume(running)
                {
                    return Err(RestoreError::damaged("running series", "it does not fit the series"));
                }
            }
            (Key::Events(id), Some(value)) => drop(self.events.insert(id, decode("events", VERSION, value)?)),
            (Key::Account(id), None) => drop(self.accounts.remove(&id)),
            (Key::Observations(id), None) => drop(self.observations.remove(&id)),
            (Key::Region(id, at), None) => drop(self.regions.remove(&(id, at))),
            (Key::Steady(id, at), None) => drop(self.steady.remove(&(id, at))),
            (Key::Principal(id, fingerprint), None) => {
                if let Some(principals) = self.principals.get_mut(&id) {
                    principals.remove(fingerprint);
                }
            }
            (Key::Series(id), None) => self.forget_series(context, id),
            (Key::Running(_), None) => {}
            (Key::Events(id), None) => drop(self.events.remove(&id)),
        }
        Ok(())
    }

    fn forget_series(&mut self, context: &mut DetectorContext, id: u64) {
        if let Some((_, _, form)) = self.series.remove(&id) {
            form.release(&mut context.attribution);
        }
    }
}

/// A series from its record, with what the configuration says of its API.
fn series(
    context: &mut DetectorContext,
    value: SeriesValue<Series, Box<str>>,
) -> Result<(AccountId, u32, SeriesState), RestoreError> {
    let (record, remembered) = match value {
        SeriesValue::Active(record, remembered) => (record, remembered),
        SeriesValue::Dormant(record) => return dormant(context, &record),
    };
    let mut series = Box::new(record.series);
    series.set_remembered(remembered);
    match record.statistic_version {
        STATISTIC_VERSION => series.set_statistic(decode("statistic", STATISTIC_VERSION, &record.statistic)?),
        newer if newer > STATISTIC_VERSION => {
            return Err(RestoreError::Newer { what: "statistic", found: newer, known: STATISTIC_VERSION });
        }
        // An older one says nothing to this release: it begins afresh with the series.
        _ => {
            let begin = series.first();
            series.set_statistic(Statistic::new(begin, begin - 1, Default::default(), &context.horizons));
        }
    }
    series.equip(&context.settings, &mut context.attribution);
    Ok((record.account, record.region, SeriesState::Active(series)))
}

fn dormant(
    context: &mut DetectorContext,
    record: &DormantRecord<Box<str>>,
) -> Result<(AccountId, u32, SeriesState), RestoreError> {
    let key = record.kept.key(&record.source, &record.name, &record.error);
    let dormant =
        Dormant::named(key, record.kept).ok_or_else(|| RestoreError::damaged("series", "its name is too long"))?;
    context.attribution.bytes += key.bytes();
    Ok((record.account, record.region, SeriesState::Dormant(Box::new(dormant))))
}

impl Detector {
    /// Takes in one record of the changelog.
    ///
    /// # Errors
    /// When it is of a newer version, or damaged.
    pub fn restore(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), RestoreError> {
        let mut restoring = self.restoring.take().unwrap_or_default();
        let taken = restoring.take(self.parts().1, key, value);
        self.restoring = Some(restoring);
        taken
    }

    /// The changelog was read to its end.
    ///
    /// # Errors
    /// When its records do not fit together.
    pub fn restored(&mut self) -> Result<(), RestoreError> {
        let Some(restoring) = self.restoring.take() else { return Ok(()) };
        let Restoring { mut accounts, mut observations, regions, mut steady, mut principals, series, events } =
            *restoring;
        let mut by_region: HashMap<(AccountId, u32), Numbered> = HashMap::new();
        let begun = series.keys().max().map_or(0, |id| id + 1);
        for (id, (account, region, series)) in series {
            by_region.entry((account, region)).or_default().push((id, series));
        }
        let mut numbered: Vec<(AccountId, AccountRecord)> = accounts.drain().collect();
        numbered.sort_unstable_by_key(|(_, record)| record.number);
        for (at, (id, record)) in numbered.into_iter().enumerate() {
            if record.number as usize != at {
                return Err(RestoreError::damaged("account", format!("number {at} is missing")));
            }
            let mut account = Account::new(id, record.number, 0);
            account.put_back(record.image, observations.remove(&id).unwrap_or_default());
            account.set_warm_up(self.context().settings.warm_up);
            account.principals = principals.remove(&id).unwrap_or_default();
            self.take_up(account);
        }
        for ((id, number), record) in regions {
            let ids = RegionIds { open: record.open, steady: steady.remove(&(id, number)).unwrap_or_default() };
            let image = RegionImage::new(record.begin, record.clock, (record.swept, record.daily), record.floor);
            let series = by_region.remove(&(id, number)).unwrap_or_default();
            let region = Region::restored(record.name, image, series, &ids);
            self.take_up_region(id, number, region)?;
        }
        if let Some((account, region)) = by_region.into_keys().next() {
            return Err(RestoreError::damaged("series", format!("account {account} has no region number {region}")));
        }
        if let Some(account) = self.accounts().iter().find(|account| !account.has_its_regions()) {
            return Err(RestoreError::damaged("account", format!("a region of account {} is missing", account.id)));
        }
        self.parts().1.series_begun = begun;
        self.remember_again(events)?;
        self.next_transaction();
        Ok(())
    }

    fn remember_again(&mut self, events: BTreeMap<u64, EventsRecord>) -> Result<(), RestoreError> {
        for (record, regions) in events {
            self.seen_records.next = self.seen_records.next.max(record + 1);
            let mut held = 0;
            for (account, number, hour, hashes) in regions {
                let horizon_s = self.context().settings.dedup_horizon_s;
                let Some(region) = self.region_mut(account, number) else {
                    return Err(RestoreError::damaged(
                        "events",
                        format!("account {account} has no region number {number}"),
                    ));
                };
                if !region.remembers_hour(hour, horizon_s) {
                    continue;
                }
                let new = hashes
                    .into_iter()
                    .filter(|hash| region.seen.insert_in_hour(u64::from_le_bytes(*hash), hour))
                    .count();
                region.seen.note_record(hour, record);
                held += 1;
                self.parts().1.dedup_events += new;
            }
            if held > 0 {
                self.seen_records.held.insert(record, held);
            }
        }
        Ok(())
    }

    /// Takes up an account that was restored.
    fn take_up(&mut self, account: Account) {
        self.by_id.insert(account.id, account.number);
        let (begun, mature) = account.stands();
        self.context.accounts_live += usize::from(mature);
        self.context.accounts_learning += usize::from(begun && !mature);
        self.context.principals += account.principals.len();
        self.accounts.push(account);
    }

    /// Takes up a region that was restored, as the next one of its account.
    fn take_up_region(&mut self, account: AccountId, number: u32, region: Region) -> Result<(), RestoreError> {
        let missing = |why: String| RestoreError::damaged("region", why);
        let Some(&at) = self.by_id.get(&account) else { return Err(missing(format!("there is no account {account}"))) };
        let regions = &mut self.accounts[at as usize].regions;
        if regions.len() != number as usize {
            return Err(missing(format!("account {account} has no region number {}", regions.len())));
        }
        self.clocks += 1;
        self.newest = self.newest.max(region.clock.time().unwrap_or_default());
        let (reserved, held) = region.clock.reserved();
        self.context.attribution.bytes += reserved;
        self.context.unconfirmed += held;
        self.context.series += region.entries().len();
        self.context.open +=
            region.entries().iter().filter(|entry| entry.form.active().is_some_and(Series::is_shown)).count();
        regions.push(region);
        Ok(())
    }

    fn region_mut(&mut self, account: AccountId, number: u32) -> Option<&mut Region> {
        let at = *self.by_id.get(&account)?;
        self.accounts[at as usize].regions.get_mut(number as usize)
    }

    /// Shows each open insight as its Start was, with the clock of its region, seconds since 1970.
    pub fn each_open(&self, show: &mut dyn FnMut(Insight, i64)) {
        for account in self.accounts() {
            for region in &account.regions {
                let Some(clock) = region.clock.time() else { continue };
                for id in region.open_ids() {
                    let entry = region.entries().iter().find(|entry| entry.id == id);
                    if let Some(insight) = entry.and_then(|entry| entry.form.active()?.opened(account.id, &region.name))
                    {
                        show(insight, clock);
                    }
                }
            }
        }
    }
}
