//! What was injected: one label for each attack, written apart from the traffic, as JSON.

use serde::Serialize;

/// What an attack does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attack {
    /// Users and access keys made in a row.
    CredentialBurst,
    /// Instances started in a region the account does not use.
    UnusedRegionMining,
    /// Many deletions.
    DeleteSpree,
    /// AccessDenied over many APIs.
    DeniedReconnaissance,
    /// Snapshots and images shared.
    SnapshotSharing,
    /// A rate that grows slowly.
    SlowRamp,
    /// Three times the usual rate of a busy API, lasting.
    SustainedRise,
    /// A burst beside one of the account's own regular bursts.
    BesideCron,
    /// Calls throttled in masses.
    ThrottlingStorm,
    /// Logging switched off.
    LoggingOff,
}

impl Attack {
    /// Every kind; their order decides what a seed makes. All but the last are *rate attacks*: logging is
    /// switched off by a handful of calls.
    pub const ALL: [Self; 10] = [
        Self::CredentialBurst,
        Self::UnusedRegionMining,
        Self::DeleteSpree,
        Self::DeniedReconnaissance,
        Self::SnapshotSharing,
        Self::SlowRamp,
        Self::SustainedRise,
        Self::BesideCron,
        Self::ThrottlingStorm,
        Self::LoggingOff,
    ];
}

/// Who attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attacker {
    /// A principal never seen in the account.
    Stranger,
    /// A principal known to the account that has not called these APIs.
    Known,
    /// A principal that calls these APIs every now and then.
    User,
}

impl Attacker {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Stranger, Self::Known, Self::User];
}

/// One injected attack.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Label {
    /// Twelve digits.
    pub account: String,
    /// Region of its calls.
    pub region: String,
    /// What it does.
    pub attack: Attack,
    /// Who attacks.
    pub attacker: Attacker,
    /// The principal, as Insights attributes it.
    pub principal: String,
    /// First call, seconds since 1970.
    pub start: i64,
    /// Last call, seconds since 1970.
    pub end: i64,
    /// Calls it makes.
    pub calls: u64,
    /// The series it enters: `eventSource`, `eventName` and, of an error-rate series, the error code; with
    /// its calls there.
    pub series: Vec<LabelSeries>,
}

/// One series of an attack.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSeries {
    /// `eventSource`.
    pub event_source: String,
    /// `eventName`.
    pub event_name: String,
    /// `errorCode` of an error-rate series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Calls of the attack in it.
    pub calls: u64,
}
