//! A made-up account of a hundred live series, and one of its principals who bursts once a day, a little
//! higher each time.

use std::borrow::Cow;

use insightd_core::cloudtrail::event::{AccountId, Category, Event};
use rand_distr::{Distribution, Exp, Geometric, LogNormal, Poisson, StandardUniform};
use rand_pcg::Pcg64Mcg;

/// 2 March 2026, a Monday, seconds since 1970.
const BEGIN: i64 = 1_772_409_600;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Series of the account.
pub const SERIES: usize = 100;
/// Days of ordinary work before the first burst.
pub const QUIET_DAYS: i64 = 14;
/// Calls of the first burst: one call is never an insight.
const FIRST_BURST: f64 = 2.0;
/// A burst of so many calls is no longer patient.
pub const BURST_MAX: f64 = 1000.0;
/// People, and behind them roles of scripts and services.
const PEOPLE: usize = 12;
const ROLES: usize = 8;
/// Calls of a session of a person, in the mean.
const SESSION_CALLS: f64 = 2.5;
/// Calls in the first two weeks from which a principal counts as one that has always used an API.
const ALWAYS_USED: usize = 5;

/// One call: when, on which series, by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// Seconds since 1970.
    pub time: i64,
    /// Which series.
    pub series: usize,
    /// Which principal.
    pub who: usize,
}

/// A day's burst: all its calls lie in one minute.
#[derive(Clone, Debug)]
pub struct Burst {
    /// Days since the first one, from 1.
    pub day: usize,
    /// In order of time.
    pub calls: Vec<Call>,
}

/// A made-up account and its attacker.
#[derive(Debug)]
pub struct Account {
    ordinary: Vec<Call>,
    /// The series that is attacked.
    pub attacked: usize,
    attacker: usize,
    seed: u64,
}

/// What ordinary work looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Sessions of people, scripts at their hour, services around the clock.
    Bursty,
    /// As many calls a day, each by itself at any minute: the calmest account that there can be.
    Poisson,
}

impl Traffic {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Bursty, Self::Poisson];

    /// As in the table.
    pub fn label(self) -> &'static str {
        match self {
            Self::Bursty => "bursty",
            Self::Poisson => "Poisson",
        }
    }
}

/// How a series is used.
#[derive(Clone, Copy, Debug)]
enum Habit {
    /// People in working hours: some sessions a day, each of a few calls some seconds apart.
    Sessions { a_day: f64 },
    /// A script at its hour of the day: as many calls as it has to do, within a minute or two.
    Script { hour: i64, calls: f64 },
    /// A service around the clock.
    Service { a_day: f64 },
}

fn stream(seed: u64, purpose: u64) -> Pcg64Mcg {
    // Mixed by its first steps; streams of one seed differ in their high half.
    let mut random =
        Pcg64Mcg::new(u128::from(purpose) << 64 | u128::from(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1);
    for _ in 0..8 {
        unit(&mut random);
    }
    random
}

fn unit(random: &mut Pcg64Mcg) -> f64 {
    StandardUniform.sample(random)
}

fn below(random: &mut Pcg64Mcg, n: usize) -> usize {
    (unit(random) * n as f64) as usize
}

impl Habit {
    /// Most APIs are called a few times a week by people; a fifth belongs to scripts, and a seventh to
    /// services.
    fn draw(random: &mut Pcg64Mcg) -> Self {
        let lognormal = |median: f64, spread: f64| LogNormal::new(median.ln(), spread).expect("a spread is positive");
        match unit(random) {
            share if share < 0.65 => Self::Sessions { a_day: lognormal(0.5, 1.2).sample(random) },
            share if share < 0.85 => {
                Self::Script { hour: below(random, 24) as i64, calls: 1.0 + lognormal(3.0, 0.8).sample(random) }
            }
            _ => Self::Service { a_day: lognormal(30.0, 1.2).sample(random).min(1500.0) },
        }
    }

    fn callers(self, random: &mut Pcg64Mcg) -> Vec<usize> {
        match self {
            Self::Sessions { .. } => (0..=below(random, 3)).map(|_| below(random, PEOPLE)).collect(),
            Self::Script { .. } | Self::Service { .. } => vec![PEOPLE + below(random, ROLES)],
        }
    }

    /// As many calls a day, without any burst.
    fn calm(self) -> Self {
        match self {
            Self::Sessions { a_day } => Self::Service { a_day: a_day * SESSION_CALLS },
            Self::Script { calls, .. } => Self::Service { a_day: calls },
            Self::Service { .. } => self,
        }
    }

    /// Times of one day, in no order, each session by one caller.
    fn day(self, day: i64, callers: &[usize], random: &mut Pcg64Mcg, mut call: impl FnMut(i64, usize)) {
        let midnight = BEGIN + day * DAY;
        let poisson = |mean: f64, random: &mut Pcg64Mcg| {
            Poisson::new(mean.max(1e-9)).expect("a mean is positive").sample(random) as usize
        };
        match self {
            // Five days out of seven, eight to eighteen.
            Self::Sessions { a_day } => {
                let sessions = if day % 7 < 5 { poisson(1.4 * a_day, random) } else { 0 };
                for _ in 0..sessions {
                    let who = callers[below(random, callers.len())];
                    let mut time = (midnight + 8 * HOUR) as f64 + unit(random) * (10 * HOUR) as f64;
                    let more = Geometric::new(1.0 / SESSION_CALLS).expect("a probability").sample(random);
                    for _ in 0..=more {
                        call(time as i64, who);
                        time += Exp::new(1.0 / 40.0).expect("a rate is positive").sample(random);
                    }
                }
            }
            Self::Script { hour, calls } => {
                let start = (midnight + hour * HOUR) as f64 + unit(random) * 120.0;
                for _ in 0..poisson(calls, random) {
                    call((start + unit(random) * 90.0) as i64, callers[0]);
                }
            }
            Self::Service { a_day } => {
                for _ in 0..poisson(a_day, random) {
                    call(midnight + (unit(random) * DAY as f64) as i64, callers[below(random, callers.len())]);
                }
            }
        }
    }
}

impl Account {
    /// The account of a seed and kind, with as many days of ordinary work as the slowest attack takes.
    pub fn new(seed: u64, traffic: Traffic, days: i64) -> Self {
        let mut random = stream(seed, 1);
        let mut ordinary = Vec::new();
        for series in 0..SERIES {
            let habit = Habit::draw(&mut random);
            let callers = habit.callers(&mut random);
            let habit = if traffic == Traffic::Poisson { habit.calm() } else { habit };
            for day in 0..days {
                habit.day(day, &callers, &mut random, |time, who| ordinary.push(Call { time, series, who }));
            }
        }
        ordinary.sort_unstable();
        let users = users(&ordinary);
        let (attacked, attacker) = users[below(&mut stream(seed, 2), users.len())];
        Self { ordinary, attacked, attacker, seed }
    }

    /// The bursts of an attack that grows by this factor a day, up to the last one that is patient.
    pub fn bursts(&self, growth: f64) -> Vec<Burst> {
        let mut random = stream(self.seed, 3);
        let sizes = (0..).map(|day| FIRST_BURST * growth.powi(day)).take_while(|size| size.round() <= BURST_MAX);
        let burst = |(day, size): (usize, f64)| {
            let minute = BEGIN + (QUIET_DAYS + day as i64) * DAY + 60 * below(&mut random, 1440) as i64;
            let one = |random: &mut Pcg64Mcg| minute + below(random, 60) as i64;
            let mut times: Vec<i64> = (0..size.round() as usize).map(|_| one(&mut random)).collect();
            times.sort_unstable();
            let call = |time| Call { time, series: self.attacked, who: self.attacker };
            Burst { day: day + 1, calls: times.into_iter().map(call).collect() }
        };
        sizes.enumerate().map(burst).collect()
    }

    /// All calls in order of time, those of the bursts among them.
    pub fn calls(&self, bursts: &[Burst]) -> Vec<Call> {
        let end = bursts.last().and_then(|burst| burst.calls.last()).map_or(i64::MAX, |call| call.time + HOUR);
        let mut calls: Vec<Call> = self.ordinary.iter().filter(|call| call.time <= end).copied().collect();
        calls.extend(bursts.iter().flat_map(|burst| &burst.calls));
        calls.sort_unstable();
        calls
    }
}

/// Who has always used which series: called it in both of the first two weeks, and several times.
fn users(ordinary: &[Call]) -> Vec<(usize, usize)> {
    let quiet: Vec<&Call> = ordinary.iter().filter(|call| call.time < BEGIN + QUIET_DAYS * DAY).collect();
    let mut users: Vec<(usize, usize)> = quiet.iter().map(|call| (call.series, call.who)).collect();
    users.sort_unstable();
    users.dedup();
    users.retain(|user| {
        let of_user = || quiet.iter().filter(|call| (call.series, call.who) == *user);
        let in_first = of_user().filter(|call| call.time < BEGIN + QUIET_DAYS / 2 * DAY).count();
        in_first > 0 && of_user().count() > in_first && of_user().count() >= ALWAYS_USED
    });
    users
}

impl Call {
    /// The record of the call, number `nth` of its account. The APIs are in no table: nothing but the calls
    /// speaks.
    pub fn event(&self, nth: usize) -> Event<'static> {
        Event {
            account: AccountId::parse("111122223333").unwrap_or_else(|| unreachable!("twelve digits")),
            region: Cow::Borrowed("eu-west-1"),
            source: Cow::Borrowed("made-up.amazonaws.com"),
            name: Cow::Owned(name(self.series)),
            error: None,
            time: self.time,
            id: Some(Cow::Owned(format!("{nth:032x}"))),
            principal: Cow::Owned(format!("arn:aws:iam::111122223333:user/{}", self.who)),
            invoked_by: Cow::Borrowed(""),
            agent: Cow::Borrowed("aws-cli/2.17"),
            category: Category::Management,
            write: true,
            read_only: Some(false),
            inferred: false,
            correction: false,
        }
    }
}

/// The `eventName` of a series.
pub fn name(series: usize) -> String {
    format!("Operation{series}")
}

/// Days until the last patient burst of the slowest growth.
pub fn days(growths: &[f64]) -> i64 {
    let slowest = growths.iter().copied().fold(f64::INFINITY, f64::min);
    QUIET_DAYS + ((BURST_MAX / FIRST_BURST).ln() / slowest.ln()).ceil() as i64 + 1
}
