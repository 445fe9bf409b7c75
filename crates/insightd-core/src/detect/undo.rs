//! Undo by type: what an open transaction changes is kept as it was, so that an abort puts it back (EO-3) and
//! a commit knows what to save.
//!
//! A value of the committed state lives in a [`Tracked`]. Reading it is free. Code that changes it needs
//! [`Tracked::change`], which takes the [`Changes`] of the open transaction: code that forgets the undo does
//! not compile. Only the save ([`Tracked::saving`]) and the rollback itself do without. The first change in a
//! transaction keeps a copy, later ones cost a comparison of two numbers. Where nothing is ever rolled back
//! (files), nothing is kept.
//!
//! Knows nothing of what it tracks.

use std::ops::Deref;

/// Number of a transaction. 0: changes are not recorded, as for files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TransactionEpoch(u32);

impl TransactionEpoch {
    /// The first transaction.
    pub(crate) const FIRST: Self = Self(1);

    /// Whether changes are recorded.
    pub(crate) fn is_on(self) -> bool {
        self.0 != 0
    }

    /// The next transaction.
    pub(crate) fn next(self) -> Self {
        Self(self.0.wrapping_add(1).max(1))
    }
}

/// The values of one kind that the open transaction has changed, as they were before it, in the order of
/// their first changes.
#[derive(Debug)]
pub(crate) struct Changes<Id, T> {
    epoch: TransactionEpoch,
    before: Vec<(Id, Option<T>)>,
}

impl<Id, T> Changes<Id, T> {
    /// Nothing changed yet in this transaction.
    pub(crate) fn new(epoch: TransactionEpoch) -> Self {
        Self { epoch, before: Vec::new() }
    }

    /// Whether nothing was changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.before.is_empty()
    }

    /// Records a value that is about to be removed or replaced as a whole; none where there was none.
    pub(crate) fn record(&mut self, id: Id, before: Option<T>) {
        if self.epoch.is_on() {
            self.before.push((id, before));
        }
    }

    /// How many values were changed.
    pub(crate) fn len(&self) -> usize {
        self.before.len()
    }

    /// What was changed, with what it was; none where there was none.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Id, Option<T>)> {
        self.before.iter()
    }

    /// Takes what was changed, the last change first: the order in which to put it back.
    pub(crate) fn take_reversed(&mut self) -> impl Iterator<Item = (Id, Option<T>)> + use<Id, T> {
        std::mem::take(&mut self.before).into_iter().rev()
    }
}

impl<Id, T> Default for Changes<Id, T> {
    fn default() -> Self {
        Self::new(TransactionEpoch::default())
    }
}

/// A value of the committed state, with the transaction that changed it last.
#[derive(Clone, Debug)]
pub(crate) struct Tracked<T> {
    value: T,
    changed_in: TransactionEpoch,
}

impl<T> Tracked<T> {
    /// A value that did not exist before the open transaction.
    pub(crate) fn created<Id>(value: T, id: Id, changes: &mut Changes<Id, T>) -> Self {
        changes.record(id, None);
        Self { value, changed_in: changes.epoch }
    }

    /// A value as it is committed: restored from the changelog, or put back after an abort.
    pub(crate) fn committed(value: T) -> Self {
        Self { value, changed_in: TransactionEpoch::default() }
    }

    /// The value, to be changed. Its first change in a transaction is recorded under `id`.
    pub(crate) fn change<Id>(&mut self, id: Id, changes: &mut Changes<Id, T>) -> &mut T
    where
        T: Clone,
    {
        if self.changed_in != changes.epoch {
            self.changed_in = changes.epoch;
            changes.record(id, Some(self.value.clone()));
        }
        &mut self.value
    }

    /// Replaces the value. The first change in a transaction keeps the old one without copying it.
    pub(crate) fn replace<Id>(&mut self, value: T, id: Id, changes: &mut Changes<Id, T>) {
        let before = std::mem::replace(&mut self.value, value);
        if self.changed_in != changes.epoch {
            self.changed_in = changes.epoch;
            changes.record(id, Some(before));
        }
    }

    /// The value while it is being saved, to note where it was saved. Nothing that its comparison sees may
    /// change.
    pub(crate) fn saving(&mut self) -> &mut T {
        &mut self.value
    }

    /// Puts the value back to what it was before the transaction that is being aborted.
    pub(crate) fn put_back(&mut self, before: T) {
        *self = Self::committed(before);
    }

    /// The value, without its record of changes.
    pub(crate) fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

// When a value was changed is no part of what it is.
impl<T: PartialEq> PartialEq for Tracked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_change_in_a_transaction_is_recorded() {
        let mut changes = Changes::new(TransactionEpoch::FIRST);
        let (mut old, mut new) = (Tracked::committed(1), Tracked::created(7, 'n', &mut changes));
        *old.change('o', &mut changes) += 1;
        *old.change('o', &mut changes) += 1;
        *new.change('n', &mut changes) += 1;
        assert_eq!((*old, *new), (3, 8));
        assert_eq!(changes.take_reversed().collect::<Vec<_>>(), [('o', Some(1)), ('n', None)]);

        let mut changes = Changes::new(TransactionEpoch::FIRST.next());
        *old.change('o', &mut changes) += 1;
        assert_eq!(changes.take_reversed().collect::<Vec<_>>(), [('o', Some(3))]);
    }

    #[test]
    fn nothing_is_recorded_where_nothing_is_rolled_back() {
        let mut changes = Changes::default();
        let mut value = Tracked::committed(1);
        *value.change((), &mut changes) += 1;
        changes.record((), Some(5));
        assert!(changes.is_empty());
        assert_eq!(*value, 2);
    }
}
