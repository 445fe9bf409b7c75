//! Lenient, borrowed reading of JSON objects: a field of an unexpected type counts as absent, and the last
//! value of a repeated key wins. Nothing here knows CloudTrail.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A JSON string, borrowed from the input unless it holds escapes; `None` for any other type.
///
/// Deriving `Option<Cow<str>>` would always copy, hence the visitor of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text<'a>(pub Option<Cow<'a, str>>);

/// A JSON string, number or boolean as the text it is written as; `None` for anything else. For formats whose
/// writers do not agree on the type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scalar<'a>(pub Text<'a>);

/// A JSON boolean, also written as the string `"true"` or `"false"`; `None` for anything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flag(pub Option<bool>);

/// An object of which some fields are wanted.
pub(super) trait Object<'a>: Default {
    /// Reads the value of `key` from `map`; exactly one value must be taken.
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Reads an [`Object`]; any other type gives its default.
#[derive(Debug, Default)]
pub(super) struct Lenient<T>(pub T);

impl<'a> Text<'a> {
    /// The text, unless it is empty or was no text.
    pub(super) fn filled(self) -> Option<Cow<'a, str>> {
        self.0.filter(|text| !text.is_empty())
    }

    /// The text, or the other one where it is empty or was no text.
    pub(super) fn or(self, other: Self) -> Self {
        if self.as_str().is_empty() { other } else { self }
    }

    /// The text, empty where there is none.
    pub(super) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl Flag {
    /// The flag that a text spells.
    pub(super) fn spelled(text: &str) -> Self {
        Self(match text {
            _ if text.eq_ignore_ascii_case("true") => Some(true),
            _ if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        })
    }
}

/// Skips one value.
pub(super) fn ignore<'a, A: MapAccess<'a>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

// === impl Deserialize ===

/// Visitor methods that read values of unwanted types as `None`.
macro_rules! ignore_other_types {
    ($none:expr, $($method:ident: $type:ty),*) => {
        $(fn $method<E: Error>(self, _: $type) -> Result<Self::Value, E> { Ok($none) })*
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> { Ok($none) }
        fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok($none)
        }
    };
}

/// Skips the rest of an object.
macro_rules! ignore_maps {
    ($none:expr) => {
        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($none)
        }
    };
}

struct TextVisitor;

impl<'a> Visitor<'a> for TextVisitor {
    type Value = Text<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }

    ignore_other_types!(Text(None), visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64);
    ignore_maps!(Text(None));
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct ScalarVisitor;

impl ScalarVisitor {
    fn written<'a>(value: impl fmt::Display) -> Scalar<'a> {
        Scalar(Text(Some(Cow::Owned(value.to_string()))))
    }
}

impl<'a> Visitor<'a> for ScalarVisitor {
    type Value = Scalar<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Scalar(Text(Some(Cow::Borrowed(text)))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Self::written(text))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Self::written(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Self::written(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Self::written(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Self::written(value))
    }

    ignore_other_types!(Scalar::default(),);
    ignore_maps!(Scalar::default());
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct FlagVisitor;

impl<'a> Visitor<'a> for FlagVisitor {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Flag(Some(value)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Flag::spelled(text))
    }

    ignore_other_types!(Flag(None), visit_i64: i64, visit_u64: u64, visit_f64: f64);
    ignore_maps!(Flag(None));
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

struct LenientVisitor<T>(PhantomData<T>);

impl<'a, T: Object<'a>> Visitor<'a> for LenientVisitor<T> {
    type Value = Lenient<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = T::default();
        while let Some(Text(key)) = map.next_key()? {
            object.field(key.as_deref().unwrap_or_default(), &mut map)?;
        }
        Ok(Lenient(object))
    }

    ignore_other_types!(Lenient::<T>(T::default()), visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);
}

impl<'de, T: Object<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_borrows_unless_it_holds_escapes() {
        let plain: Text<'_> = serde_json::from_str(r#""plain""#).unwrap();
        assert!(matches!(plain.0, Some(Cow::Borrowed("plain"))));
        let escaped: Text<'_> = serde_json::from_str(r#""a\"b""#).unwrap();
        assert!(matches!(escaped.0, Some(Cow::Owned(text)) if text == "a\"b"));
    }

    #[test]
    fn other_types_are_as_good_as_absent() {
        for json in ["null", "1", "-1", "1.5", "true", "[1,[2]]", r#"{"a":{"b":1}}"#] {
            assert_eq!(serde_json::from_str::<Text<'_>>(json).unwrap(), Text(None), "{json}");
        }
        for json in ["null", "1", "\"yes\"", "[true]", r#"{"a":true}"#] {
            assert_eq!(serde_json::from_str::<Flag>(json).unwrap(), Flag(None), "{json}");
        }
    }

    #[test]
    fn a_scalar_is_what_is_written() {
        for (json, text) in
            [("6003", "6003"), ("\"6003\"", "6003"), ("true", "true"), ("-1", "-1"), ("1.5e12", "1500000000000")]
        {
            assert_eq!(serde_json::from_str::<Scalar<'_>>(json).unwrap().0.as_str(), text, "{json}");
        }
        for json in ["null", "[1]", r#"{"a":1}"#] {
            assert_eq!(serde_json::from_str::<Scalar<'_>>(json).unwrap(), Scalar::default(), "{json}");
        }
    }

    #[test]
    fn a_flag_may_be_a_string() {
        for (json, value) in [("true", true), ("\"true\"", true), ("\"False\"", false), ("false", false)] {
            assert_eq!(serde_json::from_str::<Flag>(json).unwrap(), Flag(Some(value)), "{json}");
        }
    }
}
