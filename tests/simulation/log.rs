//! One partition of a topic as a broker keeps it: records of transactions, the markers that end them, the
//! last stable offset, compaction.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::random::Random;

/// Number of a transaction, over all producers.
pub type Number = usize;
/// Bytes of a key or a value.
pub type Bytes = Rc<[u8]>;

/// The entry at an offset.
#[derive(Clone, Debug)]
pub enum What {
    /// A record of a transaction; without a value it is a tombstone.
    Record { of: Number, key: Bytes, value: Option<Bytes> },
    /// The end of a transaction in this partition. It takes an offset, and readers do not see it.
    Marker { of: Number },
}

/// An offset that is in use.
#[derive(Clone, Debug)]
pub struct Entry {
    pub offset: i64,
    pub what: What,
}

/// The log of one partition.
#[derive(Debug, Default)]
pub struct Log {
    entries: Vec<Entry>,
    next: i64,
    /// Transactions without a marker, with the offset of their first record.
    open: BTreeMap<Number, i64>,
    aborted: BTreeSet<Number>,
    /// Tombstones below this offset were seen by a compaction before.
    tombstones: i64,
}

impl Log {
    /// Adds a record.
    pub fn append(&mut self, of: Number, key: Bytes, value: Option<Bytes>) {
        self.open.entry(of).or_insert(self.next);
        self.push(What::Record { of, key, value });
    }

    /// Adds the marker that ends a transaction here.
    pub fn end(&mut self, of: Number, commit: bool) {
        if self.open.remove(&of).is_some() {
            if !commit {
                self.aborted.insert(of);
            }
            self.push(What::Marker { of });
        }
    }

    fn push(&mut self, what: What) {
        self.entries.push(Entry { offset: self.next, what });
        self.next += 1;
    }

    /// Offset after the last entry.
    pub fn high(&self) -> i64 {
        self.next
    }

    /// Last stable offset: nothing below it belongs to an open transaction.
    pub fn stable(&self) -> i64 {
        self.open.values().copied().min().unwrap_or(self.next)
    }

    /// Offset of the oldest entry.
    pub fn oldest(&self) -> i64 {
        self.entries.first().map_or(self.next, |entry| entry.offset)
    }

    /// The first entry at or after an offset.
    pub fn at(&self, offset: i64) -> Option<&Entry> {
        self.entries.get(self.entries.partition_point(|entry| entry.offset < offset))
    }

    /// Whether a reader of committed records sees the records of this transaction.
    pub fn is_committed(&self, of: Number) -> bool {
        !self.aborted.contains(&of) && !self.open.contains_key(&of)
    }

    /// Committed records below the last stable offset, in order.
    pub fn committed(&self) -> impl Iterator<Item = (&Bytes, Option<&Bytes>)> {
        let stable = self.stable();
        self.entries.iter().take_while(move |entry| entry.offset < stable).filter_map(|entry| match &entry.what {
            What::Record { of, key, value } if self.is_committed(*of) => Some((key, value.as_ref())),
            _ => None,
        })
    }

    /// Removes all entries below an offset, as retention does. Returns the number of removed entries.
    pub fn trim(&mut self, below: i64) -> usize {
        let below = below.min(self.stable());
        let before = self.entries.len();
        self.entries.retain(|entry| entry.offset >= below);
        before - self.entries.len()
    }

    /// Cleans below a random offset, as a log cleaner does: keeps the newest committed record of each key;
    /// removes aborted records, and markers of transactions without records. Removes a tombstone only if an
    /// earlier cleaning has seen it and no reader is active. Returns the number of removed entries.
    pub fn compact(&mut self, random: &mut Random, is_read: bool) -> usize {
        let stable = self.stable();
        let below = self.oldest() + random.below((stable - self.oldest()).max(0) as u64 + 1) as i64;
        let mut newest: BTreeMap<Bytes, i64> = BTreeMap::new();
        for entry in self.entries.iter().take_while(|entry| entry.offset < below) {
            if let What::Record { of, key, .. } = &entry.what
                && self.is_committed(*of)
            {
                newest.insert(Rc::clone(key), entry.offset);
            }
        }
        let before = self.entries.len();
        let (tombstones, next) = (self.tombstones, self.next);
        let aborted = std::mem::take(&mut self.aborted);
        self.entries.retain(|entry| match &entry.what {
            _ if entry.offset >= below || entry.offset + 1 == next => true,
            What::Record { of, .. } if aborted.contains(of) => false,
            What::Record { value: None, .. } if entry.offset < tombstones && !is_read => false,
            What::Record { key, .. } => newest.get(key) == Some(&entry.offset),
            What::Marker { .. } => true,
        });
        let left: BTreeSet<Number> = self.entries.iter().filter_map(|entry| entry.record_of()).collect();
        self.entries.retain(|entry| match &entry.what {
            What::Marker { of } => entry.offset >= below || entry.offset + 1 == next || left.contains(of),
            What::Record { .. } => true,
        });
        self.aborted = aborted;
        self.tombstones = self.tombstones.max(below);
        before - self.entries.len()
    }
}

impl Entry {
    fn record_of(&self) -> Option<Number> {
        match &self.what {
            What::Record { of, .. } => Some(*of),
            What::Marker { .. } => None,
        }
    }
}
