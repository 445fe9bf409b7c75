//! Which series a record enters.

use crate::cloudtrail::event::{Category, Event};

/// The series a record enters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Its call-rate series.
    pub call_rate: bool,
    /// The series of its error code.
    pub error_rate: bool,
}

/// Call rate: management writes, failed ones included. Error rate: management reads and writes with an error code. Of data events,
/// when they are switched on, reads and writes alike.
pub fn scope(event: &Event<'_>, data_events: bool) -> Scope {
    let call_rate = match event.category {
        _ if event.correction => return Scope::default(),
        Category::Management => event.write,
        Category::Data if data_events => true,
        Category::Data | Category::Network | Category::Insight => return Scope::default(),
    };
    Scope { call_rate, error_rate: event.error.is_some() }
}
