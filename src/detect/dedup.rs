//! Which eventIDs were seen, over a horizon of event time, at 16 bytes an event or less.
//!
//! A copy of a record carries the same eventTime, so it can only lie in the bucket of its own hour: one look-up, and expiry is
//! the dropping of whole buckets. Of an eventID 64 bits of hash are kept (for a million events in an hour two different ones
//! share them with a probability of 3e-8). In a bucket the bulk lies in a sorted vector (8 bytes an event, found by interpolation,
//! since hashes are uniform) and the newest fifth at most in a hash set (at most 21 bytes).

use std::hash::{BuildHasherDefault, Hash, Hasher};

use hashbrown::HashSet;

/// Seconds of event time in one bucket.
const BUCKET_S: i64 = 3600;
/// A set this small is never merged.
const FRESH_MIN: usize = 256;

/// What is kept of an eventID.
pub fn hash(id: &str) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
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

#[derive(Clone, Debug, Default)]
struct Bucket {
    hour: i64,
    sorted: Vec<u64>,
    fresh: HashSet<u64, BuildHasherDefault<Identity>>,
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

    /// Forgets what lies wholly before `time`; returns how many events that were.
    pub fn expire(&mut self, time: i64) -> usize {
        let hour = time.div_euclid(BUCKET_S);
        let mut gone = 0;
        self.buckets.retain(|b| {
            let keep = b.hour >= hour;
            gone += if keep { 0 } else { b.len() };
            keep
        });
        gone
    }

    /// Forgets the oldest bucket because a bound was reached; returns how many events that were. The newest one stays: what lies
    /// in its hour is arriving now, and would all be too late.
    pub fn shorten(&mut self) -> usize {
        if self.buckets.len() < 2 {
            return 0;
        }
        let Some(oldest) = (0..self.buckets.len()).min_by_key(|&i| self.buckets[i].hour) else { return 0 };
        let bucket = self.buckets.swap_remove(oldest);
        self.floor = self.floor.max((bucket.hour + 1) * BUCKET_S);
        bucket.len()
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

impl Bucket {
    fn len(&self) -> usize {
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
    use std::collections::HashSet as Plain;

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
        assert_eq!(seen.expire(2 * 3600 + 5), 20);
        assert_eq!(seen.shorten(), 10);
        assert_eq!(seen.floor(), 3 * 3600);
        assert!(!seen.contains(mix(1), 2 * 3600), "forgotten");
        assert!(seen.contains(mix(1), 3 * 3600), "still there");
        assert_eq!(seen.shorten(), 10);
        assert_eq!(seen.shorten(), 0, "the newest hour stays");
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
