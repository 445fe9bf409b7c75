//! `[baseline]`, `[detect]`, `[attribution]`: what is unusual, and the memory limits of detection.

use std::sync::Arc;
use std::time::Duration;

use insightd_core::detect::decide::security::Security;
use insightd_core::detect::statistics::horizon::Direction;
use insightd_core::detect::statistics::prior::Priors;

use super::section_macro::{DAY_S, GIB, KIB, MIB, seconds, section};
use super::tables::{priors, security};
use super::walk::Walk;

section! {
    /// `[baseline]`: how long an account is observed before its first insight.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Baseline = "baseline" |walk| {
        warm_up: Duration = duration(seconds(0, 365 * DAY_S));
    }
}

section! {
    /// `[detect]`: what counts as unusual.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Detect = "detect" |walk| {
        /// At most one insight a minute can be false.
        false_insights_per_account_per_week: f64 = positive(10_080.0);
        /// Whole minutes.
        end_after: Duration = minutes_or_number(1..=60);
        series_max: usize = whole(1..=100_000_000);
        direction: Direction = choice(&[("up", Direction::Up), ("both", Direction::Both)]);
        security: Arc<Security> = table(security::BUILT_IN, security::parse);
        priors: Arc<Priors> = table(priors::BUILT_IN, priors::parse);
        principals_max: usize = whole(1..=100_000_000);
    }
}

section! {
    /// `[attribution]`: who and what is counted exactly, by series.
    #[derive(Clone, Debug, PartialEq)]
    pub struct AttributionConfig = "attribution" |walk| {
        /// At least the top five that an insight names.
        values_max: usize = whole(5..=1024);
        value_bytes_max: usize = size(16..=64 * KIB);
        bytes_max: usize = size(MIB..=64 * GIB);
    }
}
