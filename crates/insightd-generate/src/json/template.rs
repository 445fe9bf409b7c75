//! Templates: JSON text with slots `<kind>`, `<kind:arguments>` or `<kind:arguments#salt>` for the values
//! that vary.
//!
//! A slot has the same value everywhere in one record, so that request, answer and resources agree. A salt
//! gives another value of the same kind. Kinds:
//!
//! * of the call: `account`, `region`, `service` (without `.amazonaws.com`), `api`, `caller` (ARN or its
//!   like), `caller-name`, `request` (requestID), `time` and `date` (two ways to write eventTime; `:SECONDS`
//!   are added), `millis`;
//! * of the role that a `SAMLUser` or `WebIdentityUser` asks for: `assumed-role`, `assumed-path` (before the
//!   role's name), `assumed-id`, `assumed-session`, `provider` (who vouches for the caller), `trusted` (the
//!   account's record of a SAML provider);
//! * of the session: `session-uuid`, `session-key` (16 characters after `ASIA`), `session-begin`,
//!   `federation` (a field that records up to 1.08 have);
//! * new with every call: `hex:DIGITS`, `uuid`, `UUID`, `key:LETTERS`, `base64:LETTERS`, `number:FROM-TO`,
//!   `one:a|b|c`;
//! * of the account's things, which come again: `id:DIGITS` and `key-id` of many, `few:DIGITS` of a handful,
//!   `name` (of a resource), `person`, `private` (an address);
//! * `removed`: what AWS writes in place of a secret.

use super::values::{push_base64, push_date, push_hex, push_key, push_number, push_time, push_uuid};
use crate::random::{digest, mix};

/// The values that fill a template.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    /// Twelve digits.
    pub account: &'a str,
    /// Hash of the account; seeds the values that belong to it.
    pub owner: u64,
    /// `awsRegion`.
    pub region: &'a str,
    /// Service.
    pub service: &'a str,
    /// API.
    pub api: &'a str,
    /// ARN of the caller, escaped.
    pub caller: &'a str,
    /// Name of the caller, escaped.
    pub caller_name: &'a str,
    /// The role that the caller requests.
    pub assumed: &'a Assumed,
    /// Number of the caller's session.
    pub session: u64,
    /// When it began, seconds since 1970.
    pub session_begin: i64,
    /// Minor part of `eventVersion`.
    pub version: u8,
    /// `eventTime`, seconds since 1970.
    pub time: i64,
    /// The random bits of this record.
    pub draw: u64,
}

/// The role that a caller without credentials requests, escaped; empty for all others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assumed {
    /// Its name.
    pub role: String,
    /// Path without the leading slash.
    pub path: String,
    /// Its unique id.
    pub id: String,
    /// Name of the session.
    pub session: String,
    /// `identityProvider` of the caller.
    pub provider: String,
    /// Name of the SAML provider in the account.
    pub trusted: String,
}

/// No requested role.
#[cfg(test)]
static NOTHING: Assumed = Assumed {
    role: String::new(),
    path: String::new(),
    id: String::new(),
    session: String::new(),
    provider: String::new(),
    trusted: String::new(),
};

/// A record for the tests of templates.
#[cfg(test)]
pub(crate) const EXAMPLE: Facts<'static> = Facts {
    account: "000011112222",
    owner: 11_112_222,
    region: "eu-west-1",
    service: "ec2",
    api: "RunInstances",
    caller: "arn:aws:iam::000011112222:user/dana",
    caller_name: "dana",
    assumed: &NOTHING,
    session: 5,
    session_begin: 1_688_989_000,
    version: 9,
    time: 1_688_989_512,
    draw: 77,
};

/// A template, ready to be filled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Template {
    text: String,
    /// The end of each piece of text, and the slot after it.
    pieces: Vec<(usize, Slot)>,
}

/// Resources of one kind in an account.
const MANY: u64 = 61;
const FEW: u64 = 4;

#[derive(Clone, Debug)]
enum Slot {
    Account,
    Region,
    Service,
    Api,
    Caller,
    CallerName,
    Assumed(Part),
    Request,
    Time(i64),
    Date(i64),
    Millis,
    SessionKey,
    SessionUuid,
    SessionBegin,
    Federation,
    Hex { digits: usize, salt: u64, of: Option<u64> },
    Uuid { upper: bool, salt: u64, of: Option<u64> },
    Key { letters: usize, salt: u64 },
    Base64 { letters: usize, salt: u64 },
    Number { from: u64, to: u64, salt: u64 },
    One { of: Vec<String>, salt: u64 },
    Name(u64),
    Person(u64),
    Private(u64),
    Removed,
}

/// A part of a requested role.
#[derive(Clone, Copy, Debug)]
enum Part {
    Role,
    Path,
    Id,
    Session,
    Provider,
    Trusted,
}

impl Template {
    /// Parses a template.
    ///
    /// # Panics
    /// If a slot is unknown or not closed: templates are constants, and a test parses them all.
    pub(crate) fn new(source: &str) -> Self {
        let mut template = Self::default();
        let mut rest = source;
        while let Some(open) = rest.find('<') {
            template.text.push_str(&rest[..open]);
            let close = open + rest[open..].find('>').unwrap_or_else(|| panic!("a slot is not closed: {source}"));
            let slot = Slot::read(&rest[open + 1..close]);
            template.pieces.push((template.text.len(), slot.unwrap_or_else(|| panic!("no slot: {}", &rest[open..]))));
            rest = &rest[close + 1..];
        }
        template.text.push_str(rest);
        template
    }

    /// Appends the text with the slots filled.
    pub(crate) fn fill(&self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        let text = self.text.as_bytes();
        let mut at = 0;
        for (end, slot) in &self.pieces {
            out.extend_from_slice(&text[at..*end]);
            slot.fill(facts, out);
            at = *end;
        }
        out.extend_from_slice(&text[at..]);
    }
}

impl Assumed {
    fn part(&self, part: Part) -> &str {
        match part {
            Part::Role => &self.role,
            Part::Path => &self.path,
            Part::Id => &self.id,
            Part::Session => &self.session,
            Part::Provider => &self.provider,
            Part::Trusted => &self.trusted,
        }
    }
}

// === impl Slot ===

impl Slot {
    fn read(source: &str) -> Option<Self> {
        let (rest, salt) = source.split_once('#').unwrap_or((source, ""));
        let (kind, arguments) = rest.split_once(':').unwrap_or((rest, ""));
        // Kind and salt seed the value, so that `name` and `name#other` differ.
        let salt = digest(salt) ^ digest(kind);
        let count = || arguments.parse::<usize>().ok();
        let seconds = || if arguments.is_empty() { Some(0) } else { arguments.parse::<i64>().ok() };
        Some(match kind {
            "account" => Self::Account,
            "region" => Self::Region,
            "service" => Self::Service,
            "api" => Self::Api,
            "caller" => Self::Caller,
            "caller-name" => Self::CallerName,
            "assumed-role" => Self::Assumed(Part::Role),
            "assumed-path" => Self::Assumed(Part::Path),
            "assumed-id" => Self::Assumed(Part::Id),
            "assumed-session" => Self::Assumed(Part::Session),
            "provider" => Self::Assumed(Part::Provider),
            "trusted" => Self::Assumed(Part::Trusted),
            "request" => Self::Request,
            "time" => Self::Time(seconds()?),
            "date" => Self::Date(seconds()?),
            "millis" => Self::Millis,
            "session-key" => Self::SessionKey,
            "session-uuid" => Self::SessionUuid,
            "session-begin" => Self::SessionBegin,
            "federation" => Self::Federation,
            "hex" => Self::Hex { digits: count()?, salt, of: None },
            "id" => Self::Hex { digits: count()?, salt, of: Some(MANY) },
            "few" => Self::Hex { digits: count()?, salt, of: Some(FEW) },
            "uuid" => Self::Uuid { upper: false, salt, of: None },
            "UUID" => Self::Uuid { upper: true, salt, of: None },
            "key-id" => Self::Uuid { upper: false, salt, of: Some(MANY) },
            "key" => Self::Key { letters: count()?, salt },
            "base64" => Self::Base64 { letters: count()?, salt },
            "number" => {
                let (from, to) = arguments.split_once('-')?;
                let (from, to) = (from.parse().ok()?, to.parse().ok()?);
                (from <= to).then_some(Self::Number { from, to, salt })?
            }
            "one" => Self::One { of: arguments.split('|').map(str::to_owned).collect(), salt },
            "name" => Self::Name(salt),
            "person" => Self::Person(salt),
            "private" => Self::Private(salt),
            "removed" => Self::Removed,
            _ => return None,
        })
    }

    fn fill(&self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        let fresh = |salt: u64| mix(facts.draw, salt);
        match self {
            Self::Account => out.extend_from_slice(facts.account.as_bytes()),
            Self::Region => out.extend_from_slice(facts.region.as_bytes()),
            Self::Service => out.extend_from_slice(facts.service.as_bytes()),
            Self::Api => out.extend_from_slice(facts.api.as_bytes()),
            Self::Caller => out.extend_from_slice(facts.caller.as_bytes()),
            Self::CallerName => out.extend_from_slice(facts.caller_name.as_bytes()),
            Self::Assumed(part) => out.extend_from_slice(facts.assumed.part(*part).as_bytes()),
            Self::Request => request_id(facts, out),
            Self::Time(plus) => push_time(out, facts.time + plus),
            Self::Date(plus) => push_date(out, facts.time + plus),
            Self::Millis => push_number(out, facts.time.unsigned_abs() * 1000),
            Self::SessionKey => push_key(out, mix(facts.session, 1), 16),
            Self::SessionUuid => push_uuid(out, mix(facts.session, 2), false),
            Self::SessionBegin => push_time(out, facts.session_begin),
            Self::Federation if facts.version <= 8 => out.extend_from_slice(b"\"webIdFederationData\":{},"),
            Self::Federation => {}
            Self::Hex { digits, salt, of } => push_hex(out, drawn(facts, *salt, *of), *digits),
            Self::Uuid { upper, salt, of } => push_uuid(out, drawn(facts, *salt, *of), *upper),
            Self::Key { letters, salt } => push_key(out, fresh(*salt), *letters),
            Self::Base64 { letters, salt } => push_base64(out, fresh(*salt), *letters),
            Self::Number { from, to, salt } => push_number(out, from + fresh(*salt) % (to - from + 1)),
            Self::One { of, salt } => out.extend_from_slice(pick(of, fresh(*salt)).as_bytes()),
            Self::Name(salt) => name(out, drawn(facts, *salt, Some(MANY))),
            Self::Person(salt) => person(out, drawn(facts, *salt, Some(MANY))),
            Self::Private(salt) => private(out, drawn(facts, *salt, Some(MANY))),
            Self::Removed => out.extend_from_slice(b"<sensitiveDataRemoved>"),
        }
    }
}

/// A new value for every call, or one of `of` values that belong to the account.
fn drawn(facts: &Facts<'_>, salt: u64, of: Option<u64>) -> u64 {
    let fresh = mix(facts.draw, salt);
    match of {
        None => fresh,
        Some(of) => mix(facts.owner ^ salt, fresh % of),
    }
}

/// `requestID`: a UUID, except for S3.
pub(crate) fn request_id(facts: &Facts<'_>, out: &mut Vec<u8>) {
    let seed = mix(facts.draw, 2);
    if facts.service == "s3" { push_key(out, seed, 16) } else { push_uuid(out, seed, false) }
}

fn pick<T>(from: &[T], draw: u64) -> &T {
    &from[(draw % from.len() as u64) as usize]
}

const PLACES: [&str; 6] = ["prod", "staging", "dev", "shared", "test", "platform"];
const PARTS: [&str; 20] = [
    "orders",
    "payments",
    "billing",
    "catalogue",
    "search",
    "ingest",
    "reports",
    "identity",
    "gateway",
    "sessions",
    "metrics",
    "warehouse",
    "mail",
    "images",
    "ledger",
    "scheduler",
    "frontend",
    "archive",
    "pricing",
    "audit",
];
const ROLES: [&str; 8] = ["api", "worker", "db", "queue", "cache", "batch", "web", "etl"];
const PEOPLE: [&str; 24] = [
    "amara", "bela", "chen", "dana", "elif", "farid", "grace", "hugo", "ines", "jonas", "kofi", "lena", "milan",
    "noor", "olga", "pavel", "quinn", "rosa", "sami", "tara", "uma", "vera", "wim", "yuki",
];

fn name(out: &mut Vec<u8>, draw: u64) {
    out.extend_from_slice(pick(&PLACES, draw).as_bytes());
    out.push(b'-');
    out.extend_from_slice(pick(&PARTS, draw >> 8).as_bytes());
    out.push(b'-');
    out.extend_from_slice(pick(&ROLES, draw >> 16).as_bytes());
    out.push(b'-');
    push_number(out, draw >> 24 & 31);
}

fn person(out: &mut Vec<u8>, draw: u64) {
    out.extend_from_slice(pick(&PEOPLE, draw).as_bytes());
    out.push(b'.');
    out.push(b'a' + (draw >> 8 & 15) as u8);
}

/// An address of 10.0.0.0/8.
fn private(out: &mut Vec<u8>, draw: u64) {
    out.extend_from_slice(b"10.");
    push_number(out, draw & 63);
    out.push(b'.');
    push_number(out, draw >> 8 & 255);
    out.push(b'.');
    push_number(out, 4 + (draw >> 16 & 127));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(source: &str, facts: &Facts<'_>) -> String {
        let mut out = Vec::new();
        Template::new(source).fill(facts, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_and_slots_come_in_their_order() {
        let text = filled("a <account>,<region> <time:60>!", &EXAMPLE);
        assert_eq!(text, "a 000011112222,eu-west-1 2023-07-10T11:46:12Z!");
        assert_eq!(filled("nothing", &EXAMPLE), "nothing");
    }

    /// A slot is constant within a record; its salt changes it.
    #[test]
    fn a_slot_is_constant_in_a_record_and_differs_by_salt() {
        let text = filled("<id:17> <id:17> <id:17#b> <hex:17>", &EXAMPLE);
        let words: Vec<&str> = text.split(' ').collect();
        assert_eq!(words[0], words[1]);
        assert!(words[0] != words[2] && words[0] != words[3], "{text}");
    }

    #[test]
    fn an_accounts_things_come_again_and_other_values_do_not() {
        let distinct = |source: &str| {
            let all: std::collections::BTreeSet<_> =
                (0..2000).map(|draw| filled(source, &Facts { draw: mix(draw, 0), ..EXAMPLE })).collect();
            all.len()
        };
        assert_eq!(distinct("<id:17>"), MANY as usize);
        assert_eq!(distinct("<few:17>"), FEW as usize);
        assert_eq!(distinct("<hex:17>"), 2000);
        assert_eq!(distinct("<one:a|b|c>"), 3);
    }

    #[test]
    fn older_records_have_a_field_more_in_their_sessions() {
        assert_eq!(filled("{<federation>}", &EXAMPLE), "{}");
        let older = Facts { version: 8, ..EXAMPLE };
        assert_eq!(filled("{<federation>}", &older), "{\"webIdFederationData\":{},}");
    }

    #[test]
    #[should_panic(expected = "no slot")]
    fn an_unknown_slot_is_found_out() {
        Template::new("<nonsense>");
    }
}
