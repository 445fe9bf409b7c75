//! The JSON of records: fields, identities, sessions, versions.

use serde_json::Value;

use super::*;
use crate::call::{Identity, event_id};

static RUN: Api = Api { service: "ec2", name: "RunInstances", read: false };
static DESCRIBE: Api = Api { service: "ec2", name: "DescribeInstances", read: true };
static ASSUME: Api = Api { service: "sts", name: "AssumeRole", read: true };
static WITH_SAML: Api = Api { service: "sts", name: "AssumeRoleWithSAML", read: true };
static WITH_TOKEN: Api = Api { service: "sts", name: "AssumeRoleWithWebIdentity", read: true };
static CREDENTIALS: Api = Api { service: "sso", name: "GetRoleCredentials", read: true };
static LOGIN: Api = Api { service: "signin", name: "ConsoleLogin", read: false };
static SHARED: Api = Api { service: "ec2", name: "SharedSnapshotVolumeCreated", read: false };
static PUT: Api = Api { service: "s3", name: "PutObject", read: false };
static ODD: Api = Api { service: "glue", name: "SearchTables20170331", read: true };

fn actors() -> Vec<Actor> {
    let actor = |identity: Identity, agent: &'static str, address: &str| Actor {
        identity,
        agent: agent.into(),
        address: address.to_owned(),
    };
    let role = |role: &str, session: &str| Identity::Role { role: role.to_owned(), session: session.to_owned() };
    vec![
        actor(Identity::User("dana \"d\" <o'\\neil>".to_owned()), "aws-cli/2.15.30", "198.51.100.7"),
        actor(role("ci-runner", "build-17"), "aws-sdk-go-v2/1.24.1", "10.2.3.4"),
        actor(
            role("AWSReservedSSO_Admin_0123456789abcdef", "döra@example.org"),
            "Mozilla/5.0 (X11; \"Linux\")",
            "203.0.113.9",
        ),
        actor(
            role("AWSServiceRoleForAutoScaling", "AutoScaling"),
            "autoscaling.amazonaws.com",
            "autoscaling.amazonaws.com",
        ),
        actor(Identity::Root, "Mozilla/5.0", "203.0.113.9"),
        actor(Identity::Service("ec2.amazonaws.com".to_owned()), "", "ec2.amazonaws.com"),
        actor(Identity::Foreign("AROAEXAMPLEEXAMPLE123:other".to_owned()), "Boto3/1.34", "198.51.100.9"),
        actor(
            Identity::Saml {
                provider: "bdGOn<i4+\"L/jEvs=".to_owned(),
                name: "döra@example.org".to_owned(),
                role: "AWSReservedSSO_Admin_0123456789abcdef".to_owned(),
            },
            "aws-internal/3 aws-sdk-java/1.12.479",
            "203.0.113.40",
        ),
        actor(
            Identity::Web {
                issuer: "token.actions.githubusercontent.com".to_owned(),
                name: "repo:example/web:ref:refs/heads/main".to_owned(),
                role: "ci-runner".to_owned(),
                session: "build-17".to_owned(),
            },
            "aws-sdk-nodejs/2.1396.0",
            "203.0.113.41",
        ),
        actor(
            Identity::Directory {
                store: "d-9067642ac7".to_owned(),
                user: "544894e8-80c1-707f-60e3-3ba6510dfac1".to_owned(),
            },
            "aws-cli/2.15.30",
            "203.0.113.42",
        ),
        actor(Identity::User("dana".to_owned()), "AWS Internal", "198.51.100.7"),
    ]
}

fn call(api: &'static Api, actor: u32, serial: u64) -> Call {
    Call { time: 1_736_150_400, serial, actor, region: "eu-west-1", api, error: None, kind: Kind::Call }
}

fn written(of: &Callers, call: &Call) -> (String, Value) {
    let mut out = Vec::new();
    Writer::default().write(of, call, &mut out);
    let text = String::from_utf8(out).unwrap();
    let json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    (text, json)
}

#[test]
fn fields_come_in_awss_order() {
    let of = Callers::new("000011112222", &actors());
    let order = [
        "eventVersion",
        "userIdentity",
        "eventTime",
        "eventSource",
        "eventName",
        "awsRegion",
        "sourceIPAddress",
        "userAgent",
        "errorCode",
        "errorMessage",
        "requestParameters",
        "responseElements",
        "additionalEventData",
        "requestID",
        "eventID",
        "readOnly",
        "resources",
        "eventType",
        "apiVersion",
        "managementEvent",
        "recipientAccountId",
        "sharedEventID",
        "serviceEventDetails",
        "vpcEndpointId",
        "vpcEndpointAccountId",
        "eventCategory",
        "tlsDetails",
        "sessionCredentialFromConsole",
    ];
    let count = actors().len() as u32;
    for serial in 0..400 {
        let api = [&RUN, &DESCRIBE, &ASSUME, &PUT, &ODD][serial as usize % 5];
        let error = (serial % 3 == 0).then_some("AccessDenied");
        let (text, json) = written(&of, &Call { error, ..call(api, serial as u32 % count, serial) });
        let mut at = 0;
        for key in order {
            if json.get(key).is_some() {
                let found =
                    text[at..].find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("{key} too early: {text}"));
                at += found;
            }
        }
        let known = json.as_object().unwrap().keys().all(|key| order.contains(&key.as_str()));
        assert!(known, "{text}");
    }
}

#[test]
fn identities_have_the_forms_of_their_types() {
    let of = Callers::new("000011112222", &actors());
    let identity =
        |actor: u32, kind: Kind| written(&of, &Call { kind, ..call(&DESCRIBE, actor, 3) }).1["userIdentity"].clone();
    let user = identity(0, Kind::Call);
    assert_eq!((&user["type"], &user["userName"]), (&"IAMUser".into(), &"dana \"d\" <o'\\neil>".into()));
    assert!(user["accessKeyId"].as_str().unwrap().starts_with("AKIA") && user.get("sessionContext").is_none());
    let role = identity(1, Kind::Call);
    assert_eq!(role["arn"], "arn:aws:sts::000011112222:assumed-role/ci-runner/build-17");
    assert_eq!(role["sessionContext"]["sessionIssuer"]["arn"], "arn:aws:iam::000011112222:role/ci-runner");
    let person = identity(2, Kind::Call);
    assert_eq!(person["sessionContext"]["attributes"]["mfaAuthenticated"], "true");
    assert!(
        person["sessionContext"]["sessionIssuer"]["arn"]
            .as_str()
            .unwrap()
            .contains("role/aws-reserved/sso.amazonaws.com/")
    );
    let linked = identity(3, Kind::Call);
    assert_eq!(linked["invokedBy"], "autoscaling.amazonaws.com");
    assert!(linked.get("accessKeyId").is_none());
    assert_eq!(identity(4, Kind::Call)["type"], "Root");
    assert_eq!(identity(5, Kind::Call)["type"], "AWSService");
    assert!(identity(5, Kind::ServiceEvent).get("type").is_none());
    assert_eq!(identity(6, Kind::Call)["type"], "AWSAccount");
}

/// The identity holds the provider's claim about the caller; the requested role is the one whose session
/// follows.
#[test]
fn federated_requests_name_the_role_of_the_next_session() {
    let of = Callers::new("000011112222", &actors());
    let role = |actor: u32| written(&of, &call(&DESCRIBE, actor, 3)).1["userIdentity"].clone();
    for (asking, api, given, kind) in [(7, &WITH_SAML, 2, "SAMLUser"), (8, &WITH_TOKEN, 1, "WebIdentityUser")] {
        let (_, json) = written(&of, &call(api, asking, 5));
        let (identity, given) = (&json["userIdentity"], role(given));
        assert_eq!(identity["type"], kind);
        assert_eq!(
            identity.as_object().unwrap().keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(),
            ["type", "principalId", "userName", "identityProvider"].into(),
        );
        assert_eq!(json["requestParameters"]["roleArn"], given["sessionContext"]["sessionIssuer"]["arn"]);
        assert_eq!(json["responseElements"]["assumedRoleUser"]["arn"], given["arn"]);
        assert_eq!(json["responseElements"]["assumedRoleUser"]["assumedRoleId"], given["principalId"]);
        assert_eq!(json["resources"][0]["ARN"], json["requestParameters"]["roleArn"]);
        assert!(json["responseElements"].to_string().contains(&identity["identityProvider"].to_string()), "{json}");
    }
}

/// AWS records the actions of directory users at the portal as service events, but with the user and a
/// request.
#[test]
fn directory_users_leave_service_events_with_a_request() {
    let of = Callers::new("000011112222", &actors());
    let (_, json) = written(&of, &Call { kind: Kind::ServiceEvent, ..call(&CREDENTIALS, 9, 5) });
    let identity = &json["userIdentity"];
    assert_eq!((&identity["type"], &identity["accountId"]), (&"IdentityCenterUser".into(), &"000011112222".into()));
    assert_eq!(
        identity["onBehalfOf"]["identityStoreArn"],
        "arn:aws:identitystore::000011112222:identitystore/d-9067642ac7"
    );
    assert_eq!(json["eventType"], "AwsServiceEvent");
    assert!(json["requestID"].is_string() && json["userAgent"].is_string() && json.get("tlsDetails").is_none());
    assert!(json["serviceEventDetails"]["role_name"].is_string(), "{json}");
}

/// As in published records: all of them have a console session, none has TLS details.
#[test]
fn internal_console_calls_have_a_session_and_no_tls() {
    for account in 0..20 {
        let of = Callers::new(&format!("{account:012}"), &actors());
        let (_, json) = written(&of, &call(&DESCRIBE, 10, 3));
        assert!(json.get("tlsDetails").is_none(), "{json}");
        assert!(json["userIdentity"]["accessKeyId"].as_str().unwrap().starts_with("ASIA"), "{json}");
        let version: u32 = json["eventVersion"].as_str().unwrap().strip_prefix("1.").unwrap().parse().unwrap();
        assert_eq!(json.get("sessionCredentialFromConsole").is_some(), version >= 8, "{json}");
    }
}

#[test]
fn a_failed_sign_in_has_a_message_and_no_code() {
    let of = Callers::new("000011112222", &actors());
    let sign_in = Call { kind: Kind::SignIn, error: Some("Failed authentication"), ..call(&LOGIN, 2, 9) };
    let (_, json) = written(&of, &sign_in);
    assert_eq!((&json["errorMessage"], json.get("errorCode")), (&"Failed authentication".into(), None));
    assert_eq!(json["responseElements"]["ConsoleLogin"], "Failure");
    assert_eq!(json["eventType"], "AwsConsoleSignIn");
}

#[test]
fn a_service_event_has_details_and_no_request() {
    let of = Callers::new("000011112222", &actors());
    let (_, json) = written(&of, &Call { kind: Kind::ServiceEvent, ..call(&SHARED, 5, 9) });
    assert_eq!((json.get("requestID"), json.get("userAgent")), (None, None));
    assert!(json["requestParameters"].is_null() && json["serviceEventDetails"]["resourceId"].is_string());
}

#[test]
fn old_versions_lack_later_fields() {
    let mut seen = std::collections::BTreeSet::new();
    for account in 0..200 {
        let of = Callers::new(&format!("{account:012}"), &actors());
        let (_, json) = written(&of, &call(&DESCRIBE, 1, 3));
        let version: u32 = json["eventVersion"].as_str().unwrap().strip_prefix("1.").unwrap().parse().unwrap();
        seen.insert(version);
        assert_eq!(json.get("managementEvent").is_some(), version >= 6, "{json}");
        assert_eq!(json.get("readOnly").is_some(), version >= 6, "{json}");
        assert_eq!(json.get("eventCategory").is_some(), version >= 7, "{json}");
        assert_eq!(json.get("tlsDetails").is_some(), version >= 8, "{json}");
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [5, 7, 8, 9, 10, 11]);
}

#[test]
fn a_record_depends_only_on_the_call() {
    let of = Callers::new("000011112222", &actors());
    let calls: Vec<Call> = (0..50).map(|serial| call(&RUN, serial as u32 % 7, serial)).collect();
    let mut writer = Writer::default();
    let mut together = Vec::new();
    calls.iter().rev().for_each(|call| writer.write(&of, call, &mut together));
    let apart: String = calls.iter().rev().map(|call| written(&of, call).0).collect();
    assert_eq!(String::from_utf8(together).unwrap(), apart);
    let ids: std::collections::BTreeSet<String> =
        calls.iter().map(|call| written(&of, call).1["eventID"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), calls.len());
    assert!(ids.contains(&event_id("000011112222", 7)));
}
