//! Writes a call as the CloudTrail record that AWS would write: its fields, their order, forms and sizes.
//!
//! A record depends only on the account and the call. There is no value tree: the writer copies prepared text
//! of each actor ([`Callers`]) and API ([`Writer`]), and fills its slots from the call's serial.

mod caller;
mod failure;
mod shapes;
mod template;
pub(crate) mod values;

use hashbrown::HashMap;

use self::caller::{Caller, with_caller};
use self::shapes::Shape;
use self::template::{Facts, Template, request_id};
use self::values::{push_number, push_time, push_uuid};
use super::call::{Actor, Api, Call, Kind, event_version};
use super::random::{digest, mix};

/// Versions that introduced fields: `managementEvent` (and `readOnly` in every record), `eventCategory`,
/// `tlsDetails` with `sessionCredentialFromConsole`, `vpcEndpointAccountId`.
const WITH_MANAGEMENT: u8 = 6;
const WITH_CATEGORY: u8 = 7;
const WITH_TLS: u8 = 8;
const WITH_ENDPOINT_ACCOUNT: u8 = 9;
/// One service in this many omits TLS details.
const NO_TLS_ONE_IN: u64 = 8;
/// One service in this many is reached through a VPC endpoint from a private network.
const ENDPOINTS_ONE_IN: u64 = 6;

/// What the records of one account share: the account, and its prepared actors.
#[derive(Debug)]
pub struct Callers {
    account: String,
    owner: u64,
    callers: Vec<Caller>,
}

impl Callers {
    /// Of an account (twelve digits).
    pub fn new(account: &str, actors: &[Actor]) -> Self {
        let owner = digest(account);
        let callers = actors.iter().map(|actor| Caller::new(account, owner, actor)).collect();
        Self { account: account.to_owned(), owner, callers }
    }

    /// Twelve digits.
    pub fn account(&self) -> &str {
        &self.account
    }
}

/// Writes records. Caches the prepared APIs and error messages.
#[derive(Debug, Default)]
pub struct Writer {
    apis: HashMap<(&'static str, &'static str), Prepared>,
    failures: HashMap<&'static str, Template>,
}

/// A prepared API.
#[derive(Debug)]
struct Prepared {
    shape: Shape,
    /// From `eventSource` to the beginning of the region.
    source: String,
    /// Number of the service.
    number: u64,
    /// `,"apiVersion":"…"`, for the few services that have it.
    version: &'static str,
    additional: Option<Template>,
    /// `serviceEventDetails` of an event that a user caused.
    details: Option<Template>,
    tls: Template,
    /// Its name shows whether it reads, so old records omit `readOnly`.
    plain: bool,
}

impl Prepared {
    fn new(api: &Api) -> Self {
        let Api { service, name, .. } = api;
        Self {
            shape: Shape::of(api),
            source: format!(r#","eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":""#),
            number: digest(service),
            version: api_version(service),
            additional: additional(api).map(Template::new),
            details: details(api).map(Template::new),
            tls: Template::new(&format!(
                r#","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{}"}}"#,
                host(service)
            )),
            plain: api.is_plain(),
        }
    }
}

/// `additionalEventData`, where a service has it.
fn additional(api: &Api) -> Option<&'static str> {
    Some(match (api.service, api.name) {
        ("s3", _) => {
            r#"{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":<number:0-900>,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"<base64:75>=","bytesTransferredOut":<number:0-9000>}"#
        }
        ("signin", "ConsoleLogin") => {
            r#"{"LoginTo":"https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true&state=hashArgsFromTB_<region>_<hex:16>","MobileVersion":"No","MFAUsed":"<one:Yes|Yes|Yes|No>"}"#
        }
        ("sts", "AssumeRoleWithWebIdentity") => r#"{"identityProviderConnectionVerificationMethod":"IAMTrustStore"}"#,
        ("signin", _) => r#"{"MfaType":"Virtual MFA"}"#,
        _ => return None,
    })
}

/// `serviceEventDetails` of calls to a directory's portal: they are about another account.
fn details(api: &Api) -> Option<&'static str> {
    Some(match (api.service, api.name) {
        ("sso", "ListAccountRoles") => r#"{"account_id":"<number:100000000000-999999999999>"}"#,
        ("sso", "GetRoleCredentials") => {
            r#"{"role_name":"<one:AdministratorAccess|PowerUserAccess|ReadOnlyAccess|Developer>","account_id":"<number:100000000000-999999999999>"}"#
        }
        _ => return None,
    })
}

fn api_version(service: &str) -> &'static str {
    match service {
        "elasticloadbalancing" => r#","apiVersion":"2015-12-01""#,
        "route53" => r#","apiVersion":"2013-04-01""#,
        _ => "",
    }
}

fn host(service: &str) -> &'static str {
    match service {
        "iam" | "route53" | "cloudfront" | "organizations" | "support" | "ce" => "<service>.amazonaws.com",
        "signin" => "signin.aws.amazon.com",
        "s3" => "<name>-<few:8>.s3.<region>.amazonaws.com",
        _ => "<service>.<region>.amazonaws.com",
    }
}

// === impl Writer ===

impl Writer {
    /// Appends the record of a call of this account, without a newline.
    ///
    /// # Panics
    /// If the account has no such actor.
    pub fn write(&mut self, of: &Callers, call: &Call, out: &mut Vec<u8>) {
        let api = self.apis.entry((call.api.service, call.api.name)).or_insert_with(|| Prepared::new(call.api));
        let caller = &of.callers[call.actor as usize];
        let facts = facts(of, caller, call);
        out.extend_from_slice(br#"{"eventVersion":"1."#);
        out.extend_from_slice(if facts.version < 10 { b"0" } else { b"" });
        push_number(out, facts.version.into());
        out.extend_from_slice(br#"","userIdentity":"#);
        if is_autonomous(caller, call) { &caller.service_identity } else { &caller.identity }.fill(&facts, out);
        out.extend_from_slice(br#","eventTime":""#);
        push_time(out, call.time);
        out.push(b'"');
        text(out, &[&api.source, call.region, "\"", &caller.origin]);
        if let Some(code) = call.error {
            let message = self.failures.entry(code).or_insert_with(|| failure::message(code));
            failed(call.kind, code, message, &facts, out);
        }
        body(api, caller, call, &facts, out);
        nature(api, caller, call, &facts, out);
        out.push(b'}');
    }
}

fn facts<'a>(of: &'a Callers, caller: &'a Caller, call: &Call) -> Facts<'a> {
    let facts = Facts {
        account: &of.account,
        owner: of.owner,
        region: call.region,
        service: call.api.service,
        api: call.api.name,
        caller: "",
        caller_name: "",
        assumed: &caller.assumed,
        session: 0,
        session_begin: 0,
        version: event_version(&of.account, call.api.service, call.kind),
        time: call.time,
        // The first half of its eventID.
        draw: mix(of.owner, call.serial),
    };
    with_caller(caller, facts)
}

fn failed(kind: Kind, code: &str, message: &Template, facts: &Facts<'_>, out: &mut Vec<u8>) {
    // A failed sign-in has a message and no code.
    if kind != Kind::SignIn {
        text(out, &[r#","errorCode":""#, code, "\""]);
    }
    out.extend_from_slice(br#","errorMessage":""#);
    message.fill(facts, out);
    out.push(b'"');
}

/// From `requestParameters` to `requestID`.
fn body(api: &Prepared, caller: &Caller, call: &Call, facts: &Facts<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","requestParameters":"#);
    if is_autonomous(caller, call) {
        out.extend_from_slice(br#"null,"responseElements":null"#);
        return;
    }
    api.shape.parameters.fill(facts, out);
    out.extend_from_slice(br#","responseElements":"#);
    match call.error {
        None => api.shape.answer.fill(facts, out),
        Some(_) if call.kind == Kind::SignIn => text(out, &["{\"", call.api.name, r#"":"Failure"}"#]),
        Some(_) => out.extend_from_slice(b"null"),
    }
    if let Some(additional) = &api.additional {
        out.extend_from_slice(br#","additionalEventData":"#);
        additional.fill(facts, out);
    }
    if call.kind != Kind::SignIn {
        out.extend_from_slice(br#","requestID":""#);
        request_id(facts, out);
        out.push(b'"');
    }
}

/// Whether a service acted on its own, so that there is no request.
fn is_autonomous(caller: &Caller, call: &Call) -> bool {
    call.kind == Kind::ServiceEvent && !caller.directory
}

/// From `eventID` to the end.
fn nature(api: &Prepared, caller: &Caller, call: &Call, facts: &Facts<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","eventID":""#);
    push_uuid(out, facts.draw, false);
    out.push(b'"');
    if facts.version >= WITH_MANAGEMENT || !api.plain {
        text(out, &[r#","readOnly":"#, if call.api.read { "true" } else { "false" }]);
    }
    if let Some(resources) = api.shape.resources.as_ref().filter(|_| call.error.is_none()) {
        out.extend_from_slice(br#","resources":"#);
        resources.fill(facts, out);
    }
    let kind = match call.kind {
        Kind::Call | Kind::Data => "AwsApiCall",
        Kind::SignIn => "AwsConsoleSignIn",
        Kind::ServiceEvent => "AwsServiceEvent",
    };
    text(out, &[r#","eventType":""#, kind, "\"", api.version]);
    let management = call.kind != Kind::Data;
    if facts.version >= WITH_MANAGEMENT {
        text(out, &[r#","managementEvent":"#, if management { "true" } else { "false" }]);
    }
    text(out, &[r#","recipientAccountId":""#, facts.account, "\""]);
    if call.api.service == "sts" && caller.outside {
        out.extend_from_slice(br#","sharedEventID":""#);
        push_uuid(out, mix(facts.draw, 4), false);
        out.push(b'"');
    }
    if is_autonomous(caller, call) {
        out.extend_from_slice(br#","serviceEventDetails":{"resourceName":""#);
        text(out, &[facts.service, "\",\"resourceId\":\""]);
        push_uuid(out, mix(facts.draw, 3), false);
        out.extend_from_slice(b"\"}");
    } else if let Some(details) = api.details.as_ref().filter(|_| call.kind == Kind::ServiceEvent) {
        out.extend_from_slice(br#","serviceEventDetails":"#);
        details.fill(facts, out);
    }
    // A network has endpoints for a few services.
    let endpoint = mix(facts.owner ^ api.number, digest(facts.region));
    if caller.private && endpoint.is_multiple_of(ENDPOINTS_ONE_IN) {
        out.extend_from_slice(br#","vpcEndpointId":"vpce-0"#);
        values::push_hex(out, endpoint, 16);
        out.push(b'"');
        if facts.version >= WITH_ENDPOINT_ACCOUNT {
            text(out, &[r#","vpcEndpointAccountId":""#, facts.account, "\""]);
        }
    }
    if facts.version >= WITH_CATEGORY {
        text(out, &[r#","eventCategory":""#, if management { "Management" } else { "Data" }, "\""]);
    }
    if facts.version >= WITH_TLS && caller.tls && !mix(api.number, 1).is_multiple_of(NO_TLS_ONE_IN) {
        api.tls.fill(facts, out);
    }
    if facts.version >= WITH_TLS && caller.from_console && call.kind == Kind::Call {
        out.extend_from_slice(br#","sessionCredentialFromConsole":"true""#);
    }
}

fn text(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests;
