//! From records to OCSF by the published mapping tables (github.com/ocsf/examples, `mappings/markdown/AWS`),
//! not by the decoder: each version keeps and drops the fields that its table says, under its own names.

use serde_json::{Map, Value, json};

/// A version of the mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.0.0-rc.2: Security Lake's source version 1.
    Rc2,
    /// 1.1.0: source version 2.
    V1,
    /// 1.5.0.
    V5,
}
pub use Version::{Rc2, V1, V5};

/// All versions.
pub const VERSIONS: [Version; 3] = [Rc2, V1, V5];

/// How the map `unmapped` is written.
pub type Written = fn(Map<String, Value>) -> Value;

/// All spellings found in practice.
pub const WRITTEN: [Written; 4] = [
    Value::Object,
    |map| json!(map.into_iter().map(|(key, value)| json!([key, value])).collect::<Vec<_>>()),
    |map| json!(map.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect::<Vec<_>>()),
    |map| json!(Value::Object(map).to_string()),
];

/// Paths of a record that have a place of their own in every version.
const MAPPED: [&str; 22] = [
    "userIdentity.type",
    "userIdentity.arn",
    "userIdentity.principalId",
    "userIdentity.accountId",
    "userIdentity.accessKeyId",
    "userIdentity.userName",
    "userIdentity.invokedBy",
    "userIdentity.identityProvider",
    "userIdentity.sessionContext.sessionIssuer.arn",
    "eventTime",
    "eventSource",
    "eventName",
    "eventVersion",
    "eventID",
    "eventCategory",
    "awsRegion",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestID",
    "sourceIPAddress",
    "apiVersion",
];

/// All other fields as texts, by dotted path.
fn rest(version: Version, record: &Value) -> Map<String, Value> {
    fn walk(path: &str, value: &Value, into: &mut Map<String, Value>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    walk(&path, value, into);
                }
            }
            Value::Null => {}
            Value::String(text) => drop(into.insert(path.to_owned(), json!(text))),
            other => drop(into.insert(path.to_owned(), json!(other.to_string()))),
        }
    }
    let mut rest = Map::new();
    walk("", record, &mut rest);
    rest.retain(|path, _| {
        let moved = match version {
            Rc2 => false,
            V1 => path == "eventType",
            V5 => path == "eventType" || path == "recipientAccountId" || path.starts_with("userIdentity.onBehalfOf"),
        };
        !moved && !MAPPED.contains(&path.as_str())
    });
    rest
}

/// `class_uid`, `activity_id` and `activity_name` of a call.
fn class(version: Version, record: &Value) -> (u32, u32, &'static str) {
    let (source, name) = (record["eventSource"].as_str().unwrap_or(""), record["eventName"].as_str().unwrap_or(""));
    let api_activity = if version == Rc2 { 3005 } else { 6003 };
    match name {
        "ConsoleLogin" | "AssumeRole" | "AssumeRoleWithSAML" => (3002, 1, "Logon"),
        "CheckMfa" => (3002, 99, "Other"),
        _ if source == "iam.amazonaws.com" && name.starts_with("Create") => (3001, 1, "Create"),
        _ if source == "iam.amazonaws.com" && name.starts_with("Attach") => (3001, 7, "Attach Policy"),
        _ if name.starts_with("Create") => (api_activity, 1, "Create"),
        _ if ["Get", "List", "Describe"].iter().any(|verb| name.starts_with(verb)) => (api_activity, 2, "Read"),
        _ => (api_activity, 99, "Other"),
    }
}

/// The event that the mapping makes of a record.
pub fn to_ocsf(version: Version, record: &Value, written: Written) -> Value {
    let identity = &record["userIdentity"];
    let (class, activity, activity_name) = class(version, record);
    let user = match version {
        Rc2 => json!({"uid": identity["principalId"], "uuid": identity["arn"], "account_uid": identity["accountId"]}),
        _ => {
            json!({"uid": identity["arn"], "uid_alt": identity["principalId"], "account": {"uid": identity["accountId"]}})
        }
    };
    let seconds = seconds_of(record["eventTime"].as_str().unwrap_or(""));
    let mut event = json!({
        "activity_id": activity, "activity_name": activity_name,
        "actor": {
            "user": user, "session": {"issuer": identity["sessionContext"]["sessionIssuer"]["arn"]},
            "invoked_by": identity["invokedBy"], "idp": {"name": identity["identityProvider"]},
        },
        "api": {
            "operation": record["eventName"], "service": {"name": record["eventSource"]}, "request": {"uid": record["requestID"]},
            "response": {"error": record["errorCode"], "message": record["errorMessage"]},
        },
        "class_uid": class, "class_name": if class == 6003 || class == 3005 { "API Activity" } else { "Other" },
        "cloud": {"provider": "AWS", "region": record["awsRegion"]},
        "http_request": {"user_agent": record["userAgent"]},
        "metadata": {
            "product": {"name": "CloudTrail", "vendor_name": "AWS", "version": record["eventVersion"],
                "feature": {"name": record.get("eventCategory").unwrap_or(&json!("Management, Data, and Insights"))}},
            "uid": record["eventID"], "profiles": ["cloud"],
            "version": match version { Rc2 => "1.0.0-rc.2", V1 => "1.1.0", V5 => "1.5.0" },
        },
        "message": "not a record of its own",
        "severity_id": 1, "time": seconds.map(|seconds| seconds * 1000), "type_uid": class * 100 + activity,
        "unmapped": written(rest(version, record)),
    });
    for key in ["type", "name", "credential_uid"] {
        let from = match key {
            "name" => "userName",
            "credential_uid" => "accessKeyId",
            same => same,
        };
        event["actor"]["user"][key] = identity[from].clone();
    }
    if version != Rc2 {
        event["metadata"]["event_code"] = record["eventType"].clone();
        event["time_dt"] = record["eventTime"].clone();
    }
    if version == V5 {
        event["cloud"]["account"] = json!({"uid": record["recipientAccountId"]});
        if identity["type"] == "IdentityCenterUser" {
            event["actor"]["user"]["uid_alt"] = identity["onBehalfOf"]["userId"].clone();
            event["actor"]["user"]["credential_uid"] = identity["credentialId"].clone();
            event["actor"]["idp"]["uid"] = identity["onBehalfOf"]["identityStoreArn"].clone();
        }
    }
    event
}

/// Seconds since 1970 of `2026-03-04T10:17:05Z`, by counting days.
fn seconds_of(time: &str) -> Option<i64> {
    let number = |from: usize, to: usize| time.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (year, month) = if month <= 2 { (year - 1, month + 12) } else { (year, month) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day - 719_469;
    Some(days * 86_400 + number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?)
}
