//! The encoding of values: one byte for the version, then
//! [postcard](https://postcard.jamesmunns.com/wire-format): numbers as varints, floats as eight bytes, texts
//! prefixed by their length.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Receives records of the changelog: a key, and a value or `None` for a tombstone.
pub type WriteRecord<'a> = dyn FnMut(&[u8], Option<&[u8]>) + 'a;

/// Why a changelog cannot be restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A newer release wrote it.
    #[error(
        "a {what} record of version {found}, and this release knows version {known} at most: start the newer release again, or reset the state"
    )]
    Newer {
        /// The kind of record.
        what: &'static str,
        /// Its version.
        found: u8,
        /// The newest version known here.
        known: u8,
    },
    /// Its bytes are damaged.
    #[error("a damaged {what} record: {why}")]
    Damaged {
        /// The kind of record.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
}

impl RestoreError {
    /// A damaged record.
    pub fn damaged(what: &'static str, why: impl ToString) -> Self {
        Self::Damaged { what, why: why.to_string() }
    }
}

/// Appends the version and the value.
pub fn encode<T: Serialize>(version: u8, value: &T, into: &mut Vec<u8>) {
    into.push(version);
    let bytes = std::mem::take(into);
    // Only a value of unknown length can fail, and no record has one.
    *into = postcard::to_extend(value, bytes).expect("a value of ours can be written");
}

/// Reads a value of at most the version `known`.
///
/// # Errors
/// When it is newer, or damaged.
pub fn decode<T: DeserializeOwned>(what: &'static str, known: u8, bytes: &[u8]) -> Result<T, RestoreError> {
    let Some((&version, rest)) = bytes.split_first() else { return Err(RestoreError::damaged(what, "it is empty")) };
    if version > known {
        return Err(RestoreError::Newer { what, found: version, known });
    }
    match postcard::take_from_bytes(rest) {
        Ok((value, [])) => Ok(value),
        Ok((_, more)) => Err(RestoreError::damaged(what, format!("{} bytes too many", more.len()))),
        Err(error) => Err(RestoreError::damaged(what, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_and_the_bytes_are_as_specified() {
        let mut bytes = Vec::new();
        encode(1, &(300_u64, -1_i64, "é", 1.5_f64), &mut bytes);
        assert_eq!(bytes, [&[1, 0xAC, 0x02, 0x01, 2, 0xC3, 0xA9][..], &1.5_f64.to_le_bytes()].concat());
        assert_eq!(decode("test", 1, &bytes), Ok((300_u64, -1_i64, "é".to_owned(), 1.5_f64)));
    }

    #[test]
    fn newer_damaged_longer_and_empty_values_differ() {
        let mut bytes = Vec::new();
        encode(2, &7_u32, &mut bytes);
        assert_eq!(decode::<u32>("test", 1, &bytes), Err(RestoreError::Newer { what: "test", found: 2, known: 1 }));
        assert_eq!(decode::<u32>("test", 3, &bytes), Ok(7));
        for damaged in [&[1][..], &[1, 7, 7], &[1, 0xFF, 0xFF], &[]] {
            assert!(matches!(decode::<u32>("test", 1, damaged), Err(RestoreError::Damaged { .. })), "{damaged:?}");
        }
    }
}
