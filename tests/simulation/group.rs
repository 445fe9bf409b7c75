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
    /// It has joined the rebalance under way.
    pub joined: bool,
    /// Its partitions in the present generation.
    pub partitions: Vec<i32>,
    seen: Duration,
}

/// The group.
#[derive(Debug, Default)]
pub struct Group {
    pub generation: i32,
    pub members: BTreeMap<u64, Member>,
    /// Until when a rebalance waits for its members.
    rebalancing: Option<Duration>,
    ids: u64,
}

impl Group {
    /// Whether members are waited for.
    pub fn is_rebalancing(&self) -> bool {
        self.rebalancing.is_some()
    }

    /// When it next acts by itself.
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
            // A quick restart: its partitions were kept, and no other member notices.
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

    /// All members are asked to join again.
    pub fn rebalance(&mut self, now: Duration) {
        if self.rebalancing.is_none() {
            self.rebalancing = Some(now + POLL_INTERVAL);
            self.members.values_mut().for_each(|member| member.joined = false);
        }
    }

    /// A member has given its partitions back.
    pub fn rejoin(&mut self, id: u64) {
        if let Some(member) = self.members.get_mut(&id) {
            member.joined = true;
        }
    }

    /// Heartbeats of processes that are well; sessions that have ended. Returns how many have.
    pub fn beat(&mut self, now: Duration, is_well: impl Fn(usize) -> bool) -> usize {
        self.members.values_mut().filter(|member| is_well(member.client)).for_each(|member| member.seen = now);
        let over: Vec<u64> =
            self.members.iter().filter(|(_, m)| m.seen + SESSION_TIMEOUT <= now).map(|(id, _)| *id).collect();
        over.iter().for_each(|id| self.leave(*id, now));
        over.len()
    }

    /// Ends the rebalance when all members have joined or the wait is over. Returns whether it has ended.
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
