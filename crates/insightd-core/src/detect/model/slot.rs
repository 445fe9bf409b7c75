//! A series in its region: active, or dormant after a long silence.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::detect::Settings;
use crate::detect::context::DetectorContext;
use crate::detect::model::attribution::Budget;
use crate::detect::model::dormant::Dormant;
use crate::detect::model::series::{Key, Series};
use crate::detect::statistics::horizon::Horizons;
use crate::detect::store::undo::{RegionId, TransactionEpoch, UndoLog};

/// A series, in one of two forms. Apart, so that the list of them can grow without moving (and for a moment doubling) all series.
#[derive(Clone, Debug)]
pub enum SeriesState {
    /// It calls.
    Active(Box<Series>),
    /// It has been silent for long.
    Dormant(Box<Dormant>),
}

/// See the module.
#[derive(Debug)]
pub struct SeriesSlot {
    /// Its number in the partition, in order of first calls.
    pub id: u64,
    /// Itself.
    pub form: SeriesState,
    pub(in crate::detect) live: bool,
    pub(in crate::detect) touched: TransactionEpoch,
}

impl SeriesState {
    /// Its name.
    pub fn key(&self) -> Key<'_> {
        match self {
            Self::Active(series) => series.key(),
            Self::Dormant(dormant) => dormant.key(),
        }
    }

    /// Minute of its newest call.
    pub fn last(&self) -> i64 {
        match self {
            Self::Active(series) => series.last(),
            Self::Dormant(dormant) => dormant.last(),
        }
    }

    /// The series, if it is active.
    pub fn active(&self) -> Option<&Series> {
        match self {
            Self::Active(series) => Some(series),
            Self::Dormant(_) => None,
        }
    }

    /// See [`Self::active`].
    pub fn active_mut(&mut self) -> Option<&mut Series> {
        match self {
            Self::Active(series) => Some(series),
            Self::Dormant(_) => None,
        }
    }

    /// The series, woken if it was dormant, in an account whose history began in minute `begin` when it fell asleep.
    pub fn wake(&mut self, begin: i64, settings: &Settings, horizons: &Horizons) -> &mut Series {
        if let Self::Dormant(dormant) = self {
            let series = Series::woken(dormant, begin, settings, horizons);
            *self = Self::Active(Box::new(series));
        }
        match self {
            Self::Active(series) => series,
            Self::Dormant(_) => unreachable!("it was woken"),
        }
    }

    /// It comes from another detector, and is new to this one.
    pub fn taken_over(&mut self, budget: &mut Budget) {
        match self {
            Self::Active(series) => series.taken_over(budget),
            Self::Dormant(dormant) => budget.bytes += dormant.key().bytes(),
        }
    }

    /// Gives back what it holds of the attribution budget.
    pub fn release(&self, budget: &mut Budget) {
        match self {
            Self::Active(series) => series.release(budget),
            Self::Dormant(dormant) => budget.bytes -= dormant.key().bytes(),
        }
    }
}

/// Series of a region, and their positions by name.
type ByName<'a> = (&'a mut Vec<SeriesSlot>, &'a mut HashTable<u32>, &'a DefaultHashBuilder);

impl SeriesSlot {
    /// Takes in a series that its region does not know yet, as the next one of the partition. `counted` are the numbers of series that there are
    /// and that were ever begun. Returns its position.
    pub(in crate::detect) fn begin(
        (all, index, hasher): ByName<'_>,
        place: RegionId,
        (form, live): (SeriesState, bool),
        counted: (&mut usize, &mut u64),
        undo: &mut UndoLog,
    ) -> u32 {
        let (at, id) = (all.len() as u32, *counted.1);
        *counted.0 += 1;
        *counted.1 += 1;
        let mut touched = TransactionEpoch::default();
        if undo.is_first(&mut touched) {
            undo.series.push((place, id, None));
        }
        let hash = hasher.hash_one(form.key());
        all.push(Self { id, form, live, touched });
        index.insert_unique(hash, at, |&i| hasher.hash_one(all[i as usize].form.key()));
        at
    }

    /// It is about to change.
    pub fn touch(&mut self, place: RegionId, undo: &mut UndoLog) {
        if undo.is_first(&mut self.touched) {
            undo.series.push((place, self.id, Some((self.form.clone(), self.live))));
        }
    }

    /// Falls asleep if it has been silent for long: all minutes up to `closed` are closed, in an account whose history begins at minute `begin`.
    pub fn sleep(&mut self, (closed, begin): (i64, i64), place: RegionId, context: &mut DetectorContext) {
        let Some(series) = self.form.active() else { return };
        let Some(dormant) = series.sleep(closed, begin, &context.horizons) else { return };
        series.release_values(&mut context.attribution);
        let before = std::mem::replace(&mut self.form, SeriesState::Dormant(Box::new(dormant)));
        if context.undo.is_first(&mut self.touched) {
            context.undo.series.push((place, self.id, Some((before, self.live))));
        }
    }
}
