//! The EventBridge event around an Insights record.

use serde::Serialize;

use super::Insight;
use super::record::{Record, append, rfc3339};

/// The event as AWS delivers it; field order as in AWS's examples.
#[derive(Serialize)]
struct Event<'a> {
    version: &'static str,
    id: String,
    #[serde(rename = "detail-type")]
    detail_type: &'static str,
    source: &'static str,
    account: String,
    time: String,
    region: &'a str,
    resources: [(); 0],
    detail: Record<'a>,
}

/// Appends the event as one JSON object, without a newline.
pub(super) fn write(insight: &Insight, out: &mut Vec<u8>, explain: bool) {
    let event = Event {
        version: "0",
        id: insight.id("eventbridge"),
        detail_type: "AWS Insight via CloudTrail",
        source: "aws.cloudtrail",
        account: insight.account.to_string(),
        time: rfc3339(insight.event_minute * 60),
        region: &insight.region,
        resources: [],
        detail: insight.record(explain),
    };
    append(out, &event);
}
