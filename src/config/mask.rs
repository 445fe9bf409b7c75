//! Secrets never leave the process: neither in the printed configuration nor in an error nor in `Debug`.
//!
//! Masking errs on the safe side: what only looks like a secret is hidden too.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Shown instead of a secret.
pub(crate) const MASK: &str = "********";

/// Parts of key names whose whole value is a secret: librdkafka's, Java's, and common names.
const SECRET_PARTS: [&str; 6] = ["pass", "secret", "key.pem", "key_pem", "jaas", "oauthbearer.config"];

/// Endings of key names whose whole value is a secret. Not parts: `sasl.oauthbearer.token.endpoint.url` is no
/// secret.
const SECRET_ENDINGS: [&str; 5] = ["token", "api_key", "api.key", "apikey", "credentials"];

/// The value of a key, secrets masked.
pub(crate) fn value(key: &str, value: &str) -> String {
    if secret_key(key) && !value.is_empty() { MASK.to_owned() } else { text(value) }
}

/// Whether the whole value of this key is a secret.
pub(crate) fn secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // Paths and URLs name the place of a secret, not the secret.
    let place = ["location", "url", "file"].iter().any(|end| key.ends_with(end));
    !place
        && (SECRET_PARTS.iter().any(|part| key.contains(part)) || SECRET_ENDINGS.iter().any(|end| key.ends_with(end)))
}

/// A text with the secrets inside it masked: private keys in PEM, passwords in URLs, secrets in JAAS strings,
/// JSON and query strings, bearer tokens.
pub(crate) fn text(text: &str) -> String {
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
        // A private key, even one whose end is missing.
        (r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)", all as Replace),
        // scheme://user:password@ up to the last @, because a password may contain one; scheme://token@.
        (r"(://[^\s:@/]*:)[^\s]*@", userinfo as Replace),
        (r"(://)[^\s:@/?]+@", userinfo as Replace),
        // user:password@ without a scheme, as in a list of brokers; also up to the last @.
        (r#"((?:^|[\s,;"'\[(])[^\s:@/,;"'\[(]+:)[^\s/][^\s]*@"#, userinfo as Replace),
        // name=value, name="value", "name": "value" if the name is that of a secret.
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
    // A constant pattern compiles always or never; the tests use each one.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_secret_is_hidden() {
        let cases = [
            ("https://bob:pw@idp.example.org/token?x=1", "https://bob:********@idp.example.org/token?x=1"),
            ("https://bob:p@w@idp/", "https://bob:********@idp/"),
            ("https://ghp_abc@host/", "https://********@host/"),
            ("a:9092, bob:p/w@b:9092", "a:9092, bob:********@b:9092"),
            ("https://idp/token?access_token=abc&y=2", "https://idp/token?access_token=********&y=2"),
            ("https://idp/?sig=abc%2F&se=1", "https://idp/?sig=********&se=1"),
            (
                r#"M required username="u" password="p\"w" x="y";"#,
                r#"M required username="u" password="********" x="y";"#,
            ),
            ("M required clientSecret='p w' scope=s;", "M required clientSecret=******** scope=s;"),
            (r#"{"password": "pw", "a": 1}"#, r#"{"password": "********", "a": 1}"#),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ********"),
            ("-----BEGIN RSA PRIVATE KEY-----\nabc", "********"),
        ];
        for (open, masked) in cases {
            assert_eq!(text(open), masked, "{open}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        let open = [
            "kafka-1.example.org:9093",
            "[::1]:9092",
            "https://idp.example.org:8443/realms/soc/token",
            "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
            "^cloudtrail-.*",
            "insightd::kafka=debug",
        ];
        for open in open {
            assert_eq!(text(open), open);
        }
    }

    #[test]
    fn secret_keys_are_known_by_name() {
        for key in
            ["sasl.password", "ssl.key.pem", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config", "api_key"]
        {
            assert!(secret_key(key), "{key}");
        }
        for key in ["sasl.username", "ssl.key.location", "sasl.oauthbearer.token.endpoint.url", "ssl.certificate.pem"] {
            assert!(!secret_key(key), "{key}");
        }
        assert_eq!(value("sasl.password", ""), "", "an empty password is worth seeing");
    }

    proptest! {
        #[test]
        fn no_secret_survives_wherever_people_put_them(secret in "[A-Za-z0-9+/!$^*()_-]{6,20}", before in "[ -~]{0,20}") {
            let places = [
                format!("{before} https://user:{secret}@host:1/p"),
                format!("{before} https://host/p?token={secret}"),
                format!("{before} L required username=\"u\" password=\"{secret}\";"),
                format!("{before} client_secret={secret}"),
                format!("{before} \"api_key\": \"{secret}\""),
            ];
            for place in places {
                prop_assume!(!before.contains(&secret));
                prop_assert!(!text(&place).contains(&secret), "{} -> {}", place, text(&place));
            }
        }

        #[test]
        fn masking_twice_changes_nothing_more(any in "[ -~\n]{0,60}") {
            let once = text(&any);
            prop_assert_eq!(text(&once), once);
        }
    }
}
