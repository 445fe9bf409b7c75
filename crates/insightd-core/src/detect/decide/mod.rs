//! What raises an insight and what ends it.
//!
//! * [`budget`]: the alarm budget of an account.
//! * [`suppression`]: what a sensitivity rule kept from raising an insight.
//! * [`episode`]: an open insight. [`security`]: APIs that weigh more.

pub mod budget;
pub mod episode;
pub mod security;
pub mod suppression;
