//! AWS's JSON of an Insights record.
//!
//! Field names, their order and their presence follow the CloudTrail User Guide ("CloudTrail record contents
//! for Insights events for trails") and its examples of version 1.09. Averages are calls per minute with at
//! most ten decimals, as AWS prints them. Identifiers are name-based UUIDs (RFC 9562, version 5), so the same
//! insight has the same IDs in every run.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Attribution, Insight, SourceCategory};

/// Namespace of the name-based IDs: a random UUID, drawn once.
const NAMESPACE: Uuid = Uuid::from_u128(0x6b1d_3c0a_52e7_4f0e_9a55_0c7d_2f86_41b3);

const VERSION: &str = "1.09";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record<'a> {
    event_version: &'static str,
    event_time: String,
    aws_region: &'a str,
    #[serde(rename = "eventID")]
    event_id: String,
    event_type: &'static str,
    recipient_account_id: String,
    #[serde(rename = "sharedEventID")]
    shared_event_id: String,
    insight_details: Details<'a>,
    event_category: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detected_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    insightd: Option<Explanation<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    state: &'static str,
    event_source: &'a str,
    event_name: &'a str,
    insight_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
    source_event_category: &'static str,
    insight_context: Context<'a>,
}

#[derive(Serialize)]
struct Context<'a> {
    statistics: Statistics,
    attributions: Vec<Sides<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    baseline: Average,
    insight: Average,
    insight_duration: u64,
    baseline_duration: u64,
}

#[derive(Serialize)]
struct Average {
    average: Box<RawValue>,
}

#[derive(Serialize)]
struct Sides<'a> {
    attribute: &'static str,
    insight: Vec<ValueAverage<'a>>,
    baseline: Vec<ValueAverage<'a>>,
}

#[derive(Serialize)]
struct ValueAverage<'a> {
    value: &'a str,
    average: Box<RawValue>,
}

/// The object `insightd` of `--explain`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Explanation<'a> {
    /// Calls of the detection minute at the tipping event (Start), calls a minute over the insight (End).
    observed: f64,
    /// Calls a minute expected.
    expected: f64,
    /// Calibrated tail probability of such a minute.
    probability: f64,
    /// -log10 of it; does not underflow.
    score: f64,
    /// Score from which an insight started.
    limit: f64,
    reason: &'static str,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressed_by: Option<&'a str>,
    first_seen: FirstSeen,
    /// Minute whose counts were found significant; the window of a Start ends with it.
    detection_minute: String,
    #[serde(rename = "tippingEventID", skip_serializing_if = "str::is_empty")]
    tipping_event_id: &'a str,
}

#[derive(Serialize)]
struct FirstSeen {
    series: bool,
    region: bool,
    principal: bool,
}

impl Insight {
    /// Appends the record as one JSON object, without a newline. With `explain` it has two more top-level
    /// fields.
    pub fn write_json(&self, out: &mut Vec<u8>, explain: bool) {
        append(out, &self.record(explain));
    }

    /// `sharedEventID`: the identity of the insight, the same in Start and End.
    pub(crate) fn shared_event_id(&self) -> String {
        self.id("")
    }

    /// `eventID`: differs between Start and End.
    pub fn event_id(&self) -> String {
        self.id(self.state.label())
    }

    pub(super) fn id(&self, part: &str) -> String {
        // Lengths before the texts keep two different series from having the same name.
        let mut name = format!("{} {} {} {part}", self.account, self.start, self.kind.label());
        let category = category_label(self.category);
        for text in [&*self.region, &*self.source, &*self.name, self.error.as_deref().unwrap_or(""), category] {
            name.push_str(&format!(" {}:{text}", text.len()));
        }
        Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string()
    }

    pub(super) fn record(&self, explain: bool) -> Record<'_> {
        let finding = &self.finding;
        Record {
            event_version: VERSION,
            event_time: rfc3339(self.event_minute * 60),
            aws_region: &self.region,
            event_id: self.event_id(),
            event_type: "AwsCloudTrailInsight",
            recipient_account_id: self.account.to_string(),
            shared_event_id: self.shared_event_id(),
            insight_details: Details {
                state: self.state.label(),
                event_source: &self.source,
                event_name: &self.name,
                insight_type: self.kind.label(),
                error_code: self.error.as_deref(),
                source_event_category: category_label(self.category),
                insight_context: self.context(),
            },
            event_category: "Insight",
            detected_at: explain.then(|| rfc3339(finding.detected_at)),
            insightd: explain.then(|| Explanation {
                observed: finding.observed,
                expected: finding.expected,
                probability: finding.probability(),
                score: finding.score,
                limit: finding.limit,
                reason: finding.reason.label(),
                severity: finding.severity.label(),
                suppressed_by: finding.suppressed_by.as_deref(),
                first_seen: FirstSeen {
                    series: finding.series_new,
                    region: finding.region_new,
                    principal: finding.principal_new,
                },
                detection_minute: rfc3339(finding.detection_minute * 60),
                tipping_event_id: &finding.tipping_event,
            }),
        }
    }

    fn context(&self) -> Context<'_> {
        let sides = |attribute, a| self.sides(attribute, a);
        let mut attributions = vec![sides("userIdentityArn", &self.principals), sides("userAgent", &self.agents)];
        if let Some(errors) = &self.errors {
            attributions.push(sides("errorCode", errors));
        }
        Context {
            statistics: Statistics {
                baseline: Average { average: average(self.baseline_count, self.baseline_minutes) },
                insight: Average { average: average(self.insight_count, self.insight_minutes) },
                insight_duration: self.insight_minutes,
                baseline_duration: self.baseline_minutes,
            },
            attributions,
        }
    }

    fn sides<'a>(&self, attribute: &'static str, attribution: &'a Attribution) -> Sides<'a> {
        let averages = |values: &'a [(String, u64)], minutes| {
            values.iter().map(|(value, count)| ValueAverage { value, average: average(*count, minutes) }).collect()
        };
        Sides {
            attribute,
            insight: averages(&attribution.insight, self.insight_minutes),
            baseline: averages(&attribution.baseline, self.baseline_minutes),
        }
    }
}

impl super::Finding {
    /// The calibrated tail probability, `10^-score`.
    pub fn probability(&self) -> f64 {
        10_f64.powf(-self.score)
    }
}

/// `2026-03-04T10:17:00Z` of seconds since 1970.
pub fn rfc3339(seconds: i64) -> String {
    // Event times are checked on the way in to lie between 2005 and the wall clock.
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

fn category_label(category: SourceCategory) -> &'static str {
    match category {
        SourceCategory::Management => "Management",
        SourceCategory::Data => "Data",
    }
}

/// `count / minutes` with at most ten decimals and no trailing zeros.
fn average(count: u64, minutes: u64) -> Box<RawValue> {
    let text = format!("{:.10}", count as f64 / minutes.max(1) as f64);
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    RawValue::from_string(trimmed.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

pub(super) fn append(out: &mut Vec<u8>, value: &impl Serialize) {
    let written = serde_json::to_writer(&mut *out, value);
    // Plain structs with string keys, written to memory.
    assert!(written.is_ok(), "an insight can always be written as JSON");
}

#[cfg(test)]
mod tests {
    use super::super::{Finding, InsightType, State};
    use super::*;
    use crate::cloudtrail::event::AccountId;

    fn run_instances(state: State) -> Insight {
        let top = |value: &str, count| (value.to_owned(), count);
        Insight {
            account: AccountId::parse("011122223333").expect("twelve digits"),
            region: "eu-west-1".into(),
            source: "ec2.amazonaws.com".into(),
            name: "RunInstances".into(),
            error: None,
            category: SourceCategory::Management,
            kind: InsightType::ApiCallRate,
            state,
            start: 29_543_657,
            event_minute: 29_543_657,
            baseline_count: 428,
            baseline_minutes: 10_697,
            insight_count: 61,
            insight_minutes: 5,
            principals: Attribution { insight: vec![top("arn:aws:iam::011122223333:user/dana", 61)], baseline: vec![] },
            agents: Attribution { insight: vec![top("a \"quoted\" agent", 61)], baseline: vec![] },
            errors: Some(Attribution { insight: vec![top("null", 58), top("Throttled", 3)], baseline: vec![] }),
            finding: Finding { score: 7.0, ..Finding::default() },
        }
    }

    fn text(insight: &Insight, explain: bool) -> String {
        let mut out = Vec::new();
        insight.write_json(&mut out, explain);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn record_is_awss_field_for_field() {
        let insight = run_instances(State::Start);
        let expected = format!(
            concat!(
                r#"{{"eventVersion":"1.09","eventTime":"2026-03-04T10:17:00Z","awsRegion":"eu-west-1","eventID":"{}","#,
                r#""eventType":"AwsCloudTrailInsight","recipientAccountId":"011122223333","sharedEventID":"{}","#,
                r#""insightDetails":{{"state":"Start","eventSource":"ec2.amazonaws.com","eventName":"RunInstances","#,
                r#""insightType":"ApiCallRateInsight","sourceEventCategory":"Management","insightContext":{{"#,
                r#""statistics":{{"baseline":{{"average":0.0400112181}},"insight":{{"average":12.2}},"#,
                r#""insightDuration":5,"baselineDuration":10697}},"attributions":[{{"attribute":"userIdentityArn","#,
                r#""insight":[{{"value":"arn:aws:iam::011122223333:user/dana","average":12.2}}],"baseline":[]}},"#,
                r#"{{"attribute":"userAgent","insight":[{{"value":"a \"quoted\" agent","average":12.2}}],"baseline":[]}},"#,
                r#"{{"attribute":"errorCode","insight":[{{"value":"null","average":11.6}},"#,
                r#"{{"value":"Throttled","average":0.6}}],"baseline":[]}}]}}}},"eventCategory":"Insight"}}"#
            ),
            insight.event_id(),
            insight.shared_event_id(),
        );
        assert_eq!(text(&insight, false), expected);
    }

    #[test]
    fn start_and_end_share_one_id_and_have_their_own() {
        let (start, end) = (run_instances(State::Start), run_instances(State::End));
        assert_eq!(start.shared_event_id(), end.shared_event_id());
        assert_ne!(start.event_id(), end.event_id());
        assert_ne!(start.event_id(), start.shared_event_id());
        let mut other = run_instances(State::Start);
        other.start += 1;
        assert_ne!(other.shared_event_id(), start.shared_event_id());
    }

    #[test]
    fn explain_adds_exactly_two_fields() {
        let parse = |explain| -> serde_json::Map<String, serde_json::Value> {
            serde_json::from_str(&text(&run_instances(State::Start), explain)).expect("an object")
        };
        let (bare, explained) = (parse(false), parse(true));
        let added: Vec<&String> = explained.keys().filter(|k| !bare.contains_key(*k)).collect();
        assert_eq!(added, ["detectedAt", "insightd"]);
        assert_eq!(explained["insightd"]["probability"].as_f64(), Some(1e-7));
    }

    #[test]
    fn averages_have_ten_decimals_at_most_and_no_padding() {
        for (count, minutes, expected) in [
            (1_652_026, 10_723, "154.063788119"),
            (1, 11_336, "0.0000882145"),
            (2, 1, "2"),
            (0, 10_080, "0"),
            (501, 10, "50.1"),
            (100, 1, "100"),
            (432_526, 121, "3574.5950413223"),
        ] {
            assert_eq!(average(count, minutes).get(), expected);
        }
    }

    #[test]
    fn error_rate_names_its_error_and_has_two_attributes() {
        let mut insight = run_instances(State::Start);
        (insight.kind, insight.error, insight.errors) = (InsightType::ApiErrorRate, Some("AccessDenied".into()), None);
        let json: serde_json::Value = serde_json::from_str(&text(&insight, false)).expect("an object");
        assert_eq!(json["insightDetails"]["errorCode"], "AccessDenied");
        assert_eq!(json["insightDetails"]["insightContext"]["attributions"].as_array().map(Vec::len), Some(2));
    }
}
