//! The core's settings: limits and parameters as plain numbers, in the units that the core counts in.

use std::sync::Arc;
use std::time::Duration;

use insightd_core::cloudtrail::envelope::DecodeLimits;
use insightd_core::detect::Settings;
use insightd_core::pipeline::PipelineSettings;

use super::Config;

/// The limits of decoding at wall time `now` (seconds since 1970).
pub fn decoding_limits(config: &Config, now: i64) -> DecodeLimits {
    let input = &config.input;
    DecodeLimits {
        payload_bytes_max: input.payload_bytes_max,
        decompressed_bytes_max: input.decompressed_bytes_max,
        nesting_depth_max: input.nesting_depth_max,
        payload_records_max: input.payload_records_max,
        event_time_max: now.saturating_add(seconds(input.future_max)),
    }
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        let input = &config.input;
        Self {
            direction: config.detect.direction,
            priors: Arc::clone(&config.detect.priors),
            security: Arc::clone(&config.detect.security),
            principals_max: config.detect.principals_max,
            lateness: minutes(input.lateness),
            clock_jump_s: seconds(input.clock_jump),
            quarantined_max: input.held_records_max,
            dedup_horizon_s: seconds(input.dedup_horizon),
            dedup_events_max: input.dedup_events_max,
            idle_after_s: seconds(input.idle_after),
            warm_up: minutes(config.baseline.warm_up),
            budget: config.detect.false_insights_per_account_per_week,
            end_after: u32::try_from(minutes(config.detect.end_after)).unwrap_or(u32::MAX),
            accounts_max: input.accounts_max,
            clocks_max: input.clocks_max,
            series_max: config.detect.series_max,
            series_ttl: minutes(config.state.series_ttl),
            values_max: config.attribution.values_max,
            value_bytes_max: config.attribution.value_bytes_max,
            attribution_bytes_max: config.attribution.bytes_max,
            data_events: input.data_events,
            rules: Arc::clone(&config.rules),
            moves_back: false,
        }
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / 4)
}

fn minutes(duration: Duration) -> i64 {
    seconds(duration) / 60
}

impl From<&Config> for PipelineSettings {
    fn from(config: &Config) -> Self {
        Self {
            detect: config.into(),
            decode: decoding_limits(config, i64::MAX),
            future_max_s: seconds(config.input.future_max),
        }
    }
}
