//! The portal of IAM Identity Center: its users list their accounts and roles and fetch credentials. Only the
//! directory's account records this.

use super::behavior::{Sink, Window, Workload};
use crate::calendar::{DAY, Rhythm, weekday};
use crate::call::{Api, Kind};
use crate::catalog::recipe::PORTAL;
use crate::principal::Principal;
use crate::random::Draw;

/// Users of a directory.
#[derive(Clone, Debug)]
pub(crate) struct Portal {
    /// One actor and one principal each.
    pub(crate) users: Vec<u32>,
    /// Region of the directory.
    pub(crate) region: &'static str,
    /// When they work.
    pub(crate) rhythm: Rhythm,
    /// Visits of a user on a working day.
    pub(crate) visits: f64,
}

impl Portal {
    /// Lists the accounts, then the roles in some, then fetches credentials for some.
    fn visit(&self, start: i64, user: u32, draw: &mut Draw, sink: &mut Sink<'_>) {
        let [accounts, roles, credentials] = PORTAL else { return };
        let mut time = start;
        sink.call(time, user, self.region, accounts, None);
        for _ in 0..draw.whole(1, 3) {
            time += draw.whole(1, 6);
            sink.call(time, user, self.region, roles, None);
        }
        for _ in 0..draw.whole(1, 2) {
            time += draw.whole(1, 20);
            sink.call(time, user, self.region, credentials, None);
        }
    }
}

impl Workload for Portal {
    fn generate(&self, _key: u64, window: Window, draw: &mut Draw, sink: &mut Sink<'_>) {
        sink.kind(Kind::ServiceEvent);
        let weekend = weekday(self.rhythm.local(window.start + DAY / 2)) >= 5;
        let mean = self.visits * if weekend { self.rhythm.weekend } else { 1.0 };
        for user in &self.users {
            for _ in 0..draw.poisson(mean) {
                let time = self.rhythm.time_of(window.start, draw);
                self.visit(time, *user, draw, sink);
            }
        }
    }

    fn uses(&self, see: &mut dyn FnMut(Principal, &'static Api)) {
        for user in &self.users {
            PORTAL.iter().for_each(|api| see(Principal { first: *user, count: 1 }, api));
        }
    }
}
