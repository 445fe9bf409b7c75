//! A series in its region: awake, or dormant after a long silence.

use super::attribution::Budget;
use super::dormant::Dormant;
use super::journal::{Journal, Place, Stamp};
use super::series::{Context, Key, Series};
use super::shared::Shared;

/// A series, in one of two forms. Apart, so that the list of them can grow without moving (and for a moment doubling) all series.
#[derive(Clone, Debug)]
pub enum Form {
    /// It calls.
    Awake(Box<Series>),
    /// It has been silent for long.
    Dormant(Box<Dormant>),
}

/// See the module.
#[derive(Debug)]
pub struct Entry {
    /// Its number in the partition, in order of first calls.
    pub id: u64,
    /// Itself.
    pub form: Form,
    pub(super) live: bool,
    pub(super) touched: Stamp,
}

impl Form {
    /// Its name.
    pub fn key(&self) -> Key<'_> {
        match self {
            Self::Awake(series) => series.key(),
            Self::Dormant(dormant) => dormant.key(),
        }
    }

    /// Minute of its newest call.
    pub fn last(&self) -> i64 {
        match self {
            Self::Awake(series) => series.last(),
            Self::Dormant(dormant) => dormant.last(),
        }
    }

    /// The series, if it is awake.
    pub fn awake(&self) -> Option<&Series> {
        match self {
            Self::Awake(series) => Some(series),
            Self::Dormant(_) => None,
        }
    }

    /// See [`Self::awake`].
    pub fn awake_mut(&mut self) -> Option<&mut Series> {
        match self {
            Self::Awake(series) => Some(series),
            Self::Dormant(_) => None,
        }
    }

    /// The series, woken if it was dormant.
    pub fn wake(&mut self, context: &Context<'_>) -> &mut Series {
        if let Self::Dormant(dormant) = self {
            let series = Series::woken(dormant, context.begin, context.settings, context.horizons);
            *self = Self::Awake(Box::new(series));
        }
        match self {
            Self::Awake(series) => series,
            Self::Dormant(_) => unreachable!("it was woken"),
        }
    }

    /// Gives back what it holds of the attribution budget.
    pub fn release(&self, budget: &mut Budget) {
        match self {
            Self::Awake(series) => series.release(budget),
            Self::Dormant(dormant) => budget.bytes -= dormant.key().bytes(),
        }
    }
}

impl Entry {
    /// It is about to change.
    pub fn touch(&mut self, place: Place, journal: &mut Journal) {
        if journal.is_first(&mut self.touched) {
            journal.series.push((place, self.id, Some((self.form.clone(), self.live))));
        }
    }

    /// Falls asleep if it has been silent for long: all minutes up to `closed` are closed, in an account whose history begins at minute `begin`.
    pub fn sleep(&mut self, (closed, begin): (i64, i64), place: Place, shared: &mut Shared) {
        let Some(series) = self.form.awake() else { return };
        let Some(dormant) = series.sleep(closed, begin, &shared.horizons) else { return };
        series.release_values(&mut shared.attribution);
        let before = std::mem::replace(&mut self.form, Form::Dormant(Box::new(dormant)));
        if shared.journal.is_first(&mut self.touched) {
            shared.journal.series.push((place, self.id, Some((before, self.live))));
        }
    }
}
