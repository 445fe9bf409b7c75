//! What machines and teams of an account set in motion: jobs, deployments, terraform, autoscaling, scans.

use super::calendar::HOUR;
use super::call::Api;
use super::catalogue::{Service, recipe};
use super::habit::deploy::Deploy;
use super::habit::job::{Cadence, Job};
use super::habit::scan::Scan;
use super::habit::wave::Wave;
use super::population::Tool;
use super::random::Draw;
use super::settle::{REGIONS, Settler};
use super::style::{ALL, CORE};

/// Adds them all.
pub(super) fn add(settler: &mut Settler) {
    jobs(settler);
    pipelines(settler);
    terraforms(settler);
    waves(settler);
    scans(settler);
}

fn jobs(settler: &mut Settler) {
    let mut draw = settler.seeds.stream("jobs", 0);
    for nth in 0..settler.number(settler.style.jobs, &mut draw) {
        let sessions = 1 + draw.below(30);
        let who = settler.roster.role("job", sessions, &mut draw);
        settler.roster.maybe_keyed(who);
        let job = job(settler, who, &mut draw);
        if !matches!(job.cadence, Cadence::Weekly(_) | Cadence::MonthEnd) {
            settler.regulars.push(who);
        }
        settler.habit("job", nth, job);
    }
}

/// A job of the account's kind.
pub(super) fn job(settler: &Settler, who: super::habit::Who, draw: &mut Draw) -> Job {
    let (cadence, calls) = match draw.below(20) {
        0..2 => (Cadence::Minutes(*draw.pick(&[5, 10, 15, 30])), 3.0),
        2..7 => (Cadence::Minutes(*draw.pick(&[60, 60, 60, 120, 240])), 8.0),
        7..14 => (Cadence::Daily, 30.0),
        14..16 => (Cadence::Weekdays, 25.0),
        16..19 => (Cadence::Weekly(draw.whole(0, 6)), 60.0),
        _ => (Cadence::MonthEnd, 120.0),
    };
    // Most nightly jobs begin on the hour or at the half.
    let at = match cadence {
        Cadence::Minutes(minutes) => draw.whole(0, minutes - 1) * 60,
        _ => (draw.whole(0, 23) * HOUR + *draw.pick(&[0, 0, 0, 1800, 300, 900])).min(23 * HOUR),
    };
    let calls = (calls * settler.scale.min(3.0) * draw.log_normal(1.0, 0.9)).min(3000.0);
    Job {
        who,
        region: settler.region(draw),
        apis: draw.pick::<recipe::Apis>(recipe::JOBS),
        cadence,
        at,
        jitter: draw.log_normal(25.0, 1.3),
        calls: calls.max(1.0),
        sigma: draw.log_normal(0.25, 0.8).min(1.2),
        pace: draw.log_normal(1.0, 1.3).min(60.0),
        growth: draw.between(0.97, 1.06),
        failing: draw.log_normal(0.02, 1.0).min(0.3),
    }
}

fn pipelines(settler: &mut Settler) {
    let mut draw = settler.seeds.stream("pipelines", 0);
    for nth in 0..settler.number(settler.style.pipelines, &mut draw) {
        let sessions = 1 + draw.below(80);
        let who = settler.roster.pipeline(false, sessions, &mut draw);
        let deploy = deploy(settler, who, &mut draw);
        let gate = settler.roster.pipeline_gate(who, false, deploy.region);
        if gate.is_none() {
            settler.roster.maybe_keyed(who);
        }
        let deploy = Deploy { gate, ..deploy };
        if deploy.per_day > 1.5 {
            settler.regulars.push(who);
        }
        settler.habit("pipeline", nth, deploy);
    }
}

/// A pipeline of the account's kind.
pub(super) fn deploy(settler: &Settler, who: super::habit::Who, draw: &mut Draw) -> Deploy {
    Deploy {
        who,
        gate: None,
        region: settler.region(draw),
        apis: draw.pick::<recipe::Apis>(recipe::DEPLOYMENTS),
        refresh: Vec::new(),
        refreshed: 0.0,
        per_day: draw.log_normal(1.2, 1.1).min(25.0),
        rhythm: settler.office(draw),
        calls: draw.log_normal(22.0, 0.7),
        failing: draw.log_normal(0.06, 0.7).min(0.4),
        plans: 0.0,
    }
}

fn terraforms(settler: &mut Settler) {
    let mut draw = settler.seeds.stream("terraforms", 0);
    for nth in 0..settler.number(settler.style.terraforms, &mut draw) {
        let who = if draw.chance(0.6) {
            let sessions = 1 + draw.below(60);
            settler.roster.pipeline(true, sessions, &mut draw)
        } else {
            settler.roster.user(Tool::Terraform, &mut draw)
        };
        let mut refresh = Vec::new();
        for service in draw.sample(CORE, 3).into_iter().chain(draw.sample(settler.style.services, 4)) {
            refresh.extend(service.reads.iter().take(6 + draw.below(12)));
        }
        let plain = deploy(settler, who, &mut draw);
        let gate = settler.roster.pipeline_gate(who, true, plain.region);
        let terraform = Deploy {
            gate,
            apis: recipe::DEPLOYMENTS[2],
            refresh,
            refreshed: draw.log_normal(150.0, 0.8),
            per_day: draw.log_normal(1.0, 0.9).min(15.0),
            plans: draw.between(0.5, 0.9),
            ..plain
        };
        if terraform.per_day > 1.5 {
            settler.regulars.push(who);
        }
        settler.habit("terraform", nth, terraform);
    }
}

fn waves(settler: &mut Settler) {
    let mut draw = settler.seeds.stream("waves", 0);
    for nth in 0..settler.number(settler.style.waves, &mut draw) {
        let who = settler.roster.linked("AWSServiceRoleForAutoScaling", "autoscaling");
        let wave = Wave {
            who,
            region: settler.region(&mut draw),
            instances: draw.log_normal(10.0, 0.9) * settler.scale,
            rhythm: settler.traffic(&mut draw),
            noise: draw.log_normal(0.08, 0.7).min(0.6),
            replaced: draw.log_normal(0.004, 1.0).min(0.1),
        };
        settler.habit("wave", nth, wave);
    }
}

fn scans(settler: &mut Settler) {
    let mut draw = settler.seeds.stream("scans", 0);
    for nth in 0..settler.number(settler.style.scanners, &mut draw) {
        let who = if draw.chance(0.3) {
            settler.roster.vendor(&mut draw)
        } else {
            settler.roster.role("audit", 3, &mut draw)
        };
        settler.roster.maybe_keyed(who);
        let scan = scan(settler, who, &mut draw);
        if scan.days == 1 {
            settler.regulars.push(who);
        }
        settler.habit("scan", nth, scan);
    }
}

fn scan(settler: &Settler, who: super::habit::Who, draw: &mut Draw) -> Scan {
    let wide = draw.whole(5, ALL.len() as i64) as usize;
    let mut apis: Vec<&'static Api> = Vec::new();
    for service in draw.sample(ALL, wide) {
        let service: &&'static Service = service;
        apis.extend(service.reads.iter().take(2 + draw.below(12)));
    }
    let regions: Vec<&'static str> =
        if draw.chance(0.5) { REGIONS.iter().map(|(region, _)| *region).collect() } else { settler.regions.clone() };
    // A scan of all regions would drown a small account.
    let size = (apis.len() * regions.len()) as f64;
    let most = (settler.volume * 0.3).max(100.0);
    apis.truncate(((most / size).min(1.0) * apis.len() as f64).ceil() as usize);
    Scan {
        who,
        regions,
        apis,
        days: *draw.pick(&[1, 1, 2, 7, 7]),
        at: draw.whole(0, 18) * HOUR,
        denied: if draw.chance(0.6) { draw.between(0.005, 0.08) } else { 0.0 },
        missing: draw.between(0.0, 0.04),
        depth: draw.log_normal(1.2, 0.5).min(6.0),
    }
}
