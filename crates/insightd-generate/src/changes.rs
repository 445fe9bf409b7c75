//! Harmless changes of an account over the weeks: new people and machines, new projects, one-off incidents.

use super::account_builder::AccountBuilder;
use super::automation;
use super::calendar::{DAY, Day, HOUR, MINUTE, Rhythm};
use super::call::{Api, Identity, Kind};
use super::catalog::recipe;
use super::principal::Principal;
use super::random::Draw;
use super::regions::REGIONS;
use super::style::ALL;
use super::tools::Tool;
use super::workload::deploy::Deploy;
use super::workload::one_off::{OneOff, Outcome};
use super::workload::person::Person;

/// Adds them all.
pub(crate) fn add(builder: &mut AccountBuilder) {
    root(builder);
    for day in 0..builder.days {
        let mut draw = builder.seeds.stream("newcomers", day as usize);
        // A new principal every other week; in large accounts every few days.
        if draw.chance((0.07 * builder.scale).min(0.3)) {
            newcomer(builder, day, &mut draw);
        }
        let mut draw = builder.seeds.stream("projects", day as usize);
        if draw.chance((0.02 * builder.scale).min(0.2)) {
            project(builder, day, &mut draw);
        }
        let mut draw = builder.seeds.stream("oddities", day as usize);
        for nth in 0..draw.poisson(builder.style.oddities / 7.0 * builder.scale.sqrt()) {
            oddity(builder, day * 16 + nth as i64, &mut draw);
        }
    }
}

fn root(builder: &mut AccountBuilder) {
    let mut draw = builder.seeds.stream("root", 0);
    let principal = builder.roster.root(&mut draw);
    let person = Person {
        principal,
        login: None,
        aside: None,
        region: "us-east-1",
        other: "us-east-1",
        reads: recipe::ROOT.iter().collect(),
        writes: Vec::new(),
        rhythm: builder.office(&mut draw),
        sessions: draw.log_normal(0.03, 1.0).min(0.5),
        steps: 3.0,
        writing: 0.0,
        failing: 0.01,
        console: true,
        away: Vec::new(),
    };
    builder.add_workload("root", 0, person);
}

/// A new principal: a person, a pipeline, a job or a function.
fn newcomer(builder: &mut AccountBuilder, day: i64, draw: &mut Draw) {
    let from = builder.start + day * DAY;
    let nth = day as usize;
    match draw.below(10) {
        0..5 => new_person(builder, nth, from, draw),
        5..7 => {
            let principal = builder.roster.pipeline(false, 20, draw);
            let deploy = automation::deploy(builder, principal, draw);
            let deploy = Deploy { login: builder.roster.pipeline_login(principal, false, deploy.region), ..deploy };
            builder.add_workload_from("new pipeline", nth, deploy, from);
        }
        7 => {
            let principal = builder.roster.role("job", 10, draw);
            let job = automation::job(builder, principal, draw);
            builder.add_workload_from("new job", nth, job, from);
        }
        // A new function or container: it opens log streams and asks for its secrets.
        _ => {
            let principal = builder.roster.role("function", 8, draw);
            let a_minute = draw.log_normal(40.0, 1.2).min(3000.0) / 1440.0;
            let apis = if draw.chance(0.6) { recipe::CHATTER[0] } else { draw.pick_leaning(recipe::LOOKUPS) };
            let load = builder.load_of(principal, apis, a_minute, Kind::Call, draw);
            builder.add_workload_from("new function", nth, load, from + draw.whole(8, 18) * HOUR);
        }
    }
}

/// A new employee. Where people are IAM users, a colleague first creates the user.
fn new_person(builder: &mut AccountBuilder, nth: usize, from: i64, draw: &mut Draw) {
    let console = draw.chance(0.6);
    let tool = if console { Tool::Console } else { Tool::Shell };
    let principal = builder.colleague(tool, draw);
    let user = matches!(builder.roster.actors[principal.first as usize].identity, Identity::User(_));
    let person = builder.person(principal, console, draw);
    builder.add_workload_from("new person", nth, person, from + DAY);
    if user && !builder.staff.is_empty() {
        let start = work_time(builder, from, draw);
        let once = OneOff {
            principal: vec![*draw.pick(&builder.staff)],
            region: "us-east-1",
            apis: recipe::ONBOARDING.iter().collect(),
            start,
            end: start + draw.whole(1, 10) * MINUTE,
            calls: draw.between(3.0, 8.0),
            outcome: Outcome::Well,
        };
        builder.add_workload_from("onboarding", nth, once, from);
    }
}

/// Some people start to use a service that is new to them.
fn project(builder: &mut AccountBuilder, day: i64, draw: &mut Draw) {
    if builder.staff.is_empty() {
        return;
    }
    let service = *draw.pick(ALL);
    for nth in 0..=draw.below(3) {
        let principal = *draw.pick(&builder.staff);
        let mut person = builder.person(principal, draw.chance(0.6), draw);
        person.reads = service.reads.iter().take(3 + draw.below(8)).collect();
        person.writes = service.writes.iter().take(2 + draw.below(6)).collect();
        person.writing = draw.between(0.15, 0.5);
        person.failing = (person.failing * 4.0).min(0.3);
        // Occasionally in a region that the account has not used.
        if draw.chance(0.2) {
            person.region = draw.pick_skewed(REGIONS).0;
        }
        let from = builder.start + (day + draw.whole(0, 4)) * DAY;
        builder.add_workload_from("project", day as usize * 4 + nth, person, from);
    }
}

/// One incident: a fault, a clean-up, a visit, a migration.
fn oddity(builder: &mut AccountBuilder, nth: i64, draw: &mut Draw) {
    let day = builder.start + nth / 16 * DAY;
    let at = day + draw.whole(0, DAY - 1);
    let Some(principal) = (!builder.regulars.is_empty()).then(|| *draw.pick(&builder.regulars)) else { return };
    let apis = own(builder, principal);
    let (api, region) = (*draw.pick(&apis), builder.region(draw));
    let once = |apis, start, seconds: f64, calls, outcome| OneOff {
        principal: vec![principal],
        region,
        apis,
        start,
        end: start + (seconds as i64).max(MINUTE),
        calls,
        outcome,
    };
    let one_off = match draw.below(20) {
        // A retry loop: the same error hundreds of times in minutes.
        0..6 => {
            let outcome = *draw.pick(&[Outcome::Throttled, Outcome::Invalid, Outcome::Missing, Outcome::Denied]);
            let (seconds, calls) = (draw.log_normal(500.0, 0.8), draw.log_normal(150.0, 0.9).min(3000.0));
            once(vec![api], at, seconds, calls, outcome)
        }
        // A role that lacks a permission, for hours or days, until the fault is noticed.
        6..11 => {
            let hours = draw.log_normal(14.0, 1.0).min(120.0);
            let calls = hours * draw.log_normal(12.0, 1.2).min(600.0);
            once(vec![api], at, hours * HOUR as f64, calls, Outcome::Denied)
        }
        // A person who cleans up or corrects many resources with a script.
        11..14 => {
            let office = work_time(builder, day, draw);
            let (seconds, calls) = (draw.log_normal(600.0, 0.9), draw.log_normal(25.0, 0.8).min(400.0));
            once(vec![api], office, seconds, calls, Outcome::Mixed)
        }
        // A program that repeats its daily calls far too often.
        14..16 => {
            let (seconds, calls) = (draw.log_normal(1200.0, 0.7), draw.log_normal(400.0, 0.9).min(5000.0));
            once(apis, at, seconds, calls, Outcome::Well)
        }
        // A vendor or an auditor who looks around once.
        16..17 => {
            let principal =
                if draw.chance(0.5) { builder.roster.foreign(draw) } else { builder.roster.staff(Tool::Shell, draw) };
            let apis = draw.sample(ALL, 6).into_iter().flat_map(|service| service.reads.iter().take(5)).collect();
            let start = work_time(builder, day, draw);
            OneOff {
                principal: vec![principal],
                ..once(apis, start, draw.log_normal(3000.0, 0.6), draw.log_normal(80.0, 0.7), Outcome::Mixed)
            }
        }
        17 => migration(builder, day, draw),
        _ => night(builder, day, draw),
    };
    builder.add_workload("oddity", nth as usize, one_off);
}

/// Every API that a principal's workloads call.
fn own(builder: &AccountBuilder, principal: Principal) -> Vec<&'static Api> {
    let mut apis = Vec::new();
    for workload in &builder.workloads {
        workload.kind.workload().uses(&mut |user, api| {
            if user == principal {
                apis.push(api);
            }
        });
    }
    if apis.is_empty() { vec![&recipe::ROOT[0]] } else { apis }
}

fn work_time(builder: &AccountBuilder, day: i64, draw: &mut Draw) -> i64 {
    let office = Rhythm { day: Day::Office, zone: builder.zone, floor: 0.0, weekend: 1.0 };
    office.time_of(day, draw)
}

/// A weekend migration of a service: about ten times its usual volume.
fn migration(builder: &AccountBuilder, day: i64, draw: &mut Draw) -> OneOff {
    let service = *draw.pick(builder.style.services);
    let apis = service.writes.iter().take(4).chain(service.reads.iter().take(4)).collect();
    let saturday = day + (5 - super::calendar::weekday(day)).rem_euclid(7) * DAY + 6 * HOUR;
    OneOff {
        principal: draw.sample(&builder.staff, 2).into_iter().copied().collect(),
        region: builder.region(draw),
        apis,
        start: saturday,
        end: saturday + draw.whole(10, 34) * HOUR,
        calls: draw.log_normal(800.0 * builder.scale, 0.8),
        outcome: Outcome::Mixed,
    }
}

/// A night of incident response: people search for the fault and change some resources.
fn night(builder: &AccountBuilder, day: i64, draw: &mut Draw) -> OneOff {
    let service = *draw.pick(builder.style.services);
    let ec2 = &super::catalog::service::EC2;
    let logs = &super::catalog::service::LOGS;
    let mut apis: Vec<&'static Api> = logs.reads.iter().take(5).chain(ec2.reads.iter().take(6)).collect();
    apis.extend(service.reads.iter().take(5).chain(service.writes.iter().take(4)));
    apis.extend([&logs.writes[3], &ec2.writes[12], &ec2.writes[3]]);
    let start = day + 22 * HOUR - builder.zone + draw.whole(0, 5) * HOUR;
    let seconds = draw.log_normal(2.5 * HOUR as f64, 0.5) as i64;
    OneOff {
        principal: draw.sample(&builder.staff, 4).into_iter().copied().collect(),
        region: builder.region(draw),
        apis,
        start,
        end: start + seconds,
        calls: draw.log_normal(250.0, 0.6),
        outcome: Outcome::Mixed,
    }
}
