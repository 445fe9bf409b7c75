//! Which eventIDs were seen, over a horizon of event time, at 16 bytes an event or less.
//!
//! A copy of a record carries the same eventTime, so it can only lie in the bucket of its own hour: one look-up, and expiry is
//! the dropping of whole buckets. Of an eventID 64 bits of hash are kept (for a million events in an hour two different ones
//! share them with a probability of 3e-8). In a bucket the bulk lies in a sorted vector (8 bytes an event, found by interpolation,
//! since hashes are uniform) and the newest fifth at most in a hash set (at most 21 bytes).

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashSet;

use crate::cloudtrail::event;

/// Seconds of event time in one bucket.
const BUCKET_S: i64 = 3600;
/// A set this small is never merged.
const FRESH_MIN: usize = 256;

/// AWS's eventIDs have 36 bytes; a longer one than this is told by its beginning.
pub const ID_BYTES_MAX: usize = 256;

/// What of an eventID counts.
pub fn cut(id: &str) -> &str {
    event::cut(id, ID_BYTES_MAX)
}

/// What is kept of an eventID. It is saved, so it must be the same in every release: XXH3, whose values are specified.
pub fn hash(id: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(cut(id).as_bytes())
}

/// The keys are hashes already.
#[derive(Clone, Copy, Debug, Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// The eventIDs of one hour of event time.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    hour: i64,
    sorted: Vec<u64>,
    fresh: HashSet<u64, BuildHasherDefault<Identity>>,
    /// Records of the changelog that hold some of them.
    pub records: Vec<u64>,
}

/// The eventIDs of one clock.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    buckets: Vec<Bucket>,
    /// Events older than this can no longer be told from repeats: the bound has pushed them out.
    floor: i64,
}

impl Seen {
    /// Whether an event of time `time` (seconds) is remembered.
    pub fn contains(&self, hash: u64, time: i64) -> bool {
        let hour = time.div_euclid(BUCKET_S);
        self.buckets.iter().any(|b| b.hour == hour && b.contains(hash))
    }

    /// Remembers an event of time `time` (seconds); false if it was there already.
    pub fn insert(&mut self, hash: u64, time: i64) -> bool {
        let hour = time.div_euclid(BUCKET_S);
        let at = match self.buckets.iter().rposition(|b| b.hour == hour) {
            Some(at) => at,
            None => {
                self.buckets.push(Bucket { hour, ..Bucket::default() });
                self.buckets.len() - 1
            }
        };
        self.buckets[at].insert(hash)
    }

    /// Forgets what lies wholly before `time`; returns it.
    pub fn expire(&mut self, time: i64) -> Vec<Bucket> {
        let hour = time.div_euclid(BUCKET_S);
        self.buckets.extract_if(.., |b| b.hour < hour).collect()
    }

    /// Forgets the oldest bucket because a bound was reached; returns it. The newest one stays: what lies
    /// in its hour is arriving now, and would all be too late.
    pub fn shorten(&mut self) -> Option<Bucket> {
        if self.buckets.len() < 2 {
            return None;
        }
        let oldest = (0..self.buckets.len()).min_by_key(|&i| self.buckets[i].hour)?;
        let bucket = self.buckets.swap_remove(oldest);
        self.floor = self.floor.max((bucket.hour + 1) * BUCKET_S);
        Some(bucket)
    }

    /// Takes back a bucket that was forgotten in a transaction that was not committed.
    pub fn readmit(&mut self, bucket: Bucket) {
        self.buckets.push(bucket);
    }

    /// Forgets events that were remembered in a transaction that was not committed. Returns how many it knew.
    pub fn forget(&mut self, events: &HashSet<(u64, i64)>) -> usize {
        let before = self.len();
        for bucket in &mut self.buckets {
            let hour = bucket.hour;
            bucket.fresh.retain(|&hash| !events.contains(&(hash, hour)));
            bucket.sorted.retain(|&hash| !events.contains(&(hash, hour)));
        }
        self.buckets.retain(|b| !b.is_empty());
        before - self.len()
    }

    /// Sets the earliest time that can be told from a repeat, as it was saved or before a transaction; forgets what lies before it.
    pub fn set_floor(&mut self, floor: i64) {
        self.floor = floor;
        self.buckets.retain(|b| b.hour * BUCKET_S >= floor);
    }

    /// Events remembered.
    pub fn len(&self) -> usize {
        self.buckets.iter().map(Bucket::len).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The hours that are remembered, with their events in order.
    pub fn hours(&self) -> impl Iterator<Item = (i64, Vec<u64>)> + '_ {
        self.buckets.iter().map(|b| {
            let mut hashes: Vec<u64> = b.sorted.iter().chain(&b.fresh).copied().collect();
            hashes.sort_unstable();
            (b.hour, hashes)
        })
    }

    /// Remembers an event of this hour; false if it was there already.
    pub fn insert_in_hour(&mut self, hash: u64, hour: i64) -> bool {
        self.insert(hash, hour * BUCKET_S)
    }

    /// Whether events of this hour are remembered.
    pub fn knows_hour(&self, hour: i64) -> bool {
        self.buckets.iter().any(|b| b.hour == hour)
    }

    /// Notes that a record of the changelog holds events of this hour. False if the hour is forgotten.
    pub fn note_record(&mut self, hour: i64, record: u64) -> bool {
        let bucket = self.buckets.iter_mut().find(|b| b.hour == hour);
        bucket.map(|b| b.records.push(record)).is_some()
    }

    /// Earliest time that can still be told from a repeat, as far as the bound is concerned.
    pub fn floor(&self) -> i64 {
        self.floor
    }

    /// Heap bytes in use (estimate from capacities).
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.buckets.iter().map(|b| b.sorted.capacity() * 8 + b.fresh.allocation_size()).sum()
    }
}

/// The hour whose bucket an event of time `time` (seconds) lies in.
pub fn hour_of(time: i64) -> i64 {
    time.div_euclid(BUCKET_S)
}

impl Bucket {
    /// Whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Events remembered.
    pub fn len(&self) -> usize {
        self.sorted.len() + self.fresh.len()
    }

    fn contains(&self, hash: u64) -> bool {
        self.fresh.contains(&hash) || contains(&self.sorted, hash)
    }

    fn insert(&mut self, hash: u64) -> bool {
        if contains(&self.sorted, hash) || !self.fresh.insert(hash) {
            return false;
        }
        if self.fresh.len() >= FRESH_MIN.max(self.sorted.len() / 4) {
            self.merge();
        }
        true
    }

    fn merge(&mut self) {
        let mut fresh: Vec<u64> = std::mem::take(&mut self.fresh).into_iter().collect();
        fresh.sort_unstable();
        let mut merged = Vec::with_capacity(self.sorted.len() + fresh.len());
        let (mut old, mut new) = (self.sorted.iter().peekable(), fresh.iter().peekable());
        while let (Some(&&a), Some(&&b)) = (old.peek(), new.peek()) {
            if a < b {
                merged.push(a);
                old.next();
            } else {
                merged.push(b);
                new.next();
            }
        }
        merged.extend(old);
        merged.extend(new);
        self.sorted = merged;
    }
}

/// Interpolation search among sorted, uniformly spread hashes.
fn contains(sorted: &[u64], hash: u64) -> bool {
    let (mut low, mut high) = (0, sorted.len());
    while high - low > 16 {
        let (first, last) = (sorted[low], sorted[high - 1]);
        if hash < first || hash > last {
            return false;
        }
        let span = u128::from(last - first).max(1);
        let guess = low + (u128::from(hash - first) * (high - low - 1) as u128 / span) as usize;
        // A window around the guess; outside of it the search goes on in the part that remains.
        let width = ((high - low) as f64).sqrt() as usize / 2 + 1;
        let (from, to) = (guess.saturating_sub(width).max(low), (guess + width + 1).min(high));
        if sorted[from] > hash {
            high = from;
        } else if sorted[to - 1] < hash {
            low = to;
        } else {
            return sorted[from..to].binary_search(&hash).is_ok();
        }
    }
    sorted[low..high].contains(&hash)
}

#[cfg(test)]
mod tests {
    use hashbrown::HashSet as Plain;

    use proptest::prelude::*;

    use super::*;

    fn mix(i: u64) -> u64 {
        let mut x = i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x ^ (x >> 27)
    }

    #[test]
    fn sixteen_bytes_an_event_at_any_size() {
        for n in [1_000_u64, 3_600, 10_000, 57_344, 57_345, 100_000, 458_753, 1_000_000] {
            let mut seen = Seen::default();
            assert!((0..n).all(|i| seen.insert(mix(i), 1000)));
            assert!((0..n).step_by(97).all(|i| !seen.insert(mix(i), 1000)));
            let bytes = seen.bytes() as f64 / n as f64;
            assert!(bytes <= 16.0, "{bytes} bytes an event at {n} events");
        }
    }

    #[test]
    fn expiry_and_shortening_give_back_their_events() {
        let mut seen = Seen::default();
        for hour in 0..5 {
            (0..10).for_each(|i| assert!(seen.insert(mix(i), hour * 3600)));
        }
        let len = |bucket: Option<Bucket>| bucket.map(|b| b.len());
        assert_eq!(seen.expire(2 * 3600 + 5).iter().map(Bucket::len).sum::<usize>(), 20);
        assert_eq!(len(seen.shorten()), Some(10));
        assert_eq!(seen.floor(), 3 * 3600);
        assert!(!seen.contains(mix(1), 2 * 3600), "forgotten");
        assert!(seen.contains(mix(1), 3 * 3600), "still there");
        assert_eq!(len(seen.shorten()), Some(10));
        assert_eq!(len(seen.shorten()), None, "the newest hour stays");
        assert!(!seen.insert(mix(1), 4 * 3600), "still there");
    }

    proptest! {
        #[test]
        fn equals_a_plain_set(keys in prop::collection::vec((0u64..2000, 0i64..3), 0..6000)) {
            let (mut seen, mut plain) = (Seen::default(), Plain::new());
            for (key, hour) in keys {
                prop_assert_eq!(seen.insert(mix(key), hour * 3600), plain.insert((key, hour)));
            }
        }
    }
}
