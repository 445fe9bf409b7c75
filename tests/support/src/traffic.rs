//! Constructed CloudTrail traffic: the calls. Ordinary workloads of accounts (pollers, heartbeats,
//! office hours, hourly and nightly jobs, deployments, background errors) and, at planned moments, attacks:
//! bursts of calls and of errors.
//!
//! Every account draws from its own stream of random numbers, so adding an account changes no other.

mod attacks;
mod cast;
#[cfg(test)]
mod tests;

use cast::*;

use crate::clock::{DAY, HOUR, MINUTE, at, weekday};
use crate::random::Random;

/// An API.
#[derive(Debug)]
pub struct Api {
    /// `eventSource` without `.amazonaws.com`.
    pub service: &'static str,
    /// `eventName`.
    pub name: &'static str,
    /// `readOnly`.
    pub read: bool,
}

/// Who calls.
#[derive(Debug)]
pub enum Identity {
    /// An IAM user.
    User(&'static str),
    /// A role, assumed under a changing session name.
    Role(&'static str),
    /// The root user.
    Root,
    /// An AWS service (`AWSService`): no ARN, `invokedBy` only.
    Service(&'static str),
    /// Another account (`AWSAccount`): no ARN, `principalId` only.
    Foreign(&'static str),
}

/// A caller with its tool.
#[derive(Debug)]
pub struct Actor {
    /// The identity.
    pub identity: Identity,
    /// `userAgent`; empty if the record has none.
    pub agent: &'static str,
}

/// The kind of record that a call leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An API call.
    Call,
    /// The same, written by an old version without `readOnly`, `managementEvent` and `eventCategory`.
    Old,
    /// A console sign-in.
    SignIn,
    /// An action of an AWS service on its own.
    ServiceEvent,
    /// A data event (not counted by default).
    Data,
    /// An Insights record of AWS's own (not counted).
    Insight,
    /// An addendum that corrects an earlier record (not counted).
    Correction,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Seconds since 1970.
    pub time: i64,
    /// Twelve digits.
    pub account: &'static str,
    /// `awsRegion`.
    pub region: &'static str,
    /// The API.
    pub api: &'static Api,
    /// The caller.
    pub actor: &'static Actor,
    /// `errorCode`.
    pub error: Option<&'static str>,
    /// The kind of record.
    pub kind: Kind,
    /// Unique number, the source of its `eventID`.
    pub id: u64,
}

impl Call {
    /// Whether it enters a series: a management event that is a write or failed.
    pub fn in_scope(&self) -> bool {
        let management = matches!(self.kind, Kind::Call | Kind::Old | Kind::SignIn | Kind::ServiceEvent);
        management && (!self.api.read || self.error.is_some())
    }
}

const DENIED: &str = "AccessDenied";

/// The regions an account works in; the first carries most of the traffic.
pub const REGIONS: [[&str; 2]; 3] =
    [["us-east-1", "eu-west-1"], ["eu-central-1", "us-east-1"], ["ap-southeast-2", "us-east-1"]];

/// The accounts, numbered like AWS's own examples.
pub const ACCOUNTS: [&str; 6] =
    ["000123456789", "111122223333", "222233334444", "333344445555", "444455556666", "555566667777"];

/// The volume of the traffic.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Same seed, same traffic.
    pub seed: u64,
    /// Beginning, seconds since 1970.
    pub start: i64,
    /// Length in seconds.
    pub length: i64,
    /// Number of accounts, from [`ACCOUNTS`].
    pub accounts: usize,
    /// Number of regions that an account uses, of its two.
    pub regions: usize,
    /// Seconds between the calls of one poller.
    pub poll_every: i64,
    /// Seconds between the heartbeats of one region; they keep its clock moving.
    pub heartbeat_every: i64,
    /// Calls per hour of each person at work.
    pub office_rate: f64,
    /// Attacks on each account, spread over the time after `quiet`.
    pub attacks: usize,
    /// Seconds before the first attack.
    pub quiet: i64,
}

impl Plan {
    /// Six accounts over nine and a half days, about 85 % reads.
    pub fn usual(seed: u64) -> Self {
        Self {
            seed,
            start: at(2025, 3, 2, 22, 17, 0),
            length: 9 * DAY + 12 * HOUR,
            accounts: 6,
            regions: 2,
            poll_every: 120,
            heartbeat_every: 600,
            office_rate: 6.0,
            attacks: 5,
            quiet: 2 * DAY,
        }
    }

    /// Two small accounts over eight and a half days, with a burst of calls and of errors on each of the last
    /// days: what `samples/` holds.
    pub fn sample() -> Self {
        Self {
            seed: 2025,
            start: at(2025, 3, 2, 22, 17, 0),
            length: 8 * DAY + 12 * HOUR,
            accounts: 2,
            regions: 1,
            poll_every: 4600,
            heartbeat_every: 1800,
            office_rate: 1.0,
            attacks: 2,
            quiet: 7 * DAY,
        }
    }

    /// All calls, in order of time.
    pub fn calls(&self) -> Vec<Call> {
        let mut all = Vec::new();
        for number in 0..self.accounts {
            let mut account = Account::new(self, number);
            account.habits();
            account.attacks();
            all.append(&mut account.calls);
        }
        all.sort_by_key(|call| (call.time, call.id));
        all
    }

    /// The end of the traffic, seconds since 1970.
    pub fn end(&self) -> i64 {
        self.start + self.length
    }
}

/// Builds the traffic of one account.
struct Account<'a> {
    plan: &'a Plan,
    number: usize,
    random: Random,
    calls: Vec<Call>,
}

impl<'a> Account<'a> {
    fn new(plan: &'a Plan, number: usize) -> Self {
        let seed = plan.seed.wrapping_mul(1_000_003).wrapping_add(number as u64);
        Self { plan, number, random: Random::new(seed), calls: Vec::new() }
    }

    fn regions(&self) -> [&'static str; 2] {
        REGIONS[self.number % REGIONS.len()]
    }

    fn call(
        &mut self,
        time: i64,
        region: &'static str,
        api: &'static Api,
        actor: &'static Actor,
        error: Option<&'static str>,
    ) {
        self.record(time, region, api, actor, error, Kind::Call);
    }

    fn record(
        &mut self,
        time: i64,
        region: &'static str,
        api: &'static Api,
        actor: &'static Actor,
        error: Option<&'static str>,
        kind: Kind,
    ) {
        if time < self.plan.start || time >= self.plan.end() {
            return;
        }
        let id = ((self.number as u64) << 40) | self.calls.len() as u64;
        self.calls.push(Call { time, account: ACCOUNTS[self.number], region, api, actor, error, kind, id });
    }

    fn habits(&mut self) {
        let [main, other] = self.regions();
        self.heartbeats(main);
        self.nightly(main);
        self.pollers(main, 1);
        if self.plan.regions > 1 {
            self.heartbeats(other);
            self.nightly(other);
            self.pollers(other, 6);
        }
        self.background_errors(main);
        self.office(main);
        self.hourly(main);
        self.deployments(main);
        self.oddities(main);
    }

    /// Steady with a little jitter, from the beginning.
    fn heartbeats(&mut self, region: &'static str) {
        let every = self.plan.heartbeat_every;
        let mut time = self.plan.start + self.random.between(0, every.min(60));
        while time < self.plan.end() {
            let actor = self.random.pick(&INSTANCES);
            self.call(time, region, &HEARTBEAT, actor, None);
            time += every + self.random.between(-every / 20 - 1, every / 20 + 1);
        }
    }

    fn pollers(&mut self, region: &'static str, slower: i64) {
        let every = self.plan.poll_every * slower;
        for actor in &POLLERS {
            let mut time = self.plan.start + self.random.between(0, every);
            while time < self.plan.end() {
                let api = self.random.pick(&POLLED);
                let error = self.random.chance(0.0005).then_some("ThrottlingException");
                self.call(time, region, api, actor, error);
                time += every + self.random.between(-every / 10 - 1, every / 10 + 1);
            }
        }
    }

    /// A poller that asks twice an hour for a resource that does not exist, and occasional denied calls.
    fn background_errors(&mut self, region: &'static str) {
        let mut time = self.plan.start + 700;
        while time < self.plan.end() {
            self.call(time, region, &BUCKET_POLICY, &POLLERS[1], Some("NoSuchBucketPolicy"));
            time += HOUR / 2 + self.random.between(-90, 90);
        }
        let mut time = self.plan.start;
        while time < self.plan.end() {
            time += self.random.pause(1.0 / (8 * HOUR) as f64) as i64 + 1;
            let api = self.random.pick(&OFFICE);
            let actor = self.random.pick(&PEOPLE);
            self.call(time, region, api, actor, Some(DENIED));
        }
    }

    fn office(&mut self, region: &'static str) {
        let mut day = self.plan.start - self.plan.start.rem_euclid(DAY);
        while day < self.plan.end() {
            if weekday(day) < 5 {
                for actor in &PEOPLE {
                    let mut time = day + 8 * HOUR + self.random.between(0, HOUR);
                    if matches!(actor.identity, Identity::User(_)) {
                        let failed = self.random.chance(0.1).then_some("Failed authentication");
                        self.record(time, region, &SIGN_IN, actor, failed, Kind::SignIn);
                    }
                    while time < day + 17 * HOUR {
                        time += self.random.pause(self.plan.office_rate / HOUR as f64) as i64 + 1;
                        let api = self.random.pick(&OFFICE);
                        self.call(time, region, api, actor, None);
                    }
                }
            }
            day += DAY;
        }
    }

    fn hourly(&mut self, region: &'static str) {
        let mut hour = self.plan.start - self.plan.start.rem_euclid(HOUR);
        while hour < self.plan.end() {
            for api in &HOURLY {
                let time = hour + 5 * MINUTE + self.random.between(0, 40);
                self.call(time, region, api, &JOBS, None);
            }
            hour += HOUR;
        }
    }

    fn nightly(&mut self, region: &'static str) {
        let mut day = self.plan.start - self.plan.start.rem_euclid(DAY);
        while day < self.plan.end() {
            for api in &NIGHTLY {
                for _ in 0..3 {
                    let time = day + 2 * HOUR + self.random.between(0, 12 * MINUTE);
                    let error = (api.name == "RunInstances" && self.random.chance(0.1))
                        .then_some("Client.InstanceLimitExceeded");
                    self.call(time, region, api, &JOBS, error);
                }
            }
            day += DAY;
        }
    }

    fn deployments(&mut self, region: &'static str) {
        let mut day = self.plan.start - self.plan.start.rem_euclid(DAY);
        while day < self.plan.end() {
            if weekday(day) < 5 {
                let mut time = day + 9 * HOUR + self.random.between(0, 7 * HOUR);
                for api in &DEPLOYMENT {
                    for _ in 0..self.random.between(1, 4) {
                        self.call(time, region, api, &DEPLOYER, None);
                        time += self.random.between(3, 50);
                    }
                }
            }
            day += DAY;
        }
    }

    /// Other records of real logs: actions of services, other accounts, old versions, uncounted records.
    fn oddities(&mut self, region: &'static str) {
        let mut time = self.plan.start + 2 * HOUR;
        while time < self.plan.end() {
            match self.random.between(0, 8) {
                0 => self.record(time, region, &ROTATE, &ROTATION, None, Kind::ServiceEvent),
                1 => self.call(time, region, &TERMINATE, &SCALING, None),
                2 => self.call(time, region, &CROSS_ACCOUNT, &PARTNER, None),
                3 => self.record(time, region, &OLD_READ, &LEGACY, None, Kind::Old),
                4 => self.record(time, region, &OLD_WRITE, &LEGACY, None, Kind::Old),
                5 => self.record(time, region, &RUN, &JOBS, None, Kind::Correction),
                6 => self.record(time, region, &RUN, &JOBS, None, Kind::Insight),
                _ => self.record(time, region, &OBJECT, &INSTANCES[0], None, Kind::Data),
            }
            time += self.random.between(5 * MINUTE, 55 * MINUTE);
        }
    }
}
