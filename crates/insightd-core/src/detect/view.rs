//! What a detector holds, for those who look: people, and the learning of priors.

use crate::cloudtrail::event::AccountId;
use crate::detect::detector::Detector;
use crate::detect::model::series::Key;
use crate::detect::statistics::expectation::Expectation;
use crate::detect::statistics::incident::IncidentSums;

/// What one series has shown so far.
#[derive(Clone, Debug)]
pub struct SeriesView<'a> {
    /// Account.
    pub account: AccountId,
    /// Region.
    pub region: &'a str,
    /// API, and error code of an error-rate series.
    pub key: Key<'a>,
    /// First minute of the account's history.
    pub begin: i64,
    /// The region's clock, seconds since 1970.
    pub clock: i64,
    /// Incidents and their summed excess, of the burst and the slow view, decayed.
    pub incident_sums: [IncidentSums; 2],
    /// Minutes watched, decayed.
    pub minutes: f64,
    /// Expected calls a minute.
    pub expected: Expectation,
    /// Minutes of its first and its newest call.
    pub first: i64,
    /// See `first`.
    pub last: i64,
    /// Calls of the eight days that end with its newest one.
    pub calls: u64,
    /// Whether it has been silent for so long that counts and callers are no longer held.
    pub dormant: bool,
    /// Start of its open insight.
    pub open_since: Option<i64>,
    /// Who called most in those days.
    pub principals: Vec<(String, u64)>,
}

/// What an account has shown so far.
#[derive(Clone, Copy, Debug)]
pub struct AccountView {
    /// Account.
    pub id: AccountId,
    /// First minute of its history; none before its first record is confirmed.
    pub begin: Option<i64>,
    /// Whether it is old enough for insights.
    pub mature: bool,
    /// Series with a call in the last 28 days.
    pub live: u32,
    /// Principals known.
    pub principals: usize,
    /// Regions.
    pub regions: usize,
}

/// What a region of an account has shown so far.
#[derive(Clone, Copy, Debug)]
pub struct RegionView<'a> {
    /// Account.
    pub account: AccountId,
    /// Region.
    pub name: &'a str,
    /// First minute.
    pub begin: Option<i64>,
    /// Its clock, seconds since 1970.
    pub clock: Option<i64>,
    /// Records held until another one confirms their time.
    pub held: usize,
    /// Series.
    pub series: usize,
    /// eventIDs remembered.
    pub event_ids: usize,
}

impl Detector {
    /// Shows each series held, in the order in which accounts, regions and series were first seen.
    pub fn each_series(&self, show: &mut dyn FnMut(SeriesView<'_>)) {
        for account in &self.accounts {
            for region in account.seen().iter().map(|&at| &account.regions[at]) {
                let Some(clock) = region.clock.time() else { continue };
                region.each_series(account.begin(), &self.context, &mut |series, statistic, dormant| {
                    show(SeriesView {
                        account: account.id,
                        region: &region.name,
                        key: series.key(),
                        begin: account.begin(),
                        clock,
                        incident_sums: statistic.incident_sums(),
                        minutes: statistic.minutes(),
                        expected: statistic.expectation(),
                        first: series.first(),
                        last: series.last(),
                        calls: series.calls_of_days(),
                        dormant,
                        open_since: series.open_since(),
                        principals: series.top_principals(),
                    });
                });
            }
        }
    }

    /// Shows each account, in the order in which they were first seen.
    pub fn each_account(&self, show: &mut dyn FnMut(AccountView)) {
        for account in &self.accounts {
            let (begun, mature) = account.stands();
            show(AccountView {
                id: account.id,
                begin: begun.then(|| account.begin()),
                mature,
                live: account.image().live(),
                principals: account.principals.len(),
                regions: account.regions.len(),
            });
        }
    }

    /// Shows each region, by account.
    pub fn each_region(&self, show: &mut dyn FnMut(RegionView<'_>)) {
        for (account, region) in self.accounts.iter().flat_map(|a| a.regions.iter().map(move |r| (a.id, r))) {
            show(RegionView {
                account,
                name: &region.name,
                begin: region.begin,
                clock: region.clock.time(),
                held: region.clock.held(),
                series: region.entries().len(),
                event_ids: region.seen.len(),
            });
        }
    }
}
