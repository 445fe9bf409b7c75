//! Which attack an insight belongs to.

use insightd_generate::label::Label;

/// The Start may lie this many seconds before the first call: its window begins up to four minutes before the
/// minute of detection.
pub const BEFORE_S: i64 = 300;
/// The Start may lie this many seconds after the last call.
pub const AFTER_S: i64 = 3600;

/// The Start of an insight, of insightd or of a rival.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// Twelve digits.
    pub account: &'a str,
    /// Region.
    pub region: &'a str,
    /// `eventSource`.
    pub source: &'a str,
    /// `eventName`.
    pub name: &'a str,
    /// `errorCode` of an error-rate series.
    pub error: Option<&'a str>,
    /// Its `eventTime`, seconds since 1970.
    pub time: i64,
}

/// Index of the first attack that the Start belongs to; none if the insight is false.
pub fn attack_of(labels: &[Label], start: &Start<'_>) -> Option<usize> {
    labels.iter().position(|label| belongs(label, start))
}

fn belongs(label: &Label, start: &Start<'_>) -> bool {
    let in_time = (label.start - BEFORE_S..=label.end + AFTER_S).contains(&start.time);
    let is_there = label.account == start.account && label.region == start.region;
    in_time
        && is_there
        && label.series.iter().any(|series| {
            series.event_source == start.source
                && series.event_name == start.name
                && series.error_code.as_deref() == start.error
        })
}
