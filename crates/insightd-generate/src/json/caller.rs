//! `userIdentity` of an actor, prepared once for all its records.

use super::template::{Assumed, Facts, Template};
use super::values::{escaped, push_key};
use crate::call::{Actor, Identity, foreign_account, identity_store, oidc_provider};
use crate::random::{digest, mix};

/// An actor as its records show it.
#[derive(Debug)]
pub(crate) struct Caller {
    /// `userIdentity` of an API call.
    pub(crate) identity: Template,
    /// `userIdentity` of an action that a service took on its own.
    pub(crate) service_identity: Template,
    /// `,"sourceIPAddress":"…","userAgent":"…"`, without the agent if it is empty.
    pub(crate) origin: String,
    /// ARN, or its substitute in messages; escaped.
    pub(crate) arn: String,
    /// Name of the session, user or service; escaped.
    pub(crate) name: String,
    /// The requested role, if the caller has no credentials yet.
    pub(crate) assumed: Assumed,
    /// Whether the call uses credentials of a console session: `sessionCredentialFromConsole`.
    pub(crate) from_console: bool,
    /// Whether records have TLS details: not for calls from inside AWS or from the console's own services.
    pub(crate) tls: bool,
    /// A user of a directory: the service records events for them, but the user causes them.
    pub(crate) directory: bool,
    /// Calls from a private network, through a VPC endpoint if it has one.
    pub(crate) private: bool,
    /// A service or a role of another account: that account also receives a record when it assumes a role.
    pub(crate) outside: bool,
    /// Number of the actor within the account.
    pub(crate) number: u64,
    /// Length of a session, seconds.
    session_length: i64,
}

impl Caller {
    /// Prepares an actor of an account (its twelve digits, and its number).
    pub(crate) fn new(account: &str, owner: u64, actor: &Actor) -> Self {
        let internal = actor.is_internal();
        let console = is_console(&actor.agent) || (actor.agent == CONSOLE_INTERNAL && !internal);
        let parts = Parts {
            account,
            owner,
            internal,
            console,
            address: escaped(&actor.address),
            invoked_by: invoked_by(actor, internal),
        };
        let IdentityText { identity, arn, name } = parts.identity(&actor.identity);
        let service = match &actor.identity {
            Identity::Service(host) => escaped(host),
            _ => escaped(&actor.address),
        };
        let agent = match actor.agent.as_ref() {
            "" => String::new(),
            agent => format!(r#","userAgent":"{}""#, escaped(agent)),
        };
        // A person's session lasts a working day, a machine's an hour.
        let session_length =
            if console || matches!(actor.identity, Identity::User(_) | Identity::Root | Identity::Directory { .. }) {
                28_800
            } else {
                3600
            };
        Self {
            identity: Template::new(&identity),
            service_identity: Template::new(&format!(r#"{{"accountId":"{account}","invokedBy":"{service}"}}"#)),
            origin: format!(r#","sourceIPAddress":"{}"{agent}"#, escaped(&actor.address)),
            arn,
            name,
            assumed: parts.assumed(&actor.identity),
            from_console: actor.agent == CONSOLE_INTERNAL || actor.agent.starts_with("Mozilla/"),
            tls: !internal && actor.agent != CONSOLE_INTERNAL && !matches!(actor.identity, Identity::Directory { .. }),
            directory: matches!(actor.identity, Identity::Directory { .. }),
            private: is_private(&actor.address),
            outside: matches!(actor.identity, Identity::Service(_) | Identity::Foreign(_)),
            number: digest(&format!("{:?}", actor.identity)),
            session_length,
        }
    }

    /// The session that is open at `time`, in the account with hash `owner`.
    pub(crate) fn session(&self, owner: u64, time: i64) -> CallerSession {
        let seed = mix(owner, self.number);
        let shift = (seed % self.session_length as u64) as i64;
        let nth = (time + shift).div_euclid(self.session_length);
        // The first call comes a while after the beginning of the session.
        let begin = nth * self.session_length - shift - 90 - (seed >> 32 & 1023) as i64;
        CallerSession { number: mix(seed, nth as u64), begin }
    }
}

/// A session of a caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerSession {
    /// Number of the session, unique in the account.
    pub(crate) number: u64,
    /// Beginning, seconds since 1970.
    pub(crate) begin: i64,
}

/// The texts of an identity, escaped.
struct IdentityText {
    /// Template of `userIdentity`.
    identity: String,
    /// ARN, or its substitute in messages.
    arn: String,
    /// Name in messages and sessions.
    name: String,
}

/// The inputs of an identity's JSON.
struct Parts<'a> {
    account: &'a str,
    owner: u64,
    internal: bool,
    console: bool,
    /// `sourceIPAddress`, escaped.
    address: String,
    /// `,"invokedBy":"…"` or nothing.
    invoked_by: String,
}

impl Parts<'_> {
    fn identity(&self, identity: &Identity) -> IdentityText {
        match identity {
            Identity::User(name) => self.user(&escaped(name)),
            Identity::Role { role, session } => self.role(&escaped(role), &escaped(session)),
            Identity::Root => self.root(),
            Identity::Service(host) => {
                let host = escaped(host);
                let identity = format!(r#"{{"type":"AWSService","invokedBy":"{host}"}}"#);
                IdentityText { identity, arn: host.clone(), name: host }
            }
            Identity::Foreign(principal) => self.foreign(principal),
            Identity::Saml { provider, name, .. } => {
                let (provider, name) = (escaped(provider), escaped(name));
                without_credentials("SAMLUser", &format!("{provider}:{name}"), &name, &provider)
            }
            Identity::Web { issuer, name, .. } => {
                let (provider, name) = (escaped(&oidc_provider(self.account, issuer)), escaped(name));
                without_credentials(
                    "WebIdentityUser",
                    &format!("{provider}:sts.amazonaws.com:{name}"),
                    &name,
                    &provider,
                )
            }
            Identity::Directory { store, user } => self.directory(&escaped(store), &escaped(user)),
        }
    }

    fn user(&self, name: &str) -> IdentityText {
        let (account, id, invoked_by) = (self.account, self.id("AIDA", name), &self.invoked_by);
        let arn = format!("arn:aws:iam::{account}:user/{name}");
        let (key, session) = if self.console {
            ("ASIA<session-key>".to_owned(), session(r#""sessionIssuer":{},<federation>"#, "true", ""))
        } else {
            // A long-lived key has no session.
            (format!("AKIA{}", letters(mix(self.owner, digest(name)), 16)), String::new())
        };
        let identity = format!(
            r#"{{"type":"IAMUser","principalId":"{id}","arn":"{arn}","accountId":"{account}","accessKeyId":"{key}","userName":"{name}"{session}{invoked_by}}}"#
        );
        IdentityText { identity, arn, name: last(name).to_owned() }
    }

    fn role(&self, role: &str, name: &str) -> IdentityText {
        let (account, id, invoked_by) = (self.account, self.id("AROA", role), &self.invoked_by);
        let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/{name}");
        // A service-linked role needs no key; a forwarded call uses the caller's.
        let key = if self.internal && role.starts_with(LINKED) { "" } else { r#""accessKeyId":"ASIA<session-key>","# };
        let issuer = format!(
            r#""sessionIssuer":{{"type":"Role","principalId":"{id}","arn":"arn:aws:iam::{account}:role/{}{role}","accountId":"{account}","userName":"{role}"}},<federation>"#,
            self.path(role)
        );
        let delivery = if name.starts_with("i-0") { r#","ec2RoleDelivery":"2.0""# } else { "" };
        let session = session(&issuer, if self.console { "true" } else { "false" }, delivery);
        let session = session.trim_start_matches(',');
        let identity = format!(
            r#"{{"type":"AssumedRole","principalId":"{id}:{name}","arn":"{arn}","accountId":"{account}",{key}{session}{invoked_by}}}"#
        );
        IdentityText { identity, arn, name: name.to_owned() }
    }

    fn root(&self) -> IdentityText {
        let account = self.account;
        let arn = format!("arn:aws:iam::{account}:root");
        let session = session("<federation>", "true", "");
        let identity = format!(
            r#"{{"type":"Root","principalId":"{account}","arn":"{arn}","accountId":"{account}","accessKeyId":"ASIA<session-key>"{session}}}"#
        );
        IdentityText { identity, arn, name: "root".to_owned() }
    }

    fn foreign(&self, principal: &str) -> IdentityText {
        let account = foreign_account(principal);
        let principal = escaped(principal);
        let identity = format!(r#"{{"type":"AWSAccount","principalId":"{principal}","accountId":"{account}"}}"#);
        IdentityText { identity, arn: principal.clone(), name: principal }
    }

    fn directory(&self, store: &str, user: &str) -> IdentityText {
        let (account, arn) = (self.account, identity_store(self.account, store));
        let identity = format!(
            r#"{{"type":"IdentityCenterUser","accountId":"{account}","onBehalfOf":{{"userId":"{user}","identityStoreArn":"{arn}"}},"credentialId":"<session-uuid>"}}"#
        );
        IdentityText { identity, arn: format!("{arn}/{user}"), name: user.to_owned() }
    }

    /// The role that an identity requests; empty if it already has credentials.
    fn assumed(&self, identity: &Identity) -> Assumed {
        let (provider, role, session, trusted) = match identity {
            Identity::Saml { provider, name, role } => (
                escaped(provider),
                role,
                name,
                format!("AWSSSO_{:016x}_DO_NOT_DELETE", mix(self.owner, digest(provider))),
            ),
            Identity::Web { issuer, role, session, .. } => {
                (escaped(&oidc_provider(self.account, issuer)), role, session, String::new())
            }
            _ => return Assumed::default(),
        };
        let role = escaped(role);
        Assumed {
            path: self.path(&role),
            id: self.id("AROA", &role),
            session: escaped(session),
            provider,
            trusted,
            role,
        }
    }

    /// Path of a role that AWS creates.
    fn path(&self, role: &str) -> String {
        if role.starts_with("AWSReservedSSO_") {
            return "aws-reserved/sso.amazonaws.com/".to_owned();
        }
        if role.starts_with(LINKED) { format!("aws-service-role/{}/", self.address) } else { String::new() }
    }

    /// A unique id, the same in all records of the account.
    fn id(&self, prefix: &str, name: &str) -> String {
        format!("{prefix}{}", letters(mix(self.owner, digest(prefix) ^ digest(name)), 17))
    }
}

/// An identity without credentials: its records hold only the provider's claim.
fn without_credentials(kind: &str, principal: &str, name: &str, provider: &str) -> IdentityText {
    let identity = format!(
        r#"{{"type":"{kind}","principalId":"{principal}","userName":"{name}","identityProvider":"{provider}"}}"#
    );
    IdentityText { identity, arn: principal.to_owned(), name: name.to_owned() }
}

fn letters(seed: u64, count: usize) -> String {
    let mut out = Vec::new();
    push_key(&mut out, seed, count);
    out.into_iter().map(char::from).collect()
}

/// The field `sessionContext` with a comma before it.
fn session(issuer: &str, mfa: &str, delivery: &str) -> String {
    format!(
        r#","sessionContext":{{{issuer}"attributes":{{"creationDate":"<session-begin>","mfaAuthenticated":"{mfa}"}}{delivery}}}"#
    )
}

/// The service that calls on the caller's behalf.
fn invoked_by(actor: &Actor, internal: bool) -> String {
    if internal { format!(r#","invokedBy":"{}""#, escaped(&actor.address)) } else { String::new() }
}

/// Prefix of the names of service-linked roles.
const LINKED: &str = "AWSServiceRoleFor";

/// User agent of the console's own calls on a user's behalf.
const CONSOLE_INTERNAL: &str = "AWS Internal";

fn is_console(agent: &str) -> bool {
    agent.starts_with("Mozilla/") || agent.contains("Console") || agent.starts_with("console.")
}

/// RFC 1918.
fn is_private(address: &str) -> bool {
    address.parse::<core::net::Ipv4Addr>().is_ok_and(|address| address.is_private())
}

/// A name without its path.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The caller's part of the facts of one record.
pub(crate) fn with_caller<'a>(caller: &'a Caller, facts: Facts<'a>) -> Facts<'a> {
    let CallerSession { number: session, begin: session_begin } = caller.session(facts.owner, facts.time);
    Facts { caller: &caller.arn, caller_name: &caller.name, session, session_begin, ..facts }
}
