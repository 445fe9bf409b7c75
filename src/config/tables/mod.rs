//! Tables in files of their own: expected rates of APIs (`detect.priors`) and APIs that matter for security
//! (`detect.security`). This module finds such a file and reports its errors; one module for each format
//! reads it.

pub mod priors;
pub mod security;

use std::path::Path;
use std::sync::Arc;

use toml::{Table, Value};

use super::walk::Walk;

/// Value of the key for the compiled-in table.
pub const BUILT_IN: &str = "built-in";

/// Version of both formats.
const VERSION: i64 = 1;
/// Most entries of one table.
const ENTRIES_MAX: usize = 100_000;

impl Walk {
    /// The table that a key names: the built-in one, or a file. Every error of the file becomes an error of
    /// the key.
    pub(super) fn table<T>(
        &mut self,
        key: &'static str,
        built_in: &str,
        parse: fn(&str) -> Result<T, Vec<String>>,
    ) -> Option<Arc<T>> {
        let named = self.text(key, |name| match name.is_empty() {
            true => Err(format!("must be {BUILT_IN:?} or the path of a file")),
            false => Ok(()),
        })?;
        let text = if named == BUILT_IN { Ok(built_in.to_owned()) } else { file(Path::new(&named)) };
        match text.and_then(|text| parse(&text)) {
            Ok(table) => Some(Arc::new(table)),
            Err(errors) => {
                errors.into_iter().for_each(|error| self.conflict(key, error));
                None
            }
        }
    }
}

fn file(path: &Path) -> Result<String, Vec<String>> {
    let bytes = std::fs::read(path).map_err(|error| vec![format!("the file cannot be read: {error}")])?;
    String::from_utf8(bytes)
        .map_err(|error| vec![format!("the file is not UTF-8 at byte {}", error.utf8_error().valid_up_to())])
}

/// Reads one table of a document: its place, the keys not read yet, and all errors so far.
struct Reader<'f> {
    place: String,
    left: Table,
    errors: &'f mut Vec<String>,
}

/// Parses a document and checks its version; `None` if nothing more can be read.
fn document<'f>(text: &str, errors: &'f mut Vec<String>) -> Option<Reader<'f>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let left: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            errors.push(format!("line {} is not TOML: {}", before.matches('\n').count() + 1, error.message()));
            return None;
        }
    };
    let mut reader = Reader { place: String::new(), left, errors };
    match reader.left.remove("version") {
        Some(Value::Integer(VERSION)) => Some(reader),
        Some(other) => {
            reader.refuse(format!("version {other} is not known; this program reads version {VERSION}"));
            None
        }
        None => {
            reader.refuse(format!("version is missing; this program reads version {VERSION}"));
            None
        }
    }
}

impl Reader<'_> {
    fn refuse(&mut self, reason: impl AsRef<str>) {
        let gap = if self.place.is_empty() { "" } else { ": " };
        self.errors.push(format!("{}{gap}{}", self.place, reason.as_ref()));
    }

    /// The array of tables with this name; empty if it is missing.
    fn tables(&mut self, name: &str) -> Vec<Table> {
        let items = match self.left.remove(name) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.refuse(format!("{name} must be a list of tables, each begun by [[{name}]]"));
                return Vec::new();
            }
        };
        if items.len() > ENTRIES_MAX {
            self.refuse(format!("{name} has {} entries, at most {ENTRIES_MAX}", items.len()));
            return Vec::new();
        }
        let wanted = items.len();
        let tables: Vec<Table> = items.into_iter().filter_map(|item| item.try_into().ok()).collect();
        if tables.len() < wanted {
            self.refuse(format!("{name} must hold tables only"));
        }
        tables
    }

    /// A reader of a table inside this one.
    fn inside(&mut self, place: String, left: Table) -> Reader<'_> {
        let gap = if self.place.is_empty() { "" } else { ": " };
        Reader { place: format!("{}{gap}{place}", self.place), left, errors: self.errors }
    }

    /// A text, which must not be empty.
    fn text(&mut self, key: &str) -> Option<String> {
        match self.left.remove(key) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            Some(_) => {
                self.refuse(format!("{key} must be a text in quotes, not empty"));
                None
            }
            None => None,
        }
    }

    fn required_text(&mut self, key: &str) -> Option<String> {
        if !self.left.contains_key(key) {
            self.refuse(format!("{key} is missing"));
        }
        self.text(key)
    }

    /// A list of texts; empty if it is missing.
    fn texts(&mut self, key: &str) -> Vec<String> {
        match self.left.remove(key) {
            None => Vec::new(),
            Some(Value::Array(items)) if items.iter().all(Value::is_str) => {
                items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
            }
            Some(_) => {
                self.refuse(format!("{key} must be a list of texts"));
                Vec::new()
            }
        }
    }

    /// A number above 0 and up to `max`.
    fn positive(&mut self, key: &str, max: f64) -> Option<f64> {
        let number = match self.left.remove(key) {
            Some(Value::Float(number)) => Some(number),
            Some(Value::Integer(number)) => Some(number as f64),
            Some(_) => None,
            None => {
                self.refuse(format!("{key} is missing"));
                return None;
            }
        };
        let number = number.filter(|number| *number > 0.0 && *number <= max);
        if number.is_none() {
            self.refuse(format!("{key} must be a number above 0 and up to {max}"));
        }
        number
    }

    /// Reports the keys that were not read as unknown.
    fn finish(self, known: &[&str]) {
        for key in self.left.keys() {
            let near = super::walk::nearest(key, known);
            let hint = match near.first() {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known are {}", known.join(", ")),
            };
            let gap = if self.place.is_empty() { "" } else { ": " };
            self.errors.push(format!("{}{gap}unknown key {key}; {hint}", self.place));
        }
    }
}

/// `iam.amazonaws.com`: lower-case letters, digits, hyphens and at least one dot.
fn check_source(source: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    let whole = source.split('.').all(|part| !part.is_empty()) && source.contains('.');
    match whole && source.chars().all(legal) {
        true => Ok(()),
        false => Err(format!("{source:?} is no event source, such as iam.amazonaws.com")),
    }
}

/// `CreateUser`, and if `starred` also `Create*`.
fn check_name(name: &str, starred: bool) -> Result<(), String> {
    let plain = if starred { name.strip_suffix('*').unwrap_or(name) } else { name };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    match !name.is_empty() && plain.chars().all(legal) {
        true => Ok(()),
        false if starred => Err(format!("{name:?} is no event name, such as CreateUser or Create*")),
        false => Err(format!("{name:?} is no event name, such as CreateUser")),
    }
}
