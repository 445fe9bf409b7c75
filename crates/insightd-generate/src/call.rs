//! One call, and who makes it.

use std::borrow::Cow;

use super::random::{digest, mix};

/// An API of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api {
    /// `eventSource` without `.amazonaws.com`.
    pub service: &'static str,
    /// `eventName`.
    pub name: &'static str,
    /// `readOnly`.
    pub read: bool,
}

/// What kind of identity calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// An IAM user, by name.
    User(String),
    /// A role, by name, assumed under a session name.
    Role {
        /// Role name.
        role: String,
        /// Session name.
        session: String,
    },
    /// The root user.
    Root,
    /// An AWS service by itself (`AWSService`): no ARN, `invokedBy` only, such as
    /// `autoscaling.amazonaws.com`.
    Service(String),
    /// Another account (`AWSAccount`): no ARN, `principalId` (such as `AROAEXAMPLE:session`) and `accountId`
    /// only.
    Foreign(String),
    /// Somebody whom a SAML provider vouches for (`SAMLUser`), while a session of a role is being asked for:
    /// no ARN.
    Saml {
        /// `identityProvider`: the name qualifier of the provider in the account.
        provider: String,
        /// `userName`.
        name: String,
        /// The role that is asked for.
        role: String,
    },
    /// A program whom an OIDC provider vouches for (`WebIdentityUser`), while a session of a role is being
    /// asked for: no ARN.
    Web {
        /// Host and path of the provider, as in the ARN of the account's record of it.
        issuer: String,
        /// `userName`: the subject of the token.
        name: String,
        /// The role that is asked for.
        role: String,
        /// The name of the session that is asked for.
        session: String,
    },
    /// A user of the directory of IAM Identity Center (`IdentityCenterUser`), in the account that has the
    /// directory: no ARN.
    Directory {
        /// Id of the identity store, such as `d-9067642ac7`.
        store: String,
        /// `onBehalfOf.userId`.
        user: String,
    },
}

/// A caller with its tool and address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The identity.
    pub identity: Identity,
    /// `userAgent`; empty where its records have none.
    pub agent: Cow<'static, str>,
    /// `sourceIPAddress`.
    pub address: String,
}

/// What kind of record a call leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `AwsApiCall`.
    Call,
    /// `AwsConsoleSignIn`.
    SignIn,
    /// `AwsServiceEvent`: something that a service did by itself.
    ServiceEvent,
    /// A data event (not counted by default).
    Data,
}

/// One call of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Seconds since 1970.
    pub time: i64,
    /// Unique within the account, the source of its `eventID` and of whatever varies in its record.
    pub serial: u64,
    /// Index into the account's actors.
    pub actor: u32,
    /// `awsRegion`.
    pub region: &'static str,
    /// The API.
    pub api: &'static Api,
    /// `errorCode`.
    pub error: Option<&'static str>,
    /// The kind of record.
    pub kind: Kind,
}

// === impl Identity ===

impl Identity {
    /// Whether Insights attributes the calls of both to one: sessions of a role are one.
    pub fn is_same_principal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Role { role, .. }, Self::Role { role: other, .. }) => role == other,
            (Self::Saml { provider, name, .. }, Self::Saml { provider: other, name: same, .. })
            | (Self::Web { issuer: provider, name, .. }, Self::Web { issuer: other, name: same, .. }) => {
                (provider, name) == (other, same)
            }
            _ => self == other,
        }
    }

    /// The text by which Insights attributes a call in the account of twelve digits: what decoding the record
    /// gives.
    pub fn principal(&self, account: &str) -> String {
        match self {
            Self::User(name) => format!("arn:aws:iam::{account}:user/{name}"),
            Self::Role { role, .. } => format!("arn:aws:sts::{account}:assumed-role/{role}"),
            Self::Root => format!("arn:aws:iam::{account}:root"),
            Self::Service(name) => name.clone(),
            Self::Foreign(id) => {
                let role = id.split(':').next().filter(|_| id.starts_with("AROA"));
                format!("{}:{}", foreign_account(id), role.unwrap_or(id))
            }
            Self::Saml { provider, name, .. } => format!("{provider}/{name}"),
            Self::Web { issuer, name, .. } => format!("{}/{name}", oidc_provider(account, issuer)),
            Self::Directory { store, user } => format!("{}/{user}", identity_store(account, store)),
        }
    }
}

/// `identityProvider` of an OIDC provider: the ARN under which an account knows it.
pub fn oidc_provider(account: &str, issuer: &str) -> String {
    format!("arn:aws:iam::{account}:oidc-provider/{issuer}")
}

/// `onBehalfOf.identityStoreArn` of the account that has the directory.
pub fn identity_store(account: &str, store: &str) -> String {
    format!("arn:aws:identitystore::{account}:identitystore/{store}")
}

/// The twelve digits of the account that somebody of another account belongs to, by its unique id.
pub fn foreign_account(id: &str) -> String {
    format!("{:012}", digest(id) % 1_000_000_000_000)
}

// === impl Call ===

/// Minor parts of `eventVersion`, each as often as it stands here.
const VERSIONS: [u8; 20] = [5, 7, 8, 8, 8, 8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 11, 11, 11, 11];
/// Since this version a record has `readOnly` always, and `managementEvent`.
pub(crate) const WITH_MANAGEMENT: u8 = 6;
/// Data events came with this version.
const WITH_DATA: u8 = 8;

/// Minor part of the `eventVersion` in which a service writes its records in an account: each moves on at its
/// own pace.
pub fn event_version(account: &str, service: &str, kind: Kind) -> u8 {
    let version = VERSIONS[(mix(digest(account), digest(service)) % VERSIONS.len() as u64) as usize];
    if kind == Kind::Data { version.max(WITH_DATA) } else { version }
}

/// The `eventID` of a call: a random UUID (version 4) out of the account's twelve digits and the call's
/// serial.
pub fn event_id(account: &str, serial: u64) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let high = mix(digest(account), serial);
    let bits = (u128::from(high) << 64 | u128::from(mix(high, 1))) & !(0xf << 76 | 0xc << 60) | 4 << 76 | 8 << 60;
    let mut text = String::with_capacity(36);
    for place in 0..32 {
        if matches!(place, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(char::from(HEX[(bits >> (124 - 4 * place) & 15) as usize]));
    }
    text
}

impl Api {
    /// `eventSource`.
    pub fn source(&self) -> String {
        [self.service, ".amazonaws.com"].concat()
    }

    /// Whether the name alone tells whether it reads, so that an old record may be silent about it.
    pub fn is_plain(&self) -> bool {
        let verbs: &[&str] = if self.read {
            &["Describe", "Get", "List"]
        } else {
            &["Create", "Delete", "Put", "Update", "Run", "Modify", "Attach"]
        };
        self.name != "GetFederationToken" && verbs.iter().any(|verb| self.name.starts_with(verb))
    }
}

impl Actor {
    /// Whether AWS makes the call from inside, on behalf of somebody.
    pub fn is_internal(&self) -> bool {
        self.address.ends_with(".amazonaws.com") || self.address == "AWS Internal"
    }

    /// `userIdentity.invokedBy` of its records; empty where they have none.
    pub fn invoked_by(&self, kind: Kind) -> &str {
        match &self.identity {
            Identity::Service(host) => host,
            // What the directory notes is an event of its service, but somebody's doing.
            Identity::Directory { .. } => "",
            _ if kind == Kind::ServiceEvent => &self.address,
            Identity::User(_) | Identity::Role { .. } if self.is_internal() => &self.address,
            _ => "",
        }
    }
}
