//! What an account does repeatedly: one file for each kind of workload.
//!
//! A workload generates one hour (or one day) at a time, from its own random stream. So hours need little
//! memory, and no workload changes another. Calls may reach into later hours.

pub(crate) mod autoscaling;
pub(crate) mod behavior;
pub(crate) mod deploy;
pub(crate) mod federated_login;
pub(crate) mod job;
pub(crate) mod load;
pub(crate) mod one_off;
pub(crate) mod person;
pub(crate) mod poll;
pub(crate) mod portal;
pub(crate) mod scan;
pub(crate) mod script;

use self::behavior::{Sink, Window, Workload};
use super::calendar::{DAY, HOUR};
use super::pending::PendingCalls;
use super::random::Draw;

macro_rules! workload_kinds {
    ($($variant:ident($type:ty)),+ $(,)?) => {
        /// The kinds of workloads.
        #[derive(Clone, Debug)]
        pub(crate) enum WorkloadKind { $(#[allow(missing_docs, reason = "the name of its type")] $variant($type)),+ }
        impl WorkloadKind {
            /// The workload behind the kind.
            pub(crate) fn workload(&self) -> &dyn Workload {
                match self { $(Self::$variant(workload) => workload),+ }
            }
        }
        $(impl From<$type> for WorkloadKind {
            fn from(workload: $type) -> Self { Self::$variant(workload) }
        })+
    };
}

workload_kinds! {
    Load(load::Load),
    Fleet(load::Fleet),
    Poll(poll::Poll),
    Job(job::Job),
    Person(person::Person),
    Deploy(deploy::Deploy),
    Autoscaling(autoscaling::Autoscaling),
    OneOff(one_off::OneOff),
    Scan(scan::Scan),
    Portal(portal::Portal),
    Script(script::Script),
}

impl WorkloadKind {
    /// Whether it generates by the day instead of the hour.
    fn daily(&self) -> bool {
        matches!(self, Self::Job(_) | Self::Person(_) | Self::Deploy(_) | Self::Scan(_) | Self::Portal(_))
    }
}

/// A workload with its active time and its random stream.
#[derive(Clone, Debug)]
pub(crate) struct ScheduledWorkload {
    pub(crate) kind: WorkloadKind,
    /// Where its streams come from.
    pub(crate) key: u64,
    /// Active time, seconds since 1970; `until` is not included.
    pub(crate) from: i64,
    pub(crate) until: i64,
    /// An outage, seconds since 1970; windows that overlap it are skipped.
    pub(crate) outage: Option<(i64, i64)>,
}

/// Bits of a serial: the workload, the hour, the call. The highest bit of the call marks auxiliary calls.
const HOUR_BITS: u32 = 20;
const CALL_BITS: u32 = 28;

impl ScheduledWorkload {
    /// Generates the calls of the hour that begins at `start`; `nth` is the workload's index in the account.
    pub(crate) fn fill(&self, nth: usize, start: i64, hour: i64, pending: &mut PendingCalls) {
        let daily = self.kind.daily();
        let seconds = if daily { DAY } else { HOUR };
        if (daily && hour % 24 != 0) || start + seconds <= self.from || start >= self.until {
            return;
        }
        if self.outage.is_some_and(|(from, until)| start < until && from < start + seconds) {
            return;
        }
        let serial = ((nth as u64) << HOUR_BITS | hour as u64) << CALL_BITS;
        let mut sink = Sink::new(pending, serial, serial | 1 << (CALL_BITS - 1));
        let window = Window { start, seconds, hour };
        self.kind.workload().generate(self.key, window, &mut Draw::new(self.key, hour as u64), &mut sink);
    }
}
