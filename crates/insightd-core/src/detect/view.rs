//! Read-only views of what a detector holds, for reports and for fitting priors. Nothing here changes state.

use crate::cloudtrail::event::AccountId;
use crate::detect::detector::Detector;
use crate::detect::model::key::SeriesKey;
use crate::detect::model::series::Series;
use crate::detect::model::slot::SeriesState;
use crate::detect::statistics::expectation::Expectation;
use crate::detect::statistics::incident::IncidentSums;

/// One series.
#[derive(Clone, Debug)]
pub struct SeriesView<'a> {
    /// Account.
    pub account: AccountId,
    /// Region.
    pub region: &'a str,
    /// API, and error code of an error-rate series.
    pub key: SeriesKey<'a>,
    /// First minute of the account's history.
    pub begin: i64,
    /// The region's event-time clock, seconds since 1970.
    pub clock: i64,
    /// Incidents learned by the burst view and by the slow view.
    pub incident_sums: [IncidentSums; 2],
    /// Decayed number of minutes closed.
    pub minutes: f64,
    /// Expected calls a minute.
    pub expected: Expectation,
    /// Minute of its first call.
    pub first: i64,
    /// Minute of its newest call.
    pub last: i64,
    /// Calls of the eight days that end with its newest call.
    pub calls: u64,
    /// Whether it is dormant: after a long silence it holds no counts and few callers.
    pub dormant: bool,
    /// Start minute of its open insight.
    pub open_since: Option<i64>,
    /// The principals with the most calls in those days, with their calls.
    pub principals: Vec<(String, u64)>,
}

/// One account.
#[derive(Clone, Copy, Debug)]
pub struct AccountView {
    /// Account.
    pub id: AccountId,
    /// First minute of its history; none before a second record confirms its first one.
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

/// One region of an account.
#[derive(Clone, Copy, Debug)]
pub struct RegionView<'a> {
    /// Account.
    pub account: AccountId,
    /// Region.
    pub name: &'a str,
    /// First minute.
    pub begin: Option<i64>,
    /// Its event-time clock, seconds since 1970.
    pub clock: Option<i64>,
    /// Records quarantined until another one confirms their time.
    pub quarantined: usize,
    /// Series.
    pub series: usize,
    /// eventIDs remembered.
    pub event_ids: usize,
}

impl Detector {
    /// Calls `show` for each series, in the order in which accounts, regions and series were first seen.
    pub fn each_series(&self, show: &mut dyn FnMut(SeriesView<'_>)) {
        let (settings, horizons) = (&self.context.settings, &self.context.horizons);
        for account in &self.accounts {
            let begin = account.state.begin_or_max();
            for region in account.state.region_order.iter().map(|&region_index| &account.regions[region_index as usize])
            {
                let Some(clock) = region.state.clock.time() else { continue };
                let closed = region.state.clock.closed(settings.lateness);
                let mut show_series = |series: &Series, dormant: bool| {
                    let statistic = series.statistic_at(closed, horizons);
                    show(SeriesView {
                        account: account.id,
                        region: &region.name,
                        key: series.key(),
                        begin,
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
                };
                for slot in region.series.iter() {
                    match slot.state() {
                        SeriesState::Active(series) => show_series(series, false),
                        SeriesState::Dormant(dormant) => {
                            show_series(&Series::activated(dormant, begin, settings, horizons), true);
                        }
                    }
                }
            }
        }
    }

    /// Calls `show` for each account, in the order in which they were first seen.
    pub fn each_account(&self, show: &mut dyn FnMut(AccountView)) {
        for account in &self.accounts {
            show(AccountView {
                id: account.id,
                begin: account.state.begin,
                mature: account.state.mature,
                live: account.state.live() as u32,
                principals: account.principals.len(),
                regions: account.regions.len(),
            });
        }
    }

    /// Calls `show` for each region, by account.
    pub fn each_region(&self, show: &mut dyn FnMut(RegionView<'_>)) {
        for (account, region) in self.accounts.iter().flat_map(|a| a.regions.iter().map(move |r| (a.id, r))) {
            show(RegionView {
                account,
                name: &region.name,
                begin: region.state.begin,
                clock: region.state.clock.time(),
                quarantined: region.state.clock.quarantined(),
                series: region.series.len(),
                event_ids: region.seen.len(),
            });
        }
    }
}
