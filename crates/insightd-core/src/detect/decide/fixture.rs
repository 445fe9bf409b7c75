//! One account with one API, counted call by call and without a detector, for the unit tests of what starts
//! an insight and what ends it.

use crate::cloudtrail::event::AccountId;
use crate::cloudtrail::insight::SourceCategory;
use crate::detect::model::key::SeriesKey;
use crate::detect::model::quota::MemoryQuota;
use crate::detect::model::series::{Call, CountedCall, Series, SeriesContext};
use crate::detect::statistics::horizon::{Direction, Horizons};
use crate::detect::{DAY, Settings, fixture};

/// Midnight UTC of a day; minutes since 1970.
pub(super) const MIDNIGHT: i64 = 20_000 * DAY;
/// Lateness of the fixture's clock, minutes.
const LATENESS: i64 = 10;

/// The surroundings of the series.
pub(super) struct Surroundings {
    pub(super) settings: Settings,
    pub(super) horizons: Horizons,
    /// First minute of the account.
    pub(super) begin: i64,
    /// First minute of the region.
    pub(super) region_begin: i64,
    /// Last closed minute.
    pub(super) closed: i64,
    pub(super) score_floor: f64,
    pub(super) quota: MemoryQuota,
}

impl Surroundings {
    /// An account and a region that begin in minute `begin`, without a warm-up.
    pub(super) fn new(begin: i64) -> Self {
        let settings = Settings { warm_up: 0, ..fixture::settings() };
        let quota = MemoryQuota::new(&settings);
        let horizons = Horizons::per_minute(Direction::Up);
        Self { settings, horizons, begin, region_begin: begin, closed: begin - 1, score_floor: 0.0, quota }
    }

    pub(super) fn context(&self) -> SeriesContext<'_> {
        SeriesContext {
            account: AccountId::parse("111122223333").expect("twelve digits"),
            region: "us-east-1",
            begin: self.begin,
            region_begin: self.region_begin,
            closed: self.closed,
            score_floor: self.score_floor,
            settings: &self.settings,
            horizons: &self.horizons,
        }
    }

    /// A series of an API, first called in minute `first`.
    pub(super) fn series(&self, name: &str, first: i64) -> Series {
        let key = SeriesKey { source: "ec2.amazonaws.com", name, error: None, category: SourceCategory::Management };
        Series::new(key, first, &self.context())
    }

    /// Counts a call, after moving the clock to its minute.
    pub(super) fn count(&mut self, series: &mut Series, call: &Call<'_>) -> CountedCall {
        self.closed = self.closed.max(call.minute - LATENESS - 1);
        let mut quota = std::mem::replace(&mut self.quota, MemoryQuota::new(&self.settings));
        let counted = series.count(call, &self.context(), &mut quota);
        self.quota = quota;
        counted
    }

    /// Counts as many calls of `principal` in one minute.
    pub(super) fn count_calls(&mut self, series: &mut Series, principal: &str, minute: i64, calls: u32) {
        for _ in 0..calls {
            self.count(series, &call(principal, minute));
        }
    }
}

/// A call in the first second of `minute`, in time.
pub(super) fn call(principal: &str, minute: i64) -> Call<'_> {
    Call {
        minute,
        time: minute * 60,
        late: false,
        event_id: "",
        principal,
        agent: "aws-cli/2.0",
        error: "null",
        rule: None,
    }
}
