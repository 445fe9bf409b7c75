//! What a series is called.

use serde::{Deserialize, Serialize};

use crate::cloudtrail::event::{Event, cut};
use crate::cloudtrail::insight::SourceCategory;

/// Longest error code that names a series, bytes; a longer one is cut.
const ERROR_BYTES_MAX: usize = 256;

/// What a series is called. The error code makes it an error-rate series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesKey<'a> {
    /// `eventSource`
    pub source: &'a str,
    /// `eventName`
    pub name: &'a str,
    /// `errorCode` of an error-rate series
    pub error: Option<&'a str>,
    /// Management or data events
    pub category: SourceCategory,
}

impl SeriesKey<'_> {
    /// Bytes of its texts.
    pub(crate) fn bytes(&self) -> usize {
        self.source.len() + self.name.len() + self.error.map_or(0, str::len)
    }
}

/// A [`SeriesKey`] that owns its texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SeriesName {
    source: Box<str>,
    name: Box<str>,
    error: Option<Box<str>>,
    category: SourceCategory,
}

impl SeriesName {
    /// The name, borrowed.
    pub(crate) fn key(&self) -> SeriesKey<'_> {
        SeriesKey { source: &self.source, name: &self.name, error: self.error.as_deref(), category: self.category }
    }
}

impl From<SeriesKey<'_>> for SeriesName {
    fn from(key: SeriesKey<'_>) -> Self {
        let SeriesKey { source, name, error, category } = key;
        Self { source: source.into(), name: name.into(), error: error.map(Into::into), category }
    }
}

/// The error code by which a record names a series.
pub(crate) fn error_code<'a>(event: &'a Event<'_>) -> Option<&'a str> {
    event.error.as_deref().map(|code| cut(code, ERROR_BYTES_MAX))
}
