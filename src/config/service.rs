//! `[http]`, `[metrics]`, `[log]`: how the process can be observed.

use std::net::SocketAddr;
use std::time::Duration;

use super::section_macro::{DAY_S, seconds, section};
use super::walk::Walk;

section! {
    /// `[http]`: the listener of metrics and health.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Http = "http" |walk| {
        listen: SocketAddr = parsed(address);
    }
}

section! {
    /// `[metrics]`: gauges of open insights.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Metrics = "metrics" |walk| {
        open_insights_max: usize = whole(0..=100_000);
        insight_hold: Duration = duration(seconds(0, DAY_S));
    }
}

section! {
    /// `[log]`: log lines on standard error.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Log = "log" |walk| {
        level: String = text(filter);
        format: LogFormat = choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    }
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = "must be an IP address and a port, such as 127.0.0.1:9464 or [::]:9464";
    text.parse().map_err(|_| wrong.to_owned())
}

/// A tracing filter. A bare word that is not a level would be read as a module name, and match nothing.
fn filter(text: &str) -> Result<(), String> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let level = |word: &str| LEVELS.contains(&word.trim().to_ascii_lowercase().as_str());
    let directive = |part: &str| match part.split_once('=') {
        Some((target, wanted)) => !target.trim().is_empty() && level(wanted),
        None => level(part),
    };
    match text.split(',').all(directive) && tracing_subscriber::EnvFilter::try_new(text).is_ok() {
        true => Ok(()),
        false => Err(format!("must be {}, or a list such as info,insightd::kafka=debug", LEVELS.join(", "))),
    }
}
