//! Builds an account: draws its size, its people and machines, and their workloads.
//!
//! Each group draws its parameters from its own random stream, so that changing one group leaves the others
//! unchanged.

use super::account::Account;
use super::calendar::{DAY, Day, HOUR, Rhythm};
use super::call::{Actor, Api, Kind};
use super::catalog::recipe;
use super::label::Label;
use super::plan::Plan;
use super::population::Roster;
use super::principal::Principal;
use super::random::{Draw, Seeds};
use super::regions::REGIONS;
use super::style::{self, CORE, Style};
use super::tools::Tool;
use super::trust::Trust;
use super::workload::load::{Fleet, Load};
use super::workload::person::Person;
use super::workload::poll::Poll;
use super::workload::portal::Portal;
use super::workload::script::Script;
use super::workload::{ScheduledWorkload, WorkloadKind};

/// Shortest period of a poller, seconds.
const POLL_SECONDS_MIN: f64 = 15.0;

/// An account under construction.
pub(crate) struct AccountBuilder {
    /// Twelve digits.
    pub(crate) id: String,
    pub(crate) seeds: Seeds,
    pub(crate) style: &'static Style,
    pub(crate) roster: Roster,
    pub(crate) workloads: Vec<ScheduledWorkload>,
    pub(crate) regions: Vec<&'static str>,
    /// Seconds east of UTC of most of its people.
    pub(crate) zone: i64,
    /// Calls a day of its machines.
    pub(crate) volume: f64,
    /// A public holiday: start and end, seconds since 1970.
    pub(crate) holiday: Option<(i64, i64)>,
    /// Factor on the style's numbers of people and machines: the square root of the factor on its volume.
    pub(crate) scale: f64,
    pub(crate) start: i64,
    pub(crate) days: i64,
    /// Permission sets that its people share; empty where people are IAM users.
    pub(crate) sets: Vec<String>,
    /// The people who are there from the first day.
    pub(crate) staff: Vec<Principal>,
    /// Principals that are active every day, people and machines.
    pub(crate) regulars: Vec<Principal>,
    pub(crate) labels: Vec<Label>,
}

/// The account ids of a seed. They never repeat: the multiplier has no common factor with 10^12.
fn number(seed: u64, nth: usize) -> u64 {
    const IDS: u64 = 1_000_000_000_000;
    let first = super::random::mix(seed, 0x1d) % IDS;
    (first + (nth as u64 % IDS) * 618_033_988_751 % IDS) % IDS
}

impl AccountBuilder {
    pub(crate) fn new(plan: &Plan, nth: usize) -> Self {
        let seeds = Seeds::account(plan.seed, nth);
        let mut draw = seeds.stream("size", 0);
        let style = style::any(&mut draw);
        let volume = 1000.0 * style.thousands * draw.log_normal(1.0, 1.0) * plan.activity.max(0.0);
        let scale = (volume / (1000.0 * style.thousands)).sqrt().clamp(0.2, 12.0);
        let (main, zone) = *draw.pick_skewed(&REGIONS[..12]);
        let mut regions = vec![main];
        for _ in 0..[0, 0, 1, 1, 1, 2, 2, 3][draw.below(8)] {
            let (other, _) = *draw.pick_skewed(REGIONS);
            if !regions.contains(&other) {
                regions.push(other);
            }
        }
        let holiday = draw.chance(f64::from(plan.days) / 60.0).then(|| {
            let day = plan.start + draw.whole(0, i64::from(plan.days)) * DAY;
            (day, day + DAY)
        });
        let trust = Trust::new(seeds, Seeds::organization(plan.seed));
        let id = format!("{:012}", number(plan.seed, nth));
        Self {
            id,
            seeds,
            style,
            roster: Roster::new(trust),
            workloads: Vec::new(),
            regions,
            zone,
            volume,
            holiday,
            scale,
            start: plan.start,
            days: i64::from(plan.days),
            sets: Vec::new(),
            staff: Vec::new(),
            regulars: Vec::new(),
            labels: Vec::new(),
        }
    }

    /// Seconds since 1970 at which the plan ends.
    pub(crate) fn end(&self) -> i64 {
        self.start + self.days * DAY
    }

    /// Adds a workload for the whole plan. Its `name` and `nth` select its random stream.
    pub(crate) fn add_workload(&mut self, name: &str, nth: usize, kind: impl Into<WorkloadKind>) {
        self.add_workload_from(name, nth, kind, self.start);
    }

    /// Adds calls at fixed times; outages do not apply to them.
    pub(crate) fn script(&mut self, name: &str, nth: usize, script: Script) {
        let key = self.seeds.key(name, nth);
        self.workloads.push(ScheduledWorkload {
            kind: script.into(),
            key,
            from: self.start,
            until: self.end(),
            outage: None,
        });
    }

    /// Adds a workload that starts at `from`.
    pub(crate) fn add_workload_from(&mut self, name: &str, nth: usize, kind: impl Into<WorkloadKind>, from: i64) {
        let key = self.seeds.key(name, nth);
        let mut draw = Draw::new(key, u64::MAX);
        // A machine occasionally stops for some hours.
        let outage = draw.chance(self.days as f64 / 400.0).then(|| {
            let at = self.start + draw.whole(0, self.days * DAY);
            (at, at + draw.log_normal(3.0, 0.8) as i64 * HOUR + 1800)
        });
        self.workloads.push(ScheduledWorkload { kind: kind.into(), key, from, until: self.end(), outage });
    }

    /// One of the account's regions; the main one in most cases.
    pub(crate) fn region(&self, draw: &mut Draw) -> &'static str {
        draw.pick_skewed::<&str>(&self.regions)
    }

    /// Office hours of one person: most people live in the account's time zone.
    pub(crate) fn office(&self, draw: &mut Draw) -> Rhythm {
        let zone = if draw.chance(0.8) { self.zone } else { draw.pick(REGIONS).1 };
        let early = draw.whole(-60, 90) * 60;
        Rhythm { day: Day::Office, zone: zone - early, floor: 0.0, weekend: 0.1 }
    }

    /// The daily rhythm of customers, or of machines that run around the clock.
    pub(crate) fn traffic(&self, draw: &mut Draw) -> Rhythm {
        let day = *draw.pick(&[Day::Customers, Day::Customers, Day::Office, Day::Always]);
        Rhythm { day, zone: self.zone, floor: draw.between(0.05, 0.6), weekend: draw.between(0.3, 1.1) }
    }

    /// A count around a median that grows with the account.
    pub(crate) fn number(&self, median: f64, draw: &mut Draw) -> usize {
        let mean = median * self.scale * draw.log_normal(1.0, 0.4);
        draw.poisson(mean)
    }

    /// Splits a volume (calls a day) among `count` workloads very unequally.
    pub(crate) fn split(&self, volume: f64, count: usize, draw: &mut Draw) -> Vec<f64> {
        let weights: Vec<f64> = (0..count).map(|_| draw.log_normal(1.0, 1.3)).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| volume * weight / sum).collect()
    }

    pub(crate) fn pollers(&mut self) {
        let mut draw = self.seeds.stream("pollers", 0);
        let count = 2 + self.number(4.0, &mut draw);
        let volume = self.volume * draw.between(0.3, 0.6);
        let volumes = self.split(volume, count, &mut draw);
        for (nth, a_day) in volumes.into_iter().enumerate() {
            let principal = match draw.below(10) {
                0..3 => self.roster.vendor(&mut draw),
                3 => self.roster.user(Tool::Shell, &mut draw),
                _ => {
                    let sessions = 1 + draw.below(12);
                    self.roster.role("monitor", sessions, &mut draw)
                }
            };
            if !self.roster.maybe_keyed(principal) {
                self.roster.maybe_linked(principal);
            }
            self.regulars.push(principal);
            let apis = *draw.pick_leaning(recipe::POLLS);
            let regions = if draw.chance(0.4) { self.regions.clone() } else { vec![self.region(&mut draw)] };
            let lists = (apis.len() * regions.len()) as f64;
            // At most one sweep every 15 seconds: larger volumes read more pages instead.
            let pages = draw.log_normal(1.5, 0.7).clamp(1.0, 30.0).max(a_day * POLL_SECONDS_MIN / (86_400.0 * lists));
            let poll = Poll {
                principal,
                regions,
                apis,
                period: (86_400.0 * pages * lists / a_day).clamp(POLL_SECONDS_MIN, 43_200.0),
                pages,
                throttled: if draw.chance(0.3) { draw.log_normal(0.002, 1.0).min(0.05) } else { 0.0 },
                missing: if draw.chance(0.3) { draw.log_normal(0.03, 1.0).min(0.5) } else { 0.0 },
                forbidden: draw.chance(0.15).then(|| draw.below(apis.len())),
            };
            self.add_workload("poller", nth, poll);
        }
    }

    pub(crate) fn loads(&mut self) {
        let mut draw = self.seeds.stream("loads", 0);
        let writing = self.volume * self.style.writing * draw.log_normal(1.0, 0.5);
        let reading = self.volume * draw.between(0.3, 0.6);
        let lookups = 2 + self.number(3.0, &mut draw);
        let chatters = 1 + self.number(2.5, &mut draw);
        for (nth, a_day) in self.split(reading, lookups, &mut draw).into_iter().enumerate() {
            self.load("lookup", nth, recipe::LOOKUPS, a_day, Kind::Call, &mut draw);
        }
        let fleets = writing * draw.between(0.1, 0.5);
        for (nth, a_day) in self.split(writing - fleets, chatters, &mut draw).into_iter().enumerate() {
            self.load("chatter", nth, recipe::CHATTER, a_day, Kind::Call, &mut draw);
        }
        if draw.chance(0.7) {
            self.fleet(fleets, &mut draw);
        }
        if draw.chance(0.3) {
            let a_day = self.volume * draw.log_normal(0.15, 0.8).min(1.0);
            self.load("data", 0, recipe::DATA, a_day, Kind::Data, &mut draw);
        }
        for (nth, (service, apis)) in recipe::SERVICE_EVENTS.iter().enumerate() {
            if draw.chance(0.4) {
                let principal = self.roster.service(service);
                let per_minute = self.scale * draw.log_normal(6.0, 1.0) / 1440.0;
                let load = self.load_of(principal, apis, per_minute, Kind::ServiceEvent, &mut draw);
                self.add_workload("service event", nth, load);
            }
        }
    }

    fn load(&mut self, name: &str, nth: usize, menu: &[recipe::Apis], a_day: f64, kind: Kind, draw: &mut Draw) {
        let apis = *draw.pick_leaning(menu);
        let callers = recipe::callers(apis[0].service);
        let principal = if !callers.is_empty() && draw.chance(0.3) {
            self.roster.service(draw.pick::<&str>(callers))
        } else if apis[0].service == "sts" && draw.chance(0.15) {
            self.roster.foreign(draw)
        } else {
            let sessions = 1 + draw.log_normal(6.0, 1.0).min(60.0) as usize;
            let principal = self.roster.role("service", sessions, draw);
            self.regulars.push(principal);
            principal
        };
        let load = self.load_of(principal, apis, 1.0, kind, draw);
        match apis[0].service {
            _ if apis == recipe::WITH_WEB_IDENTITY => self.roster.use_pod_identities(principal, load.region),
            "kms" if apis[0].read => {
                self.roster.forwarded(principal, &["secretsmanager", "s3", "ssm", "sqs", "dynamodb"]);
            }
            "glue" if apis[0].read => self.roster.forwarded(principal, &["athena", "redshift"]),
            // Agents on instances and containers use the role of their machine.
            "ssm" | "ecs" | "eks" | "ecr" => {}
            _ => {
                self.roster.maybe_keyed(principal);
            }
        }
        let mean: f64 = (0..168).map(|hour| load.rhythm.level(self.start + hour * HOUR)).sum::<f64>() / 168.0;
        let following = if load.chain { 1.0 + 0.8 * (apis.len() - 1) as f64 } else { 1.0 };
        let per_minute = a_day / (1440.0 * mean.max(0.05) * following);
        self.add_workload(name, nth, Load { per_minute, ..load });
    }

    /// A load with this account's regions and rhythm.
    pub(crate) fn load_of(
        &self,
        principal: Principal,
        apis: recipe::Apis,
        per_minute: f64,
        kind: Kind,
        draw: &mut Draw,
    ) -> Load {
        let shifts = (0..draw.poisson(self.days as f64 / 28.0))
            .map(|_| (self.start + draw.whole(0, self.days * DAY), draw.log_normal(1.0, 0.4)));
        Load {
            shifts: shifts.collect(),
            principal,
            region: self.region(draw),
            apis,
            chain: !apis[0].read && kind == Kind::Call,
            per_minute,
            rhythm: self.traffic(draw),
            noise: draw.between(0.05, 0.5),
            clump: if draw.chance(0.6) { 1.0 + draw.log_normal(0.7, 0.9).min(12.0) } else { 1.0 },
            bursts: draw.log_normal(0.01, 1.0).min(0.3),
            throttled: if draw.chance(0.15) { draw.log_normal(0.003, 1.0).min(0.05) } else { 0.0 },
            missing: if draw.chance(0.35) { draw.log_normal(0.015, 1.2).min(0.2) } else { 0.0 },
            kind,
        }
    }

    fn fleet(&mut self, a_day: f64, draw: &mut Draw) {
        let apis = *draw.pick_skewed(recipe::HEARTBEATS);
        let period = *draw.pick(&[60, 300, 300, 300, 600, 1800]);
        let instances = a_day * period as f64 / (86_400.0 * apis.len() as f64);
        let sessions = (instances as usize).clamp(1, 200);
        let principal = self.roster.role("node", sessions, draw);
        self.regulars.push(principal);
        let mut rhythm = self.traffic(draw);
        rhythm.floor = draw.between(0.4, 1.0);
        let region = self.region(draw);
        self.add_workload("fleet", 0, Fleet { principal, region, apis, period, instances: instances.max(1.0), rhythm });
    }

    /// Adds the organization's directory, or the account's own; its users also work in other accounts.
    pub(crate) fn directory(&mut self) {
        let mut draw = self.seeds.stream("directory", 0);
        let likely =
            if self.style.services.iter().any(|service| service.reads[0].service == "sso") { 0.8 } else { 0.05 };
        if draw.chance(likely) {
            let count = 3 + self.number(12.0, &mut draw);
            let portal = Portal {
                users: self.roster.directory(count),
                region: self.roster.trust.home(),
                rhythm: self.office(&mut draw),
                visits: draw.log_normal(1.0, 0.4),
            };
            self.add_workload("portal", 0, portal);
        }
    }

    pub(crate) fn people(&mut self) {
        let mut draw = self.seeds.stream("people", 0);
        let count = 1 + self.number(self.style.people, &mut draw);
        // Most accounts use one way to sign in: IAM users, or permission sets that several people share.
        if !draw.chance(0.35) {
            self.sets = (0..2 + draw.below(4)).map(|_| self.roster.permission_set(&mut draw)).collect();
        }
        for nth in 0..count {
            let tool = if draw.chance(0.6) { Tool::Console } else { Tool::Shell };
            let principal = self.colleague(tool, &mut draw);
            self.staff.push(principal);
            let person = self.person(principal, tool == Tool::Console, &mut draw);
            if person.sessions > 0.8 {
                self.regulars.push(principal);
            }
            self.add_workload("person", nth, person);
        }
    }

    /// Adds a person who signs in the way that the account's people do; a few have a permission set of their
    /// own.
    pub(crate) fn colleague(&mut self, tool: Tool, draw: &mut Draw) -> Principal {
        let own = draw.chance(0.1);
        match (self.sets.is_empty(), own) {
            (true, false) | (false, true) => self.roster.user(tool, draw),
            (true, true) => self.roster.staff(tool, draw),
            (false, false) => {
                let set = draw.pick_leaning(&self.sets).clone();
                self.roster.member(&set, tool, draw)
            }
        }
    }

    /// What a person calls: some of the account's services, and some APIs of each.
    pub(crate) fn person(&mut self, principal: Principal, console: bool, draw: &mut Draw) -> Person {
        let mut services = Vec::new();
        for _ in 0..2 + draw.below(5) {
            let menu = if draw.chance(0.5) { CORE } else { self.style.services };
            services.push(*draw.pick_skewed(menu));
        }
        let reader = draw.chance(0.35);
        let (mut reads, mut writes): (Vec<&'static Api>, Vec<&'static Api>) = (Vec::new(), Vec::new());
        for service in services {
            let known = draw.log_normal(11.0, 0.6) as usize + 1;
            reads.extend(draw.sample(&service.reads[..known.min(service.reads.len())], known));
            let known = draw.log_normal(2.5, 0.7) as usize;
            if !reader {
                writes.extend(draw.sample(&service.writes[..(2 * known).min(service.writes.len())], known));
            }
        }
        let away = draw.chance(self.days as f64 / 120.0).then(|| {
            let from = self.start + draw.whole(-5, self.days) * DAY;
            (from, from + draw.whole(2, 16) * DAY)
        });
        let other = if console { Tool::Shell } else { Tool::Console };
        let aside = draw.chance(0.5).then(|| self.roster.with_tool(principal.first, other, draw));
        Person {
            principal,
            login: self.roster.directory_login(principal),
            aside,
            region: self.region(draw),
            other: draw.pick_skewed(REGIONS).0,
            reads,
            writes,
            rhythm: self.office(draw),
            sessions: draw.log_normal(1.2, 0.9).min(8.0),
            steps: draw.log_normal(7.0, 0.6),
            writing: if reader { 0.0 } else { draw.log_normal(0.12, 0.7).min(0.5) },
            failing: (draw.log_normal(0.015, 0.9) * self.style.clumsy).min(0.3),
            console,
            away: away.into_iter().chain(self.holiday).collect(),
        }
    }

    /// Finishes the account, with its attacks.
    pub(crate) fn build(mut self, plan: &Plan, nth: usize) -> Account {
        self.labels.sort_by_key(|label| label.start);
        let number = number(plan.seed, nth);
        let id = self.id;
        let principals = self.roster.actors.iter().map(|actor: &Actor| actor.identity.principal(&id)).collect();
        Account {
            id,
            number,
            regions: self.regions,
            actors: self.roster.actors,
            principals,
            workloads: self.workloads,
            labels: self.labels,
            start: plan.start,
            days: plan.days,
        }
    }
}
