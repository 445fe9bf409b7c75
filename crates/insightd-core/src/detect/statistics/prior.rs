//! What is known about an API's tail before its own history speaks: a versioned table, part of the configuration. The detector never
//! writes it, so no account learns from another (ISO-1).

use hashbrown::HashMap;

use crate::detect::statistics::tail::Prior;

/// Priors of the burst and the slow view of one series.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pair {
    /// Burst view.
    pub burst: Prior,
    /// Slow view.
    pub slow: Prior,
}

/// Event source, event name and error code ("" for a call-rate series).
type ApiKey = (Box<str>, Box<str>, Box<str>);

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Priors {
    /// By event source, event name and error code ("" for a call-rate series).
    by_key: HashMap<ApiKey, Pair>,
    by_error: HashMap<Box<str>, Pair>,
    default: Pair,
}

impl Priors {
    /// Sets the prior of one API.
    pub fn set(&mut self, source: &str, name: &str, error: &str, pair: Pair) {
        self.by_key.insert((source.into(), name.into(), error.into()), pair);
    }

    /// Sets the prior of an error code on any API.
    pub fn set_error(&mut self, error: &str, pair: Pair) {
        self.by_error.insert(error.into(), pair);
    }

    /// Sets the prior of everything else.
    pub fn set_default(&mut self, pair: Pair) {
        self.default = pair;
    }

    /// The prior of a series: of its API, else of its error code on any API, else the default.
    pub fn of(&self, source: &str, name: &str, error: Option<&str>) -> Pair {
        let key = (source.into(), name.into(), error.unwrap_or_default().into());
        let by_error = || error.and_then(|code| self.by_error.get(code));
        self.by_key.get(&key).or_else(by_error).copied().unwrap_or(self.default)
    }
}
