//! Secrets never leave the process: not in the printed configuration, not in a fault, not in `Debug`.
//!
//! Masking errs on the safe side: what merely looks like a secret is hidden as well.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What is shown instead.
pub const MASK: &str = "********";

/// Parts of key names whose whole value is a secret (librdkafka's, Java's, and what people call such things).
const SECRET_PARTS: [&str; 6] = ["pass", "secret", "key.pem", "key_pem", "jaas", "oauthbearer.config"];

/// Endings of key names whose whole value is a secret. Not parts: `sasl.oauthbearer.token.endpoint.url` is no secret.
const SECRET_ENDINGS: [&str; 5] = ["token", "api_key", "api.key", "apikey", "credentials"];

/// The value of a key as it may be shown.
pub fn value(key: &str, value: &str) -> String {
    if secret_key(key) && !value.is_empty() { MASK.to_owned() } else { text(value) }
}

/// Whether the whole value of this key is a secret.
pub fn secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // Paths and URLs name where a secret is, not the secret.
    let place = ["location", "url", "file"].iter().any(|end| key.ends_with(end));
    !place
        && (SECRET_PARTS.iter().any(|part| key.contains(part)) || SECRET_ENDINGS.iter().any(|end| key.ends_with(end)))
}

/// Any text with the secrets inside it masked: private keys in PEM, passwords in URLs, secrets in JAAS strings, JSON and
/// query strings, bearer tokens.
pub fn text(text: &str) -> String {
    let mut masked = Cow::Borrowed(text);
    for (pattern, replace) in RULES.iter() {
        if let Cow::Owned(changed) = pattern.replace_all(&masked, *replace) {
            masked = Cow::Owned(changed);
        }
    }
    masked.into_owned()
}

type Replace = fn(&Captures<'_>) -> String;

static RULES: LazyLock<Vec<(Regex, Replace)>> = LazyLock::new(|| {
    [
        // A private key, also one that lost its end.
        (r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)", all as Replace),
        // scheme://user:password@ up to the last @, as a password may hold one; scheme://token@.
        (r"(://[^\s:@/]*:)[^\s]*@", userinfo as Replace),
        (r"(://)[^\s:@/?]+@", userinfo as Replace),
        // user:password@ without a scheme, as in a list of brokers.
        (r#"((?:^|[\s,;"'\[(])[^\s:@/,;"'\[(]+:)[^\s@/]+@"#, userinfo as Replace),
        // name=value, name="value", "name": "value" where the name says that it is a secret.
        (
            r#"(?ix)( [\w.-]* (?: password | passwd | passphrase | pwd | secret | token | api[_.-]?key | access[_.-]?key
                | private[_.-]?key | signature | credential | jaas ) [\w.-]* \\?["']? \s* [=:] \s* )
                (?: "(?: \\. | [^"\\] )* "? | '[^']* '? | [^\s&;,"']+ )"#,
            assignment as Replace,
        ),
        // Short names that are secrets only in a query string.
        (r"(?i)([?&](?:key|sig|auth|code|sv|pass|pw)=)[^\s&]+", assignment as Replace),
        (r"(?i)(\bbearer\s+)[^\s,;]+", assignment as Replace),
        (r"(?i)(\bbasic\s+)[A-Za-z0-9+/=]{8,}", assignment as Replace),
    ]
    .into_iter()
    // A constant pattern compiles always or never; the tests use each of them.
    .map(|(pattern, replace)| (Regex::new(pattern).expect("a constant pattern"), replace))
    .collect()
});

fn all(_: &Captures<'_>) -> String {
    MASK.to_owned()
}

fn userinfo(found: &Captures<'_>) -> String {
    format!("{}{MASK}@", &found[1])
}

fn assignment(found: &Captures<'_>) -> String {
    let quote = if found[0].ends_with('"') { "\"" } else { "" };
    format!("{}{quote}{MASK}{quote}", &found[1])
}
