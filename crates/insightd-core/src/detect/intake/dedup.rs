//! The eventIDs seen within a horizon of event time, at 16 bytes an event or less.
//!
//! A copy of a record carries the same eventTime, so it can only lie in the bucket of its own hour: one
//! lookup, and expiry drops whole buckets. The index keeps a 64-bit hash of each eventID (the chance that two
//! of a million events in an hour collide is 3e-8). A bucket keeps most hashes in a sorted vector (8 bytes an
//! event, found by interpolation, since hashes are uniform) and at most the newest fifth in a hash set (at
//! most 21 bytes).

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::{HashMap, HashSet};

use crate::cloudtrail::event;
use crate::detect::ids::RegionId;

/// Seconds of event time in one bucket.
const BUCKET_S: i64 = 3600;
/// A set this small is never merged.
const FRESH_MIN: usize = 256;

/// AWS's eventIDs have 36 bytes; longer ones are cut to this many.
pub(crate) const ID_BYTES_MAX: usize = 256;

/// The part of an eventID that is compared.
pub(crate) fn cut(id: &str) -> &str {
    event::cut(id, ID_BYTES_MAX)
}

/// The hash of an eventID. It is saved, so it must be the same in every release: XXH3, whose values are
/// specified.
pub(crate) fn hash(id: &str) -> u64 {
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
pub(crate) struct Bucket {
    hour: i64,
    sorted: Vec<u64>,
    fresh: HashSet<u64, BuildHasherDefault<Identity>>,
    /// Changelog records that hold some of them.
    pub(crate) records: Vec<u64>,
}

/// What the open transaction has changed in the indexes of all regions.
#[derive(Debug, Default)]
pub(crate) struct DedupChanges {
    is_recorded: bool,
    remembered: Vec<(RegionId, u64, i64)>,
    expired: Vec<(RegionId, Bucket)>,
}

impl DedupChanges {
    /// Nothing changed yet; nothing is recorded unless `is_recorded`.
    pub(crate) fn new(is_recorded: bool) -> Self {
        Self { is_recorded, ..Self::default() }
    }

    /// Whether nothing was changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.remembered.is_empty() && self.expired.is_empty()
    }

    /// eventIDs that were remembered: region, hash, event time (seconds).
    pub(crate) fn remembered(&self) -> &[(RegionId, u64, i64)] {
        &self.remembered
    }

    /// Buckets that were dropped.
    pub(crate) fn expired(&self) -> &[(RegionId, Bucket)] {
        &self.expired
    }

    /// Takes the buckets that were dropped, to be reinserted.
    pub(crate) fn take_expired(&mut self) -> Vec<(RegionId, Bucket)> {
        std::mem::take(&mut self.expired)
    }

    /// Takes the events that were remembered, by region, to be forgotten.
    pub(crate) fn take_remembered(&mut self) -> HashMap<RegionId, ForgottenEvents> {
        let mut remembered: HashMap<RegionId, ForgottenEvents> = HashMap::new();
        for (region, hash, time) in self.remembered.drain(..) {
            remembered.entry(region).or_default().0.insert((hash, hour_of(time)));
        }
        remembered
    }
}

/// Events whose transaction was aborted: hash and hour.
#[derive(Debug, Default)]
pub(crate) struct ForgottenEvents(HashSet<(u64, i64)>);

/// What dropping the oldest bucket freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortened {
    /// eventIDs that are forgotten.
    pub(crate) freed: usize,
    /// Repeats of events dated from this time on (seconds) are still recognized.
    pub(crate) floor: i64,
}

/// The eventIDs of one clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct DedupIndex {
    buckets: Vec<Bucket>,
}

impl DedupIndex {
    /// Whether an event dated `time` (seconds) is remembered.
    pub(crate) fn contains(&self, hash: u64, time: i64) -> bool {
        let hour = hour_of(time);
        self.buckets.iter().any(|b| b.hour == hour && b.contains(hash))
    }

    /// Remembers an event of `region` dated `time` (seconds). False if it was there already.
    pub(crate) fn remember(&mut self, hash: u64, time: i64, region: RegionId, changes: &mut DedupChanges) -> bool {
        let is_new = self.insert_in_hour(hash, hour_of(time));
        if is_new && changes.is_recorded {
            changes.remembered.push((region, hash, time));
        }
        is_new
    }

    /// Inserts an eventID that the changelog holds for `hour`. False if it was there already.
    pub(crate) fn restore(&mut self, hash: u64, hour: i64) -> bool {
        self.insert_in_hour(hash, hour)
    }

    fn insert_in_hour(&mut self, hash: u64, hour: i64) -> bool {
        let at = match self.buckets.iter().rposition(|b| b.hour == hour) {
            Some(at) => at,
            None => {
                self.buckets.push(Bucket { hour, ..Bucket::default() });
                self.buckets.len() - 1
            }
        };
        self.buckets[at].insert(hash)
    }

    /// Drops the buckets that lie wholly before `time` (seconds). Returns how many eventIDs that frees.
    pub(crate) fn expire(&mut self, time: i64, region: RegionId, changes: &mut DedupChanges) -> usize {
        let hour = hour_of(time);
        let mut freed = 0;
        for bucket in self.buckets.extract_if(.., |b| b.hour < hour) {
            freed += bucket.len();
            if changes.is_recorded {
                changes.expired.push((region, bucket));
            }
        }
        freed
    }

    /// Drops the oldest bucket because a bound was reached. Never drops the newest one: its hour is still
    /// arriving, and dropping it would make every new record too late.
    pub(crate) fn shorten(&mut self, region: RegionId, changes: &mut DedupChanges) -> Option<Shortened> {
        if self.buckets.len() < 2 {
            return None;
        }
        let oldest = (0..self.buckets.len()).min_by_key(|&i| self.buckets[i].hour)?;
        let bucket = self.buckets.swap_remove(oldest);
        let shortened = Shortened { freed: bucket.len(), floor: (bucket.hour + 1) * BUCKET_S };
        if changes.is_recorded {
            changes.expired.push((region, bucket));
        }
        Some(shortened)
    }

    /// Puts back a bucket that an aborted transaction dropped.
    pub(crate) fn reinsert(&mut self, bucket: Bucket) {
        self.buckets.push(bucket);
    }

    /// Forgets events that an aborted transaction remembered.
    pub(crate) fn forget(&mut self, ForgottenEvents(events): &ForgottenEvents) {
        for bucket in &mut self.buckets {
            let hour = bucket.hour;
            bucket.fresh.retain(|&hash| !events.contains(&(hash, hour)));
            bucket.sorted.retain(|&hash| !events.contains(&(hash, hour)));
        }
        self.buckets.retain(|b| !b.is_empty());
    }

    /// Events remembered.
    pub(crate) fn len(&self) -> usize {
        self.buckets.iter().map(Bucket::len).sum()
    }

    /// The hours that are remembered, with their eventIDs in order.
    pub(crate) fn hours(&self) -> impl Iterator<Item = (i64, Vec<u64>)> + '_ {
        self.buckets.iter().map(|b| {
            let mut hashes: Vec<u64> = b.sorted.iter().chain(&b.fresh).copied().collect();
            hashes.sort_unstable();
            (b.hour, hashes)
        })
    }

    /// Whether events of this hour are remembered.
    pub(crate) fn knows_hour(&self, hour: i64) -> bool {
        self.buckets.iter().any(|b| b.hour == hour)
    }

    /// Notes that a changelog record holds events of this hour. False if the hour is forgotten.
    pub(crate) fn note_record(&mut self, hour: i64, record: u64) -> bool {
        let bucket = self.buckets.iter_mut().find(|b| b.hour == hour);
        bucket.map(|b| b.records.push(record)).is_some()
    }

    /// Heap bytes in use (estimate from capacities).
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.buckets.iter().map(|b| b.sorted.capacity() * 8 + b.fresh.allocation_size()).sum()
    }
}

/// Recognizes repeats where records are counted outside of a detector.
#[derive(Debug, Default)]
pub struct RepeatFilter {
    index: DedupIndex,
    changes: DedupChanges,
}

impl RepeatFilter {
    /// Whether this is the first record with this hash of its eventID and this event time (seconds).
    pub fn is_first(&mut self, hash: u64, time: i64) -> bool {
        self.index.remember(hash, time, RegionId { account: 0, region: 0 }, &mut self.changes)
    }

    /// Forgets the hours that lie wholly before `time`, seconds.
    pub fn expire(&mut self, time: i64) {
        self.index.expire(time, RegionId { account: 0, region: 0 }, &mut self.changes);
    }
}

/// The hour in whose bucket an event dated `time` (seconds) lies.
pub(crate) fn hour_of(time: i64) -> i64 {
    time.div_euclid(BUCKET_S)
}

impl Bucket {
    /// Whether no event is remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Events remembered.
    pub(crate) fn len(&self) -> usize {
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
        // Searches a window around the guess; on a miss, continues in the part that remains.
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

    const REGION: RegionId = RegionId { account: 0, region: 0 };

    #[test]
    fn sixteen_bytes_an_event_at_any_size() {
        for n in [1_000_u64, 3_600, 10_000, 57_344, 57_345, 100_000, 458_753, 1_000_000] {
            let (mut seen, mut changes) = (DedupIndex::default(), DedupChanges::default());
            assert!((0..n).all(|i| seen.remember(mix(i), 1000, REGION, &mut changes)));
            assert!((0..n).step_by(97).all(|i| !seen.remember(mix(i), 1000, REGION, &mut changes)));
            let bytes = seen.bytes() as f64 / n as f64;
            assert!(bytes <= 16.0, "{bytes} bytes an event at {n} events");
        }
    }

    #[test]
    fn expiry_and_shortening_give_back_their_events() {
        let (mut seen, mut changes) = (DedupIndex::default(), DedupChanges::new(true));
        for hour in 0..5 {
            (0..10).for_each(|i| assert!(seen.remember(mix(i), hour * 3600, REGION, &mut changes)));
        }
        assert_eq!(seen.expire(2 * 3600 + 5, REGION, &mut changes), 20);
        assert_eq!(seen.shorten(REGION, &mut changes), Some(Shortened { freed: 10, floor: 3 * 3600 }));
        assert!(!seen.contains(mix(1), 2 * 3600), "forgotten");
        assert!(seen.contains(mix(1), 3 * 3600), "still there");
        assert_eq!(seen.shorten(REGION, &mut changes), Some(Shortened { freed: 10, floor: 4 * 3600 }));
        assert_eq!(seen.shorten(REGION, &mut changes), None, "the newest hour stays");
        assert!(!seen.remember(mix(1), 4 * 3600, REGION, &mut changes), "still there");
        assert_eq!((changes.remembered().len(), changes.expired().len()), (50, 4));
    }

    proptest! {
        #[test]
        fn equals_a_plain_set(keys in prop::collection::vec((0u64..2000, 0i64..3), 0..6000)) {
            let (mut seen, mut changes, mut plain) = (DedupIndex::default(), DedupChanges::default(), Plain::new());
            for (key, hour) in keys {
                prop_assert_eq!(seen.remember(mix(key), hour * 3600, REGION, &mut changes), plain.insert((key, hour)));
            }
        }
    }
}
