//! What a poll returns: connectivity, the group, messages, ends of partitions.

use std::time::Duration;

use insightd::stream::broker::{Action, Assigned, BrokerError, Cause, Message, Polled, TopicPartition};

use super::client::Fetch;
use super::cluster::Cluster;
use super::mutation::Mutation;

/// Name of the input topic.
pub const INPUT: &str = "cloudtrail";

/// A message, owned.
#[derive(Debug)]
pub struct SimMessage {
    partition: i32,
    offset: i64,
    key: Vec<u8>,
    payload: Vec<u8>,
}

impl Message for SimMessage {
    fn topic(&self) -> &str {
        INPUT
    }
    fn partition(&self) -> i32 {
        self.partition
    }
    fn offset(&self) -> i64 {
        self.offset
    }
    fn key(&self) -> Option<&[u8]> {
        Some(&self.key)
    }
    fn payload(&self) -> Option<&[u8]> {
        Some(&self.payload)
    }
}

fn input(partition: i32) -> TopicPartition {
    TopicPartition::new(INPUT, partition)
}

impl Cluster {
    /// See [`insightd::stream::broker::Broker::poll`].
    pub fn poll(&mut self, id: usize, wait: Duration) -> Result<Polled<SimMessage>, BrokerError> {
        if self.clients[id].member_fenced {
            let message = "another member has this identity".to_owned();
            return Err(BrokerError { action: Action::Fatal, cause: Cause::MemberFenced, message });
        }
        if self.now < self.clients[id].cut_until {
            if !std::mem::replace(&mut self.clients[id].reported_down, true) {
                return Ok(Polled::Down("cut off".to_owned()));
            }
            return Ok(self.fetch(id, true).unwrap_or_else(|| self.nothing(id, wait)));
        }
        if std::mem::take(&mut self.clients[id].reported_down) {
            return Ok(Polled::Up);
        }
        if let Some(event) = self.take_part(id) {
            return Ok(event);
        }
        if self.random.chance(self.odds.retry / 30.0)
            && let Some((number, fetch)) = self.clients[id].held.iter_mut().find(|(_, fetch)| fetch.at_end)
        {
            fetch.at_end = false;
            let number = *number;
            self.counts.note("partition away");
            return Ok(Polled::Away(input(number)));
        }
        let brought = self.fetch(id, false).or_else(|| self.reach_end(id));
        Ok(brought.unwrap_or_else(|| self.nothing(id, wait)))
    }

    fn nothing(&mut self, id: usize, wait: Duration) -> Polled<SimMessage> {
        // A waiting worker wakes on time, or late.
        let rests = wait >= Duration::from_millis(50) && !self.clients[id].begun;
        let longest = if rests { wait.max(self.nap) } else { wait };
        let wait = wait + self.random.millis(0, longest.saturating_sub(wait).as_millis() as u64 + 1);
        self.clients[id].wake_at = self.now + wait;
        Polled::Nothing
    }

    /// Group membership of one process: joins, revocations, assignments.
    fn take_part(&mut self, id: usize) -> Option<Polled<SimMessage>> {
        if !self.has_coordinator(id) {
            return None;
        }
        let (now, generation) = (self.now, self.group.generation);
        let client = &mut self.clients[id];
        let member = client.member.and_then(|member| self.group.members.get(&member));
        match member {
            None if client.given.is_some() => {
                client.revoking = true;
                self.counts.note("partitions lost");
                Some(Polled::Revoke { lost: true })
            }
            None => {
                let instance = client.is_static.then_some(client.name.clone());
                let (member, fenced) = self.group.join(id, instance.as_deref(), now);
                (client.member, client.generation) = (Some(member), -1);
                if let Some(fenced) = fenced.filter(|fenced| *fenced != id) {
                    self.clients[fenced].member_fenced = true;
                    self.counts.note("static member resumed its membership");
                }
                None
            }
            Some(member) if self.group.is_rebalancing() => {
                if member.joined {
                    return None;
                }
                if client.given.is_some() {
                    client.revoking = true;
                    self.counts.note("partitions revoked");
                    return Some(Polled::Revoke { lost: false });
                }
                client.member.into_iter().for_each(|member| self.group.rejoin(member));
                None
            }
            Some(member) if client.generation != generation => {
                client.generation = generation;
                if member.partitions.is_empty() {
                    return None;
                }
                let partitions = member.partitions.clone();
                client.given = Some(partitions.clone());
                self.counts.note("partitions assigned");
                Some(Polled::Assign(partitions.into_iter().map(input).collect()))
            }
            Some(_) => None,
        }
    }

    fn fetch(&mut self, id: usize, buffered: bool) -> Option<Polled<SimMessage>> {
        let held = &self.clients[id].held;
        let can = |(number, fetch): (&i32, &Fetch)| {
            let fetched = if fetch.paused { fetch.left > 0 } else { !buffered };
            (fetched && fetch.position < self.readable(*number as usize)).then_some(*number)
        };
        let ready: Vec<i32> = held.iter().filter_map(can).collect();
        if ready.is_empty() {
            return None;
        }
        let partition = *self.random.pick(&ready);
        let fetch = self.clients[id].held.get_mut(&partition)?;
        let offset = fetch.position;
        fetch.position += 1;
        fetch.at_end = false;
        fetch.left = fetch.left.saturating_sub(1);
        let arrival = &self.input.partitions[partition as usize][offset as usize];
        let (key, payload) = (arrival.key.clone(), arrival.payload.clone());
        self.mix(b"message", offset as u64);
        Some(Polled::Message(SimMessage { partition, offset, key, payload }))
    }

    fn reach_end(&mut self, id: usize) -> Option<Polled<SimMessage>> {
        let at_end = |(number, fetch): (&i32, &Fetch)| {
            (!fetch.paused && !fetch.at_end && fetch.position >= self.readable(*number as usize)).then_some(*number)
        };
        let partition = self.clients[id].held.iter().find_map(at_end)?;
        self.clients[id].held.get_mut(&partition)?.at_end = true;
        Some(Polled::End(input(partition)))
    }

    /// Returns the group's offsets for an assignment or a rewind.
    pub fn take_up(&mut self, id: usize, partitions: &[i32], again: bool) -> Result<Vec<Assigned>, BrokerError> {
        if !self.has_coordinator(id) || self.random.chance(self.odds.retry) {
            self.counts.note("offsets: coordinator says later");
            return Err(BrokerError::new(Action::Retry, "no coordinator"));
        }
        if partitions.iter().any(|number| self.is_pending(*number as usize)) {
            self.counts.note("offsets: a transaction is pending");
            return Err(BrokerError::new(Action::Retry, "a transaction is pending"));
        }
        let before = std::mem::take(&mut self.clients[id].held);
        let mut assigned = Vec::new();
        for number in partitions {
            let known = self.offsets.get(&(*number as usize)).copied();
            let (mut position, state) = known.unwrap_or_default();
            let read = before.get(number).map_or(position, |fetch| fetch.position);
            let continues = again && self.mutation == Some(Mutation::NoRewind);
            if again && self.mutation == Some(Mutation::RewindToWhatWasRead) {
                position = read;
            }
            let fetch =
                Fetch { position: if continues { read } else { position }, paused: true, left: 0, at_end: false };
            let client = &mut self.clients[id];
            client.held.insert(*number, fetch);
            client.assigned_states.insert(*number, state);
            let state = known.map(|(_, state)| state);
            assigned.push(Assigned { partition: input(*number), position, committed: known.is_some(), state });
        }
        Ok(assigned)
    }
}
