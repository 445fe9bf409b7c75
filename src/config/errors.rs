//! What is wrong with a configuration: key, value, reason, origin and, if a known key is similar, a
//! suggestion.

use std::fmt;

use super::mask;
use super::values::Raw;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `config/default.toml`, compiled in.
    Default,
    /// A place in a file: its name, and for values the line.
    File(String),
    /// The variable of this name.
    Environment(String),
    /// The host name, which replaces an empty `kafka.instance_id`.
    Host,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "default"),
            Self::File(place) => write!(f, "{place}"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Host => write!(f, "the host name"),
        }
    }
}

/// One error of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The key, `section.key`; empty for an error of the whole file.
    pub key: String,
    /// The value as written, secrets masked; empty if there is none.
    pub value: String,
    /// What is wrong, and what would be accepted.
    pub reason: String,
    /// Where it was written.
    pub origin: Origin,
}

impl ConfigError {
    /// An error of a value. Masks everything, so that no error can show a secret.
    pub(super) fn of_value(key: &str, value: &Raw, reason: impl Into<String>, origin: Origin) -> Self {
        Self {
            key: key.to_owned(),
            value: value.show(key),
            // A reason may quote a part of the value.
            reason: mask::text(&reason.into()),
            origin,
        }
    }

    /// An error of a whole source.
    pub(super) fn of_source(reason: impl Into<String>, origin: Origin) -> Self {
        Self { key: String::new(), value: String::new(), reason: reason.into(), origin }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return write!(f, "{}: {}", self.origin, self.reason);
        }
        write!(f, "{}", self.key)?;
        if !self.value.is_empty() {
            write!(f, " = {}", self.value)?;
        }
        write!(f, ": {} ({})", self.reason, self.origin)
    }
}

/// All errors of a configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [error] = &self.0[..] {
            return write!(f, "the configuration has a fault: {error}");
        }
        write!(f, "the configuration has {} faults:", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

impl std::error::Error for ConfigErrors {}
