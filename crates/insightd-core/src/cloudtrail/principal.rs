//! The principal of a call: `userIdentity` reduced to the one text to which Insights attributes it
//! (docs/input-formats.md#the-principal).

use std::borrow::Cow;

use serde::de::MapAccess;

use super::field::{Lenient, Object, Text, ignore};

/// The principal of an identity without anything usable.
pub(super) const UNKNOWN: &str = "unknown";

/// The wanted fields of `userIdentity`.
#[derive(Debug, Default)]
pub(super) struct Identity<'a> {
    pub(super) kind: Text<'a>,
    pub(super) arn: Text<'a>,
    /// The fallback for `recipientAccountId`.
    pub(super) account_id: Text<'a>,
    pub(super) principal_id: Text<'a>,
    pub(super) user_name: Text<'a>,
    pub(super) invoked_by: Text<'a>,
    pub(super) identity_provider: Text<'a>,
    pub(super) credential_id: Text<'a>,
    pub(super) session: Session<'a>,
    pub(super) on_behalf_of: OnBehalfOf<'a>,
}

#[derive(Debug, Default)]
pub(super) struct Session<'a> {
    pub(super) issuer: Issuer<'a>,
}

#[derive(Debug, Default)]
pub(super) struct Issuer<'a> {
    pub(super) arn: Text<'a>,
}

#[derive(Debug, Default)]
pub(super) struct OnBehalfOf<'a> {
    pub(super) user_id: Text<'a>,
    pub(super) store_arn: Text<'a>,
}

impl<'a> Object<'a> for Identity<'a> {
    // Out of line: inlined into the loop over a record's keys, it costs 7 % of decoding (benches/decode.rs).
    #[inline(never)]
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "type" => self.kind = map.next_value()?,
            "arn" => self.arn = map.next_value()?,
            "accountId" => self.account_id = map.next_value()?,
            "principalId" => self.principal_id = map.next_value()?,
            "userName" => self.user_name = map.next_value()?,
            "invokedBy" => self.invoked_by = map.next_value()?,
            "identityProvider" => self.identity_provider = map.next_value()?,
            "credentialId" => self.credential_id = map.next_value()?,
            "sessionContext" => self.session = map.next_value::<Lenient<_>>()?.0,
            "onBehalfOf" => self.on_behalf_of = map.next_value::<Lenient<_>>()?.0,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl<'a> Object<'a> for Session<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "sessionIssuer" => self.issuer = map.next_value::<Lenient<_>>()?.0,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl<'a> Object<'a> for Issuer<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "arn" => self.arn = map.next_value()?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl<'a> Object<'a> for OnBehalfOf<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "userId" => self.user_id = map.next_value()?,
            "identityStoreArn" => self.store_arn = map.next_value()?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl<'a> Identity<'a> {
    /// The service that made the call; empty if none.
    pub(super) fn invoked_by(&self) -> Cow<'a, str> {
        self.invoked_by.0.clone().unwrap_or_default()
    }

    /// The principal. `region` gives the partition for an ARN that has to be built.
    pub(super) fn principal(self, region: &str) -> Cow<'a, str> {
        if let Some(arn) = self.arn.filled() {
            return without_session_name(arn);
        }
        let account = self.account_id.filled();
        let issuer = self.session.issuer.arn.filled();
        let id = self.principal_id.filled().map(without_session_id);
        let name = self.user_name.filled();
        let invoker = self.invoked_by.filled();
        let own = match self.kind.as_str() {
            "IAMUser" => iam_arn(region, account, name.as_deref().map(|name| ("user/", name))),
            "Root" => iam_arn(region, account, Some(("root", ""))),
            "AssumedRole" | "FederatedUser" => issuer,
            "AWSAccount" => joined(account, id.clone(), ":"),
            "SAMLUser" | "WebIdentityUser" => joined(self.identity_provider.filled(), name.clone().or(id.clone()), "/"),
            "IdentityCenterUser" => {
                let behalf = self.on_behalf_of;
                joined(behalf.store_arn.filled(), behalf.user_id.filled(), "/").or(self.credential_id.filled())
            }
            // The principal of a directory is the person's ID, not the service that forwarded the call.
            "Directory" | "Unknown" => id.clone(),
            _ => None,
        };
        own.or(invoker).or(id).or(name).unwrap_or(Cow::Borrowed(UNKNOWN))
    }
}

/// `arn:P:sts::A:assumed-role/Role/session` without its last segment; other ARNs as they are.
fn without_session_name(arn: Cow<'_, str>) -> Cow<'_, str> {
    const MARK: &str = ":assumed-role/";
    let Some(role) = arn.find(MARK).map(|at| at + MARK.len()) else { return arn };
    match arn[role..].rfind('/') {
        Some(slash) if slash > 0 => cut(arn, role + slash),
        _ => arn,
    }
}

/// `AROAEXAMPLE:session` without the session, which would make each session a principal of its own.
fn without_session_id(id: Cow<'_, str>) -> Cow<'_, str> {
    match id.find(':') {
        Some(colon) if id.starts_with("AROA") => cut(id, colon),
        _ => id,
    }
}

fn cut(text: Cow<'_, str>, end: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

/// Two parts of a name; one of them if the other is missing, and only the second if it begins with the first.
fn joined<'a>(first: Option<Cow<'a, str>>, second: Option<Cow<'a, str>>, separator: &str) -> Option<Cow<'a, str>> {
    match (first, second) {
        (Some(first), Some(second)) if second.starts_with(first.as_ref()) => Some(second),
        (Some(first), Some(second)) => Some(Cow::Owned(format!("{first}{separator}{second}"))),
        (first, second) => second.or(first),
    }
}

fn iam_arn<'a>(region: &str, account: Option<Cow<'a, str>>, resource: Option<(&str, &str)>) -> Option<Cow<'a, str>> {
    let (kind, name) = resource?;
    Some(Cow::Owned(format!("arn:{}:iam::{}:{kind}{name}", partition(region), account?)))
}

/// Partition of a region, as AWS's endpoint tables have them.
fn partition(region: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 8] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(identity: &str, expected: &str) {
        check_in("us-east-1", identity, expected);
    }

    fn check_in(region: &str, identity: &str, expected: &str) {
        let Lenient(read): Lenient<Identity<'_>> = serde_json::from_str(identity).unwrap();
        assert_eq!(read.principal(region), expected, "{identity}");
    }

    #[test]
    fn assumed_role_loses_its_session_name_in_every_partition() {
        for partition in ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"] {
            let role = format!("arn:{partition}:sts::111122223333:assumed-role/ci-runner");
            check(&format!(r#"{{"type":"AssumedRole","arn":"{role}/build-17"}}"#), &role);
            check(&format!(r#"{{"type":"AssumedRole","arn":"{role}/d\u00e4na@example.org"}}"#), &role);
            check(&format!(r#"{{"type":"AssumedRole","arn":"{role}"}}"#), &role);
            check(&format!(r#"{{"arn":"{role}/without-a-type"}}"#), &role);
        }
    }

    #[test]
    fn assumed_role_without_arn_is_its_issuer() {
        check(
            r#"{"type":"AssumedRole","principalId":"AROAX:s","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::111122223333:role/path/R"}}}"#,
            "arn:aws:iam::111122223333:role/path/R",
        );
        check(r#"{"type":"AssumedRole","principalId":"AROAX:session","sessionContext":{"sessionIssuer":{}}}"#, "AROAX");
        check(r#"{"type":"AssumedRole","principalId":"AROAX:session","sessionContext":"odd"}"#, "AROAX");
    }

    #[test]
    fn arns_of_other_types_stay_whole() {
        for arn in [
            "arn:aws:iam::111122223333:user/path/dana",
            "arn:aws:iam::111122223333:root",
            "arn:aws:sts::111122223333:federated-user/dana",
            "arn:aws:iam::111122223333:role/path/R",
        ] {
            check(&format!(r#"{{"type":"Any","arn":"{arn}","invokedBy":"x.amazonaws.com"}}"#), arn);
        }
    }

    #[test]
    fn iam_user_and_root_without_arn_get_one() {
        check(
            r#"{"type":"IAMUser","accountId":"111122223333","userName":"dana"}"#,
            "arn:aws:iam::111122223333:user/dana",
        );
        check_in(
            "cn-north-1",
            r#"{"type":"IAMUser","accountId":"111122223333","userName":"dana"}"#,
            "arn:aws-cn:iam::111122223333:user/dana",
        );
        check_in(
            "us-gov-west-1",
            r#"{"type":"Root","accountId":"111122223333"}"#,
            "arn:aws-us-gov:iam::111122223333:root",
        );
        check(r#"{"type":"IAMUser","accountId":"111122223333","principalId":"AIDAX"}"#, "AIDAX");
        check(r#"{"type":"IAMUser","userName":"dana"}"#, "dana");
    }

    #[test]
    fn services_and_identities_without_a_type() {
        check(r#"{"type":"AWSService","invokedBy":"rds.amazonaws.com"}"#, "rds.amazonaws.com");
        check(r#"{"accountId":"111122223333","invokedBy":"kms.amazonaws.com"}"#, "kms.amazonaws.com");
        check(r#"{"type":"AWSService","principalId":"svc"}"#, "svc");
    }

    #[test]
    fn invoked_by_is_separate_from_the_principal() {
        for (identity, service) in [
            (r#"{"type":"AWSService","invokedBy":"rds.amazonaws.com"}"#, "rds.amazonaws.com"),
            (
                r#"{"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/R/s","invokedBy":"inspector2.amazonaws.com"}"#,
                "inspector2.amazonaws.com",
            ),
            (r#"{"type":"IAMUser","userName":"dana"}"#, ""),
            (r#"{"type":"IAMUser","userName":"dana","invokedBy":["x"]}"#, ""),
            ("null", ""),
        ] {
            let Lenient(read): Lenient<Identity<'_>> = serde_json::from_str(identity).unwrap();
            assert_eq!(read.invoked_by(), service, "{identity}");
        }
    }

    #[test]
    fn accounts_providers_and_directories() {
        check(r#"{"type":"AWSAccount","principalId":"AIDAX","accountId":"444455556666"}"#, "444455556666:AIDAX");
        check(r#"{"type":"AWSAccount","principalId":"AROAX:s","accountId":"444455556666"}"#, "444455556666:AROAX");
        check(r#"{"type":"AWSAccount","accountId":"444455556666"}"#, "444455556666");
        check(r#"{"type":"SAMLUser","principalId":"p:dana","userName":"dana","identityProvider":"p"}"#, "p/dana");
        check(
            r#"{"type":"WebIdentityUser","principalId":"accounts.google.com:app:1","identityProvider":"accounts.google.com"}"#,
            "accounts.google.com:app:1",
        );
        check(
            r#"{"type":"IdentityCenterUser","credentialId":"c","onBehalfOf":{"userId":"u","identityStoreArn":"arn:aws:identitystore::111122223333:identitystore/d-1"}}"#,
            "arn:aws:identitystore::111122223333:identitystore/d-1/u",
        );
        check(r#"{"type":"IdentityCenterUser","credentialId":"c"}"#, "c");
        check(r#"{"type":"Directory","principalId":"d","invokedBy":"ds.amazonaws.com"}"#, "d");
        check(r#"{"type":"Unknown","principalId":"z"}"#, "z");
    }

    #[test]
    fn nothing_usable_is_unknown() {
        for identity in
            ["null", "{}", "\"x\"", "[]", r#"{"type":"IAMUser","arn":""}"#, r#"{"accountId":"111122223333"}"#]
        {
            check(identity, UNKNOWN);
        }
    }
}
