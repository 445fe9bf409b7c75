//! Who is known to an account: for each principal when it was first seen, and what it did lately that is new.

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use crate::detect::DAY;
use crate::detect::model::leaky::Leaky;
use crate::detect::store::undo::TransactionEpoch;

/// After this many minutes without a record a principal is forgotten.
const FORGET_AFTER: i64 = 35 * DAY;

/// One principal of an account.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Principal {
    fingerprint: u64,
    first: i32,
    last: i32,
    /// What it did while it was new to the account.
    pub fresh: Novelty,
    /// What it did on series that were new to it.
    pub novel: Novelty,
    /// What it did with a tool that was new to it, calls.
    pub strange: Leaky,
    tools: [Tool; TOOLS],
    /// Transaction that changed it last.
    #[serde(skip)]
    pub touched: TransactionEpoch,
}

/// Tools remembered of a principal; one with more is never surprising by its tool.
const TOOLS: usize = 4;

/// The minute of the newest record is kept to a day: so a principal that is always there is not a new state with every transaction.
const LAST_STEP: i64 = DAY;

/// Minutes after which all tools that a principal has are known: a working week.
const TOOLS_AFTER: i64 = 5 * DAY;

/// A tool of a principal: fingerprint of its name (0: none), first minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Tool {
    name: u32,
    first: i32,
}

/// The calls of one principal that are new, as the length of a vector that has a component for each series: its calls there of the last
/// hour or so, times their weight. Many calls of one API are longer than as many calls of many APIs, which is what
/// somebody does who only learns his way about; and many APIs still add up. Held as the square, which forgets half of itself in half the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Novelty {
    square: Leaky<30>,
}

impl Novelty {
    /// One more call at minute `now` on a series with `before` calls by this principal in the last hour or so.
    pub fn add(&mut self, now: i64, before: f64, weight: f64) {
        // (w (n + 1))^2 - (w n)^2
        self.square.add(now, (weight * weight * (2.0 * before + 1.0)) as f32);
    }

    /// The length as of minute `now`, weighted calls.
    pub fn at(&self, now: i64) -> f64 {
        self.square.at(now).max(0.0).sqrt()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.square.clear();
    }
}

/// The name of the tool in a user agent, without its version: it is what a thief changes and an update does not.
pub fn tool(agent: &str) -> u32 {
    let name = agent.trim_start_matches('[').split(['/', ' ', ',']).next().unwrap_or_default();
    fingerprint(name) as u32 | 1
}

impl Principal {
    /// What it is known by.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Notes that it used a tool at minute `now`; whether the tool is new to it.
    pub fn uses(&mut self, tool: u32, now: i64) -> bool {
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

    /// An insight named it: what was new about it is told.
    pub fn told(&mut self, now: i64) {
        self.fresh.clear();
        self.novel.clear();
        self.strange.clear();
        for slot in &mut self.tools {
            slot.first = slot.first.min((now - DAY) as i32);
        }
    }

    /// Takes in what it was before.
    pub fn absorb(&mut self, past: &Self) {
        self.first = self.first.min(past.first);
        self.last = self.last.max(past.last);
        for tool in past.tools.iter().filter(|tool| tool.name != 0) {
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
    pub fn known_for(&self, now: i64) -> i64 {
        now - i64::from(self.first)
    }
}

/// What noting a principal found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It was known.
    Known,
    /// It is known from now on.
    New,
    /// It is not remembered.
    NoRoom,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Principals {
    table: HashTable<Principal>,
}

/// A hash of a principal's text. It is saved, so it must be the same in every release: XXH3, whose values are specified.
pub fn fingerprint(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

impl Principals {
    /// Notes a record of the principal at minute `now`; without `room` only if it is known already. `before` is shown a principal that is
    /// about to change.
    pub fn note(&mut self, fingerprint: u64, now: i64, room: bool, before: impl FnOnce(&mut Principal)) -> Noted {
        let minute = now as i32;
        if let Some(principal) = self.get(fingerprint) {
            if minute < principal.first || now >= i64::from(principal.last) + LAST_STEP {
                before(principal);
                principal.first = principal.first.min(minute);
                principal.last = principal.last.max(minute);
            }
            return Noted::Known;
        }
        if !room {
            return Noted::NoRoom;
        }
        let (fresh, novel) = (Novelty::default(), Novelty::default());
        let (strange, tools) = (Leaky::default(), [Tool::default(); TOOLS]);
        let touched = TransactionEpoch::default();
        let new = Principal { fingerprint, first: minute, last: minute, fresh, novel, strange, tools, touched };
        self.table.insert_unique(fingerprint, new, |p| p.fingerprint);
        Noted::New
    }

    /// The principal, if it is known.
    pub fn get(&mut self, fingerprint: u64) -> Option<&mut Principal> {
        self.table.find_mut(fingerprint, |p| p.fingerprint == fingerprint)
    }

    /// Principals known.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Forgets who was silent too long; returns them.
    pub fn expire(&mut self, now: i64) -> Vec<Principal> {
        self.table.extract_if(|p| now - i64::from(p.last) >= FORGET_AFTER).collect()
    }

    /// Puts a principal as it was, or as it was saved, in place of what is known of it.
    pub fn put(&mut self, principal: Principal) {
        self.remove(principal.fingerprint);
        self.table.insert_unique(principal.fingerprint, principal, |p| p.fingerprint);
    }

    /// Forgets a principal.
    pub fn remove(&mut self, fingerprint: u64) {
        if let Ok(found) = self.table.find_entry(fingerprint, |p| p.fingerprint == fingerprint) {
            found.remove();
        }
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Principal> {
        self.table.iter()
    }
}
