//! Heads of the changelog: one with each commit, numbered. They are read here by their written form alone:
//! one byte, the version, then [postcard](https://postcard.jamesmunns.com/wire-format).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use insightd::config::Config;
use rdkafka::message::Message as _;
use serde::{Deserialize, Serialize};

use super::topics::Follower;

/// The low bits of a state's number tell writers apart, those above count the commits.
const WRITER_BITS: u32 = 24;

#[derive(Deserialize)]
struct Written {
    state: u64,
    next: i64,
    silences: Vec<(i64, i64)>,
    /// Offset of the history topic.
    backfill_next: i64,
}

/// A head as it was seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    partition: i32,
    offset: i64,
    /// Its transaction was committed.
    committed: bool,
    state: u64,
    next: i64,
    silences: usize,
}

/// See `judge watch`.
pub fn watch(config: &Config, into: &Path) {
    let closed = AtomicBool::new(false);
    let topic = &config.state.topic;
    let (committed, mut all) = thread::scope(|scope| {
        let of = |committed: bool| {
            let closed = &closed;
            move || {
                let follower = Follower::new(config, topic, committed);
                let mut heads = Vec::new();
                while !closed.load(Ordering::Relaxed) {
                    heads.extend(follower.next().and_then(|message| head(&message)));
                }
                let ends: Vec<(i32, i64)> = (0..).zip(follower.ends(config)).collect();
                follower.read_to(&ends, |message| heads.extend(head(message)));
                heads
            }
        };
        let (committed, all) = (scope.spawn(of(true)), scope.spawn(of(false)));
        // Ends when whoever has started this closes it, or is gone.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        closed.store(true, Ordering::Relaxed);
        (committed.join().expect("no panic"), all.join().expect("no panic"))
    });
    let is_committed: std::collections::BTreeSet<_> =
        committed.iter().map(|head| (head.partition, head.offset)).collect();
    for head in &mut all {
        head.committed = is_committed.contains(&(head.partition, head.offset));
    }
    let lost = is_committed.len() - all.iter().filter(|head| head.committed).count();
    assert_eq!(lost, 0, "heads were compacted away before they were seen");
    super::save(into, "heads", &all);
}

fn head(message: &rdkafka::message::BorrowedMessage<'_>) -> Option<Head> {
    if message.key() != Some(b"T".as_slice()) {
        return None;
    }
    let value = message.payload().expect("a head is never taken back");
    assert_eq!(value[0], 2, "a head of another version");
    let written: Written = postcard::from_bytes(&value[1..]).expect("a head");
    let (partition, offset, silences) = (message.partition(), message.offset(), written.silences.len());
    assert_eq!(written.backfill_next, 0, "nothing is loaded here");
    Some(Head { partition, offset, committed: false, state: written.state, next: written.next, silences })
}

/// Whether the committed heads of each partition are one chain without a gap, from the first commit to the
/// end of the input. Says what is wrong, and how many there are: committed, and written in vain.
pub fn check(heads: &[Head], ends: &[i64]) -> (Vec<String>, usize, usize) {
    let mut wrong = Vec::new();
    let mut last: BTreeMap<i32, (u64, i64)> = BTreeMap::new();
    for head in heads.iter().filter(|head| head.committed) {
        let Head { partition, offset, next, .. } = *head;
        let place = format!("the head at offset {offset} of partition {partition}");
        let number = head.state >> WRITER_BITS;
        let (before, began) = last.insert(partition, (number, next)).unwrap_or_default();
        if number != before + 1 {
            wrong.push(format!("EO-1: {place} has number {number} after {before}"));
        }
        if next < began {
            wrong.push(format!("EO-2: {place} stands at {next} after {began}"));
        }
        if head.silences > 0 {
            wrong.push(format!("{place} has silences: the fold cannot be repeated"));
        }
    }
    for (partition, end) in (0..).zip(ends) {
        let stands = last.get(&partition).map_or(0, |(_, next)| *next);
        if stands != *end {
            wrong.push(format!(
                "lost: partition {partition} of the input ends at {end}, its last head stands at {stands}"
            ));
        }
    }
    let committed = heads.iter().filter(|head| head.committed).count();
    (wrong, committed, heads.len() - committed)
}
