//! The group coordinator, in the classic protocol with an eager assignor: members, sessions, generations.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cluster::{POLL_INTERVAL, SESSION_TIMEOUT};
use super::random::Random;

/// A member.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its process.
    pub client: usize,
    /// Static identity.
    pub instance: Option<String>,
    /// Whether it has joined the current rebalance.
    pub joined: bool,
    /// Its partitions in the current generation.
    pub partitions: Vec<i32>,
    seen: Duration,
}

/// The group.
#[derive(Debug, Default)]
pub struct Group {
    pub generation: i32,
    pub members: BTreeMap<u64, Member>,
    /// Time until which a rebalance waits for its members.
    rebalancing: Option<Duration>,
    ids: u64,
}

impl Group {
    /// Whether the group waits for members to join.
    pub fn is_rebalancing(&self) -> bool {
        self.rebalancing.is_some()
    }

    /// When the coordinator next acts by itself.
    pub fn deadline(&self) -> Option<Duration> {
        let session = self.members.values().map(|member| member.seen + SESSION_TIMEOUT).min();
        [self.rebalancing, session].into_iter().flatten().min()
    }

    /// A process joins. Returns the member, and the process whose static identity it took.
    pub fn join(&mut self, client: usize, instance: Option<&str>, now: Duration) -> (u64, Option<usize>) {
        self.ids += 1;
        let id = self.ids;
        let known =
            self.members.iter().find(|(_, member)| instance.is_some() && member.instance.as_deref() == instance);
        let before = known.map(|(id, _)| *id).and_then(|id| self.members.remove(&id));
        let fenced = before.as_ref().map(|before| before.client);
        let member = match before {
            // A quick restart: the member keeps its partitions, and no other member notices.
            Some(before) => Member { client, joined: true, seen: now, ..before },
            None => {
                self.rebalance(now);
                Member {
                    client,
                    instance: instance.map(str::to_owned),
                    joined: true,
                    partitions: Vec::new(),
                    seen: now,
                }
            }
        };
        self.members.insert(id, member);
        (id, fenced)
    }

    /// A member leaves, or its session ends.
    pub fn leave(&mut self, id: u64, now: Duration) {
        if self.members.remove(&id).is_some() {
            self.rebalance(now);
        }
    }

    /// Asks all members to join again.
    pub fn rebalance(&mut self, now: Duration) {
        if self.rebalancing.is_none() {
            self.rebalancing = Some(now + POLL_INTERVAL);
            self.members.values_mut().for_each(|member| member.joined = false);
        }
    }

    /// A member has released its partitions.
    pub fn rejoin(&mut self, id: u64) {
        if let Some(member) = self.members.get_mut(&id) {
            member.joined = true;
        }
    }

    /// Applies the heartbeats of healthy processes and expires sessions. Returns the number of expired
    /// sessions.
    pub fn beat(&mut self, now: Duration, is_well: impl Fn(usize) -> bool) -> usize {
        self.members.values_mut().filter(|member| is_well(member.client)).for_each(|member| member.seen = now);
        let over: Vec<u64> =
            self.members.iter().filter(|(_, m)| m.seen + SESSION_TIMEOUT <= now).map(|(id, _)| *id).collect();
        over.iter().for_each(|id| self.leave(*id, now));
        over.len()
    }

    /// Ends the rebalance when all members have joined or the wait is over. Returns whether it ended.
    pub fn complete(&mut self, now: Duration, partitions: usize, random: &mut Random) -> bool {
        let Some(until) = self.rebalancing else { return false };
        if now >= until {
            self.members.retain(|_, member| member.joined);
        }
        if self.members.is_empty() && now >= until {
            self.rebalancing = None;
        }
        if self.members.is_empty() || !self.members.values().all(|member| member.joined) {
            return false;
        }
        self.rebalancing = None;
        self.generation += 1;
        self.members.values_mut().for_each(|member| member.partitions.clear());
        let first = random.below(self.members.len() as u64) as usize;
        let mut ids: Vec<u64> = self.members.keys().copied().collect();
        ids.rotate_left(first);
        for partition in 0..partitions {
            let id = ids[partition % ids.len()];
            self.members.get_mut(&id).expect("a member").partitions.push(partition as i32);
        }
        true
    }
}
