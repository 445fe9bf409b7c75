//! Fixtures as text, one record a line: `KIND KEY VALUE`, key and value in hexadecimal.
//!
//! `-` stands for a tombstone. `~LENGTH:HASH` stands for a value that a later record of the same key
//! replaces: only its XXH3 is compared, which keeps the files small. Lines that begin with `#` or `=` are no
//! records.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use xxhash_rust::xxh3::xxh3_128;

/// Lines of a fixture.
pub type Lines = Vec<String>;
/// Records in the order in which they were written.
pub type Changelog = Vec<Record>;

/// Longest value that is always written out, bytes.
const SHORT: usize = 64;

/// One record of the changelog.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub key: Vec<u8>,
    /// None is a tombstone.
    pub value: Option<Vec<u8>>,
}

impl Record {
    pub fn new(key: &[u8], value: Option<&[u8]>) -> Self {
        Self { key: key.to_vec(), value: value.map(<[u8]>::to_vec) }
    }

    /// The line with the whole value.
    pub fn line(&self) -> String {
        self.with(self.value.as_deref().map_or("-".to_owned(), hex))
    }

    /// The line with the hash of the value, if the value is long.
    pub fn short_line(&self) -> String {
        match &self.value {
            Some(value) if value.len() > SHORT => self.with(format!("~{}:{:032x}", value.len(), xxh3_128(value))),
            _ => self.line(),
        }
    }

    fn with(&self, value: String) -> String {
        format!("{} {} {value}", self.key[0] as char, hex(&self.key))
    }

    /// Reads a line. None if it is no record, or holds only the hash of one.
    fn read(line: &str) -> Option<Self> {
        if line.starts_with(['#', '=']) {
            return None;
        }
        let mut words = line.splitn(3, ' ').skip(1);
        let (key, value) = (words.next()?, words.next()?);
        (!value.starts_with('~')).then(|| Self { key: bytes(key), value: (value != "-").then(|| bytes(value)) })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "two digits a byte: {hex}");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}

/// Positions of the records that compaction leaves: the newest one of each key.
pub fn compacted_places(changelog: &[Record]) -> HashSet<usize> {
    let newest: BTreeMap<&[u8], usize> = changelog.iter().enumerate().map(|(at, record)| (&*record.key, at)).collect();
    newest.into_values().collect()
}

/// The records that compaction leaves, in order.
pub fn compacted(changelog: &[Record]) -> Changelog {
    let kept = compacted_places(changelog);
    changelog.iter().enumerate().filter(|(at, _)| kept.contains(at)).map(|(_, record)| record.clone()).collect()
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden_state").join(name)
}

/// Lines of a fixture.
pub fn read(name: &str) -> Lines {
    let text = std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    text.lines().map(str::to_owned).collect()
}

/// Records of a fixture, without those of which it holds only the hash.
pub fn records(name: &str) -> Changelog {
    read(name).iter().filter_map(|line| Record::read(line)).collect()
}

/// Compares with a fixture. `INSIGHTD_BLESS=1` rewrites the fixture first, which is never right for a
/// released version.
pub fn compare(name: &str, found: &[String]) {
    if std::env::var("INSIGHTD_BLESS").is_ok_and(|bless| bless == "1") {
        std::fs::write(path(name), found.join("\n") + "\n").unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    compare_only(name, found);
}

/// Compares with a fixture that another test writes.
pub fn compare_only(name: &str, found: &[String]) {
    same(name, found, &read(name));
}

/// Panics with the first line that differs, and the transaction that it belongs to.
pub fn same(name: &str, found: &[String], expected: &[String]) {
    let at = (0..found.len().max(expected.len())).find(|&at| found.get(at) != expected.get(at));
    let Some(at) = at else { return };
    let within = expected[..at.min(expected.len())].iter().rfind(|line| line.starts_with('#'));
    panic!(
        "{name}: line {} of the fixture ({} lines, {} found{}):\n expected {}\n found    {}",
        at + 1,
        expected.len(),
        found.len(),
        within.map_or(String::new(), |title| format!("; after `{title}`")),
        expected.get(at).map_or("the end", String::as_str),
        found.get(at).map_or("the end", String::as_str),
    );
}
