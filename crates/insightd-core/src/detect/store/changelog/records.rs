//! Values of the changelog's records, and their versions.

use serde::{Deserialize, Serialize};

use crate::cloudtrail::event::AccountId;
use crate::detect::intake::clock::Clock;
use crate::detect::model::account::AccountState;
use crate::detect::model::dormant::{Dormant, DormantFields, Remembered};
use crate::detect::model::region::{Region, RegionState};
use crate::detect::model::series::Series;
use crate::state::encode;

/// Version of each kind of record, except series.
pub(crate) const VERSION: u8 = 1;
/// Version of a series. 1: a [`SeriesRecord`]; 2: a [`SeriesValue`].
pub(crate) const SERIES_VERSION: u8 = 2;
/// Version of the statistic inside a series. Another one makes it begin afresh, while counts, sums and open
/// insights stay.
pub(crate) const STATISTIC_VERSION: u8 = 1;

/// Value of [`super::RecordKey::Account`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AccountRecord {
    pub(crate) number: u32,
    pub(crate) state: AccountState,
}

/// Value of [`super::RecordKey::Region`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RegionRecord {
    pub(crate) name: Box<str>,
    pub(crate) begin: Option<i64>,
    pub(crate) clock: Clock,
    pub(crate) swept: i64,
    pub(crate) daily: i64,
    pub(crate) dedup_floor: i64,
    /// Numbers of the series with an open insight, in the order of their Starts.
    pub(crate) open: Vec<u64>,
}

impl RegionRecord {
    /// The record of a region.
    pub(crate) fn of(region: &Region) -> Self {
        let RegionState { begin, clock, swept, daily, dedup_floor, .. } = RegionState::clone(&region.state);
        Self { name: region.name.clone(), begin, clock, swept, daily, dedup_floor, open: region.open_numbers() }
    }
}

/// A series as [`super::RecordKey::Series`] holds it. `S` is a series, owned or borrowed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SeriesRecord<S> {
    pub(crate) account: AccountId,
    pub(crate) region: u32,
    pub(crate) series: S,
    pub(crate) statistic_version: u8,
    pub(crate) statistic: Vec<u8>,
}

/// Value of [`super::RecordKey::Series`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum SeriesValue<S, T> {
    /// An active series, and the callers that it remembers from when it was dormant.
    Active(SeriesRecord<S>, Option<Remembered>),
    /// A dormant series.
    Dormant(DormantRecord<T>),
}

/// A dormant series. Where it has no error code (which `fields` says), `error` is empty.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DormantRecord<T> {
    pub(crate) account: AccountId,
    pub(crate) region: u32,
    pub(crate) source: T,
    pub(crate) name: T,
    pub(crate) error: T,
    pub(crate) fields: DormantFields,
}

impl<'a> SeriesValue<&'a Series, &'a str> {
    /// The value of an active series in this region of its account.
    pub(crate) fn active(account: AccountId, region: u32, series: &'a Series) -> Self {
        let mut statistic = Vec::new();
        encode(STATISTIC_VERSION, &series.statistic, &mut statistic);
        let record = SeriesRecord { account, region, series, statistic_version: STATISTIC_VERSION, statistic };
        Self::Active(record, series.remembered())
    }

    /// The value of a dormant series in this region of its account.
    pub(crate) fn dormant(account: AccountId, region: u32, series: &'a Dormant) -> Self {
        let (key, fields) = (series.key(), *series.fields());
        let (source, name, error) = (key.source, key.name, key.error.unwrap_or_default());
        Self::Dormant(DormantRecord { account, region, source, name, error, fields })
    }
}

/// Value of [`super::RecordKey::Events`]: account, region, hour of event time, hashes of eventIDs.
pub(crate) type EventsRecord = Vec<(AccountId, u32, i64, Vec<[u8; 8]>)>;
