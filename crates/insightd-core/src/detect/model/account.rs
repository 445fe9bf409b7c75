//! One account: its history, its alarm budget, who is known to it, and its regions. Nothing here looks at
//! another account (ISO-1).

use serde::{Deserialize, Serialize};

use crate::cloudtrail::event::AccountId;
use crate::detect::DAY;
use crate::detect::decide::budget::{AlarmBudget, MINUTES_ABOVE_FLOOR};
use crate::detect::ids::{PrincipalId, RegionId};
use crate::detect::intake::observations::Observations;
use crate::detect::model::principals::Principals;
use crate::detect::model::region::Region;
use crate::detect::model::series::AccountFacts;
use crate::detect::undo::{Changes, Tracked};

/// In an account with this many series one series shows half of what it would show in a large account.
const FEW_SERIES: f64 = 10.0;

/// Changes of the open transaction, by the number of the account.
pub(crate) type AccountChanges = Changes<u32, AccountState>;

/// One account.
#[derive(Debug)]
pub(crate) struct Account {
    /// Its id.
    pub(crate) id: AccountId,
    /// Its number in the partition, in the order of first records, from 0.
    pub(crate) number: u32,
    /// Its history and its alarm budget.
    pub(crate) state: Tracked<AccountState>,
    /// Who is known to it.
    pub(crate) principals: Principals,
    /// Its regions, in the order in which their first records arrived.
    pub(crate) regions: Vec<Region>,
}

/// An account apart from its principals and regions; saved as it is here, but for the observations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AccountState {
    /// First minute of its history: of its first record, in any region, counted or not, whose time is
    /// confirmed. Older records that come later do not move it.
    pub(crate) begin: Option<i64>,
    /// Whether it is old enough for insights.
    pub(crate) mature: bool,
    /// Series with a call in the last 28 days.
    live: u32,
    /// Score from which an event is noted, for that many live series.
    score_floor: f64,
    /// How many insights it may raise.
    pub(crate) alarms: AlarmBudget,
    /// Indexes of the regions that have begun, in that order: what is reported of several regions must not
    /// depend on when a record arrives that nothing has confirmed.
    pub(crate) region_order: Vec<u32>,
    /// The newest confirmed time, and the observations that await confirmation; a record of its own in the
    /// changelog.
    #[serde(skip)]
    pub(crate) observations: Observations,
}

// === impl AccountState ===

impl AccountState {
    /// An account of which nothing is confirmed, and which raises nothing for `warm_up` minutes after it has
    /// begun.
    pub(crate) fn new(warm_up: i64) -> Self {
        let mut state = Self {
            begin: None,
            mature: false,
            live: 0,
            score_floor: 0.0,
            alarms: AlarmBudget::new(0, warm_up),
            region_order: Vec::new(),
            observations: Observations::default(),
        };
        state.set_live(0);
        state
    }

    /// First minute of its history; nothing is counted before it is known.
    pub(crate) fn begin_or_max(&self) -> i64 {
        self.begin.unwrap_or(i64::MAX)
    }

    /// Whether it has begun, and whether it is old enough for insights.
    pub(crate) fn maturity(&self) -> (bool, bool) {
        (self.begin.is_some(), self.mature)
    }

    /// Series with a call in the last 28 days.
    pub(crate) fn live(&self) -> usize {
        self.live as usize
    }

    /// Sets the number of live series, and the score floor that follows from it:
    /// `log10(minutes a week x live^2 / (live + 10) / 25)`. See [`crate::detect::decide::budget`].
    pub(crate) fn set_live(&mut self, live: usize) {
        self.live = live as u32;
        let live = live.max(1) as f64;
        // Bursts without an attack come from a loop or a script here and there: the fewer series, the fewer
        // of them.
        let calm = live / (live + FEW_SERIES);
        self.score_floor = (7.0 * DAY as f64 * live * calm / MINUTES_ABOVE_FLOOR).log10();
    }

    /// Score from which an event is noted.
    pub(crate) fn score_floor(&self) -> f64 {
        self.score_floor
    }

    /// Applies the configured `warm_up` (minutes) after a restore; the account may have been saved under
    /// another one.
    pub(crate) fn set_warm_up(&mut self, warm_up: i64) {
        if self.alarms.set_warm_up(warm_up) {
            let age = |begin| self.observations.newest().map(|newest| newest.div_euclid(60) - begin);
            self.mature = self.begin.and_then(age).is_some_and(|age| age >= warm_up);
        }
    }

    /// Whether its changelog record would be the same as that of `other`: all but the observations.
    pub(crate) fn is_saved_as(&self, other: &Self) -> bool {
        (self.begin, self.mature, self.live, self.score_floor)
            == (other.begin, other.mature, other.live, other.score_floor)
            && (&self.alarms, &self.region_order) == (&other.alarms, &other.region_order)
    }
}

// === impl Account ===

impl Account {
    /// An account that is new to the partition.
    pub(crate) fn created(id: AccountId, number: u32, warm_up: i64, changes: &mut AccountChanges) -> Self {
        let state = Tracked::created(AccountState::new(warm_up), number, changes);
        Self { id, number, state, principals: Principals::default(), regions: Vec::new() }
    }

    /// An account from the changelog.
    pub(crate) fn restored(id: AccountId, number: u32, state: AccountState, principals: Principals) -> Self {
        Self { id, number, state: Tracked::committed(state), principals, regions: Vec::new() }
    }

    /// What its series need to know of it.
    pub(crate) fn facts(&self) -> AccountFacts {
        AccountFacts { account: self.id, begin: self.state.begin_or_max(), score_floor: self.state.score_floor() }
    }

    /// Id of its region at `region_index`.
    pub(crate) fn region_id(&self, region_index: usize) -> RegionId {
        RegionId { account: self.number, region: region_index as u32 }
    }

    /// Its principal with this hash.
    pub(crate) fn principal_id(&self, hash: u64) -> PrincipalId {
        PrincipalId { account: self.number, hash }
    }

    /// Index of a region, if it was seen.
    pub(crate) fn region(&self, name: &str) -> Option<usize> {
        self.regions.iter().position(|region| &*region.name == name)
    }

    /// Whether all regions that it names are there: damaged records may name others.
    pub(crate) fn has_its_regions(&self) -> bool {
        let mut named = self
            .state
            .region_order
            .iter()
            .map(|&region_index| region_index as usize)
            .chain(self.state.observations.region_indexes());
        named.all(|region_index| region_index < self.regions.len())
    }
}
