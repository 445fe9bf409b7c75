//! The labels of the injected attacks, one each, as JSON and separate from the traffic.

use serde::Serialize;

/// What an attack does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attack {
    /// Users and access keys created in a row.
    CredentialBurst,
    /// Instances started in a region the account does not use.
    UnusedRegionMining,
    /// Many deletions of resources.
    DeleteSpree,
    /// AccessDenied over many APIs.
    DeniedReconnaissance,
    /// Snapshots and images shared.
    SnapshotSharing,
    /// A rate that grows slowly.
    SlowRamp,
    /// Three times the usual rate of a busy API, lasting.
    SustainedRise,
    /// A burst close to one of the account's regular bursts.
    BesideCron,
    /// Many throttled calls.
    ThrottlingStorm,
    /// Logging switched off.
    LoggingOff,
}

impl Attack {
    /// Every kind. Their order determines what a seed generates. All but the last are rate attacks: a handful
    /// of calls switches logging off.
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
    /// A principal that the account has never seen.
    Stranger,
    /// A known principal that has not called these APIs.
    Known,
    /// A principal that occasionally calls these APIs.
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
    /// The series that its calls enter, with the calls in each: `eventSource`, `eventName` and, for an
    /// error-rate series, the error code.
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
