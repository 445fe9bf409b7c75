//! The machines and teams of an account: jobs, deployments, Terraform, autoscaling, scans.

use super::account_builder::AccountBuilder;
use super::calendar::HOUR;
use super::call::Api;
use super::catalog::{Service, recipe};
use super::principal::Principal;
use super::random::Draw;
use super::regions::REGIONS;
use super::style::{ALL, CORE};
use super::tools::Tool;
use super::workload::autoscaling::Autoscaling;
use super::workload::deploy::Deploy;
use super::workload::job::{Cadence, Job};
use super::workload::scan::Scan;

/// Adds them all.
pub(crate) fn add(builder: &mut AccountBuilder) {
    jobs(builder);
    pipelines(builder);
    terraforms(builder);
    waves(builder);
    scans(builder);
}

fn jobs(builder: &mut AccountBuilder) {
    let mut draw = builder.seeds.stream("jobs", 0);
    for nth in 0..builder.number(builder.style.jobs, &mut draw) {
        let sessions = 1 + draw.below(30);
        let principal = builder.roster.role("job", sessions, &mut draw);
        builder.roster.maybe_keyed(principal);
        let job = job(builder, principal, &mut draw);
        if !matches!(job.cadence, Cadence::Weekly(_) | Cadence::MonthEnd) {
            builder.regulars.push(principal);
        }
        builder.add_workload("job", nth, job);
    }
}

/// A job at this account's scale.
pub(crate) fn job(builder: &AccountBuilder, principal: Principal, draw: &mut Draw) -> Job {
    let (cadence, calls) = match draw.below(20) {
        0..2 => (Cadence::Minutes(*draw.pick(&[5, 10, 15, 30])), 3.0),
        2..7 => (Cadence::Minutes(*draw.pick(&[60, 60, 60, 120, 240])), 8.0),
        7..14 => (Cadence::Daily, 30.0),
        14..16 => (Cadence::Weekdays, 25.0),
        16..19 => (Cadence::Weekly(draw.whole(0, 6)), 60.0),
        _ => (Cadence::MonthEnd, 120.0),
    };
    // Most nightly jobs start on the hour or the half hour.
    let at = match cadence {
        Cadence::Minutes(minutes) => draw.whole(0, minutes - 1) * 60,
        _ => (draw.whole(0, 23) * HOUR + *draw.pick(&[0, 0, 0, 1800, 300, 900])).min(23 * HOUR),
    };
    let calls = (calls * builder.scale.min(3.0) * draw.log_normal(1.0, 0.9)).min(3000.0);
    Job {
        principal,
        region: builder.region(draw),
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

fn pipelines(builder: &mut AccountBuilder) {
    let mut draw = builder.seeds.stream("pipelines", 0);
    for nth in 0..builder.number(builder.style.pipelines, &mut draw) {
        let sessions = 1 + draw.below(80);
        let principal = builder.roster.pipeline(false, sessions, &mut draw);
        let deploy = deploy(builder, principal, &mut draw);
        let login = builder.roster.pipeline_login(principal, false, deploy.region);
        if login.is_none() {
            builder.roster.maybe_keyed(principal);
        }
        let deploy = Deploy { login, ..deploy };
        if deploy.per_day > 1.5 {
            builder.regulars.push(principal);
        }
        builder.add_workload("pipeline", nth, deploy);
    }
}

/// A pipeline in one of the account's regions.
pub(crate) fn deploy(builder: &AccountBuilder, principal: Principal, draw: &mut Draw) -> Deploy {
    Deploy {
        principal,
        login: None,
        region: builder.region(draw),
        apis: draw.pick::<recipe::Apis>(recipe::DEPLOYMENTS),
        refresh: Vec::new(),
        refreshed: 0.0,
        per_day: draw.log_normal(1.2, 1.1).min(25.0),
        rhythm: builder.office(draw),
        calls: draw.log_normal(22.0, 0.7),
        failing: draw.log_normal(0.06, 0.7).min(0.4),
        plans: 0.0,
    }
}

fn terraforms(builder: &mut AccountBuilder) {
    let mut draw = builder.seeds.stream("terraforms", 0);
    for nth in 0..builder.number(builder.style.terraforms, &mut draw) {
        let principal = if draw.chance(0.6) {
            let sessions = 1 + draw.below(60);
            builder.roster.pipeline(true, sessions, &mut draw)
        } else {
            builder.roster.user(Tool::Terraform, &mut draw)
        };
        let mut refresh = Vec::new();
        for service in draw.sample(CORE, 3).into_iter().chain(draw.sample(builder.style.services, 4)) {
            refresh.extend(service.reads.iter().take(6 + draw.below(12)));
        }
        let plain = deploy(builder, principal, &mut draw);
        let login = builder.roster.pipeline_login(principal, true, plain.region);
        let terraform = Deploy {
            login,
            apis: recipe::DEPLOYMENTS[2],
            refresh,
            refreshed: draw.log_normal(150.0, 0.8),
            per_day: draw.log_normal(1.0, 0.9).min(15.0),
            plans: draw.between(0.5, 0.9),
            ..plain
        };
        if terraform.per_day > 1.5 {
            builder.regulars.push(principal);
        }
        builder.add_workload("terraform", nth, terraform);
    }
}

fn waves(builder: &mut AccountBuilder) {
    let mut draw = builder.seeds.stream("waves", 0);
    for nth in 0..builder.number(builder.style.waves, &mut draw) {
        let principal = builder.roster.linked("AWSServiceRoleForAutoScaling", "autoscaling");
        let wave = Autoscaling {
            principal,
            region: builder.region(&mut draw),
            instances: draw.log_normal(10.0, 0.9) * builder.scale,
            rhythm: builder.traffic(&mut draw),
            noise: draw.log_normal(0.08, 0.7).min(0.6),
            replaced: draw.log_normal(0.004, 1.0).min(0.1),
        };
        builder.add_workload("wave", nth, wave);
    }
}

fn scans(builder: &mut AccountBuilder) {
    let mut draw = builder.seeds.stream("scans", 0);
    for nth in 0..builder.number(builder.style.scanners, &mut draw) {
        let principal = if draw.chance(0.3) {
            builder.roster.vendor(&mut draw)
        } else {
            builder.roster.role("audit", 3, &mut draw)
        };
        builder.roster.maybe_keyed(principal);
        let scan = scan(builder, principal, &mut draw);
        if scan.days == 1 {
            builder.regulars.push(principal);
        }
        builder.add_workload("scan", nth, scan);
    }
}

fn scan(builder: &AccountBuilder, principal: Principal, draw: &mut Draw) -> Scan {
    let wide = draw.whole(5, ALL.len() as i64) as usize;
    let mut apis: Vec<&'static Api> = Vec::new();
    for service in draw.sample(ALL, wide) {
        let service: &&'static Service = service;
        apis.extend(service.reads.iter().take(2 + draw.below(12)));
    }
    let regions: Vec<&'static str> =
        if draw.chance(0.5) { REGIONS.iter().map(|(region, _)| *region).collect() } else { builder.regions.clone() };
    // A scan of all regions would drown a small account.
    let size = (apis.len() * regions.len()) as f64;
    let most = (builder.volume * 0.3).max(100.0);
    apis.truncate(((most / size).min(1.0) * apis.len() as f64).ceil() as usize);
    Scan {
        principal,
        regions,
        apis,
        days: *draw.pick(&[1, 1, 2, 7, 7]),
        at: draw.whole(0, 18) * HOUR,
        denied: if draw.chance(0.6) { draw.between(0.005, 0.08) } else { 0.0 },
        missing: draw.between(0.0, 0.04),
        depth: draw.log_normal(1.2, 0.5).min(6.0),
    }
}
