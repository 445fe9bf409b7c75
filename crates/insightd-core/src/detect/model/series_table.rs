//! The series of one region, in the order in which they were first seen, and their indexes by name.

use std::hash::BuildHasher;
use std::ops::Index;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::detect::model::key::SeriesKey;
use crate::detect::model::slot::{SeriesSlot, SeriesState};

/// The series of one region.
#[derive(Debug, Default)]
pub(crate) struct SeriesTable {
    slots: Vec<SeriesSlot>,
    indexes: HashTable<u32>,
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

    /// Index of the series of this name.
    pub(crate) fn find(&self, key: SeriesKey<'_>) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.indexes.find(hash, |&series_index| self.slots[series_index as usize].state().key() == key).copied()
    }

    /// Index of the series of this number.
    pub(crate) fn index_of(&self, number: u64) -> Option<u32> {
        self.slots.binary_search_by_key(&number, |slot| slot.number).ok().map(|series_index| series_index as u32)
    }

    /// The series of this number.
    pub(crate) fn by_number(&mut self, number: u64) -> Option<&mut SeriesSlot> {
        let series_index = self.index_of(number)?;
        Some(&mut self.slots[series_index as usize])
    }

    /// Adds a series as the last one: its number is higher than those of all others. Returns its index.
    pub(crate) fn push(&mut self, slot: SeriesSlot) -> u32 {
        let series_index = self.slots.len() as u32;
        let hash = self.hasher.hash_one(slot.state().key());
        self.slots.push(slot);
        self.indexes.insert_unique(hash, series_index, |&series_index| {
            self.hasher.hash_one(self.slots[series_index as usize].state().key())
        });
        series_index
    }

    /// The series, in order.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, SeriesSlot> {
        self.slots.iter()
    }

    /// The series, in order, to be changed.
    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, SeriesSlot> {
        self.slots.iter_mut()
    }

    /// The series at an index.
    pub(crate) fn at(&mut self, series_index: u32) -> &mut SeriesSlot {
        &mut self.slots[series_index as usize]
    }

    /// Removes the series that `expired` names. Returns them, and for each earlier index the one that is
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
        self.indexes.clear();
        std::mem::take(&mut self.slots)
    }

    /// Undoes the removal of a series. Afterwards the table must be sorted and indexed.
    pub(crate) fn reinsert(&mut self, slot: SeriesSlot) {
        self.slots.push(slot);
    }

    /// Puts a series back to what it was, or removes it if it did not exist. Returns whether indexes have
    /// changed.
    pub(crate) fn put_back(&mut self, number: u64, before: Option<SeriesState>) -> bool {
        let Some(series_index) = self.index_of(number) else { return false };
        match before {
            Some(before) => {
                self.slots[series_index as usize].put_back(before);
                false
            }
            None => {
                self.slots.remove(series_index as usize);
                true
            }
        }
    }

    /// Brings the series back into the order of their numbers.
    pub(crate) fn sort(&mut self) {
        self.slots.sort_unstable_by_key(|slot| slot.number);
    }

    /// Finds the series by name again, after their indexes have changed.
    pub(crate) fn index_names(&mut self) {
        self.indexes.clear();
        let (slots, hasher) = (&self.slots, &self.hasher);
        let hash = |series_index: u32| hasher.hash_one(slots[series_index as usize].state().key());
        for series_index in 0..slots.len() as u32 {
            self.indexes.insert_unique(hash(series_index), series_index, |&series_index| hash(series_index));
        }
    }
}

impl Index<u32> for SeriesTable {
    type Output = SeriesSlot;

    fn index(&self, series_index: u32) -> &SeriesSlot {
        &self.slots[series_index as usize]
    }
}
