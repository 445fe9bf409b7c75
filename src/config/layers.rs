//! The three layers (defaults, file, environment), each value with its origin, merged by the `config` crate.
//!
//! A layer is flattened to section and dotted key before it is merged, so that a key below a key
//! (`kafka.workers.x`) is an unknown key and cannot replace `kafka.workers`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

use config::{Map, Source, Value, ValueKind};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::errors::{ConfigError, Origin};
use super::values::Raw;

/// `config/default.toml`.
pub(super) const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Prefix of the names of variables.
pub(super) const PREFIX: &str = "INSIGHTD__";

/// Prefix of librdkafka's keys, which contain dots, in the section `kafka`.
const CLIENT: &str = "client.";

/// The key of the rules, an array of tables.
pub(super) const RULES: &str = "rules";

/// The value of a section without keys, so that an unknown empty section is reported too.
const EMPTY: &str = "{}";

/// A value, and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Setting {
    pub(super) value: Raw,
    pub(super) origin: Origin,
}

impl Setting {
    fn is_empty(&self) -> bool {
        self.value == Raw::Other(EMPTY.to_owned())
    }
}

/// One `[[rules]]` table: its keys in the order of the file, and where it begins.
#[derive(Clone, Debug)]
pub(super) struct RuleTable {
    pub(super) keys: Vec<(String, Setting)>,
    pub(super) origin: Origin,
}

/// All layers merged: settings by `section.key`, and the errors so far.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) settings: BTreeMap<String, Setting>,
    pub(super) errors: Vec<ConfigError>,
    /// The rules of the file. The defaults have none, and the environment cannot set them.
    pub(super) rules: Vec<RuleTable>,
    /// Name of this host, if it has one.
    pub(super) host: Option<String>,
}

/// One layer: dotted keys by section.
#[derive(Clone, Debug, Default)]
struct Layer {
    sections: BTreeMap<String, BTreeMap<String, Setting>>,
    /// Keys outside of all sections.
    strays: BTreeMap<String, Setting>,
    rules: Vec<RuleTable>,
}

impl Layer {
    /// Adds a value; `false` if its key is given twice.
    fn put(&mut self, section: &str, key: &str, setting: Setting) -> bool {
        self.sections.entry(section.to_owned()).or_default().insert(key.to_owned(), setting).is_none()
    }
}

/// The source of the layer between defaults and environment.
#[derive(Clone, Copy, Debug)]
pub(super) enum File<'a> {
    /// The operator's file.
    Path(&'a Path),
    /// A compiled-in text, with its name.
    Text(&'a str, &'a str),
}

/// Merges defaults, file and environment.
pub(super) fn merge(file: Option<File<'_>>, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Merged {
    let mut merged = Merged::default();
    let mut layers = vec![document(DEFAULTS, None, &mut merged.errors)];
    match file {
        Some(File::Path(path)) => layers.push(read(path, &mut merged.errors)),
        Some(File::Text(name, text)) => layers.push(document(text, Some(name), &mut merged.errors)),
        None => {}
    }
    layers.push(environment(variables, &mut merged.errors));
    merged.rules = layers.iter_mut().flat_map(|layer| std::mem::take(&mut layer.rules)).collect();
    let known: BTreeSet<String> = layers[0].sections.keys().cloned().collect();
    let strays: Vec<_> = layers.iter_mut().flat_map(|layer| std::mem::take(&mut layer.strays)).collect();
    let strays = strays.into_iter().filter(|(name, stray)| !(stray.is_empty() && known.contains(name)));
    let builder = layers.into_iter().fold(config::Config::builder(), |builder, layer| builder.add_source(layer));
    match builder.build() {
        Ok(tree) => merged.settings = flatten(tree.cache),
        Err(error) => merged.errors.push(ConfigError::of_source(error.to_string(), Origin::Default)),
    }
    merged.settings.extend(strays);
    merged
}

fn read(path: &Path, errors: &mut Vec<ConfigError>) -> Layer {
    let name = path.display().to_string();
    let text = std::fs::read(path).map_err(|error| format!("cannot be read: {error}")).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|error| format!("is not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
    });
    match text {
        Ok(text) => document(&text, Some(&name), errors),
        Err(reason) => {
            errors.push(ConfigError::of_source(reason, Origin::File(name)));
            Layer::default()
        }
    }
}

/// Reads a TOML document; one without a name is the defaults.
fn document(text: &str, name: Option<&str>, errors: &mut Vec<ConfigError>) -> Layer {
    // Some editors write a byte order mark first.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let at = |offset: usize| match name {
        Some(name) => Origin::File(format!("{name}, line {}", line_and_column(text, offset).0)),
        None => Origin::Default,
    };
    let (table, mut syntax_errors) = DeTable::parse_recoverable(text);
    syntax_errors.sort_by_key(|error| error.span().map(|span| span.start));
    for error in syntax_errors {
        let (line, column) = line_and_column(text, error.span().map_or(0, |span| span.start));
        let place = Origin::File(format!("{}, line {line}, column {column}", name.unwrap_or("default.toml")));
        // The message only: the error's display quotes the line, which may contain a secret.
        errors.push(ConfigError::of_source(format!("is not TOML: {}", error.message()), place));
    }
    let mut layer = Layer::default();
    for (section, content) in table.get_ref() {
        match content.get_ref() {
            DeValue::Table(_) if section.get_ref() == RULES => {
                let reason = "is a list: begin each rule with [[rules]], in double brackets";
                errors.push(ConfigError::of_value(RULES, &raw(content.get_ref()), reason, at(section.span().start)));
            }
            DeValue::Table(keys) if !keys.is_empty() => {
                lay_table(&mut layer, section.get_ref(), "", keys, &at, errors);
            }
            DeValue::Array(tables) if section.get_ref() == RULES => {
                let at_item = |item: &Spanned<DeValue<'_>>| at(item.span().start);
                for table in tables {
                    match table.get_ref() {
                        DeValue::Table(keys) => layer.rules.push(rule_table(keys, at_item(table), &at)),
                        other => {
                            let reason = "must be a table, written as [[rules]]";
                            errors.push(ConfigError::of_value(RULES, &raw(other), reason, at_item(table)));
                        }
                    }
                }
            }
            value => {
                let setting = Setting { value: raw(value), origin: at(section.span().start) };
                layer.strays.insert(section.get_ref().to_string(), setting);
            }
        }
    }
    layer
}

fn rule_table(keys: &DeTable<'_>, origin: Origin, at: &impl Fn(usize) -> Origin) -> RuleTable {
    let setting = |(name, value): (&Spanned<_>, &Spanned<_>)| {
        let name: &Spanned<std::borrow::Cow<'_, str>> = name;
        let value: &Spanned<DeValue<'_>> = value;
        (name.get_ref().to_string(), Setting { value: raw(value.get_ref()), origin: at(name.span().start) })
    };
    RuleTable { keys: keys.iter().map(setting).collect(), origin }
}

fn lay_table(
    layer: &mut Layer,
    section: &str,
    prefix: &str,
    table: &DeTable<'_>,
    at: &impl Fn(usize) -> Origin,
    errors: &mut Vec<ConfigError>,
) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
        match value.get_ref() {
            DeValue::Table(below) if !below.is_empty() => {
                lay_table(layer, section, &key, below, at, errors);
                continue;
            }
            // An empty [kafka.client] is the default.
            DeValue::Table(_) if (section, key.as_str()) == ("kafka", "client") => continue,
            _ => {}
        }
        let setting = Setting { value: raw(value.get_ref()), origin: at(name.span().start) };
        if !layer.put(section, &key, setting.clone()) {
            errors.push(ConfigError::of_value(
                &format!("{section}.{key}"),
                &setting.value,
                "is given twice",
                setting.origin,
            ));
        }
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Boolean(flag) => Raw::Bool(*flag),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Raw::Other(number.as_str().to_owned()), Raw::Integer),
        DeValue::Float(number) => {
            number.as_str().parse().map_or_else(|_| Raw::Other(number.as_str().to_owned()), Raw::Float)
        }
        DeValue::Datetime(time) => Raw::Other(time.to_string()),
        DeValue::Array(items) => Raw::List(items.iter().map(Spanned::get_ref).map(raw).collect()),
        DeValue::Table(table) if table.is_empty() => Raw::Other(EMPTY.to_owned()),
        DeValue::Table(_) => Raw::Other("{...}".to_owned()),
    }
}

/// Line and column of a byte offset, both from 1; the column counts characters.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Reads the variables `INSIGHTD__SECTION__KEY`. Their values remain text: the kind of the key decides how to
/// parse them.
fn environment(variables: impl IntoIterator<Item = (OsString, OsString)>, errors: &mut Vec<ConfigError>) -> Layer {
    let mut layer = Layer::default();
    for (name, value) in variables {
        let Some(path) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        let origin = Origin::Environment(format!("{PREFIX}{path}"));
        let Some(value) = value.to_str() else {
            errors.push(ConfigError::of_source("its value is not UTF-8", origin));
            continue;
        };
        let value = Raw::Text(value.to_owned());
        let path = path.to_lowercase();
        if path.split("__").next() == Some(RULES) {
            let reason =
                "rules are ordered tables, which variables cannot hold; write them into the file, as [[rules]]";
            errors.push(ConfigError::of_value(RULES, &value, reason, origin));
            continue;
        }
        let Some((section, key)) =
            path.split_once("__").filter(|(section, key)| !section.is_empty() && !key.is_empty())
        else {
            let reason = format!("has no key; variables are named {PREFIX}SECTION__KEY");
            errors.push(ConfigError::of_value(&path, &value, reason, origin));
            continue;
        };
        let mut key = key.replace("__", ".");
        if section == "kafka" && key.starts_with(CLIENT) {
            key = key.replace('_', ".");
        }
        if !layer.put(section, &key, Setting { value: value.clone(), origin: origin.clone() }) {
            let reason = "is given twice (variables are read without regard to upper and lower case)";
            errors.push(ConfigError::of_value(&format!("{section}.{key}"), &value, reason, origin));
        }
    }
    layer
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        let section = |keys: &BTreeMap<String, Setting>| {
            keys.iter().map(|(key, setting)| (key.clone(), to_value(setting))).collect::<Map<_, _>>()
        };
        // One root: the crate parses names on the top level as paths (`a[3].b`), and takes those below it
        // literally.
        let sections: Map<String, Value> =
            self.sections.iter().map(|(name, keys)| (name.clone(), Value::new(None, section(keys)))).collect();
        Ok(Map::from_iter([(ROOT.to_owned(), Value::new(None, sections))]))
    }
}

const ROOT: &str = "insightd";

fn flatten(tree: Value) -> BTreeMap<String, Setting> {
    let mut settings = BTreeMap::new();
    for (section, keys) in table(table(tree).remove(ROOT).unwrap_or_default()) {
        for (key, value) in table(keys) {
            settings.insert(format!("{section}.{key}"), from_value(value));
        }
    }
    settings
}

fn table(value: Value) -> Map<String, Value> {
    match value.kind {
        ValueKind::Table(table) => table,
        _ => Map::default(),
    }
}

// The crate stores an origin as text and has no kind for `Raw::Other`, so both are encoded and decoded here.

fn to_value(setting: &Setting) -> Value {
    let origin = match &setting.origin {
        Origin::Default | Origin::Host => String::new(),
        Origin::File(place) => format!("file:{place}"),
        Origin::Environment(name) => format!("variable:{name}"),
    };
    Value::new(Some(&origin), to_kind(&setting.value))
}

fn to_kind(raw: &Raw) -> ValueKind {
    match raw {
        Raw::Bool(flag) => ValueKind::Boolean(*flag),
        Raw::Integer(number) => ValueKind::I128(*number),
        Raw::Float(number) => ValueKind::Float(*number),
        Raw::Text(text) => ValueKind::String(text.clone()),
        Raw::List(items) => ValueKind::Array(items.iter().map(|item| Value::new(None, to_kind(item))).collect()),
        Raw::Other(text) => ValueKind::Array(vec![Value::new(None, ValueKind::Nil), Value::from(text.as_str())]),
    }
}

fn from_value(value: Value) -> Setting {
    let origin = match value.origin().and_then(|origin| origin.split_once(':')) {
        Some(("file", place)) => Origin::File(place.to_owned()),
        Some((_, name)) => Origin::Environment(name.to_owned()),
        None => Origin::Default,
    };
    Setting { value: from_kind(value.kind), origin }
}

fn from_kind(kind: ValueKind) -> Raw {
    match kind {
        ValueKind::Boolean(flag) => Raw::Bool(flag),
        ValueKind::I64(number) => Raw::Integer(number.into()),
        ValueKind::I128(number) => Raw::Integer(number),
        ValueKind::U64(number) => Raw::Integer(number.into()),
        ValueKind::U128(number) => i128::try_from(number).map_or_else(|_| Raw::Other(number.to_string()), Raw::Integer),
        ValueKind::Float(number) => Raw::Float(number),
        ValueKind::String(text) => Raw::Text(text),
        ValueKind::Array(items) if items.first().is_some_and(|item| item.kind == ValueKind::Nil) => {
            Raw::Other(items.into_iter().nth(1).map(|text| text.kind.to_string()).unwrap_or_default())
        }
        ValueKind::Array(items) => Raw::List(items.into_iter().map(|item| from_kind(item.kind)).collect()),
        ValueKind::Nil | ValueKind::Table(_) => Raw::Other(String::new()),
    }
}
