//! One CloudTrail record, decoded and classified, as the detector sees it.
//!
//! Every text is borrowed from the payload where the JSON allows it (no escapes in the string).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A 12-digit AWS account ID, displayed with its leading zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountId(u64);

impl AccountId {
    /// Reads exactly twelve ASCII digits; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 12 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        text.parse().ok().map(Self)
    }

    /// The account ID of this number, if it is below 10^12.
    pub fn of_number(number: u64) -> Option<Self> {
        (number < 1_000_000_000_000).then_some(Self(number))
    }

    /// The ID as a number below 10^12.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

/// `eventCategory`, read or inferred (docs/input-formats.md#management-data-read-write).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Category {
    /// Control plane.
    Management,
    /// Data plane: object, item and invocation level.
    Data,
    /// VPC endpoint activity.
    Network,
    /// An Insights record (a feedback loop, or the same topic carrying AWS's own).
    Insight,
}

/// One decoded record, all fields usable: decoding reports any other record as malformed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event<'a> {
    /// `recipientAccountId`, else `userIdentity.accountId` (as AWS's processing library does).
    pub account: AccountId,
    /// `awsRegion`.
    pub region: Cow<'a, str>,
    /// `eventSource`, such as `ec2.amazonaws.com`. Empty for [`Category::Insight`] only.
    pub source: Cow<'a, str>,
    /// `eventName`. Empty for [`Category::Insight`] only.
    pub name: Cow<'a, str>,
    /// `errorCode`; an empty string is no error.
    pub error: Option<Cow<'a, str>>,
    /// `eventTime` in seconds since 1970, UTC.
    pub time: i64,
    /// `eventID` as written; absent in version 1.00.
    pub id: Option<Cow<'a, str>>,
    /// The identity to which Insights attributes the call (docs/input-formats.md#the-principal); `"unknown"`
    /// if nothing is usable.
    pub principal: Cow<'a, str>,
    /// `userIdentity.invokedBy`: the service that made the call, on its own or on behalf of the identity;
    /// empty if none.
    pub invoked_by: Cow<'a, str>,
    /// `userAgent`; the string `"null"` if missing.
    pub agent: Cow<'a, str>,
    /// Read or inferred.
    pub category: Category,
    /// Whether the call writes: `readOnly == false`, or inferred from the name.
    pub write: bool,
    /// `readOnly` as the record has it (boolean, or the strings `"true"` / `"false"`).
    pub read_only: Option<bool>,
    /// Whether `write` or `category` had to be inferred.
    pub inferred: bool,
    /// An `addendum` with reason `UPDATED_DATA`: the correction of an earlier record, which has been counted.
    pub correction: bool,
}

/// The longest prefix of at most `bytes_max` bytes that ends between two characters.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("aé", 9), "aé");
    }

    #[test]
    fn an_account_id_has_twelve_digits_and_keeps_its_zeros() {
        assert_eq!(AccountId::parse("000000000042").map(|id| id.to_string()).as_deref(), Some("000000000042"));
        for wrong in ["42", "00000000004x", "0000000000420", "+00000000042", ""] {
            assert_eq!(AccountId::parse(wrong), None, "{wrong:?}");
        }
    }
}
