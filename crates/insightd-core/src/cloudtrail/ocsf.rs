//! An OCSF event that was made from a CloudTrail record, read back into the record's fields
//! (docs/input-formats.md).
//!
//! The names follow the mappings that Security Lake's producers publish (github.com/ocsf/examples,
//! `mappings/markdown/AWS`): OCSF 1.0.0-rc.2 (Security Lake's source version 1), 1.1.0 (version 2) and 1.5.0.
//! They differ: in 1.0.0-rc.2 `actor.user.uid` is the principal id and `uuid` the ARN, later `uid` is the ARN
//! and `uid_alt` the id; `eventType` moved from `unmapped` to `metadata.event_code`, the recipient's account
//! from `unmapped` to `cloud.account.uid`. So each field is read from all its places, and ARNs are recognized
//! by their prefix.

use std::borrow::Cow;

use serde::de::MapAccess;
use serde_json::value::RawValue;

use super::event::Event;
use super::field::{Lenient, Object, Scalar, Text, ignore};
use super::principal::{Identity, Issuer, OnBehalfOf, Session};
use super::record::{Fields, Keys, Unusable, usable_time};
use super::time;

mod unmapped;

use unmapped::Unmapped;

/// The product's name in Security Lake.
pub(super) const PRODUCT: &str = "CloudTrail";

/// What the required fields are called in OCSF.
const KEYS: Keys = Keys {
    time: "time",
    source: "api.service.name",
    name: "api.operation",
    region: "cloud.region",
    accounts: ["the recipient's account", "actor.user.account.uid"],
};

/// Whether a product or provider is CloudTrail; other producers put its vendor's name before it.
pub(super) fn is_cloudtrail(name: &str) -> bool {
    let last = name.rsplit(' ').next().unwrap_or_default();
    last.eq_ignore_ascii_case(PRODUCT)
}

/// Whether a class is one of the category Findings (2000 to 2999): CloudTrail's Insights, and no call.
pub(super) fn is_finding(class: &str) -> bool {
    class.len() == 4 && class.starts_with('2')
}

/// The wanted fields of an OCSF event.
#[derive(Debug, Default)]
pub(super) struct Document<'a> {
    class: Scalar<'a>,
    class_name: Text<'a>,
    activity: Scalar<'a>,
    activity_name: Text<'a>,
    time: Scalar<'a>,
    time_dt: Scalar<'a>,
    metadata: Metadata<'a>,
    api: Api<'a>,
    actor: Actor<'a>,
    cloud: Cloud<'a>,
    http_request: HttpRequest<'a>,
    raw_data: Option<&'a RawValue>,
    unmapped: Option<&'a RawValue>,
}

/// Objects of which some keys are read, each `key: field` as it stands or `key: [field]` as an object again.
macro_rules! object {
    ($name:ident { $($key:literal: $field:ident),* ; $($inner_key:literal: [$inner_field:ident: $inner:ident]),* }) => {
        #[derive(Debug, Default)]
        struct $name<'a> {
            $($field: Text<'a>,)*
            $($inner_field: $inner<'a>,)*
        }

        impl<'a> Object<'a> for $name<'a> {
            fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
                match key {
                    $($key => self.$field = map.next_value()?,)*
                    $($inner_key => self.$inner_field = map.next_value::<Lenient<_>>()?.0,)*
                    _ => ignore(map)?,
                }
                Ok(())
            }
        }
    };
}

object!(Metadata { "uid": uid, "event_code": event_code, "log_name": log_name ; "product": [product: Product] });
object!(Product { ; "feature": [feature: Named] });
object!(Named { "name": name ; });
object!(Api { "operation": operation ; "service": [service: Named], "response": [response: Response] });
object!(Response { "error": error ; });
object!(Actor { "invoked_by": invoked_by ; "user": [user: User], "session": [session: ActorSession], "idp": [idp: Idp] });
object!(User {
    "type": kind, "name": name, "uid": uid, "uid_alt": uid_alt, "uuid": uuid, "account_uid": account_uid,
    "credential_uid": credential_uid ; "account": [account: Account]
});
object!(Account { "uid": uid ; });
object!(ActorSession { "issuer": issuer ; });
object!(Idp { "name": name, "uid": uid ; });
object!(Cloud { "region": region, "account_uid": account_uid ; "account": [account: Account] });
object!(HttpRequest { "user_agent": user_agent ; });

impl<'a> Object<'a> for Document<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "class_uid" => self.class = map.next_value()?,
            "class_name" => self.class_name = map.next_value()?,
            "activity_id" => self.activity = map.next_value()?,
            "activity_name" => self.activity_name = map.next_value()?,
            "time" => self.time = map.next_value()?,
            "time_dt" => self.time_dt = map.next_value()?,
            "metadata" => self.metadata = map.next_value::<Lenient<_>>()?.0,
            "api" => self.api = map.next_value::<Lenient<_>>()?.0,
            "actor" => self.actor = map.next_value::<Lenient<_>>()?.0,
            "cloud" => self.cloud = map.next_value::<Lenient<_>>()?.0,
            "http_request" => self.http_request = map.next_value::<Lenient<_>>()?.0,
            "raw_data" => self.raw_data = map.next_value()?,
            "unmapped" => self.unmapped = map.next_value()?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl<'a> Document<'a> {
    /// The JSON that `raw_data` holds: the original record, if the producer kept it.
    pub(super) fn original(&self) -> Option<Cow<'a, str>> {
        self.raw_data.map(json_of)
    }

    /// The JSON of `unmapped`, empty where there is none.
    pub(super) fn unmapped(&self) -> Cow<'a, str> {
        self.unmapped.map(json_of).unwrap_or_default()
    }

    /// The usable event, as from [`Fields::event`]. `unmapped` is the text from [`Self::unmapped`].
    ///
    /// # Errors
    /// Why the record is unusable.
    pub(super) fn event<'b>(self, unmapped: &'b str, time_max: i64) -> Result<Event<'b>, Unusable>
    where
        'a: 'b,
    {
        let unmapped = Unmapped::read(unmapped);
        let time = self.time.0.or(self.time_dt.0);
        let seconds = usable_time(&KEYS, time.as_str(), seconds(time.as_str()), time_max)?;
        let read_activity = is_read(self.class.0.as_str(), &self.class_name, &self.activity, &self.activity_name);
        let identity = identity(self.actor, unmapped.identity);
        let fields = Fields {
            source: self.api.service.name,
            name: self.api.operation,
            region: self.cloud.region,
            agent: self.http_request.user_agent,
            error: self.api.response.error,
            id: self.metadata.uid,
            kind: unmapped.kind.or(self.metadata.event_code).or(self.metadata.log_name),
            // Where the record says nothing, Security Lake writes "Management, Data, and Insights", which
            // says nothing either.
            category: unmapped.category.or(self.metadata.product.feature.name),
            recipient: unmapped.recipient.or(self.cloud.account.uid).or(self.cloud.account_uid),
            read_only: unmapped.read_only,
            management: unmapped.management,
            read_activity,
            identity,
            addendum: unmapped.addendum,
            ..Fields::default()
        };
        fields.event_at(seconds, &KEYS)
    }
}

/// Rebuilds `userIdentity` from what `unmapped` keeps of it and from the actor.
fn identity<'a>(actor: Actor<'a>, kept: Identity<'a>) -> Identity<'a> {
    let User { kind, name, uid, uid_alt, uuid, account_uid, credential_uid, account } = actor.user;
    let is_arn = |text: &&Text<'a>| text.as_str().starts_with("arn:");
    let arn = [&uid, &uuid, &uid_alt].into_iter().find(is_arn).cloned().unwrap_or_default();
    let is_id = |text: &&Text<'a>| !text.as_str().is_empty() && !is_arn(text);
    let id = [&uid_alt, &uid].into_iter().find(is_id).cloned().unwrap_or_default();
    let behalf = kept.on_behalf_of;
    Identity {
        kind: kept.kind.or(kind),
        arn: kept.arn.or(arn),
        account_id: kept.account_id.or(account.uid).or(account_uid),
        user_name: kept.user_name.or(name),
        invoked_by: kept.invoked_by.or(actor.invoked_by),
        identity_provider: kept.identity_provider.or(actor.idp.name),
        credential_id: kept.credential_id.or(credential_uid),
        session: Session { issuer: Issuer { arn: kept.session.issuer.arn.or(actor.session.issuer) } },
        on_behalf_of: OnBehalfOf {
            user_id: behalf.user_id.or(id.clone()),
            store_arn: behalf.store_arn.or(actor.idp.uid),
        },
        principal_id: kept.principal_id.or(id),
    }
}

/// Whether the activity is Read: number 2 of the class API Activity (in 1.0.0-rc.2 that class has another
/// number, so its name counts as well). In other classes the number means something else.
fn is_read(class: &str, class_name: &Text<'_>, activity: &Scalar<'_>, activity_name: &Text<'_>) -> bool {
    let api_activity = class == "6003" || class_name.as_str() == "API Activity";
    activity_name.as_str() == "Read" || (api_activity && activity.0.as_str() == "2")
}

/// Seconds since 1970 of a time in milliseconds since then, or of one written out.
fn seconds(text: &str) -> Option<i64> {
    match text.parse::<i64>() {
        Ok(millis) => Some(millis.div_euclid(1000)),
        Err(_) => time::parse(text),
    }
}

/// The JSON of a value that may be wrapped in a string.
fn json_of(value: &RawValue) -> Cow<'_, str> {
    match value.get() {
        text if text.starts_with('"') => serde_json::from_str(text).map(Cow::Owned).unwrap_or_default(),
        json => Cow::Borrowed(json),
    }
}

#[cfg(test)]
mod tests;
