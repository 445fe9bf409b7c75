//! The statistic of one series: decayed sums, calibrated tails, views and priors. Knows nothing of accounts or records.
//!
//! * [`horizon`]: half-lives and sums of decayed sequences.
//! * [`tail`]: the calibrated tail of one view, incidents, trend evidence.
//! * [`statistic`]: the three views (burst, slow, level) of one series, its score and the count that reaches a limit.
//! * [`prior`]: what the configuration says of an API's tail beforehand.

pub mod compact;
pub mod horizon;
pub mod prior;
pub mod statistic;
pub mod tail;
