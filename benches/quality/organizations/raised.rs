//! The insights that a detector raises on the calls of one account, and which of them are about an attack.

use insightd_core::cloudtrail::event::Event;
use insightd_core::cloudtrail::insight::{Insight, Reason, Severity, State};
use insightd_core::detect::{Detector, Settings};
use insightd_generate::label::Label;

use insightd_test_support::quality::arithmetic::matching::{Start, attack_of};

/// A Start of insightd.
#[derive(Clone, Debug, PartialEq)]
pub struct Raised {
    /// Region.
    pub region: String,
    /// `eventSource`.
    pub source: String,
    /// `eventName`.
    pub name: String,
    /// `errorCode` of an error-rate series.
    pub error: Option<String>,
    /// Start minute.
    pub start: i64,
    /// `eventTime` of the tipping event, seconds since 1970.
    pub detected_at: i64,
    /// What raised it.
    pub reason: Reason,
    /// How much it deserves to be looked at.
    pub severity: Severity,
    /// Index of the attack it is about, none if it is false.
    pub attack: Option<usize>,
    /// Seconds of event time from the first call of the attack to the tipping event; 0 where something before
    /// it was found already.
    pub delay_s: i64,
}

/// The Starts of a fresh detector on the events of one account, with the attacks they are about.
pub fn raise(account: &str, events: &[Event<'_>], labels: &[Label], settings: Settings) -> Vec<Raised> {
    let mut detector = Detector::new(settings);
    let mut starts = Vec::new();
    let mut emit = |insight: Insight| {
        if insight.state == State::Start {
            starts.push(judged(account, labels, insight));
        }
    };
    for event in events {
        detector.observe(event, None, &mut emit);
    }
    detector.finish(&mut emit);
    starts
}

fn judged(account: &str, labels: &[Label], insight: Insight) -> Raised {
    let Insight { region, source, name, error, start, finding, .. } = insight;
    let at =
        Start { account, region: &region, source: &source, name: &name, error: error.as_deref(), time: start * 60 };
    let attack = attack_of(labels, &at);
    let delay_s = attack.map_or(0, |attack| (finding.detected_at - labels[attack].start).max(0));
    let (detected_at, reason, severity) = (finding.detected_at, finding.reason, finding.severity);
    Raised { region, source, name, error, start, detected_at, reason, severity, attack, delay_s }
}
