//! An OCSF event decodes to the same event as the CloudTrail record that it was mapped from.

mod mapping;

use self::mapping::{Rc2, V1, VERSIONS, WRITTEN, to_ocsf};
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Skipped};
use insightd_test_support::decoding::{ENVELOPES, Found, decode_both, gzip, record, slice};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A record with these fields in place of the defaults; null removes a field.
fn with(fields: Value) -> Value {
    let mut record = record(1);
    for (key, value) in fields.as_object().expect("an object") {
        match value {
            Value::Null => drop(record.as_object_mut().expect("an object").remove(key)),
            value => record[key] = value.clone(),
        }
    }
    record
}

/// Records of every kind of caller, class and age.
fn records() -> Vec<Value> {
    let iam_user = json!({"type": "IAMUser", "principalId": "AIDAX", "arn": "arn:aws:iam::111122223333:user/dana",
        "accountId": "111122223333", "accessKeyId": "AKIAX", "userName": "dana"});
    let sign_in = json!({"eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "eventType": "AwsConsoleSignIn",
        "userIdentity": iam_user});
    let identity = |identity: Value| with(json!({"userIdentity": identity}));
    vec![
        record(1),
        identity(iam_user.clone()),
        identity(
            json!({"type": "Root", "principalId": "111122223333", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"}),
        ),
        identity(json!({"type": "Root", "principalId": "111122223333", "accountId": "111122223333"})),
        identity(json!({"type": "IAMUser", "principalId": "AIDAX", "accountId": "111122223333", "userName": "dana"})),
        identity(json!({"type": "AssumedRole", "principalId": "AROAX:s", "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/p/r"}}})),
        identity(json!({"type": "AWSService", "invokedBy": "rds.amazonaws.com"})),
        identity(json!({"accountId": "111122223333", "invokedBy": "kms.amazonaws.com"})),
        identity(json!({"type": "AWSAccount", "principalId": "AROAX:s", "accountId": "444455556666"})),
        identity(json!({"type": "SAMLUser", "principalId": "p:dana", "userName": "dana", "identityProvider": "p"})),
        identity(json!({"type": "WebIdentityUser", "principalId": "accounts.google.com:app:1", "userName": "1",
            "identityProvider": "accounts.google.com"})),
        identity(json!({"type": "IdentityCenterUser", "accountId": "111122223333", "credentialId": "c", "onBehalfOf":
            {"userId": "u", "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-1"}})),
        with(json!({"errorCode": "Client.UnauthorizedOperation", "errorMessage": "no"})),
        with(json!({"eventName": "DescribeInstances", "readOnly": true})),
        with(
            json!({"eventCategory": "Data", "managementEvent": false, "eventSource": "s3.amazonaws.com", "eventName": "PutObject"}),
        ),
        with(json!({"eventCategory": "NetworkActivity", "eventType": "AwsVpceEvents", "managementEvent": null})),
        with(json!({"eventSource": "iam.amazonaws.com", "eventName": "CreateUser", "awsRegion": "us-east-1"})),
        with(json!({"eventSource": "iam.amazonaws.com", "eventName": "AttachUserPolicy"})),
        with(json!({"eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "readOnly": true})),
        with(sign_in),
        with(json!({"userAgent": null, "eventID": null})),
        with(json!({"addendum": {"reason": "UPDATED_DATA", "originalEventID": "e"}})),
        with(
            json!({"eventTime": "2023-02-28T23:59:59Z", "awsRegion": "cn-north-1", "recipientAccountId": "000000000042"}),
        ),
        // Older records: the decoder infers missing fields, and the activity only confirms them.
        with(json!({"eventVersion": "1.05", "readOnly": null, "managementEvent": null, "eventCategory": null})),
        with(json!({"readOnly": null, "eventName": "DescribeInstances"})),
        with(json!({"readOnly": null, "eventName": "GetFederationToken", "eventSource": "sts.amazonaws.com"})),
    ]
}

/// A call gives the same event as a record and as OCSF of each version.
#[test]
fn record_and_ocsf_of_a_call_give_the_same_event() {
    for record in records() {
        let expected = slice(record.to_string().as_bytes());
        assert_eq!(expected.events.len(), 1, "{record}");
        for version in VERSIONS {
            for written in WRITTEN {
                let ocsf = to_ocsf(version, &record, written).to_string();
                let found = slice(ocsf.as_bytes());
                assert_eq!(found.events, expected.events, "{version:?}\n{record}\n{ocsf}");
                assert_eq!(decode_both(ocsf.as_bytes()).events, [Envelope::Ocsf], "{ocsf}");
            }
        }
    }
}

/// Where the mapping drops `readOnly`, the activity and the name stand in for it, and the event says that it
/// was inferred.
#[test]
fn without_read_only_the_activity_decides() {
    for (name, write) in [("DescribeInstances", false), ("RunInstances", true)] {
        let mut ocsf = to_ocsf(V1, &with(json!({"eventName": name, "readOnly": null})), Value::Object);
        ocsf["unmapped"] = json!({"recipientAccountId": "111122223333"});
        let event = &slice(ocsf.to_string().as_bytes()).events[0];
        let expected = format!("write: {write}, read_only: None, inferred: true");
        assert!(event.contains(&expected), "{name}: {event}");
    }
    let mut ocsf = to_ocsf(V1, &with(json!({"eventName": "PollForTask", "readOnly": null})), Value::Object);
    ocsf["activity_id"] = json!(2);
    let event = &slice(ocsf.to_string().as_bytes()).events[0];
    assert!(event.contains("write: false, read_only: None, inferred: true"), "{event}");
}

/// Public samples of the mapping, their ids replaced by ones of the right length.
#[test]
fn published_examples() {
    let v1 = r#"{"activity_id":2,"activity_name":"Read","actor":{"idp":{"name":null},"invoked_by":null,"session":{"created_time":0,
        "created_time_dt":null,"issuer":null},"user":{"account":{"uid":"111111111111"},"credential_uid":"AKIA3Z2XBVEXAMPLE","name":"Level6",
        "type":"IAMUser","uid":"arn:aws:iam::111111111111:user/Level6","uid_alt":"AIDADO2GQEXAMPLE"}},"api":{"operation":
        "DescribeDirectConnectGateways","request":{"data":null,"uid":"1c8a"},"response":{"data":{"directConnectGateways":[]},"error":null,
        "message":null},"service":{"name":"directconnect.amazonaws.com"},"version":null},"class_name":"API Activity","class_uid":6003,
        "cloud":{"provider":"AWS","region":"us-east-1"},"http_request":{"user_agent":"Boto3/1.15.2"},"metadata":{"log_name":"AwsApiCall",
        "log_provider":"CloudTrail","product":{"feature":{"name":null},"name":"CloudTrail","vendor_name":"AWS","version":"1.05"},
        "uid":"71c88be9","version":"1.1.0"},"time":1600726972000,"unmapped":{"eventType":"AwsApiCall","recipientAccountId":"111111111111",
        "requestParameters":null,"userIdentity":{}}}"#;
    let rc2 = r#"{"activity_id":2,"activity_name":"Read","actor":{"idp":{},"session":{},"user":{"account_uid":"111111111111","credential_uid":
        "AKIA3Z2XBVEXAMPLE","name":"Level6","type":"IAMUser","uid":"AIDADO2GQEXAMPLE","uuid":"arn:aws:iam::111111111111:user/Level6"}},"api":
        {"operation":"DescribeDirectConnectGateways","request":{"uid":"1c8a"},"response":{},"service":{"name":
        "directconnect.amazonaws.com"}},"class_name":"API Activity","class_uid":3005,"cloud":{"provider":"AWS","region":"us-east-1"},
        "http_request":{"user_agent":"Boto3/1.15.2"},"metadata":{"product":{"feature":{"name":"Management, Data, and Insights"},"name":
        "CloudTrail","vendor_name":"AWS","version":"1.05"},"profiles":["cloud"],"uid":"71c88be9","version":"1.0.0-rc.2"},"time":1600726972000,
        "unmapped":{"eventType":"AwsApiCall","recipientAccountId":"111111111111"}}"#;
    let raw = json!({"userAgent": "Boto3/1.15.2", "eventID": "71c88be9", "userIdentity": {"type": "IAMUser", "principalId":
        "AIDADO2GQEXAMPLE", "arn": "arn:aws:iam::111111111111:user/Level6", "accountId": "111111111111", "userName": "Level6"},
        "eventType": "AwsApiCall", "eventName": "DescribeDirectConnectGateways", "eventSource": "directconnect.amazonaws.com",
        "recipientAccountId": "111111111111", "awsRegion": "us-east-1", "eventVersion": "1.05", "eventTime": "2020-09-21T22:22:52Z"});
    let expected = slice(raw.to_string().as_bytes()).events;
    for text in [v1, rc2] {
        assert_eq!(slice(text.as_bytes()).events, expected, "{text}");
    }
}

#[test]
fn the_original_record_is_preferred_where_it_was_kept() {
    let kept = with(json!({"eventName": "TerminateInstances"}));
    let expected = slice(kept.to_string().as_bytes()).events;
    let fields = slice(record(1).to_string().as_bytes()).events;
    let mut ocsf = to_ocsf(V1, &record(1), Value::Object);
    for raw_data in [json!(kept.to_string()), kept.clone(), json!(format!("{kept:#}"))] {
        ocsf["raw_data"] = raw_data;
        assert_eq!(slice(ocsf.to_string().as_bytes()).events, expected, "{ocsf}");
    }
    // Without a usable original record, the event's own fields count.
    let text = kept.to_string();
    for raw_data in [
        json!(text[..text.len() / 2]),
        json!("a line"),
        json!(null),
        json!(17),
        json!(with(json!({"eventTime": "no"}))),
    ] {
        ocsf["raw_data"] = raw_data;
        assert_eq!(slice(ocsf.to_string().as_bytes()).events, fields, "{ocsf}");
    }
}

#[test]
fn every_envelope_holds_ocsf_as_it_holds_records() {
    let events: Vec<Value> = (0..3).map(|n| to_ocsf(VERSIONS[n as usize], &record(n), Value::Object)).collect();
    let expected: Vec<String> = (0..3).flat_map(|n| slice(record(n).to_string().as_bytes()).events).collect();
    for (name, envelope, wrap) in ENVELOPES.iter().filter(|(name, ..)| *name != "Vector, parsed") {
        let payload = wrap(&events);
        let label = if *envelope == Envelope::Bare { Envelope::Ocsf } else { *envelope };
        for payload in [payload.clone(), gzip(&payload)] {
            assert_eq!(decode_both(&payload), Found { events: vec![label; 3], ..Found::default() }, "{name}");
            assert_eq!(slice(&payload).events, expected, "{name}");
        }
    }
}

#[test]
fn unusable_events_have_their_fault_by_the_names_of_ocsf() {
    let table = [
        ("/time", json!(null), DecodeError::EventTimeInvalid, "time "),
        ("/time", json!(1_700_000_000), DecodeError::EventTimePast, "1700000000"),
        ("/time", json!(1_893_456_001_000_u64), DecodeError::EventTimeFuture, "time "),
        ("/api/service/name", json!(null), DecodeError::EventSourceMissing, "api.service.name"),
        ("/api/operation", json!(""), DecodeError::EventNameMissing, "api.operation"),
        ("/cloud/region", json!(7), DecodeError::RegionMissing, "cloud.region"),
    ];
    for (pointer, value, fault, said) in table {
        let mut ocsf = to_ocsf(Rc2, &record(1), Value::Object);
        *ocsf.pointer_mut(pointer).expect("there") = value;
        let bad = ocsf.to_string();
        let found = slice(format!("{}\n{bad}\n{}", record(1), record(2)).as_bytes());
        assert_eq!(found.found.events.len(), 2, "{bad}");
        let [(envelope, found_fault, detail, raw)] = &found.malformed[..] else { panic!("{pointer}: {found:?}") };
        assert_eq!((*envelope, *found_fault, raw.as_slice()), (Envelope::Ocsf, fault, bad.as_bytes()));
        assert!(detail.contains(said), "{pointer}: {detail}");
    }
    let mut without_account = to_ocsf(V1, &record(1), Value::Object);
    without_account["unmapped"] = json!({});
    without_account["actor"]["user"]["account"] = json!({"uid": "1111111111111"});
    assert_eq!(decode_both(without_account.to_string().as_bytes()).faults, [DecodeError::AccountMissing]);
}

/// A cross-account call counts for the recipient account, not for the caller's.
#[test]
fn the_account_is_the_recipients_and_only_else_the_callers() {
    let foreign =
        with(json!({"userIdentity": {"type": "AWSAccount", "principalId": "AIDAX", "accountId": "444455556666"}}));
    for version in VERSIONS {
        let event = &slice(to_ocsf(version, &foreign, Value::Object).to_string().as_bytes()).events[0];
        assert!(event.contains("AccountId(111122223333)"), "{event}");
        let mut lost = foreign.clone();
        lost.as_object_mut().expect("an object").remove("recipientAccountId");
        let event = &slice(to_ocsf(version, &lost, Value::Object).to_string().as_bytes()).events[0];
        assert!(event.contains("AccountId(444455556666)"), "{event}");
    }
}

/// OCSF of other products is skipped; OCSF that names no product is kept.
#[test]
fn only_ocsf_of_other_products_is_skipped() {
    let skipped = Found { skipped: vec![Skipped::OcsfOther], ..Found::default() };
    for payload in [
        json!({"class_uid": 4001, "metadata": {"product": {"name": "Amazon VPC"}}, "time": 1}),
        json!({"class_uid": 4003, "metadata": {"product": {"name": "Route 53"}}}),
        json!({"class_uid": 6003, "metadata": {"product": {"name": "AWS EKS"}}, "api": {"operation": "create"}}),
        json!({"class_uid": 2004, "metadata": {"product": {"name": "CloudTrail"}}, "finding_info": {"uid": "x"}}),
    ] {
        assert_eq!(decode_both(payload.to_string().as_bytes()), skipped, "{payload}");
        assert_eq!(
            decode_both(json!([payload, payload]).to_string().as_bytes()),
            skipped,
            "{payload}, twice in an array"
        );
    }
    let nameless = json!({"class_uid": 6003, "time": 1}).to_string();
    let found = slice(nameless.as_bytes());
    assert_eq!(
        found.malformed,
        [(Envelope::Unknown, DecodeError::EnvelopeUnsupported, "ocsf".to_owned(), nameless.into_bytes())]
    );
    let third_party =
        to_ocsf(V1, &record(1), Value::Object).to_string().replace("\"CloudTrail\"", "\"AWS CloudTrail\"");
    assert_eq!(decode_both(third_party.as_bytes()).events, [Envelope::Ocsf]);
}

/// Texts that a field may hold, with what JSON and dotted paths may stumble over.
fn any_text() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop_oneof![any::<String>(), Just(String::new()), Just("a.b\"c\\".to_owned())])
}

fn any_record() -> impl Strategy<Value = Value> {
    let caller = (
        prop::sample::select(vec![
            "IAMUser",
            "AssumedRole",
            "Root",
            "AWSService",
            "AWSAccount",
            "SAMLUser",
            "FederatedUser",
            "Unknown",
        ]),
        prop::option::of("[0-9]{12}"),
        any_text().prop_map(|name| name.map(|name| format!("arn:aws:sts::111122223333:assumed-role/r/{name}"))),
        prop::option::of("[A-Z]{4}[A-Z0-9]{4}(:[a-z]{3})?"),
        prop::option::of("[a-z]{3,9}\\.amazonaws\\.com"),
    );
    let call = (
        "[a-z]{1,12}\\.amazonaws\\.com",
        "[A-Z][A-Za-z0-9]{1,20}",
        any::<bool>(),
        prop::sample::select(vec![Some("Management"), Some("Data"), Some("NetworkActivity"), None]),
        any::<Option<bool>>(),
        1_200_000_000..1_890_000_000_i64,
    );
    (caller, call, any_text(), any_text(), any_text()).prop_map(|(caller, call, agent, error, id)| {
        let (kind, account, arn, principal, invoker) = caller;
        let (source, name, read_only, category, management, seconds) = call;
        let time = jiff::Timestamp::from_second(seconds).expect("a time").to_string();
        with(json!({
            "userIdentity": {"type": kind, "accountId": account, "arn": arn, "principalId": principal, "invokedBy": invoker},
            "eventSource": source, "eventName": name, "readOnly": read_only, "eventCategory": category, "managementEvent": management,
            "eventTime": time, "userAgent": agent, "errorCode": error, "eventID": id,
        }))
    })
}

proptest! {
    #[test]
    fn any_call_gives_the_same_event_as_record_and_as_ocsf(record in any_record(), written in 0..WRITTEN.len()) {
        let expected = slice(record.to_string().as_bytes()).events;
        prop_assert_eq!(expected.len(), 1);
        for version in VERSIONS {
            let ocsf = to_ocsf(version, &record, WRITTEN[written]);
            prop_assert_eq!(&slice(ocsf.to_string().as_bytes()).events, &expected, "{:?} {}", version, ocsf);
        }
    }

    /// A value of any type in any field: no panic, and one result for each event.
    #[test]
    fn fields_of_wrong_types_cost_no_more_than_the_event(
        pointer in prop::sample::select(vec!["/actor", "/actor/user", "/api", "/api/service", "/cloud", "/metadata/uid", "/time",
            "/unmapped", "/http_request", "/class_uid", "/activity_id", "/raw_data", "/metadata/product/feature"]),
        value in prop::sample::select(vec![json!(null), json!(1), json!(-1.5), json!("x"), json!([1, {"a": []}]), json!({"uid": {"a": 1}})]),
    ) {
        let mut ocsf = to_ocsf(V1, &record(1), Value::Object);
        ocsf["raw_data"] = json!(null);
        *ocsf.pointer_mut(pointer).expect("there") = value;
        let text = ocsf.to_string();
        prop_assert_eq!(decode_both(format!("{text}\n{text}\n").as_bytes()).records(), 2);
    }
}
