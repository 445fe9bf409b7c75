//! What a series is called.

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

/// The error code by which a record names a series.
pub(crate) fn error_code<'a>(event: &'a Event<'_>) -> Option<&'a str> {
    event.error.as_deref().map(|code| cut(code, ERROR_BYTES_MAX))
}
