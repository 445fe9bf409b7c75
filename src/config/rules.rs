//! `[[rules]]`: the ordered rules, read and checked as a whole.
//!
//! An error names the rule's position, the key and the line; its reason names the rule.

use std::sync::Arc;

use insightd_core::rules::{Action, Condition, Field, Pattern, RULES_MAX, Rule, Rules, Schedule, reach};

use super::errors::Origin;
use super::layers::{RULES, RuleTable, Setting};
use super::mask;
use super::values::{self, Raw};
use super::walk::{Walk, nearest};

/// Most patterns of one condition.
const PATTERNS_MAX: usize = 1000;
/// Longest name of a rule, bytes: it becomes a label value and a header.
const NAME_BYTES_MAX: usize = 64;
/// Largest factor of the alarm budget; the smallest is its inverse.
const FACTOR_MAX: f64 = 1e6;

/// Keys that are not conditions.
const OTHER_KEYS: [&str; 6] = ["name", "action", "factor", "until", "schedule", "comment"];

/// Whether a section is one of the rules, `rules[1]`.
pub(super) fn is_rule(section: &str) -> bool {
    section.strip_prefix(RULES).is_some_and(|rest| rest.starts_with('['))
}

/// Reads all rules, without those that have errors: the configuration is then refused as a whole.
pub(super) fn read(walk: &mut Walk) -> Rules {
    let tables = std::mem::take(&mut walk.rules);
    if let Some(beyond) = tables.get(RULES_MAX) {
        let reason = format!("there are {} rules, at most {RULES_MAX}; names can share a rule as a list", tables.len());
        walk.error(RULES, reason, beyond.origin.clone());
        return Rules::default();
    }
    let mut rules: Vec<(usize, Rule)> = Vec::new();
    for (index, table) in tables.into_iter().enumerate() {
        let origin = table.origin.clone();
        let position = index + 1;
        let Some(rule) = Reader::new(walk, position, table).rule() else { continue };
        if let Some(wrong) = beside(&rules, &rule) {
            walk.error(&format!("{RULES}[{position}]"), wrong, origin);
        }
        rules.push((position, rule));
    }
    Rules::new(rules.into_iter().map(|(_, rule)| rule).collect())
}

/// Why a rule conflicts with an earlier one, if it does.
fn beside(earlier: &[(usize, Rule)], rule: &Rule) -> Option<String> {
    let called = &rule.name;
    if let Some((position, _)) = earlier.iter().find(|(_, other)| other.name == *called) {
        return Some(format!("rule {called:?}: rule {position} has this name already"));
    }
    let (position, other) = earlier.iter().find(|(_, other)| reach::covers(other, rule))?;
    Some(format!(
        "rule {called:?} never decides: rule {position} ({:?}) stands before it and takes every record that it would; \
         put the narrower one first",
        other.name
    ))
}

/// Reads one rule.
struct Reader<'w> {
    walk: &'w mut Walk,
    position: usize,
    keys: Vec<(String, Setting)>,
    origin: Origin,
    /// The rule's name or position, for errors.
    called: String,
    sound: bool,
}

impl<'w> Reader<'w> {
    fn new(walk: &'w mut Walk, position: usize, table: RuleTable) -> Self {
        let RuleTable { keys, origin } = table;
        let name = keys.iter().find_map(|(key, setting)| match &setting.value {
            Raw::Text(name) if key == "name" => Some(name),
            _ => None,
        });
        let called = name.map_or_else(|| format!("rule {position}"), |name| format!("rule {name:?}"));
        Self { walk, position, keys, origin, called, sound: true }
    }

    fn rule(mut self) -> Option<Rule> {
        let name = self.required("name", |raw| values::text(raw).and_then(name));
        let action = self.action();
        let conditions = self.conditions();
        let until = self.read("until", until);
        let schedule = self.read("schedule", |raw| {
            let schedule = Schedule::parse(&texts(raw)?)?;
            let written: Vec<String> = schedule.written().map(str::to_owned).collect();
            Ok((schedule, written.into()))
        });
        self.read("comment", |raw| values::text(raw).map(|text| ((), mask::text(&text).into())));
        self.refuse_others();
        let rule = Rule { name: Arc::from(name?), action: action?, conditions, until, schedule };
        self.sound.then_some(rule)
    }

    fn action(&mut self) -> Option<Action> {
        let word = self.required("action", |raw| {
            let word = values::text(raw)?;
            match word.as_str() {
                "exclude" | "sensitivity" | "mark" | "drop" => Ok((word.clone(), word.into())),
                _ => Err("must be exclude, sensitivity, mark or drop".to_owned()),
            }
        });
        let given = self.origin_of("factor");
        let factor = self.read("factor", |raw| {
            let fits = |factor: &f64| (1.0 / FACTOR_MAX..=FACTOR_MAX).contains(factor);
            let factor = values::real(raw).filter(fits);
            let wrong =
                || format!("must be a number from {} to {FACTOR_MAX}; 0.1 is ten times rarer", 1.0 / FACTOR_MAX);
            factor.map(|factor| (factor, factor.into())).ok_or_else(wrong)
        });
        let word = word?;
        if word == "sensitivity" && given.is_none() {
            let origin = self.origin.clone();
            self.error("factor", "is missing; sensitivity multiplies the alarm budget by it", origin);
        }
        if let Some(origin) = given.filter(|_| word != "sensitivity") {
            self.error("factor", &format!("applies only to sensitivity, not to {word}"), origin);
        }
        Some(match word.as_str() {
            "exclude" => Action::Exclude,
            "mark" => Action::Mark,
            "drop" => Action::Drop,
            _ => Action::Sensitivity(factor?),
        })
    }

    fn conditions(&mut self) -> Vec<Condition> {
        let given = Field::ALL.iter().any(|field| self.origin_of(field.key()).is_some());
        if !given {
            let origin = self.origin.clone();
            let keys = Field::ALL.map(Field::key).join(", ");
            self.error("", &format!("has no condition ({keys}); account = \"*\" takes every record"), origin);
        }
        let mut conditions = Vec::new();
        for field in Field::ALL {
            let patterns = self.read(field.key(), |raw| {
                let written = texts(raw)?;
                Ok((patterns(field, &written)?, written.into()))
            });
            conditions.extend(patterns.map(|patterns| Condition { field, patterns }));
        }
        conditions
    }

    /// Reads a key if it is given; `parse` returns the value, and the value to print.
    fn read<T>(&mut self, key: &str, parse: impl FnOnce(&Raw) -> Result<(T, toml::Value), String>) -> Option<T> {
        let at = self.keys.iter().position(|(name, _)| name == key)?;
        let (_, setting) = self.keys.remove(at);
        let full = self.full(key);
        match parse(&setting.value) {
            Ok((parsed, value)) => {
                self.walk.show(&full, value, setting.origin);
                Some(parsed)
            }
            Err(reason) => {
                self.sound = false;
                self.walk.refuse(&full, setting, format!("{}: {reason}", self.called));
                None
            }
        }
    }

    fn required<T>(&mut self, key: &str, parse: impl FnOnce(&Raw) -> Result<(T, toml::Value), String>) -> Option<T> {
        if self.origin_of(key).is_none() {
            let origin = self.origin.clone();
            self.error(key, "is missing", origin);
        }
        self.read(key, parse)
    }

    fn refuse_others(&mut self) {
        let known: Vec<&str> = OTHER_KEYS.into_iter().chain(Field::ALL.map(Field::key)).collect();
        for (key, setting) in std::mem::take(&mut self.keys) {
            let near = nearest(&key, &known);
            let reason = match near.is_empty() {
                true => "unknown key".to_owned(),
                false => format!("unknown key; did you mean {}?", near.join(" or ")),
            };
            self.sound = false;
            let full = self.full(&key);
            self.walk.refuse(&full, setting, format!("{}: {reason}", self.called));
        }
    }

    fn error(&mut self, key: &str, reason: &str, origin: Origin) {
        self.sound = false;
        let full = self.full(key);
        self.walk.error(&full, format!("{}: {reason}", self.called), origin);
    }

    fn origin_of(&self, key: &str) -> Option<Origin> {
        self.keys.iter().find(|(name, _)| name == key).map(|(_, setting)| setting.origin.clone())
    }

    fn full(&self, key: &str) -> String {
        let rule = format!("{RULES}[{}]", self.position);
        if key.is_empty() { rule } else { format!("{rule}.{key}") }
    }
}

// === kinds of one key ===

/// The name becomes a label value and a header, and people write it into queries.
fn name(text: String) -> Result<(String, toml::Value), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.chars().all(legal) {
        true => Ok((text.clone(), text.into())),
        false => Err(format!("must have 1 to {NAME_BYTES_MAX} of the characters a-z A-Z 0-9 . _ -")),
    }
}

/// One text or a list of texts, neither split nor trimmed: user agents contain commas, semicolons and spaces.
fn texts(raw: &Raw) -> Result<Vec<String>, String> {
    let text = |raw: &Raw| match raw {
        Raw::Text(text) => Ok(text.clone()),
        _ => Err("must be a text in quotes or a list of such texts".to_owned()),
    };
    match raw {
        Raw::List(items) if items.is_empty() => Err("must not be an empty list".to_owned()),
        Raw::List(items) if items.len() > PATTERNS_MAX => {
            Err(format!("has {} items, at most {PATTERNS_MAX}", items.len()))
        }
        Raw::List(items) => items.iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}

fn patterns(field: Field, written: &[String]) -> Result<Vec<Pattern>, String> {
    let mut patterns: Vec<Pattern> = Vec::new();
    for text in written {
        let pattern = Pattern::parse(text)?;
        if patterns.contains(&pattern) {
            return Err(format!("{text:?} is given twice"));
        }
        if field == Field::Account {
            account(&pattern)?;
        }
        patterns.push(pattern);
    }
    Ok(patterns)
}

fn account(pattern: &Pattern) -> Result<(), String> {
    let text = pattern.as_str();
    let open = text.contains('*');
    let legal = text.chars().all(|c| c.is_ascii_digit() || c == '*' || c == '?');
    match legal && (open || text.len() == 12) {
        true => Ok(()),
        false => Err(format!("{text:?} matches no account, which has twelve digits")),
    }
}

/// An instant in RFC 3339, in quotes or as a TOML date; returns seconds since 1970.
fn until(raw: &Raw) -> Result<(i64, toml::Value), String> {
    let wrong = || "must be an instant with its offset, such as 2027-01-31T06:00:00Z".to_owned();
    let (Raw::Text(text) | Raw::Other(text)) = raw else { return Err(wrong()) };
    let instant: jiff::Timestamp = text.trim().parse().map_err(|_| wrong())?;
    Ok((instant.as_second(), instant.to_string().into()))
}
