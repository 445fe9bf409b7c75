//! Virtual time, and the brokers' own actions and faults.

use std::time::Duration;

use super::cluster::{Cluster, SESSION_TIMEOUT};

impl Cluster {
    /// Lets the coordinators act: timeouts, sessions, rebalances, markers.
    pub fn keep(&mut self) {
        self.settle();
        self.expire_transactions();
        self.load();
        let Self { group, clients, now, random, changelogs, .. } = self;
        let expired = group.beat(*now, |id| clients[id].is_well(*now));
        let completed = group.complete(*now, changelogs.len(), random);
        self.counts.add("session ended", expired as u64);
        self.counts.add("rebalance", u64::from(completed));
    }

    /// Processes whose workers can iterate now.
    pub fn ready(&self) -> Vec<usize> {
        let can = |id: &usize| {
            let client = &self.clients[*id];
            client.alive && !client.busy && client.wake_at <= self.now && client.frozen_until <= self.now
        };
        (0..self.clients.len()).filter(can).collect()
    }

    /// No worker can iterate: advances time until one can, or until the next event.
    pub fn pass(&mut self, limit: Option<Duration>) {
        let awake = self.clients.iter().filter(|client| client.alive && !client.busy);
        let wake = awake.map(|client| client.wake_at.max(client.frozen_until)).min();
        let start = self.starts.first().map(|(at, _)| *at);
        let next = [wake, start, self.next_event(), limit].into_iter().flatten().min();
        // An event that is due already waits for a process: try again a little later.
        let soonest = self.now + Duration::from_millis(1);
        self.now = next.unwrap_or(soonest).max(soonest);
        self.keep();
    }

    /// Draws faults of the brokers, compaction and retention.
    pub fn weather(&mut self) {
        let session = SESSION_TIMEOUT.as_millis() as u64;
        if self.random.chance(self.odds.cut) && !self.clients.is_empty() {
            let id = self.random.below(self.clients.len() as u64) as usize;
            self.clients[id].cut_until = self.now + self.random.millis(100, 2 * session);
            self.counts.add("a process is cut off", u64::from(self.clients[id].alive));
        }
        if self.random.chance(self.odds.outage) {
            let until = self.now + self.random.millis(100, 2 * session);
            self.clients.iter_mut().for_each(|client| client.cut_until = until);
            self.counts.note("all brokers are gone");
        }
        if self.random.chance(self.odds.coordinator) {
            self.coordinator_gone_until = self.now + self.random.millis(100, session);
            self.counts.note("the coordinators are gone");
        }
        if self.random.chance(self.odds.compact) {
            let partition = self.random.below(self.changelogs.len() as u64) as usize;
            let reads = |client: &super::client::Client| {
                client.alive && client.reader.as_ref().is_some_and(|reader| reader.partition == partition)
            };
            let is_read = self.clients.iter().any(reads);
            let gone = self.changelogs[partition].compact(&mut self.random, is_read);
            self.counts.note("changelog compacted");
            self.counts.add("changelog records removed", gone as u64);
            self.trim_backfill_topic();
        }
    }

    /// Whether all input of a partition is committed and all backfills are delivered.
    pub fn is_done(&self, partition: usize) -> bool {
        let length = self.input.partitions[partition].len() as i64;
        // An empty partition commits nothing but its first offset.
        let stands = self.offsets.get(&partition).map_or(0, |(next, _)| *next);
        stands >= length
            && self.readable(partition) == length
            && !self.is_pending(partition)
            && self.loader.next_event().is_none()
    }
}
