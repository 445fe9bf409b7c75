//! People: several times a working day, a cluster of different calls from the console or a shell.

use super::behavior::{Sink, Window, Workload};
use super::federated_login::FederatedLogin;
use crate::calendar::{DAY, HOUR, MINUTE, Rhythm, weekday};
use crate::call::{Api, Kind};
use crate::catalog::{code, recipe};
use crate::principal::Principal;
use crate::random::Draw;

/// A person with what they use.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) principal: Principal,
    /// Their login, if they sign in through a directory.
    pub(crate) login: Option<FederatedLogin>,
    pub(crate) region: &'static str,
    /// The actor of the same person with another tool, used occasionally.
    pub(crate) aside: Option<u32>,
    /// Another region, visited occasionally.
    pub(crate) other: &'static str,
    /// The APIs that they read and write with, the most frequent first.
    pub(crate) reads: Vec<&'static Api>,
    pub(crate) writes: Vec<&'static Api>,
    pub(crate) rhythm: Rhythm,
    /// Sessions on a working day.
    pub(crate) sessions: f64,
    /// Steps of a session in the median; a step is a page of the console or a command.
    pub(crate) steps: f64,
    /// Share of steps that change something, and that fail.
    pub(crate) writing: f64,
    pub(crate) failing: f64,
    /// Whether they use the console: a page is a burst of reads, and a session starts with a sign-in.
    pub(crate) console: bool,
    /// Absences: start and end, seconds since 1970.
    pub(crate) away: Vec<(i64, i64)>,
}

/// Sessions on a weekend day, as a share of a working day's.
const WEEKEND: f64 = 0.04;

/// Share of sessions with the other tool.
const ASIDE: f64 = 0.05;

/// A failed call.
#[derive(Clone, Copy, Debug)]
struct Failed {
    actor: u32,
    region: &'static str,
    api: &'static Api,
    error: Option<&'static str>,
}

impl Person {
    fn sessions_of(&self, day: i64, draw: &mut Draw) -> usize {
        let local = self.rhythm.local(day + DAY / 2);
        let away = self.away.iter().any(|(from, until)| (*from..*until).contains(&day));
        let mood = draw.log_normal(1.0, 0.5);
        let week = if weekday(local) >= 5 { WEEKEND } else { 1.0 };
        if away { 0 } else { draw.poisson(self.sessions * mood * week) }
    }

    /// Whether an absence of more than a day overlaps the period, seconds since 1970.
    pub(crate) fn is_away(&self, from: i64, until: i64) -> bool {
        self.away.iter().any(|(begin, end)| *begin < until && from < *end && end - begin > DAY)
    }

    fn session(&self, start: i64, draw: &mut Draw, sink: &mut Sink<'_>) {
        let aside = self.aside.filter(|_| draw.chance(ASIDE));
        let actor = aside.unwrap_or_else(|| self.principal.any(draw));
        let region = if draw.chance(0.06) { self.other } else { self.region };
        let mut time = start;
        if self.console && draw.chance(0.5) {
            sink.kind(Kind::SignIn);
            let failed = draw.chance(0.04).then_some("Failed authentication");
            sink.call(time, actor, region, &recipe::SIGN_IN[0], failed);
            sink.kind(Kind::Call);
            time += draw.whole(2, 20);
        }
        let steps = draw.log_normal(self.steps, 0.9).min(200.0) as usize + 1;
        let end = start + 4 * HOUR;
        for _ in 0..steps {
            time = self.step(time, actor, region, draw, sink);
            time += draw.exponential(if self.console { 40.0 } else { 55.0 }) as i64;
            if draw.chance(0.03) {
                time += draw.whole(5, 40) * MINUTE;
            }
            if time > end {
                break;
            }
        }
    }

    fn step(&self, start: i64, actor: u32, region: &'static str, draw: &mut Draw, sink: &mut Sink<'_>) -> i64 {
        let mut time = start;
        if !self.writes.is_empty() && draw.chance(self.writing) {
            let api = *draw.pick_skewed(&self.writes);
            // Some changes apply to many resources in a row: tags, rules, objects.
            let times = if draw.chance(0.06) { draw.log_normal(7.0, 0.8) as usize + 1 } else { 1 };
            for _ in 0..times.min(120) {
                let error = self.error(api, draw);
                sink.call(time, actor, region, api, error);
                time += draw.whole(0, 3);
                if error.is_some() {
                    time = self.retry(time, Failed { actor, region, api, error }, draw, sink);
                }
            }
        } else if !self.reads.is_empty() {
            let page = if self.console { draw.whole(2, 11) } else { 1 };
            let api = *draw.pick_skewed(&self.reads);
            let shell_loop = !self.console && draw.chance(0.05);
            let times = if shell_loop { draw.log_normal(12.0, 0.9) as i64 } else { page };
            for nth in 0..times.min(300) {
                // A console page calls several APIs of one service.
                let api = if nth == 0 || shell_loop { api } else { self.neighbor(api, draw) };
                sink.call(time + nth / 4, actor, region, api, self.error(api, draw));
            }
            time += times / 4;
        }
        time
    }

    /// Retries a failed call, mostly in vain.
    fn retry(&self, mut time: i64, failed: Failed, draw: &mut Draw, sink: &mut Sink<'_>) -> i64 {
        let Failed { actor, region, api, error } = failed;
        for _ in 0..draw.below(4) {
            time += draw.exponential(30.0) as i64;
            sink.call(time, actor, region, api, error.filter(|_| draw.chance(0.8)));
        }
        time
    }

    fn neighbor(&self, of: &'static Api, draw: &mut Draw) -> &'static Api {
        let other = *draw.pick_skewed(&self.reads);
        let again = *draw.pick(&self.reads);
        if other.service == of.service {
            other
        } else if again.service == of.service {
            again
        } else {
            of
        }
    }

    fn error(&self, api: &Api, draw: &mut Draw) -> Option<&'static str> {
        if !draw.chance(self.failing) {
            return None;
        }
        Some(match draw.below(10) {
            0..4 => code::denied(api),
            4..9 if api.read => code::missing(api),
            9 => code::throttled(api),
            _ => code::invalid(api),
        })
    }
}

impl Workload for Person {
    fn generate(&self, key: u64, window: Window, draw: &mut Draw, sink: &mut Sink<'_>) {
        let mut logins = FederatedLogin::stream(key, window.hour);
        for _ in 0..self.sessions_of(window.start, draw) {
            let time = self.rhythm.time_of(window.start, draw);
            if let Some(login) = self.login {
                login.maybe_request(0, time, &mut logins, sink);
            }
            self.session(time, draw, sink);
        }
    }

    fn uses(&self, see: &mut dyn FnMut(Principal, &'static Api)) {
        self.reads.iter().chain(&self.writes).for_each(|api| see(self.principal, api));
        self.login.into_iter().for_each(|login| see(login.principal, login.api));
    }
}
