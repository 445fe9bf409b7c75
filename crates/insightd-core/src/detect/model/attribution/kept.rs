//! What the callers of a series are remembered by while it sleeps, and until they call again.

use super::{Budget, VALUE_OVERHEAD, Values};
use crate::detect::model::dormant::Remembered;
use crate::detect::model::profile::PrincipalProfile;

impl Values {
    /// The callers with the largest records, those that have not called since the last sleep among them; none where values took one another's
    /// place. `since` is the minute from which on they are known.
    pub fn kept(&self, since: i64) -> Option<Remembered> {
        let here = self.values.iter().map(|value| (Remembered::print(&value.text), value.profile.most()));
        (!self.summarised)
            .then(|| Remembered::of(here.chain(self.remembered.iter().flat_map(|remembered| remembered.left())), since))
    }

    /// No values, but what was kept of the callers.
    pub fn of_kept(callers: Option<Remembered>) -> Self {
        Self { summarised: callers.is_none(), remembered: callers.map(Box::new), ..Self::default() }
    }

    /// Who was remembered and has not called again.
    pub fn remembered(&self) -> Option<Remembered> {
        self.remembered.as_deref().copied()
    }

    /// Sets who was remembered, after the rest was read as saved.
    pub fn set_remembered(&mut self, remembered: Option<Remembered>) {
        self.remembered = remembered.map(Box::new);
    }

    /// What a value that enters is used to.
    pub(super) fn profile_of(&mut self, text: &str, minute: i64) -> PrincipalProfile {
        let known = self.remembered.as_mut().and_then(|remembered| remembered.take(text));
        known.unwrap_or_else(|| PrincipalProfile::new(minute))
    }

    /// Bytes that it holds of the budget.
    pub(super) fn bytes(&self) -> usize {
        self.values.iter().map(|value| value.text.len() + VALUE_OVERHEAD).sum()
    }
}

impl Budget {
    /// Whether there is room for one value of each attribute, for a series that is woken.
    pub fn can_wake(&self, values: [&str; 3]) -> bool {
        self.bytes + self.least(0, values) <= self.bytes_max
    }
}
