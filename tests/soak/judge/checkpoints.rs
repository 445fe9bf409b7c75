//! Checkpoints of the changelog: each commit writes one, numbered. Decodes their bytes without the library:
//! one byte for the version, then [postcard](https://postcard.jamesmunns.com/wire-format).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use insightd::config::Config;
use rdkafka::message::Message as _;
use serde::{Deserialize, Serialize};

use super::topics::Follower;

/// The low bits of a state's number identify the writer, the bits above count the commits.
const WRITER_BITS: u32 = 24;

#[derive(Deserialize)]
struct Written {
    state: u64,
    next: i64,
    idle_advances: Vec<(i64, i64)>,
    /// Offset of the backfill topic.
    backfill_next: i64,
}

/// A checkpoint as read from the changelog.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    partition: i32,
    offset: i64,
    /// Whether its transaction was committed.
    committed: bool,
    state: u64,
    next: i64,
    idle_advances: usize,
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
                let mut checkpoints = Vec::new();
                while !closed.load(Ordering::Relaxed) {
                    checkpoints.extend(follower.next().and_then(|message| checkpoint(&message)));
                }
                let ends: Vec<(i32, i64)> = (0..).zip(follower.ends(config)).collect();
                follower.read_to(&ends, |message| checkpoints.extend(checkpoint(message)));
                checkpoints
            }
        };
        let (committed, all) = (scope.spawn(of(true)), scope.spawn(of(false)));
        // Ends when the parent closes standard input, or dies.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        closed.store(true, Ordering::Relaxed);
        (committed.join().expect("no panic"), all.join().expect("no panic"))
    });
    let is_committed: std::collections::BTreeSet<_> =
        committed.iter().map(|checkpoint| (checkpoint.partition, checkpoint.offset)).collect();
    for checkpoint in &mut all {
        checkpoint.committed = is_committed.contains(&(checkpoint.partition, checkpoint.offset));
    }
    let lost = is_committed.len() - all.iter().filter(|checkpoint| checkpoint.committed).count();
    assert_eq!(lost, 0, "compaction removed checkpoints before the judge read them");
    super::save(into, "checkpoints", &all);
}

fn checkpoint(message: &rdkafka::message::BorrowedMessage<'_>) -> Option<Checkpoint> {
    if message.key() != Some(b"T".as_slice()) {
        return None;
    }
    let value = message.payload().expect("a checkpoint has no tombstone");
    assert_eq!(value[0], 2, "a checkpoint of another version");
    let written: Written = postcard::from_bytes(&value[1..]).expect("a checkpoint");
    let (partition, offset, idle_advances) = (message.partition(), message.offset(), written.idle_advances.len());
    assert_eq!(written.backfill_next, 0, "nothing is loaded here");
    Some(Checkpoint { partition, offset, committed: false, state: written.state, next: written.next, idle_advances })
}

/// Checks that the committed checkpoints of each partition are one chain without a gap, from the first commit
/// to the end of the input. Returns the errors, and the numbers of committed and of uncommitted checkpoints.
pub fn check(checkpoints: &[Checkpoint], ends: &[i64]) -> (Vec<String>, usize, usize) {
    let mut wrong = Vec::new();
    let mut last: BTreeMap<i32, (u64, i64)> = BTreeMap::new();
    for checkpoint in checkpoints.iter().filter(|checkpoint| checkpoint.committed) {
        let Checkpoint { partition, offset, next, .. } = *checkpoint;
        let place = format!("the checkpoint at offset {offset} of partition {partition}");
        let number = checkpoint.state >> WRITER_BITS;
        let (before, began) = last.insert(partition, (number, next)).unwrap_or_default();
        if number != before + 1 {
            wrong.push(format!("EO-1: {place} has number {number} after {before}"));
        }
        if next < began {
            wrong.push(format!("EO-2: {place} has offset {next} after {began}"));
        }
        if checkpoint.idle_advances > 0 {
            wrong.push(format!("{place} has idle advances: the fold cannot be repeated"));
        }
    }
    for (partition, end) in (0..).zip(ends) {
        let stands = last.get(&partition).map_or(0, |(_, next)| *next);
        if stands != *end {
            wrong.push(format!(
                "lost: partition {partition} of the input ends at {end}, its last checkpoint is at {stands}"
            ));
        }
    }
    let committed = checkpoints.iter().filter(|checkpoint| checkpoint.committed).count();
    (wrong, committed, checkpoints.len() - committed)
}
