//! `unmapped`: what of a record has no place in OCSF.
//!
//! Security Lake stores a map from dotted paths to texts. What turns its Parquet files into JSON writes such
//! a map as an object, as a list of pairs (pyarrow), or as a list of `{"key":..., "value":...}`; other
//! producers nest the objects as they were, or keep them as JSON in a text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::cloudtrail::field::{Flag, Lenient, Object, Scalar, Text, ignore};
use crate::cloudtrail::principal::Identity;
use crate::cloudtrail::record::Addendum;

/// The wanted fields.
#[derive(Debug, Default)]
pub(super) struct Unmapped<'a> {
    pub(super) recipient: Text<'a>,
    pub(super) kind: Text<'a>,
    pub(super) category: Text<'a>,
    pub(super) read_only: Flag,
    pub(super) management: Flag,
    pub(super) addendum: Addendum<'a>,
    pub(super) identity: Identity<'a>,
}

impl<'a> Unmapped<'a> {
    /// Reads it from JSON; what is none of the forms is as good as absent.
    pub(super) fn read(json: &'a str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    fn set(&mut self, path: &str, Scalar(value): Scalar<'a>) {
        match path {
            "recipientAccountId" => self.recipient = value,
            "eventType" => self.kind = value,
            "eventCategory" => self.category = value,
            "readOnly" => self.read_only = Flag::spelled(value.as_str()),
            "managementEvent" => self.management = Flag::spelled(value.as_str()),
            "addendum.reason" => self.addendum.reason = value,
            "userIdentity.credentialId" => self.identity.credential_id = value,
            "userIdentity.onBehalfOf.userId" => self.identity.on_behalf_of.user_id = value,
            "userIdentity.onBehalfOf.identityStoreArn" => self.identity.on_behalf_of.store_arn = value,
            _ => {}
        }
    }
}

struct UnmappedVisitor;

impl<'a> Visitor<'a> for UnmappedVisitor {
    type Value = Unmapped<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list of pairs")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut unmapped = Unmapped::default();
        while let Some(Text(path)) = map.next_key()? {
            match path.as_deref().unwrap_or_default() {
                "addendum" => unmapped.addendum = map.next_value::<Lenient<_>>()?.0,
                "userIdentity" => unmapped.identity = map.next_value::<Lenient<_>>()?.0,
                path => unmapped.set(path, map.next_value()?),
            }
        }
        Ok(unmapped)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        let mut unmapped = Unmapped::default();
        while let Some(Pair { path, value }) = pairs.next_element()? {
            unmapped.set(path.as_str(), value);
        }
        Ok(unmapped)
    }
}

impl<'de> Deserialize<'de> for Unmapped<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnmappedVisitor)
    }
}

/// One entry of a list.
#[derive(Debug, Default)]
struct Pair<'a> {
    path: Text<'a>,
    value: Scalar<'a>,
}

impl<'a> Object<'a> for Pair<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "key" => self.path = map.next_value()?,
            "value" => self.value = map.next_value()?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

struct PairVisitor;

impl<'a> Visitor<'a> for PairVisitor {
    type Value = Pair<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pair")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut pair: A) -> Result<Self::Value, A::Error> {
        let path = pair.next_element()?.unwrap_or_default();
        let value = pair.next_element()?.unwrap_or_default();
        while pair.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Pair { path, value })
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pair = Pair::default();
        while let Some(Text(key)) = map.next_key()? {
            pair.field(key.as_deref().unwrap_or_default(), &mut map)?;
        }
        Ok(pair)
    }
}

impl<'de> Deserialize<'de> for Pair<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PairVisitor)
    }
}
