//! The oracle: a plain fold over the input of each partition, without transactions, changelog or restarts.
//! Each commit is compared with the fold at the moment of its decision, so at any time the committed output
//! is the fold of the committed input, byte for byte.

use std::collections::{BTreeMap, VecDeque};

use insightd::config::Config;
use insightd::stream::broker::Position;
use insightd_core::cloudtrail::insight::Insight;
use insightd_core::detect::{BackfillRefusal, Detector, Restorer, Settings};
use insightd_core::invariants::{
    StateAt, memory_is_committed, offset_follows, state_advances, state_belongs_to_offset,
};
use insightd_core::pipeline::{DeadLetterRecord, Outcome, Output, Pipeline, Tally};
use insightd_core::state::{CHECKPOINT_KEY, Checkpoint, IdleAdvance};

use super::backfill::Records;
use super::cluster::{Applied, Place, Written};
use super::traffic::{Traffic, partition_of};

/// The whole state of a detector in a fixed order: two detectors are equal if their images are.
pub type Image = Vec<(Vec<u8>, Vec<u8>)>;

/// What one commit added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    pub insights: u64,
    pub dead_letters: u64,
    pub idle_advances: u64,
    pub backfills: Vec<Result<(), BackfillRefusal>>,
    pub outcomes: [u64; Outcome::ALL.len()],
}

/// The fold of one partition.
struct Fold {
    pipeline: Pipeline,
    next: i64,
    state: u64,
    /// Next offset of the backfill topic.
    backfill_next: i64,
    /// Backfills that are delivered and not merged yet: offset after the last part, records.
    backfills: VecDeque<(i64, Records)>,
    image: Option<Image>,
}

/// The folds of all partitions.
pub struct Oracle {
    settings: Settings,
    folds: Vec<Fold>,
    /// What the last commit added.
    pub last: Option<Delta>,
    /// Outcomes of all committed records.
    pub outcomes: [u64; Outcome::ALL.len()],
}

#[derive(Default)]
struct Found {
    insights: Vec<Vec<u8>>,
    dead_letters: Vec<Vec<u8>>,
}

impl Output for Found {
    fn insight(&mut self, insight: Insight) {
        let mut value = Vec::new();
        insight.write_json(&mut value, false);
        self.insights.push(value);
    }

    fn dead_letter(&mut self, record: DeadLetterRecord<'_>) {
        self.dead_letters.push(record.raw.to_vec());
    }
}

/// Outcomes of a tally.
pub fn outcomes(tally: &Tally) -> [u64; Outcome::ALL.len()] {
    Outcome::ALL.map(|outcome| tally.outcome(outcome))
}

/// Adds outcomes.
pub fn add(to: &mut [u64], more: &[u64]) {
    to.iter_mut().zip(more).for_each(|(to, more)| *to += more);
}

/// The image of a detector.
pub fn image(detector: &Detector) -> Image {
    let mut image = Image::new();
    detector.save_all(&mut |key, value| image.push((key.to_vec(), value.unwrap_or_default().to_vec())));
    image.sort_unstable();
    image
}

/// A short description of how two images differ; none if they are equal.
pub fn difference(found: &Image, right: &Image) -> Option<String> {
    if memory_is_committed(found, right) {
        return None;
    }
    let at = found.iter().zip(right).position(|(found, right)| found != right);
    let at = at.unwrap_or(found.len().min(right.len()));
    let (counts, empty) = ((found.len(), right.len()), (Vec::new(), Vec::new()));
    let (found, right) = (found.get(at).unwrap_or(&empty), right.get(at).unwrap_or(&empty));
    let byte = found.1.iter().zip(&right.1).take_while(|(found, right)| found == right).count();
    let text = |(key, value): &(Vec<u8>, Vec<u8>)| {
        let kind = key.first().map_or('-', |kind| char::from(*kind));
        format!("{kind} {:02x?}: {} bytes, .. {:02x?}", key.get(1..).unwrap_or_default(), value.len(), &value[byte..])
    };
    Some(format!(
        "{} and {} records; the first difference is, from byte {byte} on,\n  {}\ninstead of\n  {}",
        counts.0,
        counts.1,
        text(found),
        text(right)
    ))
}

impl Fold {
    /// Merges the backfill topic up to `next`: each backfill that ends by then, as a whole (LOAD-1).
    fn load(
        &mut self,
        next: i64,
        wall: i64,
        settings: &Settings,
        merged: &mut Vec<Result<(), BackfillRefusal>>,
    ) -> Result<(), String> {
        while self.backfills.front().is_some_and(|(end, _)| *end <= next) {
            let (_, records) = self.backfills.pop_front().expect("one");
            let mut restorer = Restorer::new(settings.clone());
            let taken = records.iter().try_for_each(|(key, value)| restorer.take(key, Some(value)));
            let backfill = taken.and_then(|()| restorer.finish());
            let backfill = backfill.map_err(|error| format!("LOAD-1: a backfill cannot be read: {error}"))?;
            merged.push(self.pipeline.detector().merge(backfill, wall).map(|_| ()));
        }
        self.backfill_next = next;
        Ok(())
    }
}

impl Oracle {
    /// Folds that have read nothing.
    pub fn new(config: &Config, partitions: usize) -> Self {
        let fold = |_| Fold {
            pipeline: Pipeline::new(config),
            next: 0,
            state: 0,
            backfill_next: 0,
            backfills: VecDeque::new(),
            image: None,
        };
        Self {
            settings: Settings::from(config),
            folds: (0..partitions).map(fold).collect(),
            last: None,
            outcomes: Default::default(),
        }
    }

    /// Offset after the last committed record, and number of the committed state.
    pub fn stands(&self, partition: usize) -> (i64, u64) {
        (self.folds[partition].next, self.folds[partition].state)
    }

    /// Next offset of a partition of the backfill topic.
    pub fn backfill_next(&self, partition: usize) -> i64 {
        self.folds[partition].backfill_next
    }

    /// Adds a delivered backfill: its transaction is committed, `end` is the offset after its last part.
    pub fn backfill_written(&mut self, partition: usize, end: i64, records: Records) {
        self.folds[partition].backfills.push_back((end, records));
    }

    /// A partition with a backfill that was never merged.
    pub fn left_over(&self) -> Option<usize> {
        self.folds.iter().position(|fold| !fold.backfills.is_empty())
    }

    /// The image of a partition's fold.
    pub fn image(&mut self, partition: usize) -> &Image {
        let fold = &mut self.folds[partition];
        fold.image.get_or_insert_with(|| image(fold.pipeline.detector()))
    }

    /// A transaction is committed: advances the fold to its offsets and compares the two.
    pub fn commit(&mut self, offsets: &[Position], written: &[Written], input: &Traffic) -> Result<Delta, String> {
        let mut delta = Delta::default();
        let mut by_partition: BTreeMap<usize, Found> = BTreeMap::new();
        let partitions = self.folds.len();
        for record in written {
            let value = record.value.as_deref().unwrap_or_default().to_vec();
            match (record.place, record.source) {
                (Place::Output, _) => {
                    let account = std::str::from_utf8(&record.key).map_err(|_| "an insight without an account")?;
                    by_partition.entry(partition_of(account, partitions)).or_default().insights.push(value);
                }
                (Place::Dlq, Some(source)) => by_partition.entry(source).or_default().dead_letters.push(value),
                (Place::Dlq, None) => {
                    return Err("a dead-letter record without a source partition".to_owned());
                }
                (Place::Changelog(number), _) => drop(by_partition.entry(number).or_default()),
                (Place::Offsets | Place::Backfill(_), _) => {}
            }
        }
        for position in offsets {
            let number = position.partition.partition as usize;
            let found = by_partition.remove(&number).unwrap_or_default();
            self.fold(position, written, &input.partitions[number], &found, &mut delta)?;
        }
        match by_partition.into_keys().next() {
            Some(number) => {
                Err(format!("EO-1: a transaction writes for partition {number} but commits no offset of it"))
            }
            None => Ok(delta),
        }
    }

    fn fold(
        &mut self,
        position: &Position,
        written: &[Written],
        input: &[super::traffic::Arrival],
        found: &Found,
        delta: &mut Delta,
    ) -> Result<(), String> {
        let number = position.partition.partition as usize;
        let fold = &mut self.folds[number];
        let (record, checkpoint) = checkpoint_of(fold, number, position, written)?;
        let (mut idle_advances, mut right, mut offset) = (Vec::new(), Found::default(), fold.next);
        for applied in &record.applied {
            match *applied {
                Applied::Record(wall) => {
                    let message = &input[offset as usize];
                    fold.pipeline.payload(&message.payload, Some(Some(&message.key)), wall, &mut right);
                    offset += 1;
                }
                Applied::CaughtUp(wall) => {
                    if fold.pipeline.caught_up(wall, &mut right) {
                        idle_advances.push(IdleAdvance { before: offset, wall });
                    }
                }
                Applied::BackfillResult { next, wall } => {
                    fold.load(next, wall, &self.settings, &mut delta.backfills)?;
                }
            }
        }
        if idle_advances != checkpoint.idle_advances {
            let found = &checkpoint.idle_advances;
            return Err(format!(
                "WM-2: partition {number}: the checkpoint holds idle_advances {found:?}, not {idle_advances:?}"
            ));
        }
        if checkpoint.backfill_next != fold.backfill_next {
            let (found, right) = (checkpoint.backfill_next, fold.backfill_next);
            return Err(format!("LOAD-1: partition {number}: the checkpoint has backfill_next {found}, not {right}"));
        }
        delta.idle_advances += idle_advances.len() as u64;
        compare("insights", number, &found.insights, &right.insights)?;
        compare("dead-letter records", number, &found.dead_letters, &right.dead_letters)?;
        delta.insights += found.insights.len() as u64;
        delta.dead_letters += found.dead_letters.len() as u64;
        let tally = outcomes(&fold.pipeline.take_tally());
        add(&mut delta.outcomes, &tally);
        add(&mut self.outcomes, &tally);
        (fold.next, fold.state, fold.image) = (checkpoint.next, checkpoint.state, None);
        Ok(())
    }
}

/// The checkpoint that a commit writes. Its state belongs to the committed offset and follows the fold's
/// state.
fn checkpoint_of<'w>(
    fold: &Fold,
    number: usize,
    position: &Position,
    written: &'w [Written],
) -> Result<(&'w Written, Checkpoint), String> {
    let of_it = |record: &&Written| record.place == Place::Changelog(number) && *record.key == *CHECKPOINT_KEY;
    let Some(record) = written.iter().rfind(of_it) else {
        return Err(format!("EO-1: partition {number}: offset {} is committed without a state", position.next));
    };
    let checkpoint =
        Checkpoint::read(record.value.as_deref().unwrap_or_default()).map_err(|fault| fault.to_string())?;
    let saved = StateAt { next: checkpoint.next, state: checkpoint.state };
    if !state_belongs_to_offset(saved, StateAt { next: position.next, state: position.state }) {
        return Err(format!("EO-1: partition {number}: the checkpoint is {checkpoint:?}, committed is {position:?}"));
    }
    if !state_advances(fold.state, checkpoint.state) {
        return Err(format!("EO-1: partition {number}: state {} follows state {}", checkpoint.state, fold.state));
    }
    let is_record = |applied: &&Applied| matches!(applied, Applied::Record(_));
    let applied = record.applied.iter().filter(is_record).count() as i64;
    if !offset_follows(fold.next, Some(fold.next + applied - 1), position.next) {
        return Err(format!(
            "EO-2: partition {number}: {applied} records are applied from offset {}, but the committed offset is {}",
            fold.next, position.next
        ));
    }
    Ok((record, checkpoint))
}

fn compare(what: &str, partition: usize, found: &[Vec<u8>], right: &[Vec<u8>]) -> Result<(), String> {
    if found == right {
        return Ok(());
    }
    let text = |list: &[Vec<u8>]| {
        list.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>().join("\n  ")
    };
    Err(format!(
        "EO-B: partition {partition}: committed {what} are\n  {}\nand the fold has\n  {}",
        text(found),
        text(right)
    ))
}
