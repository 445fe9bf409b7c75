//! A call as CloudTrail records it, with the fields, order and sizes of real records (median 1.2 KB).

use std::fmt::Write as _;

use crate::clock::iso;
use crate::traffic::{Actor, Call, Identity, Kind};

/// `eventID` of the call with this number.
pub fn event_id(id: u64) -> String {
    format!(
        "{:08x}-{:04x}-4c00-8a00-{:012x}",
        (id >> 40) as u32 + 0x1000_0000,
        (id >> 24) & 0xffff,
        id & 0xff_ffff_ffff
    )
}

/// The record, one line of JSON.
pub fn json(call: &Call) -> String {
    if call.kind == Kind::Insight {
        return insight(call);
    }
    let mut out = String::with_capacity(1400);
    let old = call.kind == Kind::Old;
    let _ = write!(out, r#"{{"eventVersion":"{}","userIdentity":"#, if old { "1.05" } else { "1.09" });
    identity(&mut out, call);
    let _ = write!(
        out,
        r#","eventTime":"{}","eventSource":"{}.amazonaws.com","eventName":"{}","awsRegion":"{}","sourceIPAddress":"{}""#,
        iso(call.time),
        call.api.service,
        call.api.name,
        call.region,
        address(call.actor, call.id)
    );
    if !call.actor.agent.is_empty() {
        let _ = write!(out, r#","userAgent":"{}""#, call.actor.agent);
    }
    failure(&mut out, call);
    parameters(&mut out, call);
    let _ = write!(
        out,
        r#","requestID":"{}","eventID":"{}""#,
        event_id(call.id).replace("-4c00-", "-4d00-"),
        event_id(call.id)
    );
    nature(&mut out, call);
    out.push('}');
    out
}

fn identity(out: &mut String, call: &Call) {
    let account = call.account;
    let _ = match call.actor.identity {
        Identity::User(name) => write!(
            out,
            r#"{{"type":"IAMUser","principalId":"AIDAEXAMPLE{:09X}","arn":"arn:aws:iam::{account}:user/{name}","accountId":"{account}","accessKeyId":"AKIAEXAMPLE{:09X}","userName":"{name}"}}"#,
            digest(name),
            digest(name)
        ),
        Identity::Role(name) => {
            let session = session(name, call.id);
            write!(
                out,
                r#"{{"type":"AssumedRole","principalId":"AROAEXAMPLE{:09X}:{session}","arn":"arn:aws:sts::{account}:assumed-role/{name}/{session}","accountId":"{account}","accessKeyId":"ASIAEXAMPLE{:09X}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROAEXAMPLE{:09X}","arn":"arn:aws:iam::{account}:role/service/{name}","accountId":"{account}","userName":"{name}"}},"webIdFederationData":{{}},"attributes":{{"creationDate":"{}","mfaAuthenticated":"false"}},"ec2RoleDelivery":"2.0"}}}}"#,
                digest(name),
                digest(name),
                digest(name),
                iso(call.time - call.time.rem_euclid(3600))
            )
        }
        Identity::Root => write!(
            out,
            r#"{{"type":"Root","principalId":"{account}","arn":"arn:aws:iam::{account}:root","accountId":"{account}"}}"#
        ),
        Identity::Service(host) if call.kind == Kind::ServiceEvent => {
            write!(out, r#"{{"accountId":"{account}","invokedBy":"{host}"}}"#)
        }
        Identity::Service(host) => write!(out, r#"{{"type":"AWSService","invokedBy":"{host}"}}"#),
        Identity::Foreign(principal) => {
            write!(out, r#"{{"type":"AWSAccount","principalId":"{principal}","accountId":"999988887777"}}"#)
        }
    };
}

/// Session names change with every few calls; the role stays.
fn session(role: &str, id: u64) -> String {
    if role.ends_with("instance") {
        format!("i-0{:016x}", digest(role) ^ (id % 3))
    } else {
        format!("session-{}", id / 5 % 16)
    }
}

fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
        >> 28
}

fn address(actor: &Actor, id: u64) -> String {
    match actor.identity {
        Identity::Service(host) => host.to_owned(),
        _ => format!("198.51.100.{}", digest(actor.agent) % 200 + id % 4),
    }
}

fn failure(out: &mut String, call: &Call) {
    let Some(error) = call.error else { return };
    let _ = if call.kind == Kind::SignIn {
        // A failed sign-in has a message and no code, so it is no error to count.
        write!(out, r#","errorMessage":"{error}""#)
    } else {
        write!(
            out,
            r#","errorCode":"{error}","errorMessage":"The call to {}:{} was \"refused\" for the resource named in the request.""#,
            call.api.service, call.api.name
        )
    };
}

fn parameters(out: &mut String, call: &Call) {
    let n = call.id % 37;
    let _ = write!(
        out,
        r#","requestParameters":{{"filterSet":{{"items":[{{"name":"tag:environment","valueSet":{{"items":[{{"value":"production"}}]}}}}]}},"maxResults":{},"resourceId":"res-{n:012x}"}}"#,
        n % 100 + 5
    );
    if call.api.read || call.error.is_some() {
        out.push_str(r#","responseElements":null"#);
    } else {
        let _ = write!(
            out,
            r#","responseElements":{{"return":true,"resource":{{"id":"res-{n:012x}","state":"in-progress","tags":[{{"key":"environment","value":"production"}}]}}}}"#
        );
    }
}

fn nature(out: &mut String, call: &Call) {
    let account = call.account;
    let category = if call.kind == Kind::Data { "Data" } else { "Management" };
    let event_type = match call.kind {
        Kind::SignIn => "AwsConsoleSignIn",
        Kind::ServiceEvent => "AwsServiceEvent",
        _ => "AwsApiCall",
    };
    if call.kind == Kind::Old {
        let _ = write!(out, r#","eventType":"{event_type}","recipientAccountId":"{account}""#);
        return;
    }
    let _ = write!(
        out,
        r#","readOnly":{},"eventType":"{event_type}","managementEvent":{},"recipientAccountId":"{account}","eventCategory":"{category}""#,
        call.api.read,
        category == "Management"
    );
    if call.kind == Kind::Correction {
        let _ = write!(
            out,
            r#","addendum":{{"reason":"UPDATED_DATA","updatedFields":"responseElements","originalRequestID":"{0}","originalEventID":"{0}"}}"#,
            event_id(call.id.saturating_sub(1))
        );
    }
    let _ = write!(
        out,
        r#","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{}.{}.amazonaws.com"}}"#,
        call.api.service, call.region
    );
}

/// An Insights record of AWS's own, as it reaches a topic that carries everything from the trail's bucket.
fn insight(call: &Call) -> String {
    format!(
        r#"{{"eventVersion":"1.09","eventTime":"{}","awsRegion":"{}","eventID":"{}","eventType":"AwsCloudTrailInsight","recipientAccountId":"{}","sharedEventID":"{}","insightDetails":{{"state":"Start","eventSource":"{}.amazonaws.com","eventName":"{}","insightType":"ApiCallRateInsight","sourceEventCategory":"Management","insightContext":{{"statistics":{{"baseline":{{"average":0.0001}},"insight":{{"average":2.5}},"insightDuration":5,"baselineDuration":10100}}}}}},"eventCategory":"Insight"}}"#,
        iso(call.time - call.time.rem_euclid(60)),
        call.region,
        event_id(call.id),
        call.account,
        event_id(call.id),
        call.api.service,
        call.api.name
    )
}
