//! Attacks: their kinds, attackers, places and times, and the calls and the label of each.
//!
//! Attacks belong to the organization: they are spread over the thirty combinations of kind and attacker, and
//! over its accounts. They do not change what an account does otherwise.

mod attacker;
mod draft;
mod kinds;

use draft::AttackRequest;

use super::account_builder::AccountBuilder;
use super::calendar::{DAY, HOUR};
use super::label::{Attack, Attacker};
use super::plan::Plan;
use super::random::{Draw, Seeds};
use super::workload::script::Script;

/// Shortest time between two attacks on one account, seconds, so that each can be judged alone.
const APART: i64 = 6 * HOUR;
/// Longest attack, seconds; none starts later than this before the end.
const LONGEST: i64 = 4 * HOUR;
/// Attempts to find an account with the APIs and the free time that an attack needs.
const TRIES: usize = 400;

/// Places the attacks of the plan. Leaves out an attack if no account has room for it.
pub(crate) fn place(plan: &Plan, builders: &mut [AccountBuilder]) {
    let seeds = Seeds::organization(plan.seed);
    let from = plan.start + i64::from(plan.quiet_days) * DAY;
    let until = plan.start + i64::from(plan.days) * DAY - LONGEST;
    if builders.is_empty() || from >= until {
        return;
    }
    for nth in 0..plan.attacks {
        let mut draw = seeds.stream("attack", nth);
        // Thirty consecutive attacks cover all pairs; a few already cover all attackers.
        let (attack, attacker) = (Attack::ALL[nth % 10], Attacker::ALL[(nth + nth / 10) % 3]);
        for _ in 0..TRIES {
            let builder = &mut builders[draw.below(plan.accounts)];
            let start = draw.whole(from, until - 1);
            if try_place(builder, AttackRequest { attack, attacker, start, from, until }, nth, &mut draw) {
                break;
            }
        }
    }
}

fn is_free(builder: &AccountBuilder, start: i64, end: i64) -> bool {
    builder.labels.iter().all(|label| end + APART <= label.start || label.end + APART <= start)
}

fn try_place(builder: &mut AccountBuilder, wanted: AttackRequest, nth: usize, draw: &mut Draw) -> bool {
    let Some(candidate) = attacker::choose(builder, wanted.attacker, wanted.start, draw) else { return false };
    let Some(draft) = kinds::draft(builder, wanted, &candidate.avoid, draw) else { return false };
    let (Some(first), Some(last)) = (draft.steps.first(), draft.steps.last()) else { return false };
    if first.time < wanted.from || !is_free(builder, first.time, last.time) {
        return false;
    }
    let Some(principal) = attacker::assign_principal(builder, wanted, &draft, candidate, nth, draw) else {
        return false;
    };
    let name = builder.roster.actors[principal.first as usize].identity.principal(&builder.id);
    let label = draft.label(builder.id.clone(), wanted, name);
    builder.labels.push(label);
    let script = Script { principal, region: draft.region, steps: draft.steps };
    builder.script("attack", nth, script);
    true
}
