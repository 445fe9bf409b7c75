//! The series of one region, in the order in which they were first seen, and their positions by name.

use std::hash::BuildHasher;
use std::ops::Index;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::detect::model::key::SeriesKey;
use crate::detect::model::slot::{SeriesSlot, SeriesState};

/// The series of one region.
#[derive(Debug, Default)]
pub(crate) struct SeriesTable {
    slots: Vec<SeriesSlot>,
    positions: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl SeriesTable {
    /// Series from the changelog, in any order.
    pub(crate) fn restored(mut slots: Vec<SeriesSlot>) -> Self {
        slots.sort_unstable_by_key(|slot| slot.number);
        let mut table = Self { slots, ..Self::default() };
        table.index_names();
        table
    }

    /// Series held.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Position of the series of this name.
    pub(crate) fn find(&self, key: SeriesKey<'_>) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.positions.find(hash, |&at| self.slots[at as usize].state().key() == key).copied()
    }

    /// Position of the series of this number.
    pub(crate) fn position_of(&self, number: u64) -> Option<u32> {
        self.slots.binary_search_by_key(&number, |slot| slot.number).ok().map(|at| at as u32)
    }

    /// The series of this number.
    pub(crate) fn by_number(&mut self, number: u64) -> Option<&mut SeriesSlot> {
        let at = self.position_of(number)?;
        Some(&mut self.slots[at as usize])
    }

    /// Adds a series as the last one: its number is higher than those of all others. Returns its position.
    pub(crate) fn push(&mut self, slot: SeriesSlot) -> u32 {
        let at = self.slots.len() as u32;
        let hash = self.hasher.hash_one(slot.state().key());
        self.slots.push(slot);
        self.positions.insert_unique(hash, at, |&at| self.hasher.hash_one(self.slots[at as usize].state().key()));
        at
    }

    /// The series, in order.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, SeriesSlot> {
        self.slots.iter()
    }

    /// The series, in order, to be changed.
    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, SeriesSlot> {
        self.slots.iter_mut()
    }

    /// The series at a position.
    pub(crate) fn at(&mut self, position: u32) -> &mut SeriesSlot {
        &mut self.slots[position as usize]
    }

    /// Removes the series that `expired` names. Returns them, and for each earlier position the one that is
    /// now its own.
    pub(crate) fn remove(&mut self, expired: impl Fn(&SeriesSlot) -> bool) -> (Vec<SeriesSlot>, Vec<Option<u32>>) {
        let mut moved_to = Vec::with_capacity(self.slots.len());
        let mut remaining = 0_u32;
        for slot in &self.slots {
            let stays = !expired(slot);
            moved_to.push(stays.then_some(remaining));
            remaining += u32::from(stays);
        }
        let removed = self.slots.extract_if(.., |slot| expired(slot)).collect();
        self.index_names();
        (removed, moved_to)
    }

    /// Takes all series out.
    pub(crate) fn take(&mut self) -> Vec<SeriesSlot> {
        self.positions.clear();
        std::mem::take(&mut self.slots)
    }

    /// Undoes the removal of a series. Afterwards the table must be sorted and indexed.
    pub(crate) fn reinsert(&mut self, slot: SeriesSlot) {
        self.slots.push(slot);
    }

    /// Puts a series back to what it was, or removes it if it did not exist. Returns whether positions have
    /// changed.
    pub(crate) fn put_back(&mut self, number: u64, before: Option<SeriesState>) -> bool {
        let Some(at) = self.position_of(number) else { return false };
        match before {
            Some(before) => {
                self.slots[at as usize].put_back(before);
                false
            }
            None => {
                self.slots.remove(at as usize);
                true
            }
        }
    }

    /// Brings the series back into the order of their numbers.
    pub(crate) fn sort(&mut self) {
        self.slots.sort_unstable_by_key(|slot| slot.number);
    }

    /// Finds the series by name again, after their positions have changed.
    pub(crate) fn index_names(&mut self) {
        self.positions.clear();
        let (slots, hasher) = (&self.slots, &self.hasher);
        let hash = |at: u32| hasher.hash_one(slots[at as usize].state().key());
        for at in 0..slots.len() as u32 {
            self.positions.insert_unique(hash(at), at, |&at| hash(at));
        }
    }
}

impl Index<u32> for SeriesTable {
    type Output = SeriesSlot;

    fn index(&self, position: u32) -> &SeriesSlot {
        &self.slots[position as usize]
    }
}
