//! `[output]`, `[dlq]`: the topics that the daemon writes for others.

use std::time::Duration;

use insightd_core::cloudtrail::insight::Format;

use super::section_macro::{DAY_S, KIB, MIB, MINUTE_S, seconds, section};
use super::topics;
use super::walk::Walk;

section! {
    /// `[output]`: insights.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Output = "output" |walk| {
        topic: String = text(topics::check_name);
        format: Format = choice(&Format::ALL.map(|format| (format.name(), format)));
        max_age: Duration = duration(seconds(MINUTE_S, 365 * DAY_S));
    }
}

section! {
    /// `[dlq]`: dead-letter records.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Dlq = "dlq" |walk| {
        topic: String = text(topics::check_name);
        record_bytes_max: usize = size(KIB..=64 * MIB);
    }
}
