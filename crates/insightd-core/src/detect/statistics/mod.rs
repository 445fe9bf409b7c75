//! How improbable is a count? The statistics of one series of counts. Nothing here knows accounts, records or
//! insights.
//!
//! * [`horizon`]: half-lives, and decayed sums in closed form.
//! * [`expectation`]: mean and standard deviation, and the deviation of a count from them.
//! * `views`: three ways to standardize the count of a minute: burst, slow and level.
//! * [`tail`]: from standard deviations to a calibrated tail probability; the threshold of the tail.
//! * [`incident`]: a tail that learns one peak per incident and recognizes a rising trend.
//! * [`prior`]: the tail of an API before its series has shown anything.
//! * [`statistic`]: all of this for one series: its score, and the count that reaches a given score.
//! * `compact`: the form in which a dormant series stores its statistic.
//!
//! Formulas and symbols are those of docs/detection.md.

pub(in crate::detect) mod compact;
pub mod expectation;
pub mod horizon;
pub mod incident;
pub mod prior;
pub mod statistic;
pub mod tail;
pub(in crate::detect) mod views;
