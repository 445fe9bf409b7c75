//! What an account does again and again: one file for each kind of habit.
//!
//! A habit is asked for one hour (or one day) at a time and draws from a stream of its own for it, so that
//! hours can be made one after the other, in little memory, and no habit changes another. What it starts may
//! reach into later hours.

pub(super) mod deploy;
pub(super) mod gate;
pub(super) mod job;
pub(super) mod load;
pub(super) mod once;
pub(super) mod person;
pub(super) mod poll;
pub(super) mod portal;
pub(super) mod scan;
pub(super) mod wave;

use super::ahead::Ahead;
use super::calendar::{DAY, HOUR};
use super::call::{Api, Call, Kind};
use super::catalogue::region_of;
use super::random::Draw;

/// One principal: the actors that are its sessions, next to each other in the account's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) first: u32,
    pub(super) count: u32,
}

impl Who {
    /// One of its sessions.
    pub(super) fn any(self, draw: &mut Draw) -> u32 {
        self.first + draw.below(self.count as usize) as u32
    }

    /// Its session number `nth`, beginning again after the last.
    pub(super) fn nth(self, nth: u64) -> u32 {
        self.first + (nth % u64::from(self.count.max(1))) as u32
    }
}

/// A stretch of time to be filled, seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) seconds: i64,
    /// Hours since the beginning of the plan.
    pub(super) hour: i64,
}

impl Window {
    /// Its end, not included.
    pub(super) fn end(self) -> i64 {
        self.start + self.seconds
    }
}

/// Takes the calls of one habit in one window.
pub(super) struct Sink<'a> {
    ahead: &'a mut Ahead,
    serial: u64,
    /// Serial of the next call beside the habit's own.
    beside: u64,
    kind: Kind,
}

impl Sink<'_> {
    /// Makes a call.
    pub(super) fn call(
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
        self.ahead.push(call);
    }

    /// Makes a call that accompanies the habit's own: it takes none of their serials, so that they are the
    /// same without it.
    pub(super) fn beside(&mut self, time: i64, actor: u32, region: &'static str, api: &'static Api) {
        let call = Call {
            time,
            serial: self.beside,
            actor,
            region: region_of(api, region),
            api,
            error: None,
            kind: Kind::Call,
        };
        self.beside += 1;
        self.ahead.push(call);
    }

    /// The calls from now on leave records of this kind.
    pub(super) fn kind(&mut self, kind: Kind) {
        self.kind = kind;
    }
}

/// What a habit does.
pub(super) trait Act {
    /// Makes the calls that begin in the window. They may end after it, but not [`Ahead::HOURS`] later.
    fn act(&self, key: u64, window: Window, draw: &mut Draw, sink: &mut Sink<'_>);

    /// Names every principal and API that it may call.
    fn uses(&self, see: &mut dyn FnMut(Who, &'static Api));

    /// Calls a minute that are to be expected of this API in this region at this time; 0 unless it runs all
    /// day.
    fn rate(&self, _api: &Api, _region: &str, _time: i64) -> f64 {
        0.0
    }
}

macro_rules! acts {
    ($($variant:ident($type:ty)),+ $(,)?) => {
        /// The kinds of habits.
        #[derive(Clone, Debug)]
        pub(super) enum What { $(#[allow(missing_docs, reason = "the name of its type")] $variant($type)),+ }
        impl What {
            /// The habit behind the kind.
            pub(super) fn act(&self) -> &dyn Act {
                match self { $(Self::$variant(what) => what),+ }
            }
        }
        $(impl From<$type> for What {
            fn from(what: $type) -> Self { Self::$variant(what) }
        })+
    };
}

acts! {
    Load(load::Load),
    Fleet(load::Fleet),
    Poll(poll::Poll),
    Job(job::Job),
    Person(person::Person),
    Deploy(deploy::Deploy),
    Wave(wave::Wave),
    Once(once::Once),
    Scan(scan::Scan),
    Portal(portal::Portal),
    Script(super::attack::Script),
}

impl What {
    /// Whether it is asked by the day, not by the hour.
    fn daily(&self) -> bool {
        matches!(self, Self::Job(_) | Self::Person(_) | Self::Deploy(_) | Self::Scan(_) | Self::Portal(_))
    }
}

/// A habit with its time and its stream.
#[derive(Clone, Debug)]
pub(super) struct Habit {
    pub(super) what: What,
    /// Where its streams come from.
    pub(super) key: u64,
    /// First and last second but one in which it does something, seconds since 1970.
    pub(super) from: i64,
    pub(super) until: i64,
    /// When it stood still, seconds since 1970; what began in these hours is left out.
    pub(super) outage: Option<(i64, i64)>,
}

/// Bits of a serial: which habit, which hour, which call; the highest bit of the last tells the calls beside
/// the habit's own.
const HOUR_BITS: u32 = 20;
const CALL_BITS: u32 = 28;

impl Habit {
    /// Makes its calls of the hour that begins at `start`; `nth` is its place in the account.
    pub(super) fn fill(&self, nth: usize, start: i64, hour: i64, ahead: &mut Ahead) {
        let daily = self.what.daily();
        let seconds = if daily { DAY } else { HOUR };
        if (daily && hour % 24 != 0) || start + seconds <= self.from || start >= self.until {
            return;
        }
        if self.outage.is_some_and(|(from, until)| start < until && from < start + seconds) {
            return;
        }
        let serial = ((nth as u64) << HOUR_BITS | hour as u64) << CALL_BITS;
        let mut sink = Sink { ahead, serial, beside: serial | 1 << (CALL_BITS - 1), kind: Kind::Call };
        let window = Window { start, seconds, hour };
        self.what.act().act(self.key, window, &mut Draw::new(self.key, hour as u64), &mut sink);
    }
}
