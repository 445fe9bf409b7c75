//! Who is known to an account: for each principal when it was first seen, and what it did lately that is new.

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use crate::detect::DAY;
use crate::detect::ids::{PrincipalId, principal_hash};
use crate::detect::model::leaky::Leaky;
use crate::detect::undo::{Changes, Tracked};

/// After this many minutes without a record a principal is forgotten.
const FORGET_AFTER: i64 = 35 * DAY;
/// Tools remembered of a principal; one with more is never surprising by its tool.
const TOOLS: usize = 4;
/// The minute of the newest record is kept to a day, so that a principal that is always active is not saved
/// with every transaction.
const LAST_STEP: i64 = DAY;
/// Minutes after which all tools of a principal are known: a working week.
const TOOLS_AFTER: i64 = 5 * DAY;

/// Changes of the open transaction.
pub(crate) type PrincipalChanges = Changes<PrincipalId, Principal>;

/// One principal of an account.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Principal {
    hash: u64,
    first: i32,
    last: i32,
    /// What it did while it was new to the account.
    pub(crate) fresh: Novelty,
    /// What it did on series that were new to it.
    pub(crate) novel: Novelty,
    /// What it did with a tool that was new to it, calls.
    pub(crate) strange: Leaky,
    tools: [Tool; TOOLS],
}

/// A tool of a principal: hash of its name (0: none), first minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Tool {
    name: u32,
    first: i32,
}

/// The new calls of one principal, as the length of a vector with one component per series: its calls there
/// in the last hour or so, times their weight. Many calls of one API make a longer vector than as many calls
/// spread over many APIs, which is what a person who explores the console makes; yet many APIs still add up.
/// Held as the square, which decays by half in half the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Novelty {
    square: Leaky<30>,
}

impl Novelty {
    /// Adds one call in minute `now` on a series with `before` calls by this principal in the last hour or
    /// so.
    pub(crate) fn add(&mut self, now: i64, before: f64, weight: f64) {
        // (w (n + 1))^2 - (w n)^2
        self.square.add(now, (weight * weight * (2.0 * before + 1.0)) as f32);
    }

    /// The length as of minute `now`, weighted calls.
    pub(crate) fn at(self, now: i64) -> f64 {
        self.square.at(now).max(0.0).sqrt()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.square.clear();
    }
}

/// Hash of the tool's name in a user agent, without its version: thieves use another tool, and an update is
/// no other tool.
pub(crate) fn tool(agent: &str) -> u32 {
    let name = agent.trim_start_matches('[').split(['/', ' ', ',']).next().unwrap_or_default();
    principal_hash(name) as u32 | 1
}

impl Principal {
    fn new(hash: u64, minute: i32) -> Self {
        let (fresh, novel) = (Novelty::default(), Novelty::default());
        let (strange, tools) = (Leaky::default(), [Tool::default(); TOOLS]);
        Self { hash, first: minute, last: minute, fresh, novel, strange, tools }
    }

    /// Hash of its text.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Notes that it used a tool in minute `now`. Returns whether the tool is new to it.
    pub(crate) fn uses(&mut self, tool: u32, now: i64) -> bool {
        let is_old = now - i64::from(self.first) >= TOOLS_AFTER;
        for slot in &mut self.tools {
            if slot.name == 0 {
                *slot = Tool { name: tool, first: now as i32 };
                return is_old;
            }
            if slot.name == tool {
                return is_old && now - i64::from(slot.first) < DAY;
            }
        }
        false
    }

    /// An insight named it: nothing that it did so far is new any more.
    pub(crate) fn acknowledge(&mut self, now: i64) {
        self.fresh.clear();
        self.novel.clear();
        self.strange.clear();
        for slot in &mut self.tools {
            slot.first = slot.first.min((now - DAY) as i32);
        }
    }

    /// Merges what a backfill knows of it.
    pub(crate) fn merge(&mut self, earlier: &Self) {
        self.first = self.first.min(earlier.first);
        self.last = self.last.max(earlier.last);
        for tool in earlier.tools.iter().filter(|tool| tool.name != 0) {
            let slot = self.tools.iter_mut().find(|slot| slot.name == tool.name || slot.name == 0);
            if let Some(slot) = slot {
                *slot = Tool {
                    name: tool.name,
                    first: if slot.name == 0 { tool.first } else { slot.first.min(tool.first) },
                };
            }
        }
    }

    /// Minutes since its first record.
    pub(crate) fn known_for(&self, now: i64) -> i64 {
        now - i64::from(self.first)
    }
}

/// What observing a principal found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Observed {
    /// It was known.
    Known,
    /// It is known from now on.
    New,
    /// There was no room to remember it.
    NoRoom,
}

/// The principals of one account, by the hash of their text.
#[derive(Debug, Default)]
pub(crate) struct Principals {
    table: HashTable<Tracked<Principal>>,
}

impl Principals {
    /// Observes a record of principal `id` in minute `now`; without `has_room` only if it is known already.
    pub(crate) fn observe(
        &mut self,
        id: PrincipalId,
        now: i64,
        has_room: bool,
        changes: &mut PrincipalChanges,
    ) -> Observed {
        let minute = now as i32;
        if let Some(principal) = self.table.find_mut(id.hash, |p| p.hash == id.hash) {
            if minute < principal.first || now >= i64::from(principal.last) + LAST_STEP {
                let principal = principal.change(id, changes);
                principal.first = principal.first.min(minute);
                principal.last = principal.last.max(minute);
            }
            return Observed::Known;
        }
        if !has_room {
            return Observed::NoRoom;
        }
        self.insert(Tracked::created(Principal::new(id.hash, minute), id, changes));
        Observed::New
    }

    /// Adds a principal that a backfill brings and the account does not know.
    pub(crate) fn adopt(&mut self, principal: Principal, id: PrincipalId, changes: &mut PrincipalChanges) {
        self.insert(Tracked::created(principal, id, changes));
    }

    /// The principal, if it is known.
    pub(crate) fn get(&self, hash: u64) -> Option<&Principal> {
        self.table.find(hash, |p| p.hash == hash).map(|principal| &**principal)
    }

    /// The principal, if it is known, to be changed.
    pub(crate) fn change(&mut self, id: PrincipalId, changes: &mut PrincipalChanges) -> Option<&mut Principal> {
        self.table.find_mut(id.hash, |p| p.hash == id.hash).map(|principal| principal.change(id, changes))
    }

    /// Principals known.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Forgets the principals of account `account` without a record for 35 days before minute `now`. Returns
    /// how many.
    pub(crate) fn expire(&mut self, now: i64, account: u32, changes: &mut PrincipalChanges) -> usize {
        let mut expired = 0;
        for principal in self.table.extract_if(|p| now - i64::from(p.last) >= FORGET_AFTER) {
            let principal = principal.into_inner();
            changes.record(PrincipalId { account, hash: principal.hash }, Some(principal));
            expired += 1;
        }
        expired
    }

    /// Puts a principal back to what it was before an aborted transaction, or restores it from the changelog.
    pub(crate) fn put(&mut self, hash: u64, before: Option<Principal>) {
        if let Ok(found) = self.table.find_entry(hash, |p| p.hash == hash) {
            found.remove();
        }
        if let Some(before) = before {
            self.insert(Tracked::committed(before));
        }
    }

    fn insert(&mut self, principal: Tracked<Principal>) {
        self.table.insert_unique(principal.hash, principal, |p| p.hash);
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Principal> {
        self.table.iter().map(|principal| &**principal)
    }
}
