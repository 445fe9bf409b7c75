//! Who attacks: a stranger, somebody known to the account, or somebody who calls these APIs anyway.

use super::draft::{Draft, Script, Step, Wanted};
use crate::calendar::{DAY, HOUR, MINUTE};
use crate::call::{Api, Identity};
use crate::catalogue::region_of;
use crate::habit::{What, Who};
use crate::label::Attacker;
use crate::population::Tool;
use crate::random::Draw;
use crate::settle::Settler;

/// An attacker before the attack is drawn.
pub(super) struct Side {
    /// None for a stranger, who is made when the attack has a place.
    pub(super) who: Option<Who>,
    /// APIs that the attack must not use: those which a known principal calls.
    pub(super) avoid: Vec<&'static Api>,
}

/// Within how many days before the attack somebody who calls its APIs anyway did so for certain, where the
/// plan has as many.
const PRIOR_DAYS: i64 = 6;

/// Chooses somebody who was there in the week before. Services and other accounts are never attackers known
/// to the account: nobody steals a service.
pub(super) fn choose(settler: &Settler, attacker: Attacker, start: i64, draw: &mut Draw) -> Option<Side> {
    if attacker == Attacker::Stranger {
        return Some(Side { who: None, avoid: Vec::new() });
    }
    let taken: Vec<&str> = settler.labels.iter().map(|label| label.principal.as_str()).collect();
    let able = |who: &&Who| {
        let actor = &settler.roster.actors[who.first as usize];
        let identity = &actor.identity;
        matches!(identity, Identity::User(_) | Identity::Role { .. })
            && !actor.is_internal()
            && !taken.contains(&identity.principal(&settler.id).as_str())
    };
    let present = |who: &&Who| {
        settler.habits.iter().all(|habit| match &habit.what {
            What::Person(person) => person.who != **who || !person.is_away(start - 7 * DAY, start),
            _ => true,
        })
    };
    let able: Vec<&Who> = settler.regulars.iter().filter(able).filter(present).collect();
    if able.is_empty() {
        return None;
    }
    let who = **draw.pick(&able);
    let avoid = if attacker == Attacker::Known { used(settler, who) } else { Vec::new() };
    Some(Side { who: Some(who), avoid })
}

/// Every API that a principal may call, whoever its sessions are.
fn used(settler: &Settler, who: Who) -> Vec<&'static Api> {
    let identity = |who: Who| &settler.roster.actors[who.first as usize].identity;
    let (wanted, mut apis) = (identity(who), Vec::new());
    for habit in &settler.habits {
        habit.what.act().uses(&mut |user, api| {
            if identity(user).is_same_principal(wanted) && !apis.contains(&api) {
                apis.push(api);
            }
        });
    }
    apis
}

/// The actor of the attack. A known one uses its own session or, as often, stolen credentials from elsewhere;
/// one who calls the APIs anyway gets the calls in the days before that make it so.
pub(super) fn settle(
    settler: &mut Settler,
    wanted: Wanted,
    draft: &Draft,
    side: Side,
    nth: usize,
    draw: &mut Draw,
) -> Option<Who> {
    let Some(who) = side.who else {
        return Some(match draw.below(3) {
            0 => settler.roster.user(Tool::Shell, draw),
            1 => settler.roster.staff(Tool::Shell, draw),
            _ => settler.roster.role("service", 1, draw),
        });
    };
    let who = if wanted.attacker == Attacker::User { draft.user.unwrap_or(who) } else { who };
    let principal = settler.roster.actors[who.first as usize].identity.principal(&settler.id);
    if settler.labels.iter().any(|label| label.principal == principal) {
        return None;
    }
    if wanted.attacker == Attacker::User && draft.user.is_none() {
        accustom(settler, draft, who, nth, draw);
    }
    let actor = who.any(draw);
    Some(if draw.chance(0.5) { settler.roster.stolen(actor, draw) } else { Who { first: actor, count: 1 } })
}

/// Lets a principal call the APIs of the attack now and then: in sessions on some of the days before, each
/// API at least once in the last [`PRIOR_DAYS`] of them, and on some days after.
fn accustom(settler: &mut Settler, draft: &Draft, who: Who, nth: usize, draw: &mut Draw) {
    let attack = draft.steps.first().map_or(settler.start, |step| step.time);
    let mut apis: Vec<&'static Api> = draft.steps.iter().map(|step| step.api).collect();
    apis.sort_by_key(|api| (api.service, api.name));
    apis.dedup();
    let mut steps = Vec::new();
    let mut session = |from: i64, until: i64, share: f64, draw: &mut Draw| {
        let start = draw.whole(from, until.max(from));
        for api in &apis {
            for _ in 0..draw.whole(1, 3) {
                if draw.chance(share) {
                    steps.push(Step {
                        time: (start + draw.whole(0, 20 * MINUTE)).min(until.max(from)),
                        api,
                        error: None,
                    });
                }
            }
        }
    };
    let late = settler.start.max(attack - PRIOR_DAYS * DAY);
    session(late, attack - 2 * HOUR, 1.0, draw);
    let days = (settler.end() - settler.start) / DAY;
    for day in 0..days {
        let from = settler.start + day * DAY;
        let before = from + DAY < attack - 2 * HOUR;
        let after = from > attack + 12 * HOUR;
        if (before || after) && draw.chance(0.25) {
            session(from, from + DAY, 0.4, draw);
        }
    }
    steps.sort_by_key(|step| step.time);
    let home =
        settler.regions.contains(&draft.region) || draft.steps.iter().all(|step| !region_of(step.api, "").is_empty());
    let region = if home { draft.region } else { settler.region(draw) };
    settler.script("accustomed", nth, Script { who, region, steps });
}
