//! Which series a record enters.

use crate::cloudtrail::event::{Category, Event};

/// The series a record enters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Its call-rate series.
    pub(crate) call_rate: bool,
    /// The series of its error code.
    pub(crate) error_rate: bool,
}

impl Scope {
    /// Call rate: management writes, failed ones included. Error rate: management reads and writes with an
    /// error code. Of data events, when they are counted, reads and writes alike.
    pub(crate) fn of(event: &Event<'_>, data_events: bool) -> Self {
        let call_rate = match event.category {
            _ if event.correction => return Self::default(),
            Category::Management => event.write,
            Category::Data if data_events => true,
            Category::Data | Category::Network | Category::Insight => return Self::default(),
        };
        Self { call_rate, error_rate: event.error.is_some() }
    }

    /// Whether it enters no series.
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }
}
