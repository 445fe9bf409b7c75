//! What every workload provides, and where its calls go.

use crate::call::{Api, Call, Kind};
use crate::catalog::region_of;
use crate::pending::PendingCalls;
use crate::principal::Principal;
use crate::random::Draw;

/// A time window to fill, seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) start: i64,
    pub(crate) seconds: i64,
    /// Hours since the beginning of the plan.
    pub(crate) hour: i64,
}

impl Window {
    /// Its end, not included.
    pub(crate) fn end(self) -> i64 {
        self.start + self.seconds
    }
}

/// Takes the calls of one workload in one window.
pub(crate) struct Sink<'a> {
    pending: &'a mut PendingCalls,
    serial: u64,
    /// Serial of the next auxiliary call.
    auxiliary: u64,
    kind: Kind,
}

impl<'a> Sink<'a> {
    /// Collects the calls whose serials start at `serial`; auxiliary calls start at `auxiliary`.
    pub(crate) fn new(pending: &'a mut PendingCalls, serial: u64, auxiliary: u64) -> Self {
        Self { pending, serial, auxiliary, kind: Kind::Call }
    }

    /// Makes a call.
    pub(crate) fn call(
        &mut self,
        time: i64,
        actor: u32,
        region: &'static str,
        api: &'static Api,
        error: Option<&'static str>,
    ) {
        let call =
            Call { time, serial: self.serial, actor, region: region_of(api, region), api, error, kind: self.kind };
        self.serial += 1;
        self.pending.push(call);
    }

    /// Makes a call that accompanies the workload's own, such as a login. It uses no serial of theirs, so
    /// that they are the same without it.
    pub(crate) fn auxiliary(&mut self, time: i64, actor: u32, region: &'static str, api: &'static Api) {
        let call = Call {
            time,
            serial: self.auxiliary,
            actor,
            region: region_of(api, region),
            api,
            error: None,
            kind: Kind::Call,
        };
        self.auxiliary += 1;
        self.pending.push(call);
    }

    /// The calls from now on leave records of this kind.
    pub(crate) fn kind(&mut self, kind: Kind) {
        self.kind = kind;
    }
}

/// What a workload does.
pub(crate) trait Workload {
    /// Generates the calls that begin in the window. They may end later, by at most [`PendingCalls::HOURS`].
    fn generate(&self, key: u64, window: Window, draw: &mut Draw, sink: &mut Sink<'_>);

    /// Calls `see` with every principal and API that the workload may use.
    fn uses(&self, see: &mut dyn FnMut(Principal, &'static Api));

    /// Expected calls a minute to an API in a region at a time; 0 unless the workload runs all day.
    fn rate(&self, _api: &Api, _region: &str, _time: i64) -> f64 {
        0.0
    }
}
