//! The memory quota: bytes of attribution values and of the names of series, over all series of a detector.

use crate::cloudtrail::event::cut;
use crate::detect::Settings;

/// What an attribution value costs besides its text, bytes (estimate for the bound).
pub(crate) const VALUE_OVERHEAD: usize = 160;

/// Bounds of attribution, and what is used of them.
#[derive(Clone, Debug)]
pub(crate) struct MemoryQuota {
    /// Distinct values of one attribute of one series that are counted exactly.
    pub(crate) values_max: usize,
    /// Bytes of one value; longer ones are cut.
    pub(crate) value_bytes_max: usize,
    /// Bytes of all values and of the names of series.
    pub(crate) bytes_max: usize,
    /// Bytes in use.
    pub(crate) bytes: usize,
    /// Values that have replaced another one since this was last asked.
    pub(crate) summarized: u64,
}

impl MemoryQuota {
    /// Nothing used.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            values_max: settings.values_max,
            value_bytes_max: settings.value_bytes_max,
            bytes_max: settings.attribution_bytes_max,
            bytes: 0,
            summarized: 0,
        }
    }

    /// Bytes that a new series takes at least: its name, and one value of each attribute.
    pub(crate) fn least(&self, name_bytes: usize, values: [&str; 3]) -> usize {
        name_bytes + values.map(|text| cut(text, self.value_bytes_max).len() + VALUE_OVERHEAD).iter().sum::<usize>()
    }

    /// Charges the name of a new series. False when there is no room for it and one value of each attribute.
    pub(crate) fn admit(&mut self, name_bytes: usize, values: [&str; 3]) -> bool {
        let fits = self.bytes + self.least(name_bytes, values) <= self.bytes_max;
        if fits {
            self.bytes += name_bytes;
        }
        fits
    }

    /// Whether there is room for one value of each attribute, for a dormant series that becomes active.
    pub(crate) fn can_activate(&self, values: [&str; 3]) -> bool {
        self.bytes + self.least(0, values) <= self.bytes_max
    }
}
