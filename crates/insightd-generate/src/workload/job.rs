//! Jobs by the clock: every quarter of an hour, hourly, nightly, weekly, at the end of the month.

use super::behavior::{Sink, Window, Workload};
use crate::calendar::{DAY, HOUR, MINUTE, month_ends, weekday};
use crate::call::Api;
use crate::catalog::{code, recipe::Apis};
use crate::principal::Principal;
use crate::random::Draw;

/// When a job runs, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cadence {
    /// Every so many minutes.
    Minutes(i64),
    Daily,
    /// Monday to Friday.
    Weekdays,
    /// On this weekday.
    Weekly(i64),
    MonthEnd,
}

impl Cadence {
    fn runs_on(self, day: i64) -> bool {
        match self {
            Self::Minutes(_) | Self::Daily => true,
            Self::Weekdays => weekday(day) < 5,
            Self::Weekly(on) => weekday(day) == on,
            Self::MonthEnd => month_ends(day),
        }
    }
}

/// A job.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) principal: Principal,
    pub(crate) region: &'static str,
    /// The first API is the one that the job repeats.
    pub(crate) apis: Apis,
    pub(crate) cadence: Cadence,
    /// Seconds after midnight, or after the start of the period for `Cadence::Minutes`.
    pub(crate) at: i64,
    /// Mean delay of a run, seconds.
    pub(crate) jitter: f64,
    /// Calls of a run in the median, and sigma of their logarithm.
    pub(crate) calls: f64,
    pub(crate) sigma: f64,
    /// Seconds from call to call.
    pub(crate) pace: f64,
    /// Growth a week; below 1 it shrinks.
    pub(crate) growth: f64,
    /// Share of runs that fail halfway and are repeated.
    pub(crate) failing: f64,
}

/// Share of skipped runs, and of runs with ten times the calls.
const SKIPPED: f64 = 0.01;
const AMOK: f64 = 0.003;
/// Longest run, seconds.
const LONGEST: f64 = 5.0 * 3600.0;

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Seconds since 1970.
    pub(crate) start: i64,
    pub(crate) calls: f64,
    pub(crate) pace: f64,
}

impl Run {
    /// Time by which its last call was made, seconds since 1970. Gaps deviate by 40 % of the pace; this adds
    /// three deviations.
    pub(crate) fn end(&self) -> i64 {
        self.start + ((self.calls + 1.2 * self.calls.sqrt()) * self.pace) as i64
    }
}

impl Job {
    /// The runs of the day that begins at `window.start`; `draw` must be at the start of that day's stream.
    pub(crate) fn runs(&self, window: Window, draw: &mut Draw) -> Vec<Run> {
        if !self.cadence.runs_on(window.start) {
            return Vec::new();
        }
        let starts: Vec<i64> = match self.cadence {
            Cadence::Minutes(minutes) => (self.at..DAY).step_by((minutes * MINUTE) as usize).collect(),
            _ => vec![self.at],
        };
        let weeks = window.hour as f64 / (7.0 * 24.0);
        let growth = 1.0 + (self.growth - 1.0) * weeks;
        starts.into_iter().filter_map(|start| self.run(window.start + start, growth, draw)).collect()
    }

    fn run(&self, start: i64, growth: f64, draw: &mut Draw) -> Option<Run> {
        let start = start + draw.exponential(self.jitter).min(2.0 * HOUR as f64) as i64;
        let mut calls = draw.log_normal(self.calls * growth.max(0.1), self.sigma);
        if draw.chance(AMOK) {
            calls *= 10.0;
        }
        let calls = calls.max(1.0);
        let run = Run { start, calls, pace: self.pace.min(LONGEST / calls) };
        (!draw.chance(SKIPPED)).then_some(run)
    }

    fn make(&self, run: Run, actor: u32, draw: &mut Draw, sink: &mut Sink<'_>) {
        let mut time = run.start as f64;
        for _ in 0..run.calls as usize {
            let api = draw.pick_skewed(self.apis);
            let error = draw.chance(0.004).then(|| if api.read { code::throttled(api) } else { code::invalid(api) });
            sink.call(time as i64, actor, self.region, api, error);
            time += draw.between(0.3, 1.7) * run.pace;
        }
    }
}

impl Workload for Job {
    fn generate(&self, _key: u64, window: Window, draw: &mut Draw, sink: &mut Sink<'_>) {
        for run in self.runs(window, draw) {
            let actor = self.principal.any(draw);
            if draw.chance(self.failing) {
                let half = Run { calls: (run.calls / 2.0).max(1.0), ..run };
                self.make(half, actor, draw, sink);
                let api = &self.apis[0];
                sink.call(half.end() + 1, actor, self.region, api, Some(code::invalid(api)));
                let again = Run { start: half.end() + draw.whole(5, 40) * MINUTE, ..run };
                self.make(again, self.principal.any(draw), draw, sink);
            } else {
                self.make(run, actor, draw, sink);
            }
        }
    }

    fn uses(&self, see: &mut dyn FnMut(Principal, &'static Api)) {
        self.apis.iter().for_each(|api| see(self.principal, api));
    }
}
