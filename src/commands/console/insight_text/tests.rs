//! The text of an insight, character by character.

use insightd_core::cloudtrail::event::AccountId;
use insightd_core::cloudtrail::insight::{Attribution, Finding, Insight, InsightType, SourceCategory, State};

use super::*;

const START: &str = r#"{"eventVersion":"1.09","eventTime":"2026-03-05T09:58:00Z","awsRegion":"eu-west-1",
    "eventID":"0f5ce0b7-8a52-5d43-9d43-0e4f1f4a2f10","eventType":"AwsCloudTrailInsight","recipientAccountId":"210987654321",
    "sharedEventID":"a50b0d4c-5c1e-5a53-8bd5-0d3f9f1f7a11","insightDetails":{"state":"Start","eventSource":"iam.amazonaws.com",
    "eventName":"CreateAccessKey","insightType":"ApiCallRateInsight","sourceEventCategory":"Management","insightContext":{
    "statistics":{"baseline":{"average":0.0010276507},"insight":{"average":8.2},"insightDuration":5,"baselineDuration":10704},
    "attributions":[{"attribute":"userIdentityArn","insight":[{"value":"arn:aws:iam::210987654321:user/mara","average":8},
    {"value":"arn:aws:sts::210987654321:assumed-role/provisioner","average":0.2}],
    "baseline":[{"value":"arn:aws:sts::210987654321:assumed-role/provisioner","average":0.0010276507}]},
    {"attribute":"userAgent","insight":[{"value":"aws-cli/2.15.30","average":8.2}],"baseline":[]},
    {"attribute":"errorCode","insight":[{"value":"null","average":8.2}],"baseline":[]}]}},"eventCategory":"Insight"}"#;

fn headers(severity: &str, detected_at: &str) -> Vec<(String, String)> {
    let headers = [("insight-severity", severity), ("detected-at", detected_at), ("score", "7.31")];
    headers.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()
}

fn start() -> InsightText {
    InsightText::read(START.as_bytes(), &headers("high", "2026-03-05T09:59:41Z")).unwrap()
}

fn end() -> InsightText {
    let end = START
        .replace("09:58:00", "10:12:00")
        .replace(r#""Start""#, r#""End""#)
        .replace(r#""insightDuration":5"#, r#""insightDuration":14"#)
        .replace(r#""insight":{"average":8.2}"#, r#""insight":{"average":12.2857142857}"#);
    InsightText::read(end.as_bytes(), &headers("high", "2026-03-05T10:27:03Z")).unwrap()
}

fn found() -> Remark {
    Remark { text: "attack: found after 37 s".into(), style: AnsiColor::Green.on_default() }
}

#[test]
fn a_line_says_who_what_where_how_much_and_since_when() {
    assert_eq!(
        start().line(Some(&found())),
        "2026-03-05 09:59:41 start high   210987654321 eu-west-1 iam.amazonaws.com CreateAccessKey: 41 calls in 5 min, \
         usually 1.48 a day (7,979x), since 09:58; by user mara (new here) and role provisioner with aws-cli/2.15.30 [attack: \
         found after 37 s]"
    );
    assert_eq!(
        end().line(None),
        "2026-03-05 10:27:03 end   high   210987654321 eu-west-1 iam.amazonaws.com CreateAccessKey: 172 calls in 14 min until \
         10:12"
    );
}

#[test]
fn a_block_has_the_contents_of_a_line_and_a_bar() {
    let expected = "\
Mar 05 09:59:41  HIGH   CreateAccessKey (iam)   account 210987654321, eu-west-1
                        ████████·· 41 calls in 5 min, usually 1.48 a day (7,979x), since 09:58
                        by user mara (new here) and role provisioner with aws-cli/2.15.30
                        attack: found after 37 s
";
    assert_eq!(start().block(Some(&found()), Paint::Plain), expected);
    assert_eq!(
        end().block(None, Paint::Plain),
        "Mar 05 10:27:03  over   CreateAccessKey, account 210987654321, eu-west-1: 172 calls in 14 min until 10:12\n"
    );
}

#[test]
fn color_adds_escapes_and_nothing_else() {
    let colored = start().block(Some(&found()), Paint::Color);
    let first = colored.lines().next().unwrap();
    assert_eq!(
        first,
        "\u{1b}[2mMar 05 09:59:41  \u{1b}[0m\u{1b}[1m\u{1b}[31mHIGH  \u{1b}[0m \u{1b}[1mCreateAccessKey\u{1b}[0m \
         \u{1b}[2m(iam)\u{1b}[0m   \u{1b}[2maccount 210987654321, eu-west-1\u{1b}[0m"
    );
    let plain = anstream::adapter::strip_str(&colored).to_string();
    assert_eq!(plain, start().block(Some(&found()), Paint::Plain));
    assert!(colored.contains("\u{1b}[32mattack: found after 37 s\u{1b}[0m"));
}

#[test]
fn each_severity_has_its_color() {
    for (severity, code) in [(Severity::High, "31"), (Severity::Medium, "33"), (Severity::Low, "36")] {
        let block = InsightText { severity, ..start() }.block(None, Paint::Color);
        assert!(block.contains(&format!("\u{1b}[{code}m████████··\u{1b}[0m")), "{block:?}");
    }
}

#[test]
fn an_error_rate_insight_names_its_error_and_counts_errors() {
    let text = START
        .replace(r#""CreateAccessKey","#, r#""GetRolePolicy","errorCode":"AccessDenied","#)
        .replace(r#"{"average":0.0010276507}"#, r#"{"average":0}"#);
    let line = InsightText::read(text.as_bytes(), &headers("low", "2026-03-05T09:59:41Z")).unwrap().line(None);
    assert!(
        line.contains(
            "GetRolePolicy failing with AccessDenied: 41 errors in 5 min, none in 7 days before (over 87,773x)"
        ),
        "{line}"
    );
}

#[test]
fn the_usual_rate_has_a_fitting_unit() {
    let table = [
        (0, 300, "none in the short time before"),
        (0, 10_800, "none in 7 days before"),
        (1, 10_800, "usually 1 in 7 days"),
        (6, 10_800, "usually 6 in 7 days"),
        (15, 10_800, "usually 2 a day"),
        (540, 10_800, "usually 3 an hour"),
        (21_600, 10_800, "usually 2 a minute"),
        (1_652_026, 10_723, "usually 154 a minute"),
    ];
    for (usual_calls, usual_minutes, text) in table {
        assert_eq!(InsightText { usual_calls, usual_minutes, ..start() }.usual(), text);
    }
}

#[test]
fn the_bar_is_the_logarithm_of_the_ratio() {
    let table = [
        (0.5, "▌·········"),
        (2.0, "▌·········"),
        (3.0, "█·········"),
        (10.0, "██········"),
        (1000.0, "██████····"),
        (100_000.0, "██████████"),
        (1e9, "██████████"),
    ];
    for (ratio, text) in table {
        assert_eq!(bar(ratio), text, "{ratio}");
    }
}

#[test]
fn a_principal_is_new_only_if_the_baseline_lists_all() {
    let four = [r#"{"value":"other","average":1}"#; 4].join(",");
    let five = [r#"{"value":"other","average":1}"#; 5].join(",");
    let known = r#"{"value":"arn:aws:sts::210987654321:assumed-role/provisioner","average":0.0010276507}"#;
    for (list, is_new) in [(four, true), (five, false)] {
        let insight = InsightText::read(START.replace(known, &list).as_bytes(), &[]).unwrap();
        assert_eq!(insight.principals.iter().map(|named| named.is_new).collect::<Vec<_>>(), [is_new; 2], "{list}");
    }
}

#[test]
fn principals_are_named_as_people_say_them() {
    let table = [
        ("arn:aws:iam::210987654321:user/mara", "user mara"),
        ("arn:aws:iam::210987654321:user/team/mara", "user team/mara"),
        ("arn:aws:sts::210987654321:assumed-role/deployer", "role deployer"),
        ("arn:aws-cn:sts::210987654321:federated-user/kim", "federated user kim"),
        ("arn:aws:iam::210987654321:root", "root"),
        ("autoscaling.amazonaws.com", "autoscaling.amazonaws.com"),
        ("AIDACKCEVSQ6C2EXAMPLE", "AIDACKCEVSQ6C2EXAMPLE"),
    ];
    for (value, text) in table {
        assert_eq!(principal(value), text);
    }
}

#[test]
fn a_user_agent_is_shown_as_its_tool() {
    let table = [
        ("aws-cli/2.15.30 Python/3.11.8 Darwin/23.4.0 exe/x86_64", "aws-cli/2.15.30"),
        ("AWS Internal", "AWS Internal"),
        ("autoscaling.amazonaws.com", "autoscaling.amazonaws.com"),
        ("", ""),
        (&"x".repeat(41), &("x".repeat(40) + "...")),
    ];
    for (agent, text) in table {
        assert_eq!(tool(agent), text);
    }
}

#[test]
fn a_brief_line_has_no_who() {
    assert_eq!(
        start().brief(Paint::Plain),
        "Mar 05 09:59:41  high   CreateAccessKey (iam), account 210987654321, eu-west-1: 41 calls in 5 min, usually 1.48 a day\n"
    );
}

#[test]
fn other_records_are_refused_with_a_reason() {
    let error = InsightText::read(b"{}", &[]).unwrap_err();
    assert!(error.starts_with("a record is not an Insights event: missing field"), "{error}");
    let error = InsightText::read(START.as_bytes(), &headers("high", "yesterday")).unwrap_err();
    assert!(error.starts_with("header detected-at is \"yesterday\""), "{error}");
}

#[test]
fn a_record_can_neither_control_nor_fill_the_terminal() {
    let hostile = START.replace("aws-cli/2.15.30", &format!("\\u001b[2J\\r\\nok {}", "x".repeat(300)));
    let insight = InsightText::read(hostile.as_bytes(), &[]).unwrap();
    for text in [insight.line(None), insight.block(None, Paint::Plain)] {
        assert!(!text.contains(['\u{1b}', '\r']), "{text:?}");
        assert!(text.contains("with ?[2J??ok xxx") && text.contains("xxx..."), "{text}");
        assert!(text.lines().all(|line| line.len() < 260), "{text}");
    }
}

#[test]
fn records_of_the_daemon_can_be_read() {
    let attribution = |value: &str| Attribution { insight: vec![(value.to_owned(), 41)], baseline: Vec::new() };
    let insight = Insight {
        account: AccountId::parse("210987654321").unwrap(),
        region: "eu-west-1".into(),
        source: "ec2.amazonaws.com".into(),
        name: "RunInstances".into(),
        error: None,
        category: SourceCategory::Management,
        kind: InsightType::ApiCallRate,
        state: State::Start,
        start: 29_545_678,
        event_minute: 29_545_678,
        baseline_count: 11,
        baseline_minutes: 10_704,
        insight_count: 41,
        insight_minutes: 5,
        principals: attribution("arn:aws:iam::210987654321:user/mara"),
        agents: attribution("aws-cli/2.15.30"),
        errors: Some(attribution("null")),
        finding: Finding::default(),
    };
    let mut payload = Vec::new();
    insight.write_json(&mut payload, false);
    let text = InsightText::read(&payload, &[]).unwrap();
    assert_eq!((text.calls, text.minutes), (insight.insight_count, insight.insight_minutes));
    assert_eq!((text.usual_calls, text.usual_minutes), (insight.baseline_count, insight.baseline_minutes));
    assert_eq!((text.name, text.region, text.event_time), (insight.name, insight.region, insight.event_minute * 60));
    assert_eq!(text.principals, [Named { value: "arn:aws:iam::210987654321:user/mara".into(), is_new: true }]);
}
