//! What changes in an account over the weeks, all of it harmless: new people and machines, new projects,
//! oddities.

use super::calendar::{DAY, Day, HOUR, MINUTE, Rhythm};
use super::call::{Api, Identity, Kind};
use super::catalogue::recipe;
use super::habit::Who;
use super::habit::deploy::Deploy;
use super::habit::once::{Ends, Once};
use super::habit::person::Person;
use super::population::Tool;
use super::random::Draw;
use super::settle::{REGIONS, Settler};
use super::style::ALL;
use super::works;

/// Adds them all.
pub(super) fn add(settler: &mut Settler) {
    root(settler);
    for day in 0..settler.days {
        let mut draw = settler.seeds.stream("newcomers", day as usize);
        // Somebody or something new every other week, in large accounts every few days.
        if draw.chance((0.07 * settler.scale).min(0.3)) {
            newcomer(settler, day, &mut draw);
        }
        let mut draw = settler.seeds.stream("projects", day as usize);
        if draw.chance((0.02 * settler.scale).min(0.2)) {
            project(settler, day, &mut draw);
        }
        let mut draw = settler.seeds.stream("oddities", day as usize);
        for nth in 0..draw.poisson(settler.style.oddities / 7.0 * settler.scale.sqrt()) {
            oddity(settler, day * 16 + nth as i64, &mut draw);
        }
    }
}

fn root(settler: &mut Settler) {
    let mut draw = settler.seeds.stream("root", 0);
    let who = settler.roster.root(&mut draw);
    let person = Person {
        who,
        gate: None,
        aside: None,
        region: "us-east-1",
        other: "us-east-1",
        reads: recipe::ROOT.iter().collect(),
        writes: Vec::new(),
        rhythm: settler.office(&mut draw),
        sessions: draw.log_normal(0.03, 1.0).min(0.5),
        steps: 3.0,
        writing: 0.0,
        failing: 0.01,
        console: true,
        away: Vec::new(),
    };
    settler.habit("root", 0, person);
}

/// Somebody new: a person, a pipeline, a job or a function under a role that was not there before.
fn newcomer(settler: &mut Settler, day: i64, draw: &mut Draw) {
    let from = settler.start + day * DAY;
    let nth = day as usize;
    match draw.below(10) {
        0..5 => new_person(settler, nth, from, draw),
        5..7 => {
            let who = settler.roster.pipeline(false, 20, draw);
            let deploy = works::deploy(settler, who, draw);
            let deploy = Deploy { gate: settler.roster.pipeline_gate(who, false, deploy.region), ..deploy };
            settler.habit_from("new pipeline", nth, deploy, from);
        }
        7 => {
            let who = settler.roster.role("job", 10, draw);
            let job = works::job(settler, who, draw);
            settler.habit_from("new job", nth, job, from);
        }
        // A new function or container: it opens log streams and asks for its secrets.
        _ => {
            let who = settler.roster.role("function", 8, draw);
            let a_minute = draw.log_normal(40.0, 1.2).min(3000.0) / 1440.0;
            let apis = if draw.chance(0.6) { recipe::CHATTER[0] } else { draw.pick_leaning(recipe::LOOKUPS) };
            let load = settler.load_of(who, apis, a_minute, Kind::Call, draw);
            settler.habit_from("new function", nth, load, from + draw.whole(8, 18) * HOUR);
        }
    }
}

/// A new employee; where people are users, somebody makes the user first.
fn new_person(settler: &mut Settler, nth: usize, from: i64, draw: &mut Draw) {
    let console = draw.chance(0.6);
    let tool = if console { Tool::Console } else { Tool::Shell };
    let who = settler.colleague(tool, draw);
    let user = matches!(settler.roster.actors[who.first as usize].identity, Identity::User(_));
    let person = settler.person(who, console, draw);
    settler.habit_from("new person", nth, person, from + DAY);
    if user && !settler.staff.is_empty() {
        let start = work_time(settler, from, draw);
        let once = Once {
            who: vec![*draw.pick(&settler.staff)],
            region: "us-east-1",
            apis: recipe::ONBOARDING.iter().collect(),
            start,
            end: start + draw.whole(1, 10) * MINUTE,
            calls: draw.between(3.0, 8.0),
            ends: Ends::Well,
        };
        settler.habit_from("onboarding", nth, once, from);
    }
}

/// People of the account begin to use a service that they did not use.
fn project(settler: &mut Settler, day: i64, draw: &mut Draw) {
    if settler.staff.is_empty() {
        return;
    }
    let service = *draw.pick(ALL);
    for nth in 0..=draw.below(3) {
        let who = *draw.pick(&settler.staff);
        let mut person = settler.person(who, draw.chance(0.6), draw);
        person.reads = service.reads.iter().take(3 + draw.below(8)).collect();
        person.writes = service.writes.iter().take(2 + draw.below(6)).collect();
        person.writing = draw.between(0.15, 0.5);
        person.failing = (person.failing * 4.0).min(0.3);
        // Now and then in a region where the account has nothing yet.
        if draw.chance(0.2) {
            person.region = draw.pick_skewed(REGIONS).0;
        }
        let from = settler.start + (day + draw.whole(0, 4)) * DAY;
        settler.habit_from("project", day as usize * 4 + nth, person, from);
    }
}

/// One of the things that go wrong or are done once.
fn oddity(settler: &mut Settler, nth: i64, draw: &mut Draw) {
    let day = settler.start + nth / 16 * DAY;
    let at = day + draw.whole(0, DAY - 1);
    let Some(who) = (!settler.regulars.is_empty()).then(|| *draw.pick(&settler.regulars)) else { return };
    let apis = own(settler, who);
    let (api, region) = (*draw.pick(&apis), settler.region(draw));
    let once = |apis, start, seconds: f64, calls, ends| Once {
        who: vec![who],
        region,
        apis,
        start,
        end: start + (seconds as i64).max(MINUTE),
        calls,
        ends,
    };
    let what = match draw.below(20) {
        // A retry loop: the same error hundreds of times in minutes.
        0..6 => {
            let ends = *draw.pick(&[Ends::Throttled, Ends::Invalid, Ends::Missing, Ends::Denied]);
            let (seconds, calls) = (draw.log_normal(500.0, 0.8), draw.log_normal(150.0, 0.9).min(3000.0));
            once(vec![api], at, seconds, calls, ends)
        }
        // A role without a permission, for hours or days, until somebody sees it.
        6..11 => {
            let hours = draw.log_normal(14.0, 1.0).min(120.0);
            let calls = hours * draw.log_normal(12.0, 1.2).min(600.0);
            once(vec![api], at, hours * HOUR as f64, calls, Ends::Denied)
        }
        // A person who cleans up or corrects many things by a script.
        11..14 => {
            let office = work_time(settler, day, draw);
            let (seconds, calls) = (draw.log_normal(600.0, 0.9), draw.log_normal(25.0, 0.8).min(400.0));
            once(vec![api], office, seconds, calls, Ends::Mixed)
        }
        // A program that runs amok on what it does every day.
        14..16 => {
            let (seconds, calls) = (draw.log_normal(1200.0, 0.7), draw.log_normal(400.0, 0.9).min(5000.0));
            once(apis, at, seconds, calls, Ends::Well)
        }
        // A vendor or an auditor who looks around once.
        16..17 => {
            let who =
                if draw.chance(0.5) { settler.roster.foreign(draw) } else { settler.roster.staff(Tool::Shell, draw) };
            let apis = draw.sample(ALL, 6).into_iter().flat_map(|service| service.reads.iter().take(5)).collect();
            let start = work_time(settler, day, draw);
            Once {
                who: vec![who],
                ..once(apis, start, draw.log_normal(3000.0, 0.6), draw.log_normal(80.0, 0.7), Ends::Mixed)
            }
        }
        17 => migration(settler, day, draw),
        _ => night(settler, day, draw),
    };
    settler.habit("oddity", nth as usize, what);
}

/// What a principal calls by habit.
fn own(settler: &Settler, who: Who) -> Vec<&'static Api> {
    let mut apis = Vec::new();
    for habit in &settler.habits {
        habit.what.act().uses(&mut |user, api| {
            if user == who {
                apis.push(api);
            }
        });
    }
    if apis.is_empty() { vec![&recipe::ROOT[0]] } else { apis }
}

fn work_time(settler: &Settler, day: i64, draw: &mut Draw) -> i64 {
    let office = Rhythm { day: Day::Office, zone: settler.zone, floor: 0.0, weekend: 1.0 };
    office.time_of(day, draw)
}

/// A weekend on which a service is moved: ten times its usual volume.
fn migration(settler: &Settler, day: i64, draw: &mut Draw) -> Once {
    let service = *draw.pick(settler.style.services);
    let apis = service.writes.iter().take(4).chain(service.reads.iter().take(4)).collect();
    let saturday = day + (5 - super::calendar::weekday(day)).rem_euclid(7) * DAY + 6 * HOUR;
    Once {
        who: draw.sample(&settler.staff, 2).into_iter().copied().collect(),
        region: settler.region(draw),
        apis,
        start: saturday,
        end: saturday + draw.whole(10, 34) * HOUR,
        calls: draw.log_normal(800.0 * settler.scale, 0.8),
        ends: Ends::Mixed,
    }
}

/// A night on which people look for what is broken, and change some things.
fn night(settler: &Settler, day: i64, draw: &mut Draw) -> Once {
    let service = *draw.pick(settler.style.services);
    let ec2 = &super::catalogue::service::EC2;
    let logs = &super::catalogue::service::LOGS;
    let mut apis: Vec<&'static Api> = logs.reads.iter().take(5).chain(ec2.reads.iter().take(6)).collect();
    apis.extend(service.reads.iter().take(5).chain(service.writes.iter().take(4)));
    apis.extend([&logs.writes[3], &ec2.writes[12], &ec2.writes[3]]);
    let start = day + 22 * HOUR - settler.zone + draw.whole(0, 5) * HOUR;
    let seconds = draw.log_normal(2.5 * HOUR as f64, 0.5) as i64;
    Once {
        who: draw.sample(&settler.staff, 4).into_iter().copied().collect(),
        region: settler.region(draw),
        apis,
        start,
        end: start + seconds,
        calls: draw.log_normal(250.0, 0.6),
        ends: Ends::Mixed,
    }
}
