//! Chooses the attacker: a new principal, a known one, or one that already calls these APIs.

use super::draft::{AttackRequest, Draft};
use crate::account_builder::AccountBuilder;
use crate::calendar::{DAY, HOUR, MINUTE};
use crate::call::{Api, Identity};
use crate::catalog::region_of;
use crate::label::Attacker;
use crate::principal::Principal;
use crate::random::Draw;
use crate::tools::Tool;
use crate::workload::WorkloadKind;
use crate::workload::script::{Script, Step};

/// The attacker, before the attack is drawn.
pub(crate) struct Candidate {
    /// None for a new principal, which is created once the attack has a time and an account.
    pub(crate) principal: Option<Principal>,
    /// APIs that the attack must not use, because the known principal already calls them.
    pub(crate) avoid: Vec<&'static Api>,
}

/// A regular user of the APIs has called each of them within this many days before the attack (as far as the
/// plan reaches back).
const PRIOR_DAYS: i64 = 6;

/// Chooses a principal that was present in the week before. Services and other accounts are never chosen:
/// their credentials cannot be stolen.
pub(crate) fn choose(builder: &AccountBuilder, attacker: Attacker, start: i64, draw: &mut Draw) -> Option<Candidate> {
    if attacker == Attacker::Stranger {
        return Some(Candidate { principal: None, avoid: Vec::new() });
    }
    let taken: Vec<&str> = builder.labels.iter().map(|label| label.principal.as_str()).collect();
    let able = |principal: &&Principal| {
        let actor = &builder.roster.actors[principal.first as usize];
        let identity = &actor.identity;
        matches!(identity, Identity::User(_) | Identity::Role { .. })
            && !actor.is_internal()
            && !taken.contains(&identity.principal(&builder.id).as_str())
    };
    let present = |principal: &&Principal| {
        builder.workloads.iter().all(|workload| match &workload.kind {
            WorkloadKind::Person(person) => person.principal != **principal || !person.is_away(start - 7 * DAY, start),
            _ => true,
        })
    };
    let able: Vec<&Principal> = builder.regulars.iter().filter(able).filter(present).collect();
    if able.is_empty() {
        return None;
    }
    let principal = **draw.pick(&able);
    let avoid = if attacker == Attacker::Known { used(builder, principal) } else { Vec::new() };
    Some(Candidate { principal: Some(principal), avoid })
}

/// Every API that any session of a principal may call.
fn used(builder: &AccountBuilder, principal: Principal) -> Vec<&'static Api> {
    let identity = |principal: Principal| &builder.roster.actors[principal.first as usize].identity;
    let (wanted, mut apis) = (identity(principal), Vec::new());
    for workload in &builder.workloads {
        workload.kind.workload().uses(&mut |user, api| {
            if identity(user).is_same_principal(wanted) && !apis.contains(&api) {
                apis.push(api);
            }
        });
    }
    apis
}

/// The actor of the attack. A known principal uses its own session or, just as often, stolen credentials from
/// elsewhere. A regular user without earlier calls gets some.
pub(crate) fn assign_principal(
    builder: &mut AccountBuilder,
    wanted: AttackRequest,
    draft: &Draft,
    candidate: Candidate,
    nth: usize,
    draw: &mut Draw,
) -> Option<Principal> {
    let Some(principal) = candidate.principal else {
        return Some(match draw.below(3) {
            0 => builder.roster.user(Tool::Shell, draw),
            1 => builder.roster.staff(Tool::Shell, draw),
            _ => builder.roster.role("service", 1, draw),
        });
    };
    let principal = if wanted.attacker == Attacker::User { draft.user.unwrap_or(principal) } else { principal };
    let name = builder.roster.actors[principal.first as usize].identity.principal(&builder.id);
    if builder.labels.iter().any(|label| label.principal == name) {
        return None;
    }
    if wanted.attacker == Attacker::User && draft.user.is_none() {
        add_prior_use(builder, draft, principal, nth, draw);
    }
    let actor = principal.any(draw);
    Some(if draw.chance(0.5) { builder.roster.stolen(actor, draw) } else { Principal { first: actor, count: 1 } })
}

/// Adds earlier calls of the attack's APIs by a principal: sessions on some days before and after, with every
/// API at least once in the last [`PRIOR_DAYS`] before the attack.
fn add_prior_use(builder: &mut AccountBuilder, draft: &Draft, principal: Principal, nth: usize, draw: &mut Draw) {
    let attack = draft.steps.first().map_or(builder.start, |step| step.time);
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
    let late = builder.start.max(attack - PRIOR_DAYS * DAY);
    session(late, attack - 2 * HOUR, 1.0, draw);
    let days = (builder.end() - builder.start) / DAY;
    for day in 0..days {
        let from = builder.start + day * DAY;
        let before = from + DAY < attack - 2 * HOUR;
        let after = from > attack + 12 * HOUR;
        if (before || after) && draw.chance(0.25) {
            session(from, from + DAY, 0.4, draw);
        }
    }
    steps.sort_by_key(|step| step.time);
    let home =
        builder.regions.contains(&draft.region) || draft.steps.iter().all(|step| !region_of(step.api, "").is_empty());
    let region = if home { draft.region } else { builder.region(draw) };
    builder.script("accustomed", nth, Script { principal, region, steps });
}
