//! The callers that a dormant series remembers, until they call again.

use std::sync::Arc;

use super::AttributeValues;
use crate::detect::model::dormant::Remembered;
use crate::detect::model::profile::PrincipalProfile;
use crate::detect::model::quota::VALUE_OVERHEAD;

impl AttributeValues {
    /// The callers with the largest records, those included that were remembered and have not called since;
    /// none where the attribute is summarized. `since` is the minute since which they are known.
    pub(crate) fn callers_to_remember(&self, since: i64) -> Option<Remembered> {
        let here = self.values.iter().map(|value| (Remembered::print(&value.text), value.profile.most()));
        let earlier = self.remembered.iter().flat_map(|remembered| remembered.remaining());
        (!self.summarized).then(|| Remembered::of(here.chain(earlier), since))
    }

    /// No values, but the callers that were remembered.
    pub(crate) fn of_remembered(callers: Option<Remembered>) -> Self {
        Self { summarized: callers.is_none(), remembered: callers.map(Arc::new), ..Self::default() }
    }

    /// The callers that are remembered and have not called again.
    pub(crate) fn remembered(&self) -> Option<Remembered> {
        self.remembered.as_deref().copied()
    }

    /// Sets the callers that are remembered, after a restore.
    pub(crate) fn set_remembered(&mut self, remembered: Option<Remembered>) {
        self.remembered = remembered.map(Arc::new);
    }

    /// Profile of a value that is added.
    pub(super) fn profile_of(&mut self, text: &str, minute: i64) -> PrincipalProfile {
        let known = self.remembered.as_mut().and_then(|remembered| Arc::make_mut(remembered).take(text));
        known.unwrap_or_else(|| PrincipalProfile::new(minute))
    }

    /// Bytes of the quota that it holds.
    pub(super) fn bytes(&self) -> usize {
        self.values.iter().map(|value| value.text.len() + VALUE_OVERHEAD).sum()
    }
}
