//! The eight texts of a record that a rule can test. Never counts, a clock or other records.

use crate::cloudtrail::event::{AccountId, Event, cut};

/// Patterns see at most this many bytes of a text. CloudTrail cuts the longest one, the user agent, at 1 KB;
/// a longer text does not come from CloudTrail and must not cost more than this.
const TEXT_BYTES_MAX: usize = 4096;

/// One of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `eventSource`
    EventSource,
    /// `eventName`
    EventName,
    /// `awsRegion`
    Region,
    /// `errorCode`
    ErrorCode,
    /// `userIdentity.invokedBy`
    InvokedBy,
    /// The identity as an insight attributes it: an assumed role without its session name.
    Principal,
    /// `userAgent`; the string `"null"` where missing, as an insight attributes it.
    UserAgent,
    /// The account, twelve digits.
    Account,
}

impl Field {
    /// Every field, in the order in which a rule tests them: short and selective ones first.
    pub const ALL: [Self; 8] = [
        Self::EventName,
        Self::EventSource,
        Self::Region,
        Self::ErrorCode,
        Self::InvokedBy,
        Self::Principal,
        Self::UserAgent,
        Self::Account,
    ];

    /// The key in the configuration.
    pub fn key(self) -> &'static str {
        match self {
            Self::EventSource => "event_source",
            Self::EventName => "event_name",
            Self::Region => "region",
            Self::ErrorCode => "error_code",
            Self::InvokedBy => "invoked_by",
            Self::Principal => "principal",
            Self::UserAgent => "user_agent",
            Self::Account => "account",
        }
    }

    /// Whether every counted record has it.
    pub(crate) fn is_in_every_record(self) -> bool {
        !matches!(self, Self::ErrorCode | Self::InvokedBy)
    }
}

/// The texts of a record. An empty text is one that the record lacks.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// `eventSource`
    pub source: &'a str,
    /// `eventName`
    pub name: &'a str,
    /// `awsRegion`
    pub region: &'a str,
    /// `errorCode`; empty for none.
    pub error: &'a str,
    /// `userIdentity.invokedBy`; empty for none.
    pub invoked_by: &'a str,
    /// The identity as an insight attributes it.
    pub principal: &'a str,
    /// `userAgent`
    pub agent: &'a str,
    /// The account.
    pub account: AccountId,
}

impl<'a> From<&'a Event<'_>> for Facts<'a> {
    fn from(event: &'a Event<'_>) -> Self {
        Self {
            source: &event.source,
            name: &event.name,
            region: &event.region,
            error: event.error.as_deref().unwrap_or_default(),
            invoked_by: &event.invoked_by,
            principal: &event.principal,
            agent: &event.agent,
            account: event.account,
        }
    }
}

impl Facts<'_> {
    /// Whether the text passes `test`; a missing text does not.
    pub(super) fn with(&self, field: Field, test: impl FnOnce(&str) -> bool) -> bool {
        let text = match field {
            Field::EventSource => self.source,
            Field::EventName => self.name,
            Field::Region => self.region,
            Field::ErrorCode => self.error,
            Field::InvokedBy => self.invoked_by,
            Field::Principal => self.principal,
            Field::UserAgent => self.agent,
            Field::Account => return test(std::str::from_utf8(&digits(self.account)).unwrap_or_default()),
        };
        !text.is_empty() && test(cut(text, TEXT_BYTES_MAX))
    }
}

/// The twelve digits, without the allocation of `to_string`.
fn digits(account: AccountId) -> [u8; 12] {
    let (mut digits, mut rest) = ([b'0'; 12], account.number());
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_seen_with_its_leading_zeros() {
        for text in ["000000000042", "999999999999", "111122223333"] {
            let account = AccountId::parse(text).expect("twelve digits");
            assert_eq!(digits(account), *text.as_bytes());
        }
    }

    #[test]
    fn every_field_is_tested() {
        let mut all = Field::ALL;
        all.sort();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
        let keys = all.map(Field::key);
        assert!(keys.iter().all(|key| keys.iter().filter(|other| *other == key).count() == 1), "{keys:?}");
    }
}
