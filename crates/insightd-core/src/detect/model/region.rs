//! One region of an account: its clock, its eventIDs and its series.

use crate::detect::DAY;
use crate::detect::ids::RegionId;
use crate::detect::intake::clock::Clock;
use crate::detect::intake::dedup::{DedupIndex, hour_of};
use crate::detect::model::series::RegionFacts;
use crate::detect::model::series_table::SeriesTable;
use crate::detect::undo::{Changes, Tracked};

/// Days without a call after which a series no longer counts as live.
const LIVE_DAYS: i64 = 28;

/// Changes of the open transaction.
pub(crate) type RegionChanges = Changes<RegionId, RegionState>;

/// One region of an account.
#[derive(Debug)]
pub(crate) struct Region {
    /// Its name.
    pub(crate) name: Box<str>,
    /// Its clock, and which series need attention when it moves.
    pub(crate) state: Tracked<RegionState>,
    /// eventIDs seen.
    pub(crate) seen: DedupIndex,
    /// Its series.
    pub(crate) series: SeriesTable,
}

/// A region apart from its series and eventIDs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RegionState {
    /// Minute of its first record, counted or not, whose time is confirmed.
    pub(crate) begin: Option<i64>,
    /// Its clock, quarantined records included.
    pub(crate) clock: Clock,
    /// Clock at the last sweep, seconds.
    pub(crate) swept: i64,
    /// Minute of the last daily sweep.
    pub(crate) daily: i64,
    /// Repeats of events dated before this (seconds) are no longer recognized: the bound on eventIDs has
    /// pushed them out.
    pub(crate) dedup_floor: i64,
    /// Indexes of the series with an open insight, in the order of their Starts.
    pub(crate) open: Vec<u32>,
    /// Indexes of the series in which drops are looked for; chosen anew each hour.
    pub(crate) steady: Vec<u32>,
}

impl Default for RegionState {
    fn default() -> Self {
        Self {
            begin: None,
            clock: Clock::default(),
            swept: i64::MIN / 2,
            daily: i64::MIN / 2,
            dedup_floor: 0,
            open: Vec::new(),
            steady: Vec::new(),
        }
    }
}

impl RegionState {
    /// What the series of a region with this name need to know of it.
    pub(crate) fn facts<'a>(&self, region: &'a str, lateness: i64) -> RegionFacts<'a> {
        RegionFacts { region, begin: self.begin.unwrap_or(i64::MAX), closed: self.clock.closed(lateness) }
    }

    /// Renumbers the series, after some were removed.
    pub(crate) fn move_series(&mut self, moved_to: &[Option<u32>]) {
        for indexes in [&mut self.open, &mut self.steady] {
            *indexes = indexes.iter().filter_map(|&series_index| moved_to[series_index as usize]).collect();
        }
    }
}

/// Whether a series with its newest call in minute `last` counts as live, as of the daily sweep in minute
/// `daily`.
pub(crate) fn is_live(last: i64, daily: i64) -> bool {
    daily - last < LIVE_DAYS * DAY
}

impl Region {
    /// A region of which nothing is confirmed.
    pub(crate) fn created(name: &str, id: RegionId, changes: &mut RegionChanges) -> Self {
        let state = Tracked::created(RegionState::default(), id, changes);
        Self { name: name.into(), state, seen: DedupIndex::default(), series: SeriesTable::default() }
    }

    /// A region from the changelog.
    pub(crate) fn restored(name: Box<str>, state: RegionState, series: SeriesTable) -> Self {
        Self { name, state: Tracked::committed(state), seen: DedupIndex::default(), series }
    }

    /// Whether eventIDs of this hour are still of use: the last sweep has not expired them, and the bound has
    /// not pushed them out.
    pub(crate) fn remembers_hour(&self, hour: i64, horizon_s: i64) -> bool {
        let expired = hour < hour_of(self.state.swept.saturating_sub(horizon_s));
        !expired && hour * 3600 >= self.state.dedup_floor
    }

    /// Numbers of the series with an open insight, in the order of their Starts.
    pub(crate) fn open_numbers(&self) -> Vec<u64> {
        self.state.open.iter().map(|&series_index| self.series[series_index].number).collect()
    }

    /// Numbers of the series in which drops are looked for.
    pub(crate) fn steady_numbers(&self) -> Vec<u64> {
        self.state.steady.iter().map(|&series_index| self.series[series_index].number).collect()
    }

    /// Series that are live.
    pub(crate) fn live(&self) -> usize {
        self.series.iter().filter(|slot| slot.is_live()).count()
    }
}
