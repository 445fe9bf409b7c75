//! Keys of the changelog's records: the subject of a record, as bytes and back.

use std::ops::Deref;

use crate::cloudtrail::event::AccountId;

/// Bytes of the longest key: its kind and two numbers.
const LONGEST: usize = 17;

/// The subject of a changelog record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKey {
    /// An account.
    Account(AccountId),
    /// The newest confirmed time of an account, and what awaits confirmation.
    Observations(AccountId),
    /// A region of an account, by its number in it.
    Region(AccountId, u32),
    /// The series of a region in which drops are looked for.
    Steady(AccountId, u32),
    /// A principal of an account, by its hash.
    Principal(AccountId, u64),
    /// A series, whole.
    Series(u64),
    /// The running part of a series.
    Running(u64),
    /// eventIDs.
    Events(u64),
}

impl RecordKey {
    /// Its bytes.
    pub fn bytes(self) -> Bytes {
        let (kind, first): (u8, u64) = match self {
            Self::Account(account) => (b'a', account.number()),
            Self::Observations(account) => (b'w', account.number()),
            Self::Region(account, _) => (b'r', account.number()),
            Self::Steady(account, _) => (b'd', account.number()),
            Self::Principal(account, _) => (b'p', account.number()),
            Self::Series(id) => (b's', id),
            Self::Running(id) => (b'c', id),
            Self::Events(id) => (b'e', id),
        };
        let mut bytes = Bytes { bytes: [0; LONGEST], length: 0 };
        bytes.add(&[kind]);
        bytes.add(&first.to_be_bytes());
        match self {
            Self::Region(_, region) | Self::Steady(_, region) => bytes.add(&region.to_be_bytes()),
            Self::Principal(_, principal) => bytes.add(&principal.to_be_bytes()),
            _ => {}
        }
        bytes
    }

    /// Reads a key; none if it is no key of a detector.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (&kind, rest) = bytes.split_first()?;
        let (first, rest) = rest.split_first_chunk::<8>()?;
        let first = u64::from_be_bytes(*first);
        let region = || Some((AccountId::of_number(first)?, u32::from_be_bytes(rest.try_into().ok()?)));
        match kind {
            b'r' => region().map(|(account, region)| Self::Region(account, region)),
            b'd' => region().map(|(account, region)| Self::Steady(account, region)),
            b'p' => Some(Self::Principal(AccountId::of_number(first)?, u64::from_be_bytes(rest.try_into().ok()?))),
            _ if !rest.is_empty() => None,
            b'a' => AccountId::of_number(first).map(Self::Account),
            b'w' => AccountId::of_number(first).map(Self::Observations),
            b's' => Some(Self::Series(first)),
            b'c' => Some(Self::Running(first)),
            b'e' => Some(Self::Events(first)),
            _ => None,
        }
    }
}

/// The bytes of a key. Without allocation, because there is one for each record that is written.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Bytes {
    fn add(&mut self, more: &[u8]) {
        self.bytes[self.length..][..more.len()].copy_from_slice(more);
        self.length += more.len();
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_longer_ones_are_refused() {
        let account = AccountId::parse("999999999999").expect("twelve digits");
        let keys = [
            (RecordKey::Account(account), 9),
            (RecordKey::Observations(account), 9),
            (RecordKey::Region(account, 3), 13),
            (RecordKey::Steady(account, u32::MAX), 13),
            (RecordKey::Principal(account, u64::MAX), 17),
            (RecordKey::Series(7), 9),
            (RecordKey::Running(u64::MAX), 9),
            (RecordKey::Events(0), 9),
        ];
        for (key, length) in keys {
            let bytes = key.bytes();
            assert_eq!((RecordKey::read(&bytes), bytes.len()), (Some(key), length));
            assert_eq!(RecordKey::read(&[&bytes, &[0][..]].concat()), None);
            assert_eq!(RecordKey::read(&bytes[..length - 1]), None);
        }
        assert_eq!(RecordKey::read(b"x12345678"), None);
    }
}
