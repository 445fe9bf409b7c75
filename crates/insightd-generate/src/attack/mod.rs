//! Attacks: which, by whom, where and when; and the calls of each, with its label.
//!
//! The attacks belong to the organization: their number is spread over the thirty combinations of kind and
//! attacker, and over its accounts. What an account does otherwise does not depend on them.

mod attacker;
mod draft;

pub(super) use draft::Script;
use draft::Wanted;

use super::Plan;
use super::calendar::{DAY, HOUR};
use super::label::{Attack, Attacker};
use super::random::Seeds;
use super::settle::Settler;

/// Two attacks on one account lie at least this far apart, so that each can be judged by itself.
const APART: i64 = 6 * HOUR;
/// The longest attack; none begins later than this before the end.
const LONGEST: i64 = 4 * HOUR;
/// How often a place is looked for: an account that has what the kind needs, and a time that is free.
const TRIES: usize = 400;

/// Places the attacks of the plan. One for which no account has room is left out.
pub(super) fn place(plan: &Plan, settlers: &mut [Settler]) {
    let seeds = Seeds::organization(plan.seed);
    let from = plan.start + i64::from(plan.quiet_days) * DAY;
    let until = plan.start + i64::from(plan.days) * DAY - LONGEST;
    if settlers.is_empty() || from >= until {
        return;
    }
    for nth in 0..plan.attacks {
        let mut draw = seeds.stream("attack", nth);
        // All pairs within thirty, and all kinds of attackers among a few.
        let (attack, attacker) = (Attack::ALL[nth % 10], Attacker::ALL[(nth + nth / 10) % 3]);
        for _ in 0..TRIES {
            let settler = &mut settlers[draw.below(plan.accounts)];
            let start = draw.whole(from, until - 1);
            if try_place(settler, Wanted { attack, attacker, start, from, until }, nth, &mut draw) {
                break;
            }
        }
    }
}

fn is_free(settler: &Settler, start: i64, end: i64) -> bool {
    settler.labels.iter().all(|label| end + APART <= label.start || label.end + APART <= start)
}

fn try_place(settler: &mut Settler, wanted: Wanted, nth: usize, draw: &mut super::random::Draw) -> bool {
    let Some(side) = attacker::choose(settler, wanted.attacker, wanted.start, draw) else { return false };
    let Some(draft) = draft::draft(settler, wanted, &side.avoid, draw) else { return false };
    let (Some(first), Some(last)) = (draft.steps.first(), draft.steps.last()) else { return false };
    if first.time < wanted.from || !is_free(settler, first.time, last.time) {
        return false;
    }
    let Some(who) = attacker::settle(settler, wanted, &draft, side, nth, draw) else { return false };
    let principal = settler.roster.actors[who.first as usize].identity.principal(&settler.id);
    let label = draft.label(settler.id.clone(), wanted, principal);
    settler.labels.push(label);
    let script = Script { who, region: draft.region, steps: draft.steps };
    settler.script("attack", nth, script);
    true
}
