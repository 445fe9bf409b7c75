//! The parts of reading OCSF by themselves; whole events are compared with their records in
//! `tests/decode_ocsf`.

use super::*;

#[test]
fn products_and_findings() {
    for name in ["CloudTrail", "AWS CloudTrail", "Amazon Cloudtrail"] {
        assert!(is_cloudtrail(name), "{name}");
    }
    for name in ["", "VPC Flow", "CloudTrail Lake query", "MyCloudTrail"] {
        assert!(!is_cloudtrail(name), "{name}");
    }
    assert!(is_finding("2004") && !is_finding("6003") && !is_finding("3002") && !is_finding(""));
}

#[test]
fn times_in_milliseconds_and_written_out() {
    for text in [
        "1695334972000",
        "1695334972999",
        "2023-09-21T22:22:52Z",
        "2023-09-21 22:22:52.000",
        "2023-09-21T18:22:52-04:00",
    ] {
        assert_eq!(seconds(text), Some(1_695_334_972), "{text}");
    }
    assert_eq!(seconds("-1"), Some(-1));
    assert_eq!(seconds(""), None);
}

#[test]
fn read_is_an_activity_of_api_activity_alone() {
    let text = |text: &'static str| Text(Some(Cow::Borrowed(text)));
    let read =
        |class, class_name, activity, name| is_read(class, &text(class_name), &Scalar(text(activity)), &text(name));
    assert!(read("6003", "", "2", ""));
    assert!(read("3005", "API Activity", "2", ""));
    assert!(read("6003", "", "", "Read"));
    // In 3001 it is Enable, in 3002 Logoff.
    assert!(!read("3001", "Account Change", "2", "Enable"));
    assert!(!read("3002", "", "2", ""));
    assert!(!read("6003", "API Activity", "1", "Create"));
}

#[test]
fn unmapped_in_every_form() {
    let forms = [
        r#"{"recipientAccountId":"111122223333","readOnly":"true","managementEvent":true,"addendum.reason":"UPDATED_DATA",
            "userIdentity.onBehalfOf.userId":"u","x":[1,{"y":2}]}"#,
        r#"{"recipientAccountId":"111122223333","readOnly":true,"managementEvent":"true","addendum":{"reason":"UPDATED_DATA"},
            "userIdentity":{"onBehalfOf":{"userId":"u"}}}"#,
        r#"[["recipientAccountId","111122223333"],["readOnly","true"],["managementEvent","true"],["addendum.reason","UPDATED_DATA"],
            ["userIdentity.onBehalfOf.userId","u"],["x",null,1],[]]"#,
        r#"[{"key":"recipientAccountId","value":"111122223333"},{"value":"true","key":"readOnly"},{"key":"managementEvent","value":true},
            {"key":"addendum.reason","value":"UPDATED_DATA"},{"key":"userIdentity.onBehalfOf.userId","value":"u"},{"z":1}]"#,
    ];
    for form in forms {
        let read = Unmapped::read(form);
        assert_eq!(read.recipient.as_str(), "111122223333", "{form}");
        assert_eq!((read.read_only.0, read.management.0), (Some(true), Some(true)), "{form}");
        assert_eq!(read.addendum.reason.as_str(), "UPDATED_DATA", "{form}");
        assert_eq!(read.identity.on_behalf_of.user_id.as_str(), "u", "{form}");
    }
    for form in ["", "null", "17", "\"x\"", "[1,2]", "{", "[[[]]]"] {
        assert_eq!(Unmapped::read(form).recipient.as_str(), "", "{form}");
    }
}
