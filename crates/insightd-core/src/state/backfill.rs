//! An account's backfill on its way to the task that owns the account: messages of the backfill topic.
//!
//! A backfill is what a detector's changelog would hold if it had seen this account alone. It is cut into
//! parts that fit into messages. One transaction writes the parts of a backfill, one after the other in their
//! partition.

use serde::{Deserialize, Serialize};

use super::codec::{RestoreError, decode, encode};

const VERSION: u8 = 1;
const WHAT: &str = "history";
/// Size at which a part is full, bytes. Kafka's default limit is 1 MB, and one record may
/// have several hundred KB.
const PART_BYTES: usize = 384 * 1024;

/// A part of an account's backfill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillPart {
    /// The account, as a number.
    pub account: u64,
    /// First minute of the backfill, minutes since 1970.
    pub begin: i64,
    /// Position among the parts of the backfill, from 0.
    pub index: u32,
    /// Whether it is the last part.
    pub last: bool,
    /// Keys and values.
    pub records: Vec<(Vec<u8>, Vec<u8>)>,
}

impl BackfillPart {
    /// Reads the value of a message.
    ///
    /// # Errors
    /// If the value is newer or damaged.
    pub fn read(bytes: &[u8]) -> Result<Self, RestoreError> {
        decode(WHAT, VERSION, bytes)
    }
}

/// Cuts a backfill into parts.
pub struct BackfillParts<'a> {
    part: BackfillPart,
    bytes: usize,
    send: &'a mut dyn FnMut(&[u8]),
}

impl<'a> BackfillParts<'a> {
    /// The parts of an account's backfill that begins in minute `begin` (since 1970). Each is passed to
    /// `send`.
    pub fn new(account: u64, begin: i64, send: &'a mut dyn FnMut(&[u8])) -> Self {
        Self { part: BackfillPart { account, begin, index: 0, last: false, records: Vec::new() }, bytes: 0, send }
    }

    /// Adds a record.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        let more = key.len() + value.len();
        if self.bytes > 0 && self.bytes + more > PART_BYTES {
            self.flush();
        }
        self.bytes += more;
        self.part.records.push((key.to_vec(), value.to_vec()));
    }

    /// Sends the remaining records as the last part.
    pub fn finish(mut self) {
        self.part.last = true;
        self.flush();
    }

    fn flush(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes + 64);
        encode(VERSION, &self.part, &mut bytes);
        (self.send)(&bytes);
        self.part.index += 1;
        self.part.records.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_small_and_hold_everything_in_order() {
        let records: Vec<(Vec<u8>, Vec<u8>)> =
            (0..100_u32).map(|n| (n.to_be_bytes().to_vec(), vec![n as u8; (n as usize % 9) * 9000])).collect();
        let (mut sent, mut largest) = (Vec::new(), 0);
        let mut send = |bytes: &[u8]| {
            largest = largest.max(bytes.len());
            sent.push(BackfillPart::read(bytes).expect("it can be read"));
        };
        let mut parts = BackfillParts::new(7, -3, &mut send);
        records.iter().for_each(|(key, value)| parts.add(key, value));
        parts.finish();
        assert!(sent.len() > 5 && largest <= PART_BYTES + 2000, "{} parts, {largest}", sent.len());
        for (index, part) in sent.iter().enumerate() {
            assert_eq!((part.account, part.begin, part.index as usize), (7, -3, index));
            assert_eq!(part.last, index + 1 == sent.len());
        }
        assert_eq!(sent.into_iter().flat_map(|part| part.records).collect::<Vec<_>>(), records);
    }
}
